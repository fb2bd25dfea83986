//! The cache: entries that are made once, under a lock, and are whole or absent.
//!
//! An entry is a folder. It counts only when its marker file is there, which is written last, so that killing a
//! process at any moment leaves nothing that a later one could mistake for a finished entry. Several processes may
//! work in one cache: each entry has a lock file beside it. Bytes that are kept by content need neither: they are a file
//! with its digest.
//!
//! A key is a plain name, so that an entry is always a folder of the cache: what is removed lies below its root, whoever
//! made the key.

mod content;
mod entries;
mod kept;

pub use entries::{Cache, EntryLock, Kind};
pub use kept::{KeptEntry, Removal};
