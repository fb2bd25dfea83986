//! A project's page on the package index, as its JSON form has it (PEP 691).

use anyhow::anyhow;
use serde::Deserialize;

use crate::error::Result;

/// A project's page (PEP 691).
#[derive(Debug, Deserialize)]
pub struct Project {
    pub(crate) files: Vec<File>,
}

/// A file of a project.
#[derive(Debug, Clone, Deserialize)]
pub struct File {
    pub(crate) filename: String,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) hashes: Hashes,
    #[serde(default)]
    pub(crate) yanked: Yanked,
    #[serde(default, rename = "requires-python")]
    pub(crate) requires_python: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Hashes {
    pub(crate) sha256: Option<String>,
}

/// `yanked` is a flag or the reason.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Yanked {
    Flag(bool),
    Reason(String),
}

impl File {
    /// Why the file was yanked, if it was.
    pub(crate) fn yanked_reason(&self) -> Option<&str> {
        self.yanked.reason()
    }

    pub(crate) fn is_yanked(&self) -> bool {
        self.yanked.reason().is_some()
    }
}

impl Default for Yanked {
    fn default() -> Self {
        Yanked::Flag(false)
    }
}

impl Yanked {
    fn reason(&self) -> Option<&str> {
        match self {
            Yanked::Flag(false) => None,
            Yanked::Flag(true) => Some("no reason given"),
            Yanked::Reason(reason) => Some(reason),
        }
    }
}

/// A file name of the index that is one, and not a path.
///
/// # Errors
/// When it is none.
pub fn check_filename(name: &str) -> Result<&str> {
    // The name becomes a path in the cache, and comes from outside.
    let is_safe = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
    is_safe
        .then_some(name)
        .ok_or_else(|| anyhow!("the index names a file `{name}`, which is not a file name"))
}
