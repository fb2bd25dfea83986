//! Any bytes as an sdist: unpacked, or refused, and nothing written outside of its folder.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

/// A folder in memory where there is one.
static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let place = parent.join(format!("cargo-pyodide-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&place).expect("a folder can be made");
    place
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cargo_pyodide::fuzzing::sdist(bytes, &PLACE));
