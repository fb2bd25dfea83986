//! What a module is optimised for after linking, and the passes of Binaryen that serve it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::abi::ExceptionModel;

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

/// How large a function may be that is put into its only caller. Without a limit arro3-core's module for 0.27, of 12 MB, is not
/// done after 20 minutes; with this one it takes 90 seconds. A module with WebAssembly's exceptions takes as long without.
const ONE_CALLER: &str = "--one-caller-inline-max-function-size=1000";

impl Optimization {
    /// The passes for a module with exceptions of this kind, as wasm-opt takes them; none if nothing is to be done.
    ///
    /// No pass may assume more of memory than WebAssembly says: `--low-memory-unused`, for one, is wrong for a module
    /// whose memory is another's.
    pub fn passes(self, exceptions: ExceptionModel) -> Option<Vec<&'static str>> {
        let level = match self {
            Self::None => return None,
            Self::Size => "-Oz",
            Self::Speed => "-O3",
        };
        Some(match exceptions {
            ExceptionModel::WasmLegacy | ExceptionModel::WasmExnref => vec![level],
            ExceptionModel::JavaScript => vec![level, ONE_CALLER],
        })
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
