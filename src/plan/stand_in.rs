//! Puts our executable under the names of the compiler drivers into a folder that builds have first on their `PATH`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cache::Kind;
use crate::context::Context;
use crate::env::Environment;
use crate::error::Result;

/// The names under which the driver is called.
pub(crate) const NAMES: [&str; 9] =
    ["cargo", "rustc", "emcc", "em++", "emar", "emranlib", "emcmake", "emconfigure", "emmake"];

/// A folder that holds the driver under its names.
#[derive(Debug, Clone)]
pub(crate) struct DriverFolder {
    folder: PathBuf,
}

impl DriverFolder {
    /// The driver under one of its names.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// The environment's `PATH` with the drivers in front.
    pub(crate) fn before(&self, environment: &Environment) -> OsString {
        let folders = std::iter::once(self.folder.clone()).chain(environment.path_folders());
        std::env::join_paths(folders).unwrap_or_else(|_| self.folder.clone().into_os_string())
    }
}

/// The folder for this very executable.
///
/// # Errors
/// When the executable cannot be read or the cache not written.
pub(crate) fn find_folder(context: &Context) -> Result<DriverFolder> {
    let executable = std::env::current_exe().context("cannot find our own executable")?;
    let metadata = fs_err::metadata(&executable)?;
    let changed = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    // A rebuilt executable under the same path must not meet stand-ins of the old one.
    let identity = format!("{} {:?}", metadata.len(), changed);
    let key = crate::digest::key(&[env!("CARGO_PKG_VERSION"), &executable.to_string_lossy(), &identity]);
    let folder = context.cache.get_or_make(&context.ui, Kind::Drivers, &key, |folder| {
        NAMES.iter().try_for_each(|name| {
            place(&executable, &folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
        })
    })?;
    Ok(DriverFolder { folder })
}

/// A hard link where the disk allows it, else a copy: no symbolic links, which Windows keeps for administrators.
fn place(executable: &Path, target: &Path) -> Result<()> {
    if fs_err::hard_link(executable, target).is_err() {
        fs_err::copy(executable, target)?;
    }
    Ok(())
}
