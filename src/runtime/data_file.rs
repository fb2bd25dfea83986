//! `pyodide.asm.data`: the files of Python that releases up to 0.22 load, in one. Later ones have `python_stdlib.zip`.
//!
//! Emscripten's file packager (`tools/file_packager.py`, with `-sLZ4`) writes all files one after the other, cuts that into
//! chunks of one size and compresses each by itself as a plain LZ4 block, without a header. Where files and chunks start
//! stands in the script: `loadPackage({"files":[…],"remote_package_size":…})` counts in unpacked bytes,
//! `compressedData={…,"offsets":[…],"sizes":[…],"successes":[…]}` in packed ones. A chunk that compression would not make
//! smaller has a 0 in `successes` and is stored as it is. The size of chunks is in the script's own codec.

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::Result;

/// The name of the file.
pub(super) const NAME: &str = "pyodide.asm.data";

const SCRIPT: &str = "pyodide.asm.js";

/// A file of a data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackedFile {
    /// Where it is put in the release's file system.
    pub(super) path: String,
    /// What is in it.
    pub(super) content: Vec<u8>,
}

/// Unpacks the first file of a release's data file whose path is wanted. Nothing if there is none.
///
/// # Errors
/// When data file or script cannot be read, or do not belong together.
pub(super) fn read_packed(folder: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<Option<PackedFile>> {
    let script = folder.join(SCRIPT);
    let directory = Directory::parse(&fs_err::read_to_string(&script)?)
        .with_context(|| format!("cannot read the directory of `{NAME}` in `{}`", script.display()))?;
    let path = folder.join(NAME);
    let data = fs_err::read(&path)?;
    directory.unpack(&data, is_wanted).with_context(|| format!("cannot read `{}`", path.display()))
}

/// What the script says of the data file.
#[derive(Debug)]
struct Directory {
    package: PackageTable,
    chunks: Chunks,
    chunk_size: NonZeroUsize,
}

#[derive(Debug, Deserialize)]
struct PackageTable {
    files: Vec<PackedEntry>,
    remote_package_size: Bytes,
}

#[derive(Debug, Deserialize)]
struct PackedEntry {
    filename: String,
    start: Bytes,
    end: Bytes,
}

#[derive(Debug, Deserialize)]
struct Chunks {
    offsets: Vec<Bytes>,
    sizes: Vec<Bytes>,
    successes: Vec<u8>,
}

/// A number of bytes. The script is minified: a round number is `1852e3` there, which in JSON is a floating one.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
struct Bytes(usize);

impl TryFrom<f64> for Bytes {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        // A whole number is written without a fraction, however large.
        number.to_string().parse().map(Self).map_err(|_| format!("`{number}` is not a number of bytes"))
    }
}

impl Directory {
    fn parse(script: &str) -> Result<Self> {
        let chunk_size = text_after(script, "CHUNK_SIZE=")?;
        let digits = chunk_size.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
        Ok(Self {
            package: json_after(script, "loadPackage(", r#"{"files":"#)?,
            chunks: json_after(script, "compressedData=", r#"{"data":null,"#)?,
            chunk_size: digits.parse().with_context(|| format!("the size of chunks is `{digits}`"))?,
        })
    }

    fn unpack(&self, data: &[u8], is_wanted: impl Fn(&str) -> bool) -> Result<Option<PackedFile>> {
        let Bytes(stated) = self.package.remote_package_size;
        if data.len() != stated {
            bail!("it has {} bytes, and `{SCRIPT}` says {stated}", data.len());
        }
        let Some(entry) = self.package.files.iter().find(|entry| is_wanted(&entry.filename)) else {
            return Ok(None);
        };
        let content = self
            .content(data, entry)
            .with_context(|| format!("cannot unpack its file `{}`", entry.filename))?;
        Ok(Some(PackedFile { path: entry.filename.clone(), content }))
    }

    fn content(&self, data: &[u8], entry: &PackedEntry) -> Result<Vec<u8>> {
        let PackedEntry { start: Bytes(start), end: Bytes(end), .. } = *entry;
        let size = self.chunk_size.get();
        let first = start / size;
        let mut unpacked = Vec::new();
        for number in first..end.div_ceil(size) {
            let chunk = self.chunk(data, number);
            unpacked.extend(chunk.with_context(|| format!("its chunk {number} cannot be unpacked"))?);
        }
        let from = start - first * size;
        let content = end.checked_sub(start).and_then(|length| unpacked.get(from..from + length));
        let content = content.ok_or_else(|| anyhow!("it is said to go from {start} to {end}"))?;
        Ok(content.to_vec())
    }

    fn chunk(&self, data: &[u8], number: usize) -> Result<Vec<u8>> {
        let Chunks { offsets, sizes, successes } = &self.chunks;
        let (Some(&Bytes(offset)), Some(&Bytes(length)), Some(&success)) =
            (offsets.get(number), sizes.get(number), successes.get(number))
        else {
            bail!("`{SCRIPT}` does not say where it is");
        };
        let packed = data.get(offset..).and_then(|data| data.get(..length));
        let packed = packed.ok_or_else(|| anyhow!("it would end after the data, at {offset} + {length}"))?;
        let mut chunk = packed.to_vec();
        if success != 0 {
            chunk = vec![0; self.chunk_size.get()];
            let unpacked = lz4_flex::block::decompress_into(packed, &mut chunk);
            chunk.truncate(unpacked.map_err(|error| anyhow!("{error}"))?);
        }
        // All but the last are full: the places of files rely on it.
        if chunk.len() != self.chunk_size.get() && number + 1 < offsets.len() {
            bail!("it has {} bytes instead of {}", chunk.len(), self.chunk_size);
        }
        Ok(chunk)
    }
}

/// The JSON value that stands after a word of the script and starts like this.
fn json_after<T: DeserializeOwned>(script: &str, word: &str, start: &str) -> Result<T> {
    let marker = format!("{word}{start}");
    let value = &script[script.len() - text_after(script, &marker)?.len() - start.len()..];
    let mut values = serde_json::Deserializer::from_str(value).into_iter();
    let value = values.next().ok_or_else(|| anyhow!("nothing stands after `{word}`"))?;
    value.with_context(|| format!("what stands after `{word}` is of an unknown kind"))
}

fn text_after<'a>(script: &'a str, marker: &str) -> Result<&'a str> {
    let found = script.split_once(marker);
    Ok(found.ok_or_else(|| anyhow!("there is no `{marker}`: not a script of a known kind"))?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chunks of 8 bytes: "abababab" as two letters, a match and two letters, "12345678" stored, and "xyz", whose block is letters alone.
    const DATA: &[u8] = b"\x20ab\x02\x00\x20ab12345678\x30xyz....";

    const SCRIPT_TEXT: &str = r#"CHUNK_SIZE:-1,exports.CHUNK_SIZE=8;var compressedData={"data":new Uint8Array(1)};
        var compressedData={"data":null,"cachedOffset":20,"cachedIndexes":[-1,-1],"offsets":[0,8,16],"sizes":[8,8e0,4],"successes":[1,0,1]};
        loadPackage({"metadata":metadata});loadPackage({"files":[{"filename":"/lib/a","start":0,"end":3},
        {"filename":"/lib/b","start":6,"end":1.8e1},{"filename":"/lib/c","start":18,"end":19}],"remote_package_size":24});"#;

    fn check(script: &str, data: &[u8], path: &str) -> String {
        let unpack = || Directory::parse(script)?.unpack(data, |candidate| candidate == path);
        match unpack() {
            Ok(Some(file)) => format!("{} {}", file.path, file.content.escape_ascii()),
            Ok(None) => "none".to_owned(),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn unpacks_one_file() {
        insta::assert_snapshot!(check(SCRIPT_TEXT, DATA, "/lib/a"), @"/lib/a aba");
        insta::assert_snapshot!(check(SCRIPT_TEXT, DATA, "/lib/b"), @"/lib/b ab12345678xy");
        insta::assert_snapshot!(check(SCRIPT_TEXT, DATA, "/lib/c"), @"/lib/c z");
        insta::assert_snapshot!(check(SCRIPT_TEXT, DATA, "/lib/d"), @"none");
    }

    #[test]
    fn refuses_what_does_not_belong_together() {
        let check_with = |from: &str, to: &str| check(&SCRIPT_TEXT.replace(from, to), DATA, "/lib/b");
        insta::assert_snapshot!(check(SCRIPT_TEXT, &DATA[1..], "/lib/b"), @"it has 23 bytes, and `pyodide.asm.js` says 24");
        insta::assert_snapshot!(check_with(r#""end":1.8e1"#, r#""end":28"#), @"cannot unpack its file `/lib/b`: its chunk 3 cannot be unpacked: `pyodide.asm.js` does not say where it is");
        insta::assert_snapshot!(check_with(r#""end":1.8e1"#, r#""end":20"#), @"cannot unpack its file `/lib/b`: it is said to go from 6 to 20");
        insta::assert_snapshot!(check_with(r#""end":1.8e1"#, r#""end":5"#), @"cannot unpack its file `/lib/b`: it is said to go from 6 to 5");
        insta::assert_snapshot!(check_with("[0,8,16]", "[0,8,99]"), @"cannot unpack its file `/lib/b`: its chunk 2 cannot be unpacked: it would end after the data, at 99 + 4");
        insta::assert_snapshot!(check_with("[1,0,1]", "[1,1,1]"), @"cannot unpack its file `/lib/b`: its chunk 1 cannot be unpacked: the offset to copy is not contained in the decompressed buffer");
        insta::assert_snapshot!(check_with("CHUNK_SIZE=8", "CHUNK_SIZE=9"), @"cannot unpack its file `/lib/b`: its chunk 0 cannot be unpacked: it has 8 bytes instead of 9");
        insta::assert_snapshot!(check_with("CHUNK_SIZE=8", "CHUNK_SIZE=0"), @"the size of chunks is `0`: number would be zero for non-zero type");
        insta::assert_snapshot!(check_with("CHUNK_SIZE=8", "CHUNK_SIZE=4"), @"cannot unpack its file `/lib/b`: its chunk 1 cannot be unpacked: it has 8 bytes instead of 4");
        insta::assert_snapshot!(check_with("loadPackage({\"files\"", "load({\"files\""), @r#"there is no `loadPackage({"files":`: not a script of a known kind"#);
        insta::assert_snapshot!(check_with("8e0", "8.5"), @"what stands after `compressedData=` is of an unknown kind: `8.5` is not a number of bytes at line 1 column 89");
        insta::assert_snapshot!(check_with("8e0", "-8"), @"what stands after `compressedData=` is of an unknown kind: `-8` is not a number of bytes at line 1 column 88");
        insta::assert_snapshot!(check_with("\"sizes\"", "\"size\""), @"what stands after `compressedData=` is of an unknown kind: missing field `sizes` at line 1 column 111");
    }
}
