//! Deflates the files of a wheel: quickly, or as small as deflate can.
//!
//! The best is zopfli's, which takes seconds for a megabyte. Files are shared among the machine's cores, and the caller may
//! keep what was deflated for the next time. The bytes do not depend on either.

use std::io::{Cursor, Write};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::digest::Sha256Digest;
use crate::error::Result;
use crate::ui::Task;

/// How hard a wheel is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// In milliseconds
    #[default]
    Fast,
    /// With zopfli: 5 to 8 % smaller, in seconds
    Best,
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fast" => Ok(Self::Fast),
            "best" => Ok(Self::Best),
            _ => Err(format!("`{text}` is not a compression: expected `fast` or `best`")),
        }
    }
}

/// Rounds of zopfli. Its default of 15 takes half as long again and gains less than a thousandth on modules; so do 40.
const ROUNDS: i64 = 5;
/// The level at which the zip crate begins to count rounds of zopfli.
const BEFORE_ZOPFLI: i64 = 9;

/// Keeps deflated files by a key that tells everything they depend on.
pub trait KeptEntries: Sync {
    /// What was kept under a key, unchanged.
    fn find(&self, key: &str) -> Option<Vec<u8>>;
    /// Keeps bytes under a key. To fail is to keep nothing.
    fn keep(&self, key: &str, bytes: &[u8]);
}

/// How a wheel is packed.
#[derive(Clone, Copy, Default)]
pub struct Packing<'a> {
    /// How hard it is compressed.
    pub compression: Compression,
    /// Where deflated files are kept; used for [`Compression::Best`] alone.
    pub kept: Option<&'a dyn KeptEntries>,
    /// Counts the bytes that are deflated.
    pub task: Option<&'a dyn Task>,
}

/// A file of a wheel, ready to be packed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) path: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) mode: u32,
    pub(super) time: zip::DateTime,
}

impl Entry<'_> {
    pub(super) fn options(&self) -> SimpleFileOptions {
        SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .last_modified_time(self.time)
            .unix_permissions(self.mode)
            .large_file(self.bytes.len() > u32::MAX as usize)
    }

    fn key(&self) -> String {
        let Self { path, bytes, mode, time } = self;
        let content = Sha256Digest::of(bytes);
        Sha256Digest::of(format!("zopfli {ROUNDS}\n{path}\n{mode:o}\n{time}\n{content}").as_bytes())
            .to_string()
    }

    /// An archive of this file alone.
    fn deflate(&self) -> Result<Vec<u8>> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        archive.start_file(self.path, self.options().compression_level(Some(BEFORE_ZOPFLI + ROUNDS)))?;
        archive.write_all(self.bytes)?;
        Ok(archive.finish()?.into_inner())
    }

    fn find_or_deflate(&self, kept: Option<&dyn KeptEntries>) -> Result<Vec<u8>> {
        let Some(kept) = kept else { return self.deflate() };
        let key = self.key();
        if let Some(archive) = kept.find(&key) {
            return Ok(archive);
        }
        let archive = self.deflate()?;
        kept.keep(&key, &archive);
        Ok(archive)
    }
}

/// Deflates each file with zopfli: an archive each, in the order of the files.
pub(super) fn deflate_all(entries: &[Entry<'_>], packing: Packing<'_>) -> Result<Vec<Vec<u8>>> {
    // The largest first, so that no core waits for one that began late.
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(entries[*index].bytes.len()));
    let (next, kept) = (AtomicUsize::new(0), packing.kept);
    let (sender, receiver) = mpsc::channel();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<(usize, Vec<u8>)> = std::thread::scope(|scope| {
        for _ in 0..cores.min(entries.len()) {
            let (sender, order, next) = (sender.clone(), &order, &next);
            scope.spawn(move || {
                while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let archive = entries[*index].find_or_deflate(kept);
                    // Nobody listens any more after an error.
                    if sender.send(archive.map(|archive| (*index, archive))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let of = entries.iter().map(|entry| entry.bytes.len() as u64).sum();
        let mut counted = 0;
        let archives = receiver.into_iter().inspect(|archive| {
            if let (Ok((index, _)), Some(task)) = (archive, packing.task) {
                counted += entries[*index].bytes.len() as u64;
                task.count(counted, of);
            }
        });
        archives.collect::<Result<_>>()
    })?;
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, archive)| archive).collect())
}
