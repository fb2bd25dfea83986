//! What the cache keeps: which entries there are, when each was last used, and how they are removed.
//!
//! An entry that another process uses is left alone.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::content::MARKER;
use super::entries::{Cache, EntryLock, Kind, remove_entry};
use crate::error::Result;
use crate::files::{remove_moved, size_of_folder};

/// The folder of builds in which packages share compiled crates, each part under a lock of its own.
const SHARED: &str = "shared";

/// Something that the cache keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEntry {
    /// Its kind.
    pub kind: Kind,
    /// When it was last used, as far as that is known.
    pub used: SystemTime,
    /// The file or the folder.
    pub(super) path: PathBuf,
    /// The key of its lock.
    pub(super) key: String,
}

/// What became of entries that were to be removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removal {
    /// How many were removed.
    pub removed: usize,
    /// The bytes that they took.
    pub bytes: u64,
    /// How many are used by other processes, and stay.
    pub busy: usize,
}

impl Cache {
    /// What the cache keeps of a kind, the one that was used longest ago first.
    pub fn entries(&self, kind: Kind) -> Vec<KeptEntry> {
        let mut entries = Vec::new();
        for path in children(&self.folder(kind)) {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default().to_owned();
            if kind == Kind::Builds && name == SHARED {
                entries.extend(children(&path).into_iter().map(|part| {
                    let name = part.file_name().and_then(OsStr::to_str).unwrap_or_default();
                    self.kept(kind, format!("{SHARED}-{name}"), part.clone())
                }));
            } else if !name.starts_with('.') && path.extension().is_none_or(|ending| ending != "lock") {
                entries.push(self.kept(kind, name, path));
            }
        }
        entries.sort_by(|one, other| (one.used, &one.path).cmp(&(other.used, &other.path)));
        entries
    }

    fn kept(&self, kind: Kind, key: String, path: PathBuf) -> KeptEntry {
        let places = [path.clone(), path.join(MARKER), self.lock_file(kind, &key)];
        let times = places.iter().filter_map(|place| fs_err::metadata(place).ok()?.modified().ok());
        KeptEntry { kind, used: times.max().unwrap_or(SystemTime::UNIX_EPOCH), path, key }
    }

    fn lock_file(&self, kind: Kind, key: &str) -> PathBuf {
        self.folder(kind).join(format!("{key}.lock"))
    }

    /// Removes entries, but for those that another process uses.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn remove(&self, entries: &[KeptEntry]) -> Result<Removal> {
        let mut removal = Removal::default();
        for entry in entries {
            let Some(lock) = self.try_lock(entry.kind, &entry.key) else {
                removal.busy += 1;
                continue;
            };
            // Counted before: afterwards nobody knows what was freed.
            let bytes = entry.size();
            if entry.path.is_dir() {
                remove_entry(&entry.path)?;
            } else {
                fs_err::remove_file(&entry.path)?;
            }
            self.remove_lock(entry, lock);
            removal.removed += 1;
            removal.bytes += bytes;
        }
        for kind in Kind::ALL {
            remove_moved(&self.folder(kind));
        }
        Ok(removal)
    }

    /// Removes the file of a lock while the lock is held: who waits for it sees that it is gone.
    fn remove_lock(&self, entry: &KeptEntry, lock: EntryLock) {
        let removed = cfg!(unix).then(|| fs_err::remove_file(self.lock_file(entry.kind, &entry.key)));
        // One that stays is empty.
        drop((removed, lock));
    }

    /// Removes what was used longest ago until the cache has at most so many bytes.
    ///
    /// # Errors
    /// When an entry cannot be removed.
    pub fn shrink(&self, limit: u64) -> Result<Removal> {
        self.shrink_entries(Kind::ALL.into_iter().flat_map(|kind| self.entries(kind)).collect(), limit)
    }

    /// The same for the compiled crates that packages share. The part that a build uses stays.
    ///
    /// # Errors
    /// When a part cannot be removed.
    pub fn shrink_shared_crates(&self, limit: u64) -> Result<Removal> {
        let shared = self.folder(Kind::Builds).join(SHARED);
        let mut parts = self.entries(Kind::Builds);
        parts.retain(|entry| entry.path.parent() == Some(&shared));
        self.shrink_entries(parts, limit)
    }

    fn shrink_entries(&self, mut entries: Vec<KeptEntry>, limit: u64) -> Result<Removal> {
        entries.sort_by_key(|entry| entry.used);
        let sizes: Vec<u64> = entries.iter().map(KeptEntry::size).collect();
        let mut total: u64 = sizes.iter().sum();
        let mut removal = Removal::default();
        for (entry, size) in entries.iter().zip(sizes) {
            if total <= limit {
                break;
            }
            let one = self.remove(std::slice::from_ref(entry))?;
            total -= if one.removed == 1 { size } else { 0 };
            removal = Removal {
                removed: removal.removed + one.removed,
                bytes: removal.bytes + one.bytes,
                busy: removal.busy + one.busy,
            };
        }
        Ok(removal)
    }
}

impl KeptEntry {
    /// The bytes that it takes.
    pub fn size(&self) -> u64 {
        if self.path.is_dir() {
            return size_of_folder(&self.path);
        }
        fs_err::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}
