//! Names that come from outside and become one component of a path: nothing else may.

use std::fmt;
use std::ops::Deref;
use std::path::{Component, Path};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name in bytes. File systems take 255; a lock file and a temporary name need their endings.
const LONGEST: usize = 200;

/// One component of a path that stays in its folder on every platform: neither empty nor `..`, no separator, no drive, no
/// control character, not hidden.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlainName(String);

/// Whether a path has nothing but names: it stays in the folder that it is joined to.
pub(crate) fn has_only_names(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

/// Why a text is not such a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a plain file name")]
pub struct NotAPlainName(String);

impl FromStr for PlainName {
    type Err = NotAPlainName;

    fn from_str(text: &str) -> Result<Self, NotAPlainName> {
        let is_plain = !text.is_empty()
            && text.len() <= LONGEST
            && !text.starts_with('.')
            && !text.contains(['/', '\\', ':'])
            && !text.contains(char::is_control);
        if is_plain {
            return Ok(Self(text.to_owned()));
        }
        let mut shown: String = text.chars().take(80).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Err(NotAPlainName(shown))
    }
}

impl TryFrom<String> for PlainName {
    type Error = NotAPlainName;

    fn try_from(text: String) -> Result<Self, NotAPlainName> {
        text.parse()
    }
}

impl From<PlainName> for String {
    fn from(name: PlainName) -> Self {
        name.0
    }
}

impl Deref for PlainName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<Path> for PlainName {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for PlainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_component_of_a_path_is_a_plain_name() {
        let check = |text: &str| text.parse::<PlainName>().is_ok();
        for good in ["0.29.5", "a_b-1.0+local-py3-none-any.whl", "x..y", &"a".repeat(200)] {
            assert!(check(good), "{good}");
        }
        let refused =
            ["", ".", "..", ".complete", "a/b", "/a", "a\\b", "C:a", "a\0", "a\nb", &"a".repeat(201)];
        for bad in refused {
            assert!(!check(bad), "{bad}");
        }
    }
}
