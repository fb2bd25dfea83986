//! Any bytes as a wheel: read, its RECORD and METADATA too; an error or a value, never a panic.
#![no_main]

use std::io::Cursor;

use cargo_pyodide::wheel::metadata::Metadata;
use cargo_pyodide::wheel::{WheelContents, record};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let name = "a-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl".parse().expect("a wheel's name");
    let Ok(wheel) = WheelContents::from_zip(name, Cursor::new(bytes)) else { return };
    let _ = Metadata::of(&wheel);
    if let Ok(path) = wheel.record_path() {
        let _ = record::differences(&wheel.files, &path);
    }
});
