//! Versions of Emscripten, and the struct layouts that changed between them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What `pthread_create` returns where there are no threads at all: `ENOTSUP` of Emscripten's C library.
pub const ENOTSUP: i32 = 138;

/// An Emscripten version, as `emcc -dumpversion` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EmscriptenVersion(pub u32, pub u32, pub u32);

impl fmt::Display for EmscriptenVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Why a text is not an Emscripten version.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an Emscripten version")]
pub struct NotAnEmscriptenVersion(String);

impl FromStr for EmscriptenVersion {
    type Err = NotAnEmscriptenVersion;

    /// Reads `3.1.58`, and `3_1_58` as it stands in platform tags.
    fn from_str(text: &str) -> Result<Self, NotAnEmscriptenVersion> {
        let numbers: Option<Vec<u32>> = text.split(['.', '_']).map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[major, minor, patch]) => Ok(Self(major, minor, patch)),
            _ => Err(NotAnEmscriptenVersion(text.to_owned())),
        }
    }
}

impl EmscriptenVersion {
    /// The first versions with another layout of some struct that the Rust crate `libc` describes: padded `stat` before
    /// 3.1.42, 32-bit `fsblkcnt_t` before 4.0.12, the large `sigset_t` before 5.0.5, `nfds_t` as a long before 6.0.1.
    const LAYOUT_CHANGES: [EmscriptenVersion; 4] = [
        EmscriptenVersion(3, 1, 42),
        EmscriptenVersion(4, 0, 12),
        EmscriptenVersion(5, 0, 5),
        EmscriptenVersion(6, 0, 1),
    ];

    /// Which of the known struct layouts this version has: two versions with the same number share objects.
    pub fn layout(self) -> usize {
        Self::LAYOUT_CHANGES.iter().filter(|change| self >= **change).count()
    }

    /// Whether `stat` still has the padding that the standard library must know of: before 3.1.42.
    pub fn pads_stat(self) -> bool {
        self < Self::LAYOUT_CHANGES[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_follow_the_versions_at_which_structs_changed() {
        let layout = |text: &str| text.parse::<EmscriptenVersion>().unwrap().layout();
        assert_eq!(["3.1.14", "3.1.45", "4.0.9", "5.0.3", "6_0_5"].map(layout), [0, 1, 1, 2, 4]);
    }
}
