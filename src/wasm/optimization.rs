//! What a module is optimised for after linking, and the passes of Binaryen that serve it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What modules are optimised for after linking, with Binaryen's wasm-opt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Optimization {
    /// Nothing: modules stay as the linker wrote them
    None,
    /// As small as possible
    Size,
    /// As fast as possible
    Speed,
}

impl Optimization {
    /// The passes, as wasm-opt takes them; none if nothing is to be done.
    ///
    /// No pass may assume more of memory than WebAssembly says: `--low-memory-unused`, for one, is wrong for a module
    /// whose memory is another's.
    pub fn passes(self) -> Option<&'static [&'static str]> {
        match self {
            Self::None => None,
            Self::Size => Some(&["-Oz"]),
            Self::Speed => Some(&["-O3"]),
        }
    }
}

impl fmt::Display for Optimization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "nothing",
            Self::Size => "size",
            Self::Speed => "speed",
        })
    }
}

impl FromStr for Optimization {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "size" => Ok(Self::Size),
            "speed" => Ok(Self::Speed),
            _ => Err(format!("`{text}` is not an optimization: expected `none`, `size` or `speed`")),
        }
    }
}
