//! WebAssembly modules as data: what they import, export and contain. Pure: bytes in, values out.
//!
//! Reading goes over the sections' headers, so that it takes milliseconds for modules of many megabytes; `code`,
//! `callers` and `exceptions` alone decode instructions. The dynamic-linking section follows the tool conventions:
//! <https://github.com/WebAssembly/tool-conventions/blob/main/DynamicLinking.md>.

pub(crate) mod archive;
pub mod backtraces;
pub mod block_cache;
pub mod callers;
pub mod code;
pub mod dylink;
pub(crate) mod exceptions;
pub mod function_order;
pub(crate) mod module;
pub mod names;
pub mod optimization;
pub mod panic_locations;
pub mod relocation_table;
pub(crate) mod relocations;
mod rewriting;
pub mod start_up;
pub mod strip;
pub(crate) mod weak_symbols;

pub use dylink::Dylink;
pub use module::{Export, ExportKind, Import, Module, Signature, WasmError};
