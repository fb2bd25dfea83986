//! Which files below a folder are sources of a package.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use walkdir::DirEntry;

use crate::files::walk;

/// Whether a folder of sources has an entry of this name from its author: it is neither hidden nor cargo's target folder.
pub(crate) fn is_source(name: &OsStr) -> bool {
    name != "target" && !name.to_string_lossy().starts_with('.')
}

/// The Rust sources below a folder. Folders that are not wanted are not entered.
pub(crate) fn rust_sources(folder: &Path, wanted: impl Fn(&OsStr) -> bool) -> impl Iterator<Item = PathBuf> {
    let entries = walk(folder, usize::MAX, wanted).map(DirEntry::into_path);
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
}
