//! Cargo's target folders: one for each Python and plan, so that builds for several lines do not undo each other.
//!
//! Packages of a line share one, so that a crate that several of them use is compiled once. It is locked while a build uses
//! it, as cargo locks its own, and all of them together have a limit. A package can have its own instead: a new one starts
//! as a copy of its last one, so that cargo finds fresh what does not depend on the Python, such as proc macros. File times
//! are kept, since cargo compares them.
//!
//! Each ends in `target`, as cargo's own does: build scripts look for that name above `OUT_DIR`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::{EntryLock, Kind};
use crate::context::Context;
use crate::error::Result;
use crate::files::{copy_folder, remove_folder};

/// What cargo calls its target folder, and ours with it.
const NAME: &str = "target";
/// The bytes that all shared folders may take: those of a large package with several lines.
const SHARED_LIMIT: u64 = 8_000_000_000;
/// A file whose time says when they were measured last, and how long that counts: to measure gigabytes of small files takes
/// longer than to build a small package.
const MEASURED: &str = ".shared-measured";
const MEASURED_FOR: Duration = Duration::from_hours(1);

/// Where compiled crates are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CrateStore {
    /// With those of all packages of the line.
    #[default]
    Shared,
    /// With the package.
    PerPackage,
}

/// A target folder that cargo may use.
#[derive(Debug)]
pub(super) struct TargetFolder {
    /// The folder.
    pub(super) path: PathBuf,
    /// Keeps other packages out of a folder that is shared: two of them may call their library the same.
    _lock: Option<EntryLock>,
}

impl TargetFolder {
    /// The folder for a key: in a package's build folder, copied from the latest other one if it is new, or the one that
    /// packages share.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn prepare(context: &Context, store: CrateStore, build: &Path, key: &str) -> Result<Self> {
        match store {
            CrateStore::PerPackage => {
                Ok(Self { path: prepare_own(&build.join("targets"), key)?, _lock: None })
            }
            CrateStore::Shared => {
                // Cargo's own lock lets two packages take turns in one folder, and one would overwrite the other's
                // library.
                let lock = context.cache.lock(&context.ui, Kind::Builds, &format!("shared-{key}"))?;
                let path = context.cache.entry(Kind::Builds, "shared")?.join(key).join(NAME);
                fs_err::create_dir_all(&path)?;
                limit_shared(context)?;
                Ok(Self { path, _lock: Some(lock) })
            }
        }
    }

    /// The folder around those of all keys.
    pub(super) fn all(&self) -> &Path {
        self.path.ancestors().nth(2).unwrap_or(&self.path)
    }
}

/// Removes the shared folders that were used longest ago if all of them together are too large.
fn limit_shared(context: &Context) -> Result<()> {
    let measured = context.cache.folder(Kind::Builds).join(MEASURED);
    let age = fs_err::metadata(&measured).ok().and_then(|file| file.modified().ok()?.elapsed().ok());
    if age.is_none_or(|age| age >= MEASURED_FOR) {
        let removal = context.cache.shrink_shared_crates(SHARED_LIMIT)?;
        if removal.removed > 0 {
            context.ui.detail(format!(
                "removed {} MB of compiled crates of other lines",
                removal.bytes / 1_000_000
            ));
        }
        fs_err::write(measured, "")?;
    }
    Ok(())
}

fn prepare_own(targets: &Path, key: &str) -> Result<PathBuf> {
    let folder = targets.join(key);
    let target = folder.join(NAME);
    if target.is_dir() {
        return Ok(target);
    }
    fs_err::create_dir_all(targets)?;
    // Copied under another name first: a copy that was interrupted must not look like a target folder.
    let staging = targets.with_extension("new");
    remove_folder(&staging)?;
    match latest(targets) {
        Some(other) => copy_folder(&other, &staging.join(NAME), |_| true)?,
        None => fs_err::create_dir_all(staging.join(NAME))?,
    }
    remove_folder(&folder)?;
    fs_err::rename(&staging, &folder)?;
    Ok(target)
}

/// The target folder that was changed last.
fn latest(folder: &Path) -> Option<PathBuf> {
    let entries = fs_err::read_dir(folder).ok()?.flatten();
    let targets = entries.map(|entry| entry.path().join(NAME));
    let dated = targets.filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)));
    dated.filter(|(_, path)| path.is_dir()).max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files below the folder of a key.
    fn prepare(targets: &Path, key: &str) -> Vec<String> {
        let target = prepare_own(targets, key).unwrap();
        assert_eq!(target, targets.join(key).join("target"));
        let entries = crate::files::walk(&target, usize::MAX, |_| true);
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_new_target_folder_starts_as_a_copy_of_the_latest_one() {
        let folder = tempfile::tempdir().unwrap();
        let targets = folder.path().join("targets");
        assert_eq!(prepare(&targets, "a"), [""; 0]);
        fs_err::write(targets.join("a/target/x.rlib"), "").unwrap();
        assert_eq!(prepare(&targets, "b"), ["x.rlib"]);
        // A file beside the folders, and a folder that holds something else, are none of them.
        fs_err::write(targets.join("pyo3-3.13.txt"), "").unwrap();
        fs_err::create_dir_all(targets.join("c/release")).unwrap();
        assert_eq!(prepare(&targets, "c"), ["x.rlib"]);
        assert!(!folder.path().join("targets.new").exists());
    }
}
