//! Any text as the arguments of a linker and of a compiler.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| cargo_pyodide::fuzzing::link_arguments(text));
