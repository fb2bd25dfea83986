//! Cargo's target folders: one for each Python and plan, so that builds for several lines do not undo each other.
//!
//! A new one starts as a copy of the package's last one: cargo then finds fresh what does not depend on the Python, such
//! as proc macros, and builds the rest. File times are kept, since cargo compares them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::Result;

/// The target folder for a key in a package's build folder, copied from the latest other one if it is new.
///
/// # Errors
/// When it cannot be made.
pub(super) fn prepared(build: &Path, key: &str) -> Result<PathBuf> {
    let folder = build.join("targets").join(key);
    if folder.is_dir() {
        return Ok(folder);
    }
    fs_err::create_dir_all(build.join("targets"))?;
    // Copied under another name first: a copy that was interrupted must not look like a target folder.
    let staging = build.join("targets.new");
    crate::cache::remove_folder(&staging)?;
    match latest(&build.join("targets")) {
        Some(other) => copy(&other, &staging, &|_| true)?,
        None => fs_err::create_dir_all(&staging)?,
    }
    fs_err::rename(&staging, &folder)?;
    Ok(folder)
}

/// The folder that was changed last.
fn latest(folder: &Path) -> Option<PathBuf> {
    let entries = fs_err::read_dir(folder).ok()?.flatten();
    let dated = entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())));
    dated.filter(|(_, path)| path.is_dir()).max().map(|(_, path)| path)
}

/// Copies a folder with the times of its files, without the entries that are not wanted.
pub(super) fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&OsStr) -> bool) -> Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        if !wanted(&entry.file_name()) {
            continue;
        }
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &target, wanted)?;
        } else if kind.is_file() {
            fs_err::copy(entry.path(), &target)?;
            let time = entry.metadata()?.modified()?;
            fs_err::OpenOptions::new().write(true).open(&target)?.into_parts().0.set_modified(time)?;
        }
    }
    Ok(())
}
