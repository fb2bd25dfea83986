//! How exceptions unwind: one row a model.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a name is one of the helpers of JavaScript exceptions that the runtime makes as they are asked for.
pub fn is_made_on_demand(name: &str) -> bool {
    name.starts_with("invoke_") || name.starts_with("__cxa_find_matching_catch_")
}

/// How C++ exceptions, and so Rust panics, unwind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExceptionModel {
    /// Through JavaScript: calls that may unwind go through `invoke_*`. Pyodide 0.21 to 0.27.
    JavaScript,
    /// Through WebAssembly's exception instructions, in their legacy encoding. Pyodide 0.28 and later.
    Wasm,
}

impl fmt::Display for ExceptionModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JavaScript => "javascript",
            Self::Wasm => "wasm",
        })
    }
}

/// What every compilation for a line gets: the target, position independence, how exceptions and longjmp unwind.
pub fn clang_flags(exceptions: ExceptionModel, llvm: u32) -> Vec<&'static str> {
    let mut flags = vec!["--target=wasm32-unknown-emscripten", "-fPIC"];
    flags.extend(match exceptions {
        ExceptionModel::Wasm => &["-fwasm-exceptions", "-mllvm", "-wasm-enable-sjlj"][..],
        ExceptionModel::JavaScript => &[
            "-fexceptions",
            "-mllvm",
            "-enable-emscripten-cxx-exceptions",
            "-mllvm",
            "-enable-emscripten-sjlj",
        ][..],
    });
    // LLVM 20 learnt to choose between the two encodings.
    if exceptions == ExceptionModel::Wasm && llvm >= 20 {
        flags.extend(["-mllvm", "-wasm-use-legacy-eh=true"]);
    }
    flags
}

/// The same for a real `emcc`, which knows the target.
pub fn emscripten_flags(exceptions: ExceptionModel) -> [&'static str; 3] {
    match exceptions {
        ExceptionModel::Wasm => ["-fPIC", "-fwasm-exceptions", "-sSUPPORT_LONGJMP=wasm"],
        ExceptionModel::JavaScript => ["-fPIC", "-fexceptions", "-sSUPPORT_LONGJMP=emscripten"],
    }
}
