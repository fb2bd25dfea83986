//! Crates that take every WebAssembly for a browser: rewrites one in a copy so that it treats Emscripten as a Unix.
//!
//! Such crates ask `cfg(target_arch = "wasm32")`, in their sources and in their manifest, where they mean the target of
//! wasm-bindgen; their build scripts ask how the target's name starts.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cache::Kind;
use crate::context::Context;
use crate::error::Result;
use crate::files::{self, copy_folder};
use crate::project::graph::Crate;

/// Changes when a copy is made in another way.
// The copy is in the cache by crate and version: the way in which it is made must be in its key, too.
const RECIPE: &str = "2";

/// How crates ask, and how the copies ask.
const QUESTIONS: [(&str, &str); 4] = [
    ("target_arch = \"wasm32\"", "all(target_arch = \"wasm32\", not(target_os = \"emscripten\"))"),
    ("target_family = \"wasm\"", "all(target_family = \"wasm\", not(target_os = \"emscripten\"))"),
    // Build scripts, of the name of the target.
    ("starts_with(\"wasm32\")", "starts_with(\"wasm32-unknown-unknown\")"),
    ("starts_with(\"wasm32-unknown\")", "starts_with(\"wasm32-unknown-unknown\")"),
];

/// Copies a crate and rewrites its questions in the copy. Returns the folder of the copy, from the cache or made there.
///
/// # Errors
/// When the crate's folder cannot be read, or the cache not written.
pub(super) fn copy_crate(context: &Context, used: &Crate) -> Result<PathBuf> {
    let from = used.manifest.parent().context("a manifest in no folder")?;
    let (version, origin) = (used.version.to_string(), from.to_string_lossy());
    let key = format!("crate-{}", crate::digest::key(&[&used.name, &version, &origin, RECIPE]));
    let folder = context.cache.get_or_make(&context.ui, Kind::Sources, &key, |folder| {
        let target = folder.join(&used.name);
        copy_folder(from, &target, |name| name != "target" && name != ".git")?;
        rewrite_folder(&target)
    })?;
    Ok(folder.join(&used.name))
}

fn rewrite_folder(folder: &Path) -> Result<()> {
    for entry in files::walk(folder, usize::MAX, |_| true) {
        let path = entry.path();
        let ending = path.extension().unwrap_or_default();
        if entry.file_type().is_file() && (ending == "rs" || ending == "toml") {
            let text = fs_err::read_to_string(path)?;
            let changed = rewrite(&text);
            // A file that is not written keeps its time, and cargo does not compile it again.
            if changed != text {
                fs_err::write(path, changed)?;
            }
        }
    }
    Ok(())
}

/// Rewrites `cfg(target_arch = "wasm32")` and its like so that they no longer match Emscripten.
fn rewrite(text: &str) -> String {
    QUESTIONS.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emscripten_is_left_out() {
        let text = "#[cfg(all(target_arch = \"wasm32\", not(feature = \"x\")))]";
        let new = "#[cfg(all(all(target_arch = \"wasm32\", not(target_os = \"emscripten\")), not(feature = \"x\")))]";
        assert_eq!(rewrite(text), new);
        assert_eq!(rewrite("cfg(unix)"), "cfg(unix)");
        let of_build_script = rewrite("target.starts_with(\"wasm32-unknown\")");
        assert_eq!(of_build_script, "target.starts_with(\"wasm32-unknown-unknown\")");
    }
}
