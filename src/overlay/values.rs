//! The values of an overlay's keys: each is parsed when it is read, and refused with a reason.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::wheel::requirement::{Requirement, beginning};

/// Makes a type that is parsed from a string of TOML.
macro_rules! from_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
    )*};
}

from_text!(RequirementText, ExtraName, CrateUpdate, InsidePath, Location, SystemName, Versions);

/// A requirement (PEP 508), as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct RequirementText {
    /// What was written.
    pub text: String,
    /// The normalised name.
    pub name: String,
}

impl FromStr for RequirementText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let requirement: Requirement =
            text.parse().map_err(|error| format!("`{}` is not a requirement: {error}", beginning(text)))?;
        Ok(Self { text: text.trim().to_owned(), name: requirement.name() })
    }
}

/// The name of an extra.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ExtraName(pub String);

impl FromStr for ExtraName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match pep508_rs::ExtraName::from_str(text) {
            Ok(name) => Ok(Self(name.to_string())),
            Err(_) => Err(format!("`{text}` is not the name of an extra")),
        }
    }
}

impl fmt::Display for ExtraName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A crate that is updated in the lock file: `NAME`, `NAME@X.Y.Z` for that release, `NAME@X.Y` for any that cargo's
/// rules call compatible, `NAME@>=X, <Y` for one of a range.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CrateUpdate {
    /// The crate.
    pub name: String,
    /// Which version.
    pub version: Wanted,
}

/// Which version a crate is updated to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The newest that fits the manifests.
    Newest,
    /// The newest that meets this and fits the manifests.
    Compatible(semver::VersionReq),
    /// This one.
    Exact(semver::Version),
}

impl FromStr for CrateUpdate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = text.split_once('@').unwrap_or((text, ""));
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        };
        if !is_name(name) || (version.is_empty() && text.contains('@')) {
            return Err(format!("`{text}` is not a crate: expected `NAME` or `NAME@VERSION`"));
        }
        let version = match (version, semver::Version::parse(version), semver::VersionReq::parse(version)) {
            ("", _, _) => Wanted::Newest,
            (_, Ok(version), _) => Wanted::Exact(version),
            (_, _, Ok(requirement)) => Wanted::Compatible(requirement),
            (_, _, Err(error)) => return Err(format!("`{version}` in `{text}` is not a version: {error}")),
        };
        Ok(Self { name: name.to_owned(), version })
    }
}

impl fmt::Display for CrateUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Wanted::Newest => f.write_str(&self.name),
            Wanted::Exact(version) => write!(f, "{}@{version}", self.name),
            Wanted::Compatible(wanted) => {
                write!(f, "{}@{}", self.name, wanted.to_string().trim_start_matches('^'))
            }
        }
    }
}

/// A system that Emscripten can be taken for, by the name that `target_os` gives it: one of the Unixes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SystemName(String);

impl FromStr for SystemName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        match text {
            "windows" | "emscripten" => {
                Err(format!("Emscripten cannot be taken for `{text}`: expected a Unix such as `linux`"))
            }
            _ if text.is_empty() || !text.chars().all(is_name) => {
                Err(format!("`{text}` is not a system: expected one such as `linux`"))
            }
            _ => Ok(Self(text.to_owned())),
        }
    }
}

impl From<SystemName> for String {
    fn from(name: SystemName) -> Self {
        name.0
    }
}

impl fmt::Display for SystemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A relative path that stays where it starts; `/` separates its parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct InsidePath(pub String);

impl FromStr for InsidePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').filter(|part| *part != ".").collect();
        let leads_out = Path::new(text).is_absolute()
            || text.contains(['\\', ':', '\0'])
            || parts.iter().any(|part| *part == ".." || part.is_empty());
        if leads_out || parts.is_empty() {
            return Err(format!("`{text}` leads out of the folder: expected a relative path"));
        }
        Ok(Self(parts.join("/")))
    }
}

impl fmt::Display for InsidePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Location {
    /// A file beside the overlay.
    Beside(InsidePath),
    /// An address.
    Address(String),
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("https://") || text.starts_with("http://") {
            return Ok(Self::Address(text.to_owned()));
        }
        text.parse().map(Self::Beside)
    }
}

/// Versions of a Python package, or releases of Pyodide (PEP 440): `>=0.26, <0.29`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Versions(pub pep440_rs::VersionSpecifiers);

impl FromStr for Versions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            format!("`{text}` is not a condition on versions: expected one such as `>=0.26, <0.29`")
        })
    }
}
