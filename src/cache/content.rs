//! What an entry holds, as a list that is compared before the entry is used.
//!
//! Names and sizes, not digests: what damages an entry in practice, a disk that was full, an uninstalled Python, somebody
//! who tidied up, changes these, and reading a standard library whole would take longer than a small build.

use std::fmt::Write;
use std::path::Path;

use crate::files::walk;

/// The file that says that an entry is whole, and what it holds.
pub(super) const MARKER: &str = ".complete";

/// The files of an entry: a line each, with its size. What Python writes while it runs is left out.
pub(super) fn list(folder: &Path) -> String {
    let mut listed = String::new();
    for entry in walk(folder, usize::MAX, |name| name != "__pycache__" && name != MARKER) {
        let path = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        // A link counts by what it leads to: the Python of an environment is one, and may have been uninstalled.
        let size = match fs_err::metadata(entry.path()) {
            Ok(metadata) if metadata.is_dir() => continue,
            Ok(metadata) if !entry.path_is_symlink() => metadata.len().to_string(),
            Ok(_) => "link".to_owned(),
            Err(_) => "gone".to_owned(),
        };
        let _ = writeln!(listed, "{size} {}", path.display());
    }
    listed
}
