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

/// How large a function may be, in bytes, that gets more local variables for a while: the time of the pass that merges them
/// again grows with their square. minify-html's module for 314, with a function of 1.5 MB, is not done after half an hour;
/// without these passes it takes two minutes, and its gzip size is 3 % below what the linker wrote.
const HUGE: usize = 1 << 20;
/// The passes that add such variables.
const NO_MORE_VARIABLES: [&str; 2] = ["--skip-pass=ssa-nomerge", "--skip-pass=local-cse"];

impl Optimization {
    /// The passes for a module with exceptions of this kind and a largest function of so many bytes, as wasm-opt takes
    /// them.
    ///
    /// No pass may assume more of memory than WebAssembly says: `--low-memory-unused`, for one, is wrong for a module
    /// whose memory is another's.
    pub fn passes(self, exceptions: ExceptionModel, largest_function: usize) -> Vec<&'static str> {
        let mut passes = match self {
            Self::None => return Vec::new(),
            Self::Size => vec!["-Oz"],
            Self::Speed => vec!["-O3"],
        };
        if exceptions == ExceptionModel::JavaScript {
            passes.push(ONE_CALLER);
        }
        if largest_function > HUGE {
            passes.extend(NO_MORE_VARIABLES);
        }
        passes
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::code::Code;

    #[test]
    fn a_huge_function_gets_no_more_variables() {
        let with_instructions = |count: usize| {
            let mut types = wasm_encoder::TypeSection::new();
            types.ty().function([], []);
            let mut functions = wasm_encoder::FunctionSection::new();
            functions.function(0);
            let mut body = wasm_encoder::Function::new([]);
            body.raw(vec![0x01; count]).instruction(&wasm_encoder::Instruction::End);
            let mut code = wasm_encoder::CodeSection::new();
            code.function(&body);
            let mut module = wasm_encoder::Module::new();
            module.section(&types).section(&functions).section(&code);
            let code = Code::survey(&module.finish()).unwrap();
            Optimization::Speed.passes(ExceptionModel::WasmExnref, code.largest_function).join(" ")
        };
        assert_eq!(with_instructions(1000), "-O3");
        assert_eq!(with_instructions(1 << 20), "-O3 --skip-pass=ssa-nomerge --skip-pass=local-cse");
    }
}
