//! Any bytes as a module: read, surveyed, stripped, measured, its relocations rewritten; an error or a value, never a panic.
#![no_main]

use cargo_pyodide::wasm::code::Code;
use cargo_pyodide::wasm::relocation_table::{self, Relocations};
use cargo_pyodide::wasm::strip::{self, Strip};
use cargo_pyodide::wasm::{Module, callers};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = Module::read(bytes);
    let _ = Code::survey(bytes);
    let _ = strip::strip(bytes, Strip::DebugInfo);
    let _ = relocation_table::rewrite(bytes);
    let _ = Relocations::read(bytes);
    let _ = callers::crates_behind(bytes, &["pthread_create"]);
});
