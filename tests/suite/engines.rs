//! What engines take, held against the Node of this machine: each proposal and limit of the facts, and the audit's word on
//! a module that Node does not compile.

use std::path::Path;
use std::process::Command;

use cargo_pyodide::audit::{self, AuditContext, Subject};
use cargo_pyodide::runtime::Runtime;

use crate::harness::{can_build, find, folder, has};
use crate::lines::fetched;

/// A module of each proposal, by its name in the facts.
const PROPOSALS: [(&str, &str); 15] = [
    ("mutable_globals", r#"(global (export "a") (mut i32) (i32.const 0))"#),
    ("sign_extension", "(func (drop (i32.extend8_s (i32.const 1))))"),
    ("multi_value", "(func (result i32 i32) (i32.const 1) (i32.const 1))"),
    ("saturating_float_to_int", "(func (drop (i32.trunc_sat_f32_s (f32.const 1))))"),
    ("reference_types", "(table 1 externref) (func (drop (table.size 0)))"),
    ("bulk_memory", "(memory 1) (func (memory.copy (i32.const 0) (i32.const 0) (i32.const 0)))"),
    ("threads", "(memory 1 1 shared) (func (atomic.fence))"),
    ("legacy_exceptions", "(func try catch_all end)"),
    ("simd", "(func (drop (v128.const i32x4 0 0 0 0)))"),
    ("tail_call", "(func $a (return_call $a))"),
    ("extended_const", "(global i32 (i32.add (i32.const 1) (i32.const 1)))"),
    ("gc", "(type (struct (field i32)))"),
    ("multi_memory", "(memory 1) (memory 1)"),
    ("memory64", "(memory i64 1)"),
    ("relaxed_simd", "(func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))"),
];

/// Modules that have more of something than engines take.
fn beyond_limits() -> Vec<(&'static str, String)> {
    let exports: Vec<String> =
        (0..=100_000).map(|number| format!("(export \"{number}\" (func 0))")).collect();
    let exports = exports.join(" ");
    let targets = "0 ".repeat(65_522);
    vec![
        ("exports", format!("(func) {exports}")),
        ("branch targets", format!("(func (block (br_table {targets} (i32.const 0))))")),
        ("table entries", "(table 10000001 funcref)".to_owned()),
        ("a table of 64 bits", "(table i64 1 funcref)".to_owned()),
        ("types", "(type $a (func)) (func (param (ref null $a)))".to_owned()),
        ("a local variable", "(func (local anyref))".to_owned()),
    ]
}

/// For each file whether Node compiles it.
fn compile(place: &Path, modules: &[Vec<u8>]) -> Vec<bool> {
    let paths: Vec<_> = modules
        .iter()
        .enumerate()
        .map(|(number, bytes)| {
            let path = place.join(format!("{number}.wasm"));
            fs_err::write(&path, bytes).unwrap();
            path
        })
        .collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/engines.mjs");
    let output = Command::new(find("node").unwrap()).arg(script).args(paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn major_of_node() -> i64 {
    let output = Command::new(find("node").unwrap()).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim_start_matches('v').split('.').next().unwrap().parse().unwrap()
}

#[test]
fn node_compiles_the_proposals_that_the_facts_say() {
    if !has("node") {
        return;
    }
    let facts: toml::Table = toml::from_str(include_str!("../../facts/wasm-proposals.toml")).unwrap();
    let (place, node) = (folder(), major_of_node());
    let modules = PROPOSALS.map(|(_, text)| wat::parse_str(format!("(module {text})")).unwrap());
    let compiled = compile(place.path(), &modules);
    for ((name, _), compiled) in PROPOSALS.iter().zip(compiled) {
        let since = facts["node"][name].as_integer().unwrap();
        assert_eq!(compiled, node >= since, "{name}: Node {node}, and the facts say {since}");
    }
}

#[test]
fn the_audit_says_what_engines_do_not_compile() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let mut texts: Vec<(&str, String)> =
        PROPOSALS.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    texts.extend(beyond_limits());
    let modules: Vec<Vec<u8>> =
        texts.iter().map(|(_, text)| wat::parse_str(format!("(module {text})")).unwrap()).collect();
    let compiled = compile(place.path(), &modules);
    for version in ["0.29.5", "314.0.7"] {
        let runtime = Runtime::read(&fetched(version)).unwrap();
        for (((name, _), bytes), compiled) in texts.iter().zip(&modules).zip(&compiled) {
            let subject = Subject::Module("x.so", bytes);
            let codes: Vec<String> = audit::audit(subject, &runtime, &AuditContext::default())
                .iter()
                .map(|finding| finding.code.to_string())
                .filter(|code| ["CP202", "CP208", "CP512"].contains(&code.as_str()))
                .collect();
            // Node here may be newer than the line's oldest: the audit may say more than this one refuses.
            assert!(*compiled || !codes.is_empty(), "{name} on {version}: Node refuses, the audit is silent");
        }
    }
}
