//! The end of a zip archive: how many entries its directory lists.
//!
//! The zip library keeps one entry a name, so that two of the same name are seen only by counting. Installers differ in
//! which of them they unpack.

use std::io::{Read, Seek, SeekFrom};

/// The record at the end (APPNOTE 4.3.16) without its comment.
const END: usize = 22;

/// The number of entries, if the record at the end says it: archives in the large format (zip64) do not there.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn count(file: &mut (impl Read + Seek), size: u64) -> std::io::Result<Option<u64>> {
    let length = size.min(END as u64 + u64::from(u16::MAX));
    file.seek(SeekFrom::Start(size - length))?;
    let mut tail = Vec::new();
    file.take(length).read_to_end(&mut tail)?;
    file.seek(SeekFrom::Start(0))?;
    let at = tail.windows(4).rposition(|four| four == b"PK\x05\x06");
    let record = at.and_then(|at| tail.get(at..at + END));
    Ok(record
        .map(|record| u16::from_le_bytes([record[10], record[11]]))
        .filter(|count| *count != u16::MAX)
        .map(u64::from))
}
