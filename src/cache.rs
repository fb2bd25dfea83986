//! The cache: entries that are made once, under a lock, and are whole or absent.
//!
//! An entry is a folder. It counts only when its marker file is there, which is written last, so that killing a
//! process at any moment leaves nothing that a later one could mistake for a finished entry. Several processes may
//! work in one cache: each entry has a lock file beside it. Bytes that are kept by content need neither: they are a file with
//! its digest.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::digest;
use crate::error::Result;
use crate::files::{with_disk_hint, write_whole};
use crate::ui::Ui;

/// The file that says that an entry is whole.
const MARKER: &str = ".complete";
/// Hexadecimal digits of a SHA-256, which stand before bytes that are kept.
const DIGEST_LENGTH: usize = 64;

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
    /// The program that optimises modules, from npm.
    Optimizers,
    /// What was made of finished modules and files: optimised, deflated; by content.
    Finished,
}

impl Kind {
    /// All kinds, in the order in which they are listed.
    pub const ALL: [Kind; 10] = [
        Kind::Runtimes,
        Kind::Sysroots,
        Kind::Environments,
        Kind::Sources,
        Kind::Files,
        Kind::Builds,
        Kind::Drivers,
        Kind::Headers,
        Kind::Optimizers,
        Kind::Finished,
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
            Kind::Optimizers => "optimizers",
            Kind::Finished => "finished",
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
        if file.try_lock().is_err() {
            ui.phase("Waiting", format!("for another process that uses {} `{key}`", kind.name()));
            file.lock().with_context(|| format!("cannot lock `{}`", path.display()))?;
        }
        Ok(EntryLock { _file: file })
    }

    /// Bytes that were kept under a key; none if they were changed since, or are only there in part.
    pub fn find_bytes(&self, kind: Kind, key: &str) -> Option<Vec<u8>> {
        let mut kept = fs_err::read(self.entry(kind, key)).ok()?;
        let bytes = (kept.len() >= DIGEST_LENGTH).then(|| kept.split_off(DIGEST_LENGTH))?;
        (digest::sha256(&bytes).as_bytes() == kept).then_some(bytes)
    }

    /// Keeps bytes under a key, which tells everything that they depend on: two processes would keep the same.
    ///
    /// # Errors
    /// When the cache cannot be written.
    pub fn keep_bytes(&self, kind: Kind, key: &str, bytes: &[u8]) -> Result<()> {
        fs_err::create_dir_all(self.folder(kind))?;
        write_whole(&self.entry(kind, key), &[digest::sha256(bytes).as_bytes(), bytes].concat())
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
    for removed in [fs_err::remove_file(folder.join(MARKER)), fs_err::remove_dir_all(folder)] {
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_only_if_they_are_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let find = || cache.find_bytes(Kind::Finished, "key");
        assert_eq!(find(), None);
        cache.keep_bytes(Kind::Finished, "key", b"12345678").unwrap();
        assert_eq!(find().unwrap(), b"12345678");
        let path = cache.entry(Kind::Finished, "key");
        let whole = fs_err::read(&path).unwrap();
        for length in 0..whole.len() {
            fs_err::write(&path, &whole[..length]).unwrap();
            assert_eq!(find(), None, "cut to {length} bytes");
        }
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            fs_err::write(&path, changed).unwrap();
            assert_eq!(find(), None, "changed at {place}");
        }
    }
}
