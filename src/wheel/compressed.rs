//! How large bytes are after compression, as web servers send them.

use std::io::Write;

use anyhow::Context as _;

use crate::error::Result;

/// The size of bytes after gzip at its default level.
///
/// # Errors
/// Never in practice: compressing in memory.
pub(crate) fn gzip_size(bytes: &[u8]) -> Result<u64> {
    let mut encoder = flate2::read::GzEncoder::new(bytes, flate2::Compression::default());
    std::io::copy(&mut encoder, &mut std::io::sink()).context("cannot compress")
}

/// The size of bytes after brotli at its highest level.
///
/// # Errors
/// Never in practice: compressing in memory.
pub(crate) fn brotli_size(bytes: &[u8]) -> Result<u64> {
    let mut writer = brotli::CompressorWriter::new(Counter(0), 1 << 16, 11, 22);
    writer.write_all(bytes).context("cannot compress")?;
    Ok(writer.into_inner().0)
}

/// Counts bytes and forgets them.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
