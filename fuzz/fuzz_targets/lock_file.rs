//! Any text as a lock file of a release.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| cargo_pyodide::fuzzing::lock_file(text));
