//! The directory at the end of a zip archive, read as Python's `zipfile` does, which unpacks wheels in Pyodide.
//!
//! The zip library is more forgiving: it keeps one entry a name, finds a directory by other means where its end lies about
//! it, and does not look at the name that an entry has in its own header. What it lets through Python refuses, or unpacks
//! otherwise.

use std::io::{Read, Seek, SeekFrom};

/// The record at the end (APPNOTE 4.3.16) without its comment.
const END: usize = 22;
/// What stands before that record in the large format (zip64).
const LARGE_LOCATOR: usize = 20;
/// An entry of the directory (4.3.12) and the header before an entry's bytes (4.3.7), without names.
const ENTRY: usize = 46;
const HEADER: usize = 30;
/// Stands for a number that is elsewhere.
const ELSEWHERE: u32 = u32::MAX;

/// Why Python would not unpack an archive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// The record at the end is wrong.
    #[error(
        "the end of the archive says that its directory has {size} bytes from {offset} on, which is not so"
    )]
    Place {
        /// The bytes of the directory.
        size: u32,
        /// Where it begins.
        offset: u32,
    },
    /// Two entries have one name, or the count is wrong.
    #[error("it lists {found} entries and says that they are {stated}")]
    Count {
        /// How many there are.
        found: usize,
        /// How many there should be.
        stated: u16,
    },
    /// An entry is not where the directory says.
    #[error("its entry `{0}` is not where the directory says")]
    NoHeader(String),
    /// An entry has two names.
    #[error("its entry `{name}` calls itself `{own}` in its own header")]
    OtherName {
        /// The name in the directory.
        name: String,
        /// The name in the entry's own header.
        own: String,
    },
    /// Two entries share bytes.
    #[error("its entry `{0}` reaches into what follows it")]
    Overlap(String),
}

/// An entry as the directory has it.
struct Listed {
    name: Vec<u8>,
    packed: u32,
    offset: u32,
}

/// Checks the directory of an archive. Archives in the large format are left to the zip library.
///
/// Returns the number of entries, if the directory says it.
///
/// # Errors
/// When Python's `zipfile` refuses the archive, or sees other entries than the zip library.
pub(crate) fn check(file: &mut (impl Read + Seek), size: u64) -> Result<Option<u64>, DirectoryError> {
    let length = size.min((END + LARGE_LOCATOR) as u64 + u64::from(u16::MAX));
    let tail = read_at(file, size - length, length)?;
    let Some(at) = tail.windows(4).rposition(|four| four == b"PK\x05\x06") else { return Ok(None) };
    let Some(end) = tail.get(at..at + END) else { return Ok(None) };
    let is_large =
        at.checked_sub(LARGE_LOCATOR).is_some_and(|start| tail[start..].starts_with(b"PK\x06\x07"));
    if is_large {
        return Ok(None);
    }
    let (stated, bytes, offset) = (u16_at(end, 10), u32_at(end, 12), u32_at(end, 16));
    let place = size - length + at as u64;
    let wrong = || DirectoryError::Place { size: bytes, offset };
    // What stands before an archive shifts it: a wheel behind a program is still one.
    let start = place.checked_sub(bytes.into()).ok_or_else(wrong)?;
    let shift = start.checked_sub(offset.into()).ok_or_else(wrong)?;
    let listed = list(&read_at(file, start, bytes.into())?).ok_or_else(wrong)?;
    if listed.len() != usize::from(stated) {
        return Err(DirectoryError::Count { found: listed.len(), stated });
    }
    check_headers(file, &listed, shift, start)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(Some(listed.len() as u64))
}

/// The entries of a directory; none if it is not one from its first byte to its last.
fn list(mut bytes: &[u8]) -> Option<Vec<Listed>> {
    let mut listed = Vec::new();
    while !bytes.is_empty() {
        let entry = bytes.get(..ENTRY).filter(|entry| entry.starts_with(b"PK\x01\x02"))?;
        let name = bytes.get(ENTRY..ENTRY + usize::from(u16_at(entry, 28)))?.to_vec();
        let rest = usize::from(u16_at(entry, 30)) + usize::from(u16_at(entry, 32));
        bytes = bytes.get(ENTRY + name.len() + rest..)?;
        listed.push(Listed { name, packed: u32_at(entry, 20), offset: u32_at(entry, 42) });
    }
    Some(listed)
}

/// Holds each entry's own header against the directory.
fn check_headers(
    file: &mut (impl Read + Seek),
    listed: &[Listed],
    shift: u64,
    end: u64,
) -> Result<(), DirectoryError> {
    let mut starts: Vec<u64> = listed.iter().map(|entry| shift + u64::from(entry.offset)).collect();
    starts.push(end);
    starts.sort_unstable();
    for entry in listed.iter().filter(|entry| entry.offset != ELSEWHERE) {
        let name = || text(&entry.name);
        let start = shift + u64::from(entry.offset);
        let header = read_at(file, start, HEADER as u64)?;
        if header.len() < HEADER || !header.starts_with(b"PK\x03\x04") {
            return Err(DirectoryError::NoHeader(name()));
        }
        let (named, more) = (u16_at(&header, 26), u16_at(&header, 28));
        let own = read_at(file, start + HEADER as u64, named.into())?;
        if own != entry.name {
            return Err(DirectoryError::OtherName { name: name(), own: text(&own) });
        }
        let data = start + HEADER as u64 + u64::from(named) + u64::from(more);
        let next = starts.iter().find(|next| **next > start).copied().unwrap_or(end);
        if entry.packed != ELSEWHERE && data + u64::from(entry.packed) > next {
            return Err(DirectoryError::Overlap(name()));
        }
    }
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read_at(file: &mut (impl Read + Seek), start: u64, length: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;

    /// An archive of two files, changed.
    fn archive(change: impl FnOnce(&mut Vec<u8>)) -> Result<Option<u64>, String> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let stored =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, text) in [("a.py", "one"), ("b.py", "two")] {
            writer.start_file(name, stored).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        let mut bytes = writer.finish().unwrap().into_inner();
        change(&mut bytes);
        let size = bytes.len() as u64;
        check(&mut Cursor::new(bytes), size).map_err(|error| error.to_string())
    }

    /// Where the record at the end is.
    fn end(bytes: &[u8]) -> usize {
        bytes.len() - END
    }

    #[test]
    fn what_python_would_not_unpack_is_refused() {
        assert_eq!(archive(|_| {}), Ok(Some(2)));
        assert_eq!(archive(|bytes| drop(bytes.splice(0..0, *b"#!/bin/sh\n"))), Ok(Some(2)));
        let refuse = |change: fn(&mut Vec<u8>)| archive(change).unwrap_err();
        insta::assert_snapshot!([
            refuse(|bytes| bytes[HEADER] = b'x'),
            refuse(|bytes| { let at = end(bytes) + 12; bytes[at..at + 4].fill(0xff) }),
            refuse(|bytes| { let at = end(bytes) + 12; bytes[at..at + 4].fill(0) }),
            refuse(|bytes| { let at = end(bytes) + 16; bytes[at] += 9 }),
            refuse(|bytes| { let at = end(bytes) + 10; bytes[at] = 1 }),
            refuse(|bytes| bytes[0] = b'x'),
            refuse(|bytes| {
                let at = bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
                bytes[at + 20] = 200;
            }),
        ].join("\n"), @"");
    }
}
