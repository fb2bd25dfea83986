//! The cache: entries that are made once, under a lock, and are whole or absent.
//!
//! An entry is a folder. It counts only when its marker file is there, which is written last, so that killing a
//! process at any moment leaves nothing that a later one could mistake for a finished entry. Several processes may
//! work in one cache: each entry has a lock file beside it.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::error::Result;
use crate::files::with_disk_hint;
use crate::ui::Ui;

/// The file that says that an entry is whole.
const MARKER: &str = ".complete";

/// The kinds of entries; each is a folder of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Unpacked Pyodide releases.
    Runtimes,
    /// Rust standard libraries.
    Sysroots,
    /// Python environments with back ends.
    Environments,
    /// Source archives, by digest.
    Sources,
    /// Files that overlays name by their address and wheels that tests need, by digest.
    Files,
    /// Trees being built, with cargo's intermediate files.
    Builds,
    /// Our executable under the names of compiler drivers, and small generated files.
    Drivers,
    /// Headers of C libraries.
    Headers,
}

impl Kind {
    /// All kinds, in the order in which they are listed.
    pub const ALL: [Kind; 8] = [
        Kind::Runtimes,
        Kind::Sysroots,
        Kind::Environments,
        Kind::Sources,
        Kind::Files,
        Kind::Builds,
        Kind::Drivers,
        Kind::Headers,
    ];

    /// The folder's name, which is also what `clean` takes.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Runtimes => "runtimes",
            Kind::Sysroots => "sysroots",
            Kind::Environments => "environments",
            Kind::Sources => "sources",
            Kind::Files => "files",
            Kind::Builds => "builds",
            Kind::Drivers => "drivers",
            Kind::Headers => "headers",
        }
    }
}

/// The cache's folder.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// A lock on one entry, held until dropped.
#[derive(Debug)]
pub struct EntryLock {
    _file: File,
}

impl Cache {
    /// The cache in this folder, which need not exist.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The cache's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a kind.
    pub fn folder(&self, kind: Kind) -> PathBuf {
        self.root.join(kind.name())
    }

    /// The folder of an entry, whether it is there or not.
    pub fn entry(&self, kind: Kind, key: &str) -> PathBuf {
        self.folder(kind).join(key)
    }

    /// Whether an entry is there and whole.
    pub fn has(&self, kind: Kind, key: &str) -> bool {
        self.entry(kind, key).join(MARKER).is_file()
    }

    /// The keys of a kind's whole entries, sorted.
    pub fn keys(&self, kind: Kind) -> Vec<String> {
        let Ok(entries) = fs_err::read_dir(self.folder(kind)) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut keys: Vec<String> = names.filter(|key| self.has(kind, key)).collect();
        keys.sort();
        keys
    }

    /// The folder of an entry, made with `make` if it is not there yet. `make` gets the empty folder.
    ///
    /// # Errors
    /// What `make` says, or when the cache cannot be written. Then the entry stays absent.
    pub fn get_or_make(
        &self,
        ui: &Ui,
        kind: Kind,
        key: &str,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let folder = self.entry(kind, key);
        if self.has(kind, key) {
            return Ok(folder);
        }
        let _lock = self.lock(ui, kind, key)?;
        if self.has(kind, key) {
            return Ok(folder);
        }
        // What lies here without a marker was left by a process that died.
        remove_folder(&folder)?;
        fs_err::create_dir_all(&folder)?;
        let made = make(&folder).and_then(|()| Ok(fs_err::write(folder.join(MARKER), "")?));
        if let Err(error) = made {
            // What cannot be removed now is removed by the next attempt: it has no marker.
            let _ = remove_folder(&folder);
            return Err(with_disk_hint(error, &self.root));
        }
        Ok(folder)
    }

    /// Waits for the lock of an entry.
    ///
    /// # Errors
    /// When the lock file cannot be made or locked.
    pub fn lock(&self, ui: &Ui, kind: Kind, key: &str) -> Result<EntryLock> {
        let path = self.folder(kind).join(format!("{key}.lock"));
        let made = fs_err::create_dir_all(self.folder(kind))
            .and_then(|()| fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(&path));
        let file = made
            .map_err(|error| with_disk_hint(error.into(), &self.root))
            .with_context(|| format!("cannot use the cache `{}`", self.root.display()))?
            .into_parts()
            .0;
        // A lock of the operating system: it ends with the process, whatever ended that, and is never stale.
        if file.try_lock().is_err() {
            ui.phase("Waiting", format!("for another process that uses {} `{key}`", kind.name()));
            file.lock().with_context(|| format!("cannot lock `{}`", path.display()))?;
        }
        Ok(EntryLock { _file: file })
    }

    /// Removes an entry that turned out to be unusable.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn discard(&self, ui: &Ui, kind: Kind, key: &str) -> Result<()> {
        let _lock = self.lock(ui, kind, key)?;
        remove_folder(&self.entry(kind, key))
    }
}

/// Removes a folder with its marker first, if it is there.
///
/// # Errors
/// When it cannot be removed.
pub fn remove_folder(folder: &Path) -> Result<()> {
    // The marker first: a removal that is interrupted leaves an entry that does not count.
    for removed in [fs_err::remove_file(folder.join(MARKER)), fs_err::remove_dir_all(folder)] {
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
