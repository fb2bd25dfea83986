//! The entries: made once, under a lock, whole or absent.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;

use super::content::{self, MARKER};
use crate::digest::Sha256Digest;
use crate::error::Result;
use crate::files::{remove_folder, remove_moved, with_disk_hint, write_whole};
use crate::plain_name::PlainName;
use crate::ui::Ui;

/// How exactly the time of an entry's last use is known: a new one is not written more often.
const EXACTNESS: Duration = Duration::from_hours(1);
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

    /// Whether an entry is compared with a list of its files before it is used. Releases have digests of their own.
    fn is_compared(self) -> bool {
        matches!(self, Kind::Sysroots | Kind::Environments | Kind::Drivers | Kind::Headers | Kind::Optimizers)
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
    ///
    /// # Errors
    /// When the key is not a plain name.
    pub fn entry(&self, kind: Kind, key: &str) -> Result<PathBuf> {
        let key: PlainName =
            key.parse().with_context(|| format!("no entry of the cache's {}", kind.name()))?;
        Ok(self.folder(kind).join(key))
    }

    /// Whether an entry is there and whole.
    pub fn has(&self, kind: Kind, key: &str) -> bool {
        self.entry(kind, key).is_ok_and(|folder| folder.join(MARKER).is_file())
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
        let folder = self.entry(kind, key)?;
        if is_usable(kind, &folder) {
            return Ok(folder);
        }
        let _lock = self.lock(ui, kind, key)?;
        if is_usable(kind, &folder) {
            return Ok(folder);
        }
        if folder.join(MARKER).is_file() {
            let name = kind.name();
            ui.warn(format!(
                "an entry of the cache's {name} is damaged and is made anew: `{}`",
                folder.display()
            ));
        }
        // What lies here without a marker was left by a process that died.
        remove_entry(&folder)?;
        remove_moved(&self.folder(kind));
        fs_err::create_dir_all(&folder)?;
        let made = make(&folder).and_then(|()| {
            let listed = if kind.is_compared() { content::list(&folder) } else { String::new() };
            Ok(fs_err::write(folder.join(MARKER), listed)?)
        });
        if let Err(error) = made {
            // What cannot be removed now is removed by the next attempt: it has no marker.
            let _ = remove_entry(&folder);
            return Err(with_disk_hint(error, &self.root));
        }
        Ok(folder)
    }

    /// Waits for the lock of an entry.
    ///
    /// # Errors
    /// When the lock file cannot be made or locked.
    pub fn lock(&self, ui: &Ui, kind: Kind, key: &str) -> Result<EntryLock> {
        let path = self.entry(kind, key)?.with_added_extension("lock");
        loop {
            let file = self.open_lock(kind, &path)?;
            // A lock of the operating system: it ends with the process, whatever ended that, and is never stale.
            if file.try_lock().is_err() {
                ui.phase("Waiting", format!("for another process that uses {} `{key}`", kind.name()));
                file.lock().with_context(|| format!("cannot lock `{}`", path.display()))?;
            }
            // `clean` removes the files of locks with the entries: who waited for one that is gone begins anew.
            if is_same_file(&file, &path) {
                let _ = file.set_modified(SystemTime::now());
                return Ok(EntryLock { _file: file });
            }
        }
    }

    /// The lock of an entry, if nobody has it.
    pub(super) fn try_lock(&self, kind: Kind, key: &str) -> Option<EntryLock> {
        let path = self.entry(kind, key).ok()?.with_added_extension("lock");
        let file = self.open_lock(kind, &path).ok()?;
        (file.try_lock().is_ok() && is_same_file(&file, &path)).then_some(EntryLock { _file: file })
    }

    fn open_lock(&self, kind: Kind, path: &Path) -> Result<File> {
        let made = fs_err::create_dir_all(self.folder(kind))
            .and_then(|()| fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(path));
        let file = made
            .map_err(|error| with_disk_hint(error.into(), &self.root))
            .with_context(|| format!("cannot use the cache `{}`", self.root.display()))?;
        Ok(file.into_parts().0)
    }

    /// Bytes that were kept under a key; none if they were changed since, or are only there in part.
    pub fn find_bytes(&self, kind: Kind, key: &str) -> Option<Vec<u8>> {
        let path = self.entry(kind, key).ok()?;
        let mut kept = fs_err::read(&path).ok()?;
        note_use(&path);
        let bytes = (kept.len() >= DIGEST_LENGTH).then(|| kept.split_off(DIGEST_LENGTH))?;
        (Sha256Digest::of(&bytes).to_string().as_bytes() == kept).then_some(bytes)
    }

    /// Keeps bytes under a key, which holds everything that they depend on: two processes keep the same bytes.
    ///
    /// # Errors
    /// When the cache cannot be written.
    pub fn keep_bytes(&self, kind: Kind, key: &str, bytes: &[u8]) -> Result<()> {
        fs_err::create_dir_all(self.folder(kind))?;
        let digest = Sha256Digest::of(bytes).to_string();
        write_whole(&self.entry(kind, key)?, &[digest.as_bytes(), bytes].concat())
    }

    /// Removes an entry that turned out to be unusable.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn discard(&self, ui: &Ui, kind: Kind, key: &str) -> Result<()> {
        let _lock = self.lock(ui, kind, key)?;
        remove_entry(&self.entry(kind, key)?)
    }
}

/// Notes that a file is used now, if it is not noted already.
fn note_use(path: &Path) {
    let noted = fs_err::metadata(path).and_then(|metadata| metadata.modified());
    let is_old = noted.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > EXACTNESS));
    if is_old && let Ok(file) = fs_err::OpenOptions::new().write(true).open(path) {
        // A cache that cannot be written is used all the same.
        let _ = file.into_parts().0.set_modified(SystemTime::now());
    }
}

/// Whether an entry is whole, and has the files that it had when it was made. Notes that it is used.
fn is_usable(kind: Kind, folder: &Path) -> bool {
    let marker = folder.join(MARKER);
    let Ok(listed) = fs_err::read_to_string(&marker) else { return false };
    note_use(&marker);
    // Older versions wrote no list.
    listed.is_empty() || !kind.is_compared() || content::list(folder) == listed
}

/// Whether an open file is the one at a path.
#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let at = fs_err::metadata(path).map(identity);
    file.metadata().map(identity).is_ok_and(|own| at.is_ok_and(|at| at == own))
}

/// An open file cannot be removed there.
#[cfg(not(unix))]
fn is_same_file(_: &File, _: &Path) -> bool {
    true
}

/// Removes an entry, its marker first: what is left when that is interrupted does not count.
pub(super) fn remove_entry(folder: &Path) -> Result<()> {
    // A link would lead to a marker elsewhere.
    if !folder.is_symlink() {
        match fs_err::remove_file(folder.join(MARKER)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    remove_folder(folder)
}

#[cfg(test)]
mod tests;
