//! The cache: entries that are made once, under a lock, and are whole or absent.
//!
//! An entry is a folder. It counts only when its marker file is there, which is written last, so that killing a
//! process at any moment leaves nothing that a later one could mistake for a finished entry. Several processes may
//! work in one cache: each entry has a lock file beside it. Bytes that are kept by content need neither: they are a file
//! with its digest.
//!
//! A key is a plain name, so that an entry is always a folder of the cache: what is removed lies below its root, whoever
//! made the key.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::digest::Sha256Digest;
use crate::error::Result;
use crate::files::{remove_folder, remove_moved, with_disk_hint, write_whole};
use crate::plain_name::PlainName;
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
        if self.has(kind, key) {
            return Ok(folder);
        }
        let _lock = self.lock(ui, kind, key)?;
        if self.has(kind, key) {
            return Ok(folder);
        }
        // What lies here without a marker was left by a process that died.
        remove_entry(&folder)?;
        remove_moved(&self.folder(kind));
        fs_err::create_dir_all(&folder)?;
        let made = make(&folder).and_then(|()| Ok(fs_err::write(folder.join(MARKER), "")?));
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

    /// Bytes that were kept under a key; none if they were changed since, or are only there in part.
    pub fn find_bytes(&self, kind: Kind, key: &str) -> Option<Vec<u8>> {
        let mut kept = fs_err::read(self.entry(kind, key).ok()?).ok()?;
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

    /// Removes all entries of a kind.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn clear(&self, kind: Kind) -> Result<()> {
        remove_folder(&self.folder(kind))
    }
}

/// Removes an entry, its marker first: what is left when that is interrupted does not count.
fn remove_entry(folder: &Path) -> Result<()> {
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
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn no_key_leads_out_of_the_cache() {
        let place = tempfile::tempdir().unwrap();
        let victim = place.path().join("victim");
        fs_err::create_dir_all(&victim).unwrap();
        fs_err::write(victim.join("kept"), "").unwrap();
        let cache = Cache::new(place.path().join("cache"));
        let ui = Ui::silent();
        let absolute = victim.display().to_string();
        for key in [&absolute, "../../victim", "..", ".", "", "a/b", ".hidden", "a\0b", &"a".repeat(201)] {
            assert!(cache.entry(Kind::Files, key).is_err(), "{key}");
            assert!(!cache.has(Kind::Files, key), "{key}");
            assert!(cache.get_or_make(&ui, Kind::Files, key, |_| Ok(())).is_err(), "{key}");
            assert!(cache.discard(&ui, Kind::Files, key).is_err(), "{key}");
            assert!(cache.lock(&ui, Kind::Files, key).is_err(), "{key}");
        }
        assert!(victim.join("kept").is_file());
        assert!(!cache.root().exists(), "nothing was made for a refused key");
    }

    #[cfg(unix)]
    #[test]
    fn an_entry_that_is_a_link_is_removed_and_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let elsewhere = place.path().join("elsewhere");
        fs_err::create_dir_all(&elsewhere).unwrap();
        fs_err::write(elsewhere.join(MARKER), "").unwrap();
        let cache = Cache::new(place.path().join("cache"));
        fs_err::create_dir_all(cache.folder(Kind::Files)).unwrap();
        fs_err::os::unix::fs::symlink(&elsewhere, cache.folder(Kind::Files).join("x")).unwrap();
        cache.discard(&Ui::silent(), Kind::Files, "x").unwrap();
        assert!(elsewhere.join(MARKER).is_file());
        assert!(!cache.folder(Kind::Files).join("x").is_symlink());
    }

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        (folder, cache)
    }

    fn make(cache: &Cache, key: &str) -> Result<PathBuf> {
        cache.get_or_make(&Ui::silent(), Kind::Files, key, |folder| Ok(fs_err::write(folder.join("x"), key)?))
    }

    #[test]
    fn an_entry_is_made_once() {
        let (_folder, cache) = cache();
        let made = make(&cache, "a").unwrap();
        assert_eq!(fs_err::read_to_string(made.join("x")).unwrap(), "a");
        let again = cache.get_or_make(&Ui::silent(), Kind::Files, "a", |_| bail!("made twice"));
        assert_eq!(again.unwrap(), made);
        assert!(!cache.has(Kind::Sources, "a"), "kinds have nothing in common");
    }

    #[test]
    fn an_entry_that_could_not_be_made_is_absent() {
        let (_folder, cache) = cache();
        let failed = cache.get_or_make(&Ui::silent(), Kind::Files, "a", |folder| {
            fs_err::write(folder.join("half"), "")?;
            bail!("no more")
        });
        assert_eq!(failed.unwrap_err().to_string(), "no more");
        assert!(!cache.entry(Kind::Files, "a").unwrap().exists());
        assert!(cache.keys(Kind::Files).is_empty());
        assert!(make(&cache, "a").is_ok());
    }

    #[test]
    fn an_entry_without_its_marker_is_made_anew_from_nothing() {
        let (_folder, cache) = cache();
        let entry = cache.entry(Kind::Files, "a").unwrap();
        fs_err::create_dir_all(&entry).unwrap();
        fs_err::write(entry.join("half"), "").unwrap();
        assert!(!cache.has(Kind::Files, "a"));
        make(&cache, "a").unwrap();
        assert!(cache.has(Kind::Files, "a") && !entry.join("half").exists());
    }

    #[test]
    fn keys_are_those_of_whole_entries_in_order() {
        let (_folder, cache) = cache();
        for key in ["b", "a", "c"] {
            make(&cache, key).unwrap();
        }
        fs_err::remove_file(cache.entry(Kind::Files, "c").unwrap().join(MARKER)).unwrap();
        assert_eq!(cache.keys(Kind::Files), ["a", "b"]);
        assert!(cache.keys(Kind::Runtimes).is_empty());
    }

    #[test]
    fn an_entry_that_is_discarded_is_gone_and_its_neighbour_is_not() {
        let (_folder, cache) = cache();
        make(&cache, "a").unwrap();
        make(&cache, "b").unwrap();
        cache.discard(&Ui::silent(), Kind::Files, "a").unwrap();
        cache.discard(&Ui::silent(), Kind::Files, "never").unwrap();
        assert_eq!(cache.keys(Kind::Files), ["b"]);
        assert!(!cache.entry(Kind::Files, "a").unwrap().exists());
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("file"), "").unwrap();
        let cache = Cache::new(folder.path().join("file"));
        let error = make(&cache, "a").unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("cannot use the cache `") && said.ends_with("file`"), "{said}");
    }

    #[test]
    fn every_kind_has_a_folder_of_its_own() {
        let names: std::collections::BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }

    #[test]
    fn bytes_come_back_only_if_they_are_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let find = || cache.find_bytes(Kind::Finished, "key");
        assert_eq!(find(), None);
        cache.keep_bytes(Kind::Finished, "key", b"12345678").unwrap();
        assert_eq!(find().unwrap(), b"12345678");
        let path = cache.entry(Kind::Finished, "key").unwrap();
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
