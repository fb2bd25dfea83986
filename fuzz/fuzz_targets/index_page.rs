//! Any bytes as a project's page on the package index.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cargo_pyodide::fuzzing::index_page(bytes));
