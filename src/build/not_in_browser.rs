//! Crates that take every WebAssembly for a browser: a copy of one that knows Emscripten for what it is.
//!
//! Such crates ask `cfg(target_arch = "wasm32")`, in their sources and in their manifest, where they mean the target of
//! wasm-bindgen; their build scripts ask how the target's name starts. In the copy the question leaves Emscripten out, so
//! that the crate does what it does on other Unixes.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Workshop;
use super::target_folder::copy;
use crate::cache::Kind;
use crate::error::Result;
use crate::project::graph::Crate;

/// Changes when a copy is made in another way.
const RECIPE: &str = "2";

/// How crates ask, and how the copies ask.
const QUESTIONS: [(&str, &str); 4] = [
    ("target_arch = \"wasm32\"", "all(target_arch = \"wasm32\", not(target_os = \"emscripten\"))"),
    ("target_family = \"wasm\"", "all(target_family = \"wasm\", not(target_os = \"emscripten\"))"),
    // Build scripts, of the name of the target.
    ("starts_with(\"wasm32\")", "starts_with(\"wasm32-unknown-unknown\")"),
    ("starts_with(\"wasm32-unknown\")", "starts_with(\"wasm32-unknown-unknown\")"),
];

/// The folder of the copy, from the cache or made there.
///
/// # Errors
/// When the crate's folder cannot be read, or the cache not written.
pub fn copied(workshop: Workshop<'_>, used: &Crate) -> Result<PathBuf> {
    let from = used.manifest.parent().context("a manifest in no folder")?;
    let (version, origin) = (used.version.to_string(), from.to_string_lossy());
    let key = format!("crate-{}", crate::digest::key(&[&used.name, &version, &origin, RECIPE]));
    let folder = workshop.cache.get_or_make(workshop.ui, (Kind::Sources, &key), |folder| {
        let target = folder.join(&used.name);
        copy(from, &target, &|name| name != "target" && name != ".git")?;
        ask_otherwise(&target)
    })?;
    Ok(folder.join(&used.name))
}

fn ask_otherwise(folder: &Path) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            ask_otherwise(&path)?;
        } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "toml") {
            let text = fs_err::read_to_string(&path)?;
            let changed = asked_otherwise(&text);
            if changed != text {
                fs_err::write(&path, changed)?;
            }
        }
    }
    Ok(())
}

fn asked_otherwise(text: &str) -> String {
    QUESTIONS.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emscripten_is_left_out() {
        let text = "#[cfg(all(target_arch = \"wasm32\", not(feature = \"x\")))]";
        let new = "#[cfg(all(all(target_arch = \"wasm32\", not(target_os = \"emscripten\")), not(feature = \"x\")))]";
        assert_eq!(asked_otherwise(text), new);
        assert_eq!(asked_otherwise("cfg(unix)"), "cfg(unix)");
        let of_build_script = asked_otherwise("target.starts_with(\"wasm32-unknown\")");
        assert_eq!(of_build_script, "target.starts_with(\"wasm32-unknown-unknown\")");
    }
}
