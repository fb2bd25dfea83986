//! Files and folders: written whole, copied with their times, walked by one rule for links.

use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use walkdir::{DirEntry, WalkDir};

use crate::causes;
use crate::error::{Result, cause_id, hinted, with_cause};

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

/// A path without `.` and `..`, by its words alone: what it names does not exist.
pub(crate) fn normalize(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts
}

/// The bytes that a folder's files take.
pub fn size_of_folder(folder: &Path) -> u64 {
    let files = walk(folder, usize::MAX, |_| true).filter(|entry| entry.file_type().is_file());
    files.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// Copies a folder with the times of its files, without the entries that are not wanted. A link to a
/// file becomes a copy of the file.
pub(crate) fn copy_folder(from: &Path, to: &Path, wanted: impl Fn(&Path) -> bool) -> Result<()> {
    fs_err::create_dir_all(to)?;
    let entries = WalkDir::new(from).min_depth(1).into_iter();
    for entry in entries.filter_entry(|entry| entry.depth() == 0 || wanted(entry.path())) {
        let entry = entry.with_context(|| format!("cannot copy `{}`", from.display()))?;
        let target = to.join(entry.path().strip_prefix(from)?);
        if entry.file_type().is_dir() {
            fs_err::create_dir_all(&target)?;
        } else if entry.file_type().is_file() {
            copy_file(entry.path(), &target)?;
        } else if entry.file_type().is_symlink() {
            copy_link(entry.path(), from, &target)?;
        }
    }
    Ok(())
}

/// Copies a file with its time: cargo compares times, and would compile a copy with a new one anew.
fn copy_file(from: &Path, to: &Path) -> Result<()> {
    fs_err::copy(from, to)?;
    let time = fs_err::metadata(from)?.modified()?;
    Ok(fs_err::OpenOptions::new().write(true).open(to)?.into_parts().0.set_modified(time)?)
}

/// Copies what a link leads to: a file as one, a folder of the same tree as a link. One that leads elsewhere is left out.
fn copy_link(link: &Path, from: &Path, target: &Path) -> Result<()> {
    let Ok(end) = fs_err::canonicalize(link) else { return Ok(()) };
    if end.is_file() {
        return copy_file(&end, target);
    }
    #[cfg(unix)]
    {
        let leads = fs_err::read_link(link)?;
        if leads.is_relative() && end.starts_with(fs_err::canonicalize(from)?) {
            fs_err::os::unix::fs::symlink(leads, target)?;
        }
    }
    Ok(())
}

/// Removes a folder with all that it holds, if it is there. A link is removed and not followed.
///
/// A program that still writes into it is waited for; after that the folder is moved out of its place.
///
/// # Errors
/// When it can be neither removed nor moved.
pub fn remove_folder(folder: &Path) -> Result<()> {
    for pause in [10, 50, 200] {
        match remove_once(folder) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
                std::thread::sleep(Duration::from_millis(pause));
            }
            Err(error) => return Err(error.into()),
            Ok(()) => return Ok(()),
        }
    }
    let Some(parent) = folder.parent() else { bail!("`{}` is in no folder", folder.display()) };
    let aside = tempfile::Builder::new().prefix(REMOVED).tempdir_in(parent)?;
    fs_err::rename(folder, aside.path().join("removed"))?;
    // What is still written there is removed by the next command that finds it.
    Ok(())
}

fn remove_once(folder: &Path) -> std::io::Result<()> {
    let removed =
        if folder.is_symlink() { fs_err::remove_file(folder) } else { fs_err::remove_dir_all(folder) };
    removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// What folders that were moved out of their places are called, in part.
const REMOVED: &str = ".removed-";

/// Removes what was moved out of its place before and could not be removed.
pub(crate) fn remove_moved(parent: &Path) {
    let Ok(entries) = fs_err::read_dir(parent) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(REMOVED)) {
        drop(remove_once(&entry.path()));
    }
}

/// Locks a folder that something is made in, until the value is dropped; none where folders cannot be locked.
pub(crate) fn lock_folder(folder: &Path) -> Option<File> {
    let file = fs_err::File::open(folder).ok()?.into_parts().0;
    file.try_lock_shared().ok()?;
    Some(file)
}

/// Removes folders of this prefix that nobody locks: who made something there was killed.
pub(crate) fn remove_abandoned(parent: &Path, prefix: &str) {
    let Ok(entries) = fs_err::read_dir(parent) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
        let path = entry.path();
        let is_free = || fs_err::File::open(&path).is_ok_and(|file| file.into_parts().0.try_lock().is_ok());
        // One may be so new that it is not locked yet: its maker looks whether it is still there, and makes another one.
        if !path.is_symlink() && is_free() {
            // What cannot be removed now is removed by a later command.
            drop(remove_folder(&path));
        }
    }
}

/// Writes a file only if its content changes, so that tools which compare times see no change.
pub(crate) fn write_if_changed(path: &Path, content: &str) -> Result<()> {
    if fs_err::read_to_string(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    write_whole(path, content.as_bytes())
}

/// Writes a file and gives it the time that it had, or one long ago, so that the same tree looks the same to cargo each
/// time.
pub(crate) fn write_with_old_time(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let time = fs_err::metadata(path).and_then(|metadata| metadata.modified()).ok();
    fs_err::write(path, content)?;
    let time = time.unwrap_or(std::time::UNIX_EPOCH + std::time::Duration::from_hours(24 * 365 * 10));
    let file = fs_err::OpenOptions::new().write(true).open(path)?.into_parts().0;
    file.set_modified(time).with_context(|| format!("cannot set the time of `{}`", path.display()))
}

fn hint_full(error: anyhow::Error, folder: &Path) -> anyhow::Error {
    hinted(
        with_cause("disk-full", error),
        format!("the disk of `{}` is full: `cargo pyodide clean` frees the cache", folder.display()),
    )
}

/// Writes a file beside its place, then moves it there.
///
/// # Errors
/// When that fails: the old file is still there.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let Some(folder) = path.parent() else { bail!("`{}` is in no folder", path.display()) };
    let written = new_file(folder, &partial_prefix(path))
        .map_err(anyhow::Error::new)
        .and_then(|mut file| {
            std::io::Write::write_all(&mut file, bytes)?;
            // Before it is renamed: after a power cut there is the old file or the new one, never an empty one.
            file.as_file().sync_all()?;
            // The error of `persist` holds the file: it would stay as long as somebody keeps the error.
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        })
        .with_context(|| format!("cannot write `{}`", path.display()));
    written.map_err(|error| with_disk_hint(error, folder))
}

/// How the name of a file begins that will become this one.
fn partial_prefix(path: &Path) -> String {
    format!(".{}-", path.file_name().unwrap_or_default().to_string_lossy())
}

/// A new file that its writer locks. Such a file that nobody locks is one whose writer was killed: it is removed.
fn new_file(folder: &Path, prefix: &str) -> std::io::Result<tempfile::NamedTempFile> {
    let is_partial =
        |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(PARTIAL));
    for entry in fs_err::read_dir(folder)?.flatten().filter(|entry| is_partial(&entry.file_name())) {
        let opened = fs_err::OpenOptions::new().write(true).open(entry.path());
        if opened.is_ok_and(|file| file.into_parts().0.try_lock().is_ok()) {
            drop(fs_err::remove_file(entry.path()));
        }
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(PARTIAL);
    #[cfg(unix)]
    // Temporary files are for their owner alone; this one is for all whom the user's mask allows, as every new file.
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder)?;
    // A file system without locks: then what another writer leaves lies there, and nothing is lost.
    drop(file.as_file().try_lock());
    Ok(file)
}

/// How the name of a file ends that is being written.
const PARTIAL: &str = ".part";

/// Adds advice to an error that comes from a full or read-only disk.
pub fn with_disk_hint(error: anyhow::Error, folder: &Path) -> anyhow::Error {
    let kind = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .map(std::io::Error::kind)
        // The innermost error is the disk's; those around it are of the library that wrote.
        .last();
    // Other programs, npm and pip among them, say it in their own words.
    let said = causes::is_disk_full(cause_id(&error), &format!("{error:#}"));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    /// A folder with these files; those that end with `/` are folders.
    fn folder(paths: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in paths {
            let path = folder.path().join(path);
            if path.to_string_lossy().ends_with('/') {
                fs_err::create_dir_all(&path).unwrap();
            } else {
                fs_err::create_dir_all(path.parent().unwrap()).unwrap();
                fs_err::write(&path, "text").unwrap();
            }
        }
        folder
    }

    /// What lies below a folder, down to so many levels, without what is called `not`.
    fn list(folder: &Path, depth: usize) -> String {
        let entries = walk(folder, depth, |name| name != "not");
        let names = entries.map(|entry| entry.path().strip_prefix(folder).unwrap().display().to_string());
        names.collect::<Vec<_>>().join(" ").replace('\\', "/")
    }

    #[cfg(unix)]
    fn link(to: &Path, from: &Path) {
        std::os::unix::fs::symlink(to, from).unwrap();
    }

    /// A time long ago, in whole seconds: every file system keeps it.
    fn long_ago() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)
    }

    fn set_time(path: &Path, time: SystemTime) {
        let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
        file.into_parts().0.set_modified(time).unwrap();
    }

    fn time_of(path: &Path) -> SystemTime {
        fs_err::metadata(path).unwrap().modified().unwrap()
    }

    #[test]
    fn folders_are_walked_by_name_and_depth() {
        let folder = folder(&["b/c/d.txt", "b/a.txt", "a.txt", "not/e.txt", "c/not"]);
        assert_eq!(list(folder.path(), 1), "a.txt b c");
        assert_eq!(list(folder.path(), 2), "a.txt b b/a.txt b/c c");
        assert_eq!(list(folder.path(), usize::MAX), "a.txt b b/a.txt b/c b/c/d.txt c");
        assert_eq!(list(&folder.path().join("nowhere"), 9), "");
    }

    #[test]
    fn a_folder_is_walked_whatever_its_own_name() {
        let folder = folder(&["not/a.txt"]);
        assert_eq!(list(&folder.path().join("not"), 1), "a.txt");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_listed_and_not_followed() {
        let folder = folder(&["a/b.txt"]);
        link(folder.path(), &folder.path().join("a/round"));
        assert_eq!(list(folder.path(), usize::MAX), "a a/b.txt a/round");
        assert_eq!(size_of_folder(folder.path()), 4);
    }

    #[test]
    fn a_copy_keeps_times_and_leaves_out_what_is_not_wanted() {
        let from = folder(&["a/b.txt", "a/not/c.txt", "empty/"]);
        let to = folder(&["copy/old.txt"]);
        set_time(&from.path().join("a/b.txt"), long_ago());
        let target = to.path().join("copy");
        copy_folder(from.path(), &target, |path| !path.ends_with("not")).unwrap();
        assert_eq!(list(&target, usize::MAX), "a a/b.txt empty old.txt");
        assert_eq!(time_of(&target.join("a/b.txt")), long_ago());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_copied_as_what_it_leads_to() {
        let (outside, from, to) = (folder(&["o.txt", "o/"]), folder(&["a/b.txt"]), folder(&[]));
        fs_err::os::unix::fs::symlink("a", from.path().join("inside")).unwrap();
        link(&outside.path().join("o.txt"), &from.path().join("outside.txt"));
        link(&outside.path().join("o"), &from.path().join("folder"));
        link(&outside.path().join("gone"), &from.path().join("gone"));
        let target = to.path().join("copy");
        copy_folder(from.path(), &target, |_| true).unwrap();
        assert_eq!(list(&target, usize::MAX), "a a/b.txt inside outside.txt");
        assert_eq!(fs_err::read_link(target.join("inside")).unwrap(), Path::new("a"));
        assert!(!target.join("outside.txt").is_symlink());
    }

    #[test]
    fn a_folder_that_is_not_there_cannot_be_copied() {
        let folder = folder(&[]);
        let error = copy_folder(&folder.path().join("nowhere"), &folder.path().join("copy"), |_| true);
        assert!(error.unwrap_err().to_string().contains("nowhere"));
    }

    #[test]
    fn a_file_with_the_same_content_keeps_its_time() {
        let folder = folder(&["a.txt"]);
        let path = folder.path().join("a.txt");
        set_time(&path, long_ago());
        write_if_changed(&path, "text").unwrap();
        assert_eq!(time_of(&path), long_ago());
        write_if_changed(&path, "other").unwrap();
        assert!(time_of(&path) > long_ago());
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "other");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_nobody_locks_is_abandoned() {
        let place = folder(&[".x-1/a.txt", ".x-2/a.txt", ".x-3/", "x-4/a.txt"]);
        let lock = lock_folder(&place.path().join(".x-2")).unwrap();
        remove_abandoned(place.path(), ".x-");
        assert_eq!(list(place.path(), 1), ".x-2 x-4");
        drop(lock);
        remove_abandoned(place.path(), ".x-");
        assert_eq!(list(place.path(), 1), "x-4");
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_by_the_next() {
        let folder = folder(&[".a.txt-abc.part", ".b.txt-abc.part"]);
        let writing = fs_err::File::open(folder.path().join(".b.txt-abc.part")).unwrap().into_parts().0;
        writing.lock().unwrap();
        for name in ["a.txt", "b.txt"] {
            write_whole(&folder.path().join(name), b"new").unwrap();
        }
        assert_eq!(list(folder.path(), 1), ".b.txt-abc.part a.txt b.txt");
    }

    #[test]
    fn a_folder_into_which_somebody_writes_is_gone_all_the_same() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let place = folder(&["busy/a.txt"]);
        let busy = place.path().join("busy");
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0.. {
                    if ended.load(Ordering::Relaxed) {
                        return;
                    }
                    // As a compiler does that outlived its build: into a folder that it holds by its name.
                    drop(fs_err::write(busy.join(format!("{number}.o")), ""));
                }
            });
            for _ in 0..20 {
                remove_folder(&busy).unwrap();
                fs_err::create_dir_all(&busy).unwrap();
            }
            ended.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let folder = folder(&["taken/a.txt"]);
        let error = write_whole(&folder.path().join("taken"), b"x").unwrap_err();
        assert!(error.to_string().starts_with("cannot write `"), "{error}");
        assert!(write_whole(&folder.path().join("nowhere/a.txt"), b"x").is_err());
        assert_eq!(list(folder.path(), usize::MAX), "taken taken/a.txt");
        write_whole(&folder.path().join("taken/a.txt"), b"new").unwrap();
        assert_eq!(fs_err::read(folder.path().join("taken/a.txt")).unwrap(), b"new");
        assert_eq!(list(folder.path(), usize::MAX), "taken taken/a.txt");
    }

    #[test]
    fn advice_names_the_disk_only_where_it_is_to_blame() {
        use std::io::{Error, ErrorKind};
        let check = |error: anyhow::Error| crate::error::render(&with_disk_hint(error, Path::new("kept")));
        let full = anyhow::Error::new(Error::new(ErrorKind::StorageFull, "full")).context("cannot write");
        let denied =
            anyhow::Error::new(Error::new(ErrorKind::PermissionDenied, "denied")).context("cannot write");
        let of_npm = anyhow::anyhow!("npm failed: ENOSPC: no space left");
        let other = anyhow::Error::new(Error::new(ErrorKind::NotFound, "gone")).context("cannot write");
        insta::assert_snapshot!([full, denied, of_npm, other].map(check).join("\n\n"), @"
        error: cannot write
          caused by: full
        hint: the disk of `kept` is full: `cargo pyodide clean` frees the cache

        error: cannot write
          caused by: denied
        hint: `kept` cannot be written: set `CARGO_PYODIDE_CACHE_DIR` to a folder that can

        error: npm failed: ENOSPC: no space left
        hint: the disk of `kept` is full: `cargo pyodide clean` frees the cache

        error: cannot write
          caused by: gone
        ");
    }
}
