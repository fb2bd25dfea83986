//! What a program prints, line by line.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::progress;
use crate::error::Result;
use crate::redacted::redact;

/// Appends each line to a log, and tells of it.
pub(super) fn copy_lines(reader: impl Read, log: &Path, on_line: &mut impl FnMut(&str)) -> Result<()> {
    use std::io::Write;
    let mut log = std::io::BufWriter::new(fs_err::OpenOptions::new().create(true).append(true).open(log)?);
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    let mut is_second_half = false;
    while read_line(&mut reader, &mut bytes)? > 0 {
        // What clears a terminal's line before the next message.
        let text = bytes.strip_prefix(b"\x1b[K").unwrap_or(&bytes);
        let lossy = String::from_utf8_lossy(text);
        // Programs print the addresses that they were given. Any other line stays as it is, byte for byte.
        let line = redact(&lossy);
        if progress::parse(&line).is_none() {
            log.write_all(if line == lossy { text } else { line.as_bytes() })?;
        }
        // Lines may end with both characters.
        if !(is_second_half && line == "\n") {
            on_line(line.trim_end());
        }
        is_second_half = bytes.ends_with(b"\r");
        bytes.clear();
    }
    log.flush()?;
    Ok(())
}

/// Appends a line with its end, which may be that of a line that is drawn anew. Returns the line's length.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<usize> {
    loop {
        let available = reader.fill_buf()?;
        let end = memchr::memchr2(b'\n', b'\r', available).map(|at| at + 1);
        let taken = end.unwrap_or(available.len());
        line.extend_from_slice(&available[..taken]);
        reader.consume(taken);
        if end.is_some() || taken == 0 {
            return Ok(line.len());
        }
    }
}
