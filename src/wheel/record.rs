//! RECORD: the list of a wheel's files with their hashes and sizes, as CSV.

use std::collections::BTreeMap;

use base64::Engine;
use sha2::{Digest, Sha256};

/// Why a RECORD does not describe its wheel.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// It is not CSV of three columns.
    #[error("line {line} of RECORD is not `PATH,HASH,SIZE`")]
    Malformed {
        /// The line, counted from 1.
        line: usize,
    },
    /// A file that is not listed.
    #[error("RECORD does not list `{0}`")]
    Unlisted(String),
    /// A file that is listed and not there.
    #[error("RECORD lists `{0}`, which is not in the wheel")]
    Absent(String),
    /// Another hash or size.
    #[error("RECORD states another hash or size for `{0}` than the file has")]
    Differs(String),
    /// A hash of another kind than SHA-256.
    #[error("RECORD states no SHA-256 for `{0}`")]
    NoHash(String),
}

impl BadRecord {
    /// The file that it is about.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Malformed { .. } => None,
            Self::Unlisted(path) | Self::Absent(path) | Self::Differs(path) | Self::NoHash(path) => {
                Some(path)
            }
        }
    }
}

/// The hash of a file as RECORD writes it.
fn hash(bytes: &[u8]) -> String {
    format!("sha256={}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(bytes)))
}

/// The text of RECORD, which lies at `record_path`, for these files.
///
/// # Errors
/// Never in practice: writing CSV to memory.
pub fn write(files: &BTreeMap<String, Vec<u8>>, record_path: &str) -> csv::Result<Vec<u8>> {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    for (path, bytes) in files.iter().filter(|(path, _)| *path != record_path) {
        writer.write_record([path, &hash(bytes), &bytes.len().to_string()])?;
    }
    writer.write_record([record_path, "", ""])?;
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// Checks a wheel's files against its RECORD.
///
/// # Errors
/// At the first file that differs.
pub fn check(files: &BTreeMap<String, Vec<u8>>, record_path: &str) -> Result<(), BadRecord> {
    differences(files, record_path).into_iter().next().map_or(Ok(()), Err)
}

/// Everything in which a wheel's files and its RECORD differ.
pub fn differences(files: &BTreeMap<String, Vec<u8>>, record_path: &str) -> Vec<BadRecord> {
    let Some(text) = files.get(record_path) else { return vec![BadRecord::Absent(record_path.to_owned())] };
    let mut found = Vec::new();
    let mut listed = BTreeMap::new();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&text[..]);
    for (index, row) in reader.records().enumerate() {
        match row {
            Ok(row) if row.len() == 3 => {
                listed.insert(row[0].to_owned(), (row[1].to_owned(), row[2].to_owned()));
            }
            _ => found.push(BadRecord::Malformed { line: index + 1 }),
        }
    }
    for (path, (stated, size)) in &listed {
        let Some(bytes) = files.get(path) else {
            found.push(BadRecord::Absent(path.clone()));
            continue;
        };
        if is_unhashed(path, record_path) {
            continue;
        }
        if !stated.starts_with("sha256=") {
            found.push(BadRecord::NoHash(path.clone()));
        // Some writers pad the hash.
        } else if stated.trim_end_matches('=') != hash(bytes)
            || (!size.is_empty() && *size != bytes.len().to_string())
        {
            found.push(BadRecord::Differs(path.clone()));
        }
    }
    let unlisted = files.keys().filter(|path| !listed.contains_key(*path) && !is_unhashed(path, record_path));
    found.extend(unlisted.map(|path| BadRecord::Unlisted(path.clone())));
    found
}

/// RECORD itself and its signatures carry no hash.
fn is_unhashed(path: &str, record_path: &str) -> bool {
    path.strip_prefix(record_path).is_some_and(|rest| ["", ".jws", ".p7s"].contains(&rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(record: &str) -> BTreeMap<String, Vec<u8>> {
        [("a/b,c.py", "x"), ("d.dist-info/RECORD", record)]
            .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
            .into()
    }

    #[test]
    fn what_is_written_is_accepted_and_lies_are_not() {
        let record = String::from_utf8(write(&files(""), "d.dist-info/RECORD").unwrap()).unwrap();
        insta::assert_snapshot!(record, @r#"
        "a/b,c.py",sha256=LXEWQrcmsEQBYnyp-6wy9chTD7GQPMTbAiWHF5IaSIE,1
        d.dist-info/RECORD,,
        "#);
        let check =
            |record: &str| check(&files(record), "d.dist-info/RECORD").map_err(|error| error.to_string());
        assert_eq!(check(&record), Ok(()));
        assert_eq!(check(""), Err("RECORD does not list `a/b,c.py`".into()));
        assert_eq!(
            check(&record.replace(",1", ",2")),
            Err("RECORD states another hash or size for `a/b,c.py` than the file has".into())
        );
        assert_eq!(
            check(&record.replace("LXEW", "AAAA")),
            Err("RECORD states another hash or size for `a/b,c.py` than the file has".into())
        );
        assert_eq!(
            check(&record.replace("sha256=", "md5=")),
            Err("RECORD states no SHA-256 for `a/b,c.py`".into())
        );
        assert_eq!(
            check(&format!("{record}e,,\n")),
            Err("RECORD lists `e`, which is not in the wheel".into())
        );
        assert_eq!(check("a\n"), Err("line 1 of RECORD is not `PATH,HASH,SIZE`".into()));
    }
}
