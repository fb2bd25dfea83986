//! Questions to a compiler whose answers are kept as long as the compiler does not change.

use anyhow::Context as _;

use super::RustToolchain;
use crate::cache::Kind;
use crate::context::Context;
use crate::error::Result;
use crate::files::write_whole;

/// Asks a compiler a yes-or-no question, or takes the answer that was kept. `question` names it, with all that the answer
/// depends on beside the compiler.
pub(super) fn ask(
    context: &Context,
    rust: &RustToolchain,
    question: &str,
    ask: impl FnOnce() -> Result<bool>,
) -> Result<bool> {
    let (rustc, version) = (rust.rustc.to_string_lossy(), rust.version.to_string());
    let key = crate::digest::key(&[&rustc, &version, &rust.commit, &rust.stamp, question]);
    let folder = context.cache.folder(Kind::Drivers);
    let kept = folder.join(format!("answer-{key}"));
    match fs_err::read_to_string(&kept).as_deref() {
        Ok("yes") => return Ok(true),
        Ok("no") => return Ok(false),
        _ => {}
    }
    let answer = ask()?;
    fs_err::create_dir_all(&folder).context("cannot keep what a compiler answered")?;
    write_whole(&kept, if answer { b"yes" } else { b"no" })?;
    Ok(answer)
}
