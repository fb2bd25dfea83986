//! Overlays: what is changed in a package for Pyodide, without a fork of it.
//!
//! An overlay is TOML: the table `[tool.cargo-pyodide]` of a package's own `pyproject.toml`, a file given with `--overlay`,
//! or one of the recipes that the tool ships. `docs/overlays.md` has the keys; nothing is applied without a word on stderr.
//! Overlays do not know how wheels are made: they end as [`Changes`], which later steps carry out.

pub mod changes;
pub(crate) mod crates;
mod document;
pub(crate) mod keys;
pub(crate) mod patches;
mod read;
pub mod recipes;
mod shipped;
pub(crate) mod sources;
pub(crate) mod values;

use std::path::Path;

pub use changes::{Changes, Target};
pub use document::{Head, Overlay, Place, Variant, When};
pub use keys::Section;

use crate::error::Result;

/// Reads an overlay from a file of the user's.
///
/// # Errors
/// When it is not there, a key is unknown or a value is wrong.
pub fn from_file(path: &Path) -> Result<Overlay> {
    let text = fs_err::read_to_string(path)?;
    // Files that an overlay names lie beside it, wherever the command was started.
    let folder = std::path::absolute(path)?.parent().map(Path::to_owned).unwrap_or_default();
    read::overlay(&text, &format!("`{}`", path.display()), Place::Folder(folder))
}

/// Reads the table `[tool.cargo-pyodide]` of a package's `pyproject.toml`, if it has one. The text of the file is `text`.
///
/// # Errors
/// When a key is unknown or a value is wrong.
pub fn of_package(text: &str, path: &Path) -> Result<Option<Overlay>> {
    read::own_table(text, path)
}

/// Reads any text as an overlay, and as a `pyproject.toml` with one.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_any(text: &str) {
    drop(read::overlay(text, "fuzzed", document::Place::Shipped));
    drop(read::own_table(text, std::path::Path::new("pyproject.toml")));
}
