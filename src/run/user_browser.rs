//! Opens an address in the browser that the user works with.

use crate::context::Context;
use crate::error::Result;
use crate::process::{self, Invocation};

/// Opens an address in the user's own browser.
///
/// # Errors
/// When the program that opens addresses is not there.
pub fn open_in_browser(context: &Context, address: &str) -> Result<()> {
    let (names, arguments, advice): (&[&str], &[&str], &str) = if cfg!(windows) {
        (&["rundll32"], &["url.dll,FileProtocolHandler"], "open the address yourself")
    } else if cfg!(target_os = "macos") {
        (&["open"], &[], "open the address yourself")
    } else {
        let advice = "open the address yourself, or install xdg-utils";
        (&["xdg-open", "wslview", "x-www-browser"], &[], advice)
    };
    let program = process::find(&context.environment, names, advice)?;
    Invocation::new(program).args(arguments.iter().copied()).arg(address).detach(&context.ui)
}
