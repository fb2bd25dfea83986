//! A wheel as a site publishes it.

use pep440_rs::VersionSpecifiers;

use crate::wheel::filename::{WheelFilename, normalised};

/// A wheel of a site, with all that indexes and lock files say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteWheel {
    /// Its file name, in the folder `wheels`.
    pub filename: WheelFilename,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// The SHA-256 of its METADATA, which is beside it as `X.whl.metadata`.
    pub metadata_sha256: String,
    /// The Pythons it works with, if it says.
    pub requires_python: Option<VersionSpecifiers>,
    /// The top-level modules that it installs.
    pub imports: Vec<String>,
    /// The names that it requires, as far as their markers hold for the release.
    pub depends: Vec<String>,
}

impl SiteWheel {
    /// The name, as package indexes compare it.
    pub fn name(&self) -> String {
        normalised(&self.filename.name)
    }

    /// The address of the file, from a folder one or two levels below the site, or from its root.
    pub fn address(&self, to_root: &str) -> String {
        format!("{to_root}wheels/{}", percent_encode(&self.filename.to_string()))
    }
}

/// A file name as a part of an address: all but letters, digits and a few marks is written as bytes.
pub fn percent_encode(name: &str) -> String {
    use std::fmt::Write;

    name.bytes().fold(String::with_capacity(name.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~+!".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
pub(super) mod samples {
    use super::SiteWheel;

    /// A wheel of this file name whose digest is made of one letter.
    pub(in crate::site) fn wheel(filename: &str, letter: char) -> SiteWheel {
        let filename: crate::wheel::filename::WheelFilename = filename.parse().unwrap();
        SiteWheel {
            size: 1000,
            sha256: letter.to_string().repeat(8),
            metadata_sha256: letter.to_ascii_uppercase().to_string().repeat(8),
            requires_python: Some(">=3.9,<4".parse().unwrap()),
            imports: vec![filename.name.to_lowercase()],
            depends: Vec::new(),
            filename,
        }
    }

    #[test]
    fn addresses_are_encoded() {
        let check = |name: &str| wheel(name, 'a').address("../../");
        assert_eq!(check("a-1.0+b.1-py3-none-any.whl"), "../../wheels/a-1.0+b.1-py3-none-any.whl");
        assert_eq!(check("é #-1-py3-none-any.whl"), "../../wheels/%C3%A9%20%23-1-py3-none-any.whl");
    }
}
