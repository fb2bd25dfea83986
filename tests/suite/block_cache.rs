//! Blocks that a module keeps: none is given out twice, none is lost, and every release's allocator is one that is understood.

use std::path::Path;
use std::process::Command;

use cargo_pyodide::wasm::block_cache;

use crate::harness::{can_build, find, folder, has, tool};
use crate::lines::lines;

/// A side module that does nothing but allocate.
fn allocating() -> Vec<u8> {
    let text = r#"(module
        (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
        (import "env" "memory" (memory 1))
        (import "env" "malloc" (func $malloc (param i32) (result i32)))
        (import "env" "realloc" (func $realloc (param i32 i32) (result i32)))
        (import "env" "free" (func $free (param i32)))
        (func (export "allocate") (param i32) (result i32) (call $malloc (local.get 0)))
        (func (export "resize") (param i32 i32) (result i32) (call $realloc (local.get 0) (local.get 1)))
        (func (export "release") (param i32) (call $free (local.get 0))))"#;
    wat::parse_str(text).unwrap()
}

#[test]
fn no_block_is_given_out_twice() {
    if !has("node") {
        return;
    }
    let place = folder();
    let module = place.path().join("allocating.wasm");
    let calls = |bytes: &[u8]| -> Vec<(String, u64)> {
        fs_err::write(&module, bytes).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/block_cache.mjs");
        let output = Command::new(find("node").unwrap()).arg(script).arg(&module).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read = |line: &str| {
            let said: serde_json::Value = serde_json::from_str(line).unwrap();
            (said["name"].as_str().unwrap().to_owned(), said["calls"].as_u64().unwrap())
        };
        String::from_utf8(output.stdout).unwrap().lines().map(read).collect()
    };
    let before = calls(&allocating());
    let after = calls(&block_cache::add(&allocating()).unwrap().unwrap());
    assert_eq!((before.len(), after.len()), (5, 5));
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        match name.as_str() {
            // Two blocks are asked for and freed to see that there is nothing to be kept.
            "no heads" | "no memory" => assert_eq!(*after, before + 4, "{name}"),
            // What matters there is what the script checks.
            "little memory" => {}
            _ => assert!(after * 4 < *before, "{name}: {after} of {before}"),
        }
    }
}

#[test]
fn the_allocator_of_each_line_is_understood() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    fs_err::copy(scripts.join("block_cache.py"), place.path().join("block_cache.py")).unwrap();
    let forms =
        [("plain.so", allocating()), ("keeping.so", block_cache::add(&allocating()).unwrap().unwrap())];
    for (name, bytes) in &forms {
        fs_err::write(place.path().join(name), bytes).unwrap();
    }
    for line in lines() {
        for ((name, _), expected) in forms.iter().zip(["False False\n", "True False\n"]) {
            let variable = format!("LIBRARY=./{name}");
            let arguments = ["run", "--pyodide", line, "--env", &variable, "block_cache.py"];
            let printed = tool(&arguments).in_folder(place.path()).succeed();
            assert_eq!(printed.stdout, expected, "{name} on {line}");
        }
    }
}
