//! A project's page on the package index, as its JSON form has it (PEP 691).

use anyhow::Context as _;
use serde::Deserialize;

use crate::digest::Sha256Digest;
use crate::error::Result;
use crate::plain_name::PlainName;

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

    /// Its file name, which becomes part of a path.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn plain_name(&self) -> Result<PlainName> {
        self.filename.parse().context("the index names a file that cannot be one")
    }

    /// The SHA-256 that the index states, if it states one: with the file, or behind its address.
    ///
    /// # Errors
    /// When what it states is none.
    pub(crate) fn stated_digest(&self) -> Result<Option<Sha256Digest>> {
        let fragment = self.url.split_once('#').map_or("", |(_, fragment)| fragment);
        let in_address = fragment.split('&').find_map(|part| part.strip_prefix("sha256="));
        let stated = self.hashes.sha256.as_deref().or(in_address).map(str::parse).transpose();
        stated.with_context(|| format!("what the index says of `{}`", self.filename))
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
