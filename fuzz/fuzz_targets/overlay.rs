//! Any text as an overlay.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| cargo_pyodide::fuzzing::overlay(text));
