//! Stands before the real rustc, where crates must unwind through JavaScript and where a sysroot is built.
//!
//! For JavaScript exceptions it adds the one unstable flag that they take. Only cargo's own compilations for the target get the flag, and `RUSTC_BOOTSTRAP` with it. Build scripts, and the
//! compilers they probe with, see a stable compiler: many turn nightly features on as soon as they find one.

use std::ffi::OsString;

use super::{DriverPlan, RustcPlan, log};
use crate::error::Result;
use crate::process::Invocation;
use crate::toolchain::TARGET;

/// Runs the real rustc and returns its exit status.
pub(super) fn run(plan: &DriverPlan, rustc: &RustcPlan, arguments: Vec<OsString>) -> Result<u8> {
    let mut command = Invocation::new(&rustc.program);
    if compiles_for_target(&arguments) {
        command = command.env("RUSTC_BOOTSTRAP", "1").args(&rustc.flags);
        if arguments.iter().any(|argument| argument == "cdylib") {
            log(plan, &format!("rustc with {}", rustc.flags.join(" ")))?;
        }
    }
    if names_crate(&arguments, "panic_abort") {
        // The one crate of the standard library that must not unwind itself: rustc's own build does the same.
        command = command.arg("-Cpanic=abort");
    }
    let status = command.args(arguments).pass_through()?;
    Ok(super::exit_status(status))
}

fn names_crate(arguments: &[OsString], name: &str) -> bool {
    arguments.windows(2).any(|pair| pair[0] == "--crate-name" && pair[1] == name)
}

/// Whether these are the arguments with which cargo compiles a crate for our target: `-C metadata=…` is cargo's mark.
fn compiles_for_target(arguments: &[OsString]) -> bool {
    let texts: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let target = texts.windows(2).any(|pair| pair[0] == "--target" && pair[1] == TARGET)
        || texts.iter().any(|text| text.strip_prefix("--target=") == Some(TARGET));
    target && texts.iter().any(|text| text.starts_with("metadata=") || text.starts_with("-Cmetadata="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_told_from_compilations() {
        let check =
            |line: &str| compiles_for_target(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(check("--crate-name a a.rs -C metadata=1 --target wasm32-unknown-emscripten"));
        assert!(!check("--crate-name build_script_build build.rs -C metadata=1"));
        assert!(!check("--crate-name probe --target wasm32-unknown-emscripten --emit=metadata -"));
        assert!(!check("-vV"));
    }
}
