//! Any text as the script of a release.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| cargo_pyodide::fuzzing::script(text));
