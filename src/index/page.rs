//! A project's page on the package index: what its JSON form (PEP 691) and its HTML form (PEP 503) say.

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

#[cfg(test)]
mod tests {
    use super::*;

    fn file(rest: &str) -> File {
        let text = format!(r#"{{"filename": "a-1.tar.gz", "url": "../a"{rest}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_file_is_yanked_by_a_flag_or_a_reason() {
        let check = |rest: &str| file(rest).yanked_reason().map(str::to_owned);
        assert_eq!(check(""), None);
        assert_eq!(check(r#", "yanked": false"#), None);
        assert_eq!(check(r#", "yanked": true"#).as_deref(), Some("no reason given"));
        assert_eq!(check(r#", "yanked": "broken""#).as_deref(), Some("broken"));
        assert!(file(r#", "yanked": """#).is_yanked(), "an empty reason is one");
    }

    #[test]
    fn what_a_page_does_not_state_is_none() {
        assert_eq!(file("").hashes.sha256, None);
        let digits = "0".repeat(64);
        let hashes = format!(
            r#", "hashes": {{"md5": "0", "sha256": "{digits}"}}, "requires-python": ">=3.9", "size": 3"#
        );
        let stated = file(&hashes);
        assert_eq!(stated.hashes.sha256.as_deref(), Some(&*digits));
        assert_eq!(stated.requires_python.as_deref(), Some(">=3.9"));
    }
}
