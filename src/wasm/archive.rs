//! Finds the WebAssembly objects in an archive: a static library, or a library of Rust's.

use std::ops::Range;

use anyhow::{Context as _, Result};

/// What there is in the objects of a file. `in_object` is told an object and how far into the file it starts.
///
/// # Errors
/// When the archive or an object is broken.
pub(super) fn find_in_objects<T>(
    bytes: &[u8],
    in_object: impl Fn(&[u8], usize) -> Result<Vec<T>>,
) -> Result<Vec<T>> {
    let mut found = Vec::new();
    for range in find_objects(bytes)? {
        found.extend(in_object(&bytes[range.clone()], range.start)?);
    }
    Ok(found)
}

/// Where the objects lie in a file: the whole of it if it is an object itself, nowhere if it is neither object nor archive.
///
/// # Errors
/// When the archive is broken.
pub(crate) fn find_objects(bytes: &[u8]) -> Result<Vec<Range<usize>>> {
    // By content: inputs of a link have all kinds of names.
    if bytes.starts_with(b"\0asm") {
        return Ok(std::iter::once(0..bytes.len()).collect());
    }
    if !bytes.starts_with(object::archive::MAGIC.as_slice()) {
        return Ok(Vec::new());
    }
    let archive = object::read::archive::ArchiveFile::parse(bytes).context("cannot read the archive")?;
    let mut places = Vec::new();
    for member in archive.members() {
        let (start, length) = member.context("cannot read a member of the archive")?.file_range();
        let range = usize::try_from(start)?..usize::try_from(start + length)?;
        if bytes.get(range.clone()).is_some_and(|object| object.starts_with(b"\0asm")) {
            places.push(range);
        }
    }
    Ok(places)
}
