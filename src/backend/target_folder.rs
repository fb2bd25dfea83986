//! Cargo's target folders: one for each Python and plan, so that builds for several lines do not undo each other.
//!
//! A package has its own, or shares one with the other packages of a line: then a crate that several of them use is
//! compiled once. A new one of a package starts as a copy of its last one: cargo then finds fresh what does not depend on
//! the Python, such as proc macros, and builds the rest. File times are kept, since cargo compares them.

use std::path::{Path, PathBuf};

use crate::cache::{EntryLock, Kind};
use crate::context::Context;
use crate::error::Result;
use crate::files::{copy_folder, remove_folder};

/// Where compiled crates are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CrateStore {
    /// With the package.
    #[default]
    PerPackage,
    /// With those of all packages of the line.
    Shared,
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
                let lock = context.cache.lock(&context.ui, Kind::Builds, &format!("shared-{key}"))?;
                let path = context.cache.entry(Kind::Builds, "shared")?.join(key);
                fs_err::create_dir_all(&path)?;
                Ok(Self { path, _lock: Some(lock) })
            }
        }
    }

    /// The folder around it.
    pub(super) fn parent(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }
}

fn prepare_own(targets: &Path, key: &str) -> Result<PathBuf> {
    let folder = targets.join(key);
    if folder.is_dir() {
        return Ok(folder);
    }
    fs_err::create_dir_all(targets)?;
    // Copied under another name first: a copy that was interrupted must not look like a target folder.
    let staging = targets.with_extension("new");
    remove_folder(&staging)?;
    match latest(targets) {
        Some(other) => copy_folder(&other, &staging, |_| true)?,
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
