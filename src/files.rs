//! Files and folders: written whole, copied with their times, walked by one rule for links.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context as _, bail};
use walkdir::{DirEntry, WalkDir};

use crate::error::{Result, hinted};

/// The entries below a folder, in the order of their names, down to so many levels. Links are listed and not followed,
/// and folders that are not wanted are not entered. What cannot be read is left out.
pub(crate) fn walk(
    folder: &Path,
    depth: usize,
    wanted: impl Fn(&OsStr) -> bool,
) -> impl Iterator<Item = DirEntry> {
    let walk = WalkDir::new(folder).min_depth(1).max_depth(depth).sort_by_file_name().into_iter();
    walk.filter_entry(move |entry| entry.depth() == 0 || wanted(entry.file_name())).filter_map(Result::ok)
}

/// The bytes that a folder's files take.
pub fn size_of_folder(folder: &Path) -> u64 {
    let files = walk(folder, usize::MAX, |_| true).filter(|entry| entry.file_type().is_file());
    files.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// Copies a folder with the times of its files, without the entries that are not wanted and without links.
pub(crate) fn copy_folder(from: &Path, to: &Path, wanted: impl Fn(&OsStr) -> bool) -> Result<()> {
    fs_err::create_dir_all(to)?;
    let entries = WalkDir::new(from).min_depth(1).into_iter();
    for entry in entries.filter_entry(|entry| entry.depth() == 0 || wanted(entry.file_name())) {
        let entry = entry.with_context(|| format!("cannot copy `{}`", from.display()))?;
        let target = to.join(entry.path().strip_prefix(from)?);
        if entry.file_type().is_dir() {
            fs_err::create_dir_all(&target)?;
        } else if entry.file_type().is_file() {
            fs_err::copy(entry.path(), &target)?;
            let time = entry.metadata()?.modified()?;
            fs_err::OpenOptions::new().write(true).open(&target)?.into_parts().0.set_modified(time)?;
        }
    }
    Ok(())
}

/// Writes a file only if its content changes, so that tools which compare times see no change.
pub(crate) fn write_if_changed(path: &Path, content: &str) -> Result<()> {
    if fs_err::read_to_string(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    write_whole(path, content.as_bytes())
}

fn hint_full(error: anyhow::Error, folder: &Path) -> anyhow::Error {
    hinted(
        error,
        format!("the disk of `{}` is full: `cargo pyodide clean` frees the cache", folder.display()),
    )
}

/// Writes a file beside its place, then moves it there.
///
/// # Errors
/// When that fails: the old file is still there.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let Some(folder) = path.parent() else { bail!("`{}` is in no folder", path.display()) };
    let written = new_file(folder)
        .map_err(anyhow::Error::new)
        .and_then(|mut file| {
            std::io::Write::write_all(&mut file, bytes)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            Ok(())
        })
        .with_context(|| format!("cannot write `{}`", path.display()));
    written.map_err(|error| with_disk_hint(error, folder))
}

/// Temporary files are for their owner alone; this one is for all whom the user's mask allows, as every new file.
#[cfg(unix)]
fn new_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    let everybody = std::fs::Permissions::from_mode(0o666);
    tempfile::Builder::new().permissions(everybody).tempfile_in(folder)
}

#[cfg(not(unix))]
fn new_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::NamedTempFile::new_in(folder)
}

/// Adds advice to an error that comes from a full or read-only disk.
pub fn with_disk_hint(error: anyhow::Error, folder: &Path) -> anyhow::Error {
    use std::io::ErrorKind;
    let kind = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .map(std::io::Error::kind)
        .last();
    // Other programs, npm and pip among them, say it in their own words.
    let said = ["ENOSPC", "No space left on device"].iter().any(|words| format!("{error:#}").contains(words));
    match kind {
        _ if said => hint_full(error, folder),
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => hint_full(error, folder),
        Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => hinted(
            error,
            format!(
                "`{}` cannot be written: set `CARGO_PYODIDE_CACHE_DIR` to a folder that can",
                folder.display()
            ),
        ),
        _ => error,
    }
}
