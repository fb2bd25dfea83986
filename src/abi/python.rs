//! Versions of Python, and the tags of their ABIs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A Python version: at least a major and a minor number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct PythonVersion {
    /// The `3` of 3.13.
    pub major: u32,
    /// The `13` of 3.13.
    pub minor: u32,
}

impl PythonVersion {
    /// The tag of CPython's own ABI, as in wheel names: `cp313`.
    pub fn tag(self) -> String {
        format!("cp{}{}", self.major, self.minor)
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl TryFrom<String> for PythonVersion {
    type Error = NotAPythonVersion;

    fn try_from(text: String) -> Result<Self, NotAPythonVersion> {
        text.parse()
    }
}

/// Why a text is not a Python version.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a Python version")]
pub struct NotAPythonVersion(String);

impl FromStr for PythonVersion {
    type Err = NotAPythonVersion;

    fn from_str(text: &str) -> Result<Self, NotAPythonVersion> {
        let mut parts = text.split('.').map(|part| part.parse::<u32>().ok());
        match (parts.next().flatten(), parts.next().flatten()) {
            (Some(major), Some(minor)) => Ok(Self { major, minor }),
            _ => Err(NotAPythonVersion(text.to_owned())),
        }
    }
}
