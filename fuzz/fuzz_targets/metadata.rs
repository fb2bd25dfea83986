//! Any text as METADATA and as a requirement, which is evaluated; an error or a value, never a panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| cargo_pyodide::fuzzing::metadata(text));
