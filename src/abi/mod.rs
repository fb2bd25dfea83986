//! The words of a Pyodide ABI as types: releases, lines, Python versions, exception models, struct layouts.
//!
//! Pure: no I/O. What a given release is made of is read from its files; what they cannot say stands in
//! `facts/abis.toml`, read here.

mod emscripten;
pub(crate) mod exceptions;
pub(crate) mod proposals;
mod python;
mod release;

use serde::{Deserialize, Serialize};

pub use emscripten::{ENOTSUP, EmscriptenVersion, NotAnEmscriptenVersion};
pub use exceptions::{
    ExceptionModel, LAST_LINE_WITH_JAVASCRIPT, LAST_RUST_WITH_JAVASCRIPT, is_made_on_demand,
};
pub use python::{NotAPythonVersion, PythonVersion};
pub use release::{
    IndexTag, Line, LineFacts, NotALine, NotARelease, ReleaseRequest, emscripten_of_abi, facts_of,
    line_facts, lines_of_tag,
};

/// The target that side modules are compiled for.
pub const TARGET: &str = "wasm32-unknown-emscripten";

/// What a sysroot must fit: how panics unwind and how structs are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// The exception model of the runtime.
    pub exceptions: ExceptionModel,
    /// The Emscripten that the runtime was built with, whose struct layouts are used.
    pub emscripten: EmscriptenVersion,
}
