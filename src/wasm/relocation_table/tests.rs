//! Modules made by hand: what becomes a table, what stays code, what stays as it is, and what is wrong with a table.

use std::fmt::Write;

use super::*;
use crate::wasm::Module;
use crate::wasm::strip::{Strip, strip};

/// A side module of 512 bytes, half of them data, whose 40 words from byte 16 on are relocated by this code; other
/// parts come after it.
fn side(relocations: &str, parts: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
        (@custom "dylink.0" (before first) "\01\05\80\04\04\01\00\03\01\00")
        (import "env" "memory" (memory 1))
        (import "env" "__memory_base" (global $m i32))
        (import "env" "__table_base" (global $t i32))
        (import "GOT.mem" "elsewhere" (global $g (mut i32)))
        (import "env" "f" (func $f))
        {parts}
        (func $relocations (export "__wasm_apply_data_relocs") (local $a i32) {relocations})
        (data (global.get $m) "{}"))"#,
        "0123456789abcdef".repeat(16)
    );
    let bytes = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Validator::new_with_features(ACCEPTED).validate_all(&bytes).unwrap();
    strip(&bytes, Strip::Symbols).unwrap()
}

/// The code of so many words from byte 16 on, every fifth the address of a function.
fn pointers(count: u32) -> String {
    let mut code = String::new();
    for number in 0..count {
        let base = if number % 5 == 4 { "$t" } else { "$m" };
        let _ = write!(
            code,
            "(i32.store (i32.add (global.get $m) (i32.const {})) (i32.add (global.get {base}) (i32.const {})))",
            16 + 4 * number,
            number + 3
        );
    }
    code
}

fn table(bytes: &[u8]) -> (RelocationTable, Option<usize>) {
    let found = Relocations::read(bytes).unwrap().unwrap();
    (found.table.unwrap(), found.stored)
}

#[test]
fn code_becomes_a_table() {
    let before = side(&pointers(40), "");
    let after = rewrite(&before).unwrap().unwrap();
    Validator::new_with_features(ACCEPTED).validate_all(&after).unwrap();
    assert!(after.len() + 350 < before.len(), "{} → {}", before.len(), after.len());
    let (found, stored) = table(&after);
    assert_eq!((found.length, found.present, found.fault, stored), (40, 40, None, Some(0)));
    let places: Vec<u32> = found.entries.iter().map(|entry| entry.address).collect();
    assert_eq!(places, (0..40).map(|number| 16 + 4 * number).collect::<Vec<_>>());
    assert_eq!(found.entries.iter().filter(|entry| entry.base == Base::Table).count(), 8);
    let dylink = Module::read(&after).unwrap().dylink.unwrap();
    assert_eq!((dylink.memory_size, dylink.memory_alignment), (512 + 40, 4));
    let data = after.windows(16).position(|window| window == b"0123456789abcdef").unwrap();
    assert_eq!(after[data + 16..data + 24], [3, 0, 0, 0, 4, 0, 0, 0]);
    assert_eq!(rewrite(&after).unwrap(), None);
}

#[test]
fn every_other_section_is_the_same_bytes() {
    let sections = |bytes: &[u8]| -> Vec<(u8, Vec<u8>)> {
        let payloads = Parser::new(0).parse_all(bytes).map(Result::unwrap);
        let raw = payloads.filter_map(|payload| payload.as_section());
        // Not the first, globals, the count of segments, code and data.
        let kept = raw.filter(|(id, _)| ![0, 6, 10, 11, 12].contains(id));
        kept.map(|(id, range)| (id, slice(bytes, range).unwrap().to_vec())).collect()
    };
    let parts = r#"(table 1 funcref) (elem (i32.const 0) $f) (global (mut i64) (i64.const 1)) (start $s)
        (func $s (memory.init 1 (global.get $m) (i32.const 0) (i32.const 1))) (data "")"#;
    for parts in ["", parts] {
        let before = side(&pointers(40), &parts.replace("memory.init 1", "memory.init 0"));
        let after = rewrite(&before).unwrap().unwrap();
        assert_eq!(sections(&before), sections(&after));
        Validator::new_with_features(ACCEPTED).validate_all(&after).unwrap();
    }
}

#[test]
fn optimised_code_is_understood() {
    let mut code = "(local.set $a (global.get $m))".to_owned();
    for number in 0..40 {
        let _ = write!(
            code,
            "(i32.store offset={} (local.get $a) (i32.sub (local.tee $a (global.get $m)) (i32.const {})))",
            16 + 4 * number,
            -3 - number
        );
    }
    let found = table(&rewrite(&side(&code, "")).unwrap().unwrap()).0;
    assert_eq!((found.length, found.entries.len(), found.fault), (40, 40, None));
    assert_eq!(Relocations::read(&side(&code, "")).unwrap().unwrap().stored, Some(40));
}

/// How many words a table takes and how many stay code.
fn shares(code: &str, parts: &str) -> (usize, usize) {
    let after = rewrite(&side(code, parts)).unwrap().unwrap();
    Validator::new_with_features(ACCEPTED).validate_all(&after).unwrap();
    let (found, stored) = table(&after);
    assert_eq!(found.fault, None);
    (found.entries.len(), stored.unwrap())
}

#[test]
fn what_does_not_fit_stays_code() {
    let more = |code: &str| format!("{}{code}", pointers(30));
    let word = |address: u32, value: &str| format!("(i32.store offset={address} (global.get $m) {value})");
    let here = "(global.get $m)";
    assert_eq!(shares(&more(&word(200, "(global.get $g)")), ""), (30, 1));
    assert_eq!(shares(&more(&word(200, "(i32.add (global.get $g) (i32.const 8))")), ""), (30, 1));
    assert_eq!(shares(&more(&word(200, "(i32.const 0)")), ""), (30, 1));
    // Not aligned; behind the segment, and across its end.
    assert_eq!(shares(&more(&word(201, here)), ""), (30, 1));
    assert_eq!(shares(&more(&word(256, here)), ""), (30, 1));
    assert_eq!(shares(&more(&word(254, here)), ""), (30, 1));
    // The last of two that go to one place counts.
    assert_eq!(shares(&more(&word(16, "(global.get $g)")), ""), (29, 1));
    // A start function that clears the end of one word and the start of another.
    let start = "(start $s) (func $s (memory.fill (i32.add (global.get $m) (i32.const 18)) (i32.const 0) (i32.const 3)))";
    assert_eq!(shares(&pointers(30), start), (28, 2));
    let start = "(start $s) (func $s (call $o)) (func $o (global.set $g (global.get $m)))";
    assert_eq!(shares(&pointers(30), start), (30, 0));
}

#[test]
fn several_segments_are_written() {
    let parts = r#"(data (offset (i32.add (global.get $m) (i32.const 300))) "abcdefghijkl")"#;
    let code = format!(
        "{}(i32.store offset=304 (global.get $m) (i32.add (global.get $m) (i32.const 7)))",
        pointers(30)
    );
    let after = rewrite(&side(&code, parts)).unwrap().unwrap();
    assert_eq!(table(&after).0.entries.len(), 31);
    assert!(after.windows(12).any(|window| window == b"abcd\x07\0\0\0ijkl"));
}

#[test]
fn what_is_not_understood_stays_as_it_is() {
    let usual = pointers(40);
    let stays = |code: &str, parts: &str| {
        assert_eq!(
            rewrite(&side(code, parts)).unwrap(),
            None,
            "{parts}\n{}",
            &code[code.len().saturating_sub(200)..]
        );
    };
    stays("", "");
    stays(&pointers(8), "");
    for unknown in [
        "(call $f)",
        "(block)",
        "(global.set $g (i32.const 1))",
        "(memory.fill (global.get $m) (i32.const 0) (i32.const 1))",
        "(i32.store8 (global.get $m) (i32.const 0))",
        "(i32.store (i32.load (global.get $m)) (i32.const 0))",
        "(i32.store (global.get $t) (i32.const 0))",
        "(i32.store (i32.const 4) (i32.const 0))",
        "(i32.store offset=510 (global.get $m) (i32.const 0))",
        "(i32.store offset=0xffffffff (global.get $m) (i32.const 0))",
        "(i32.store offset=18 (global.get $m) (i32.const 0))",
        "(i32.store offset=200 (global.get $m) (i32.add (global.get $m) (global.get $t)))",
    ] {
        stays(&format!("{usual}{unknown}"), "");
    }
    for parts in [
        "(memory 1)",
        r#"(data (i32.const 0) "a")"#,
        r#"(data (global.get $t) "a")"#,
        r#"(data (global.get $m) "a")"#,
        r#"(data (offset (i32.add (global.get $m) (i32.const 511))) "ab")"#,
        "(start $f)",
        "(start $s) (func $s (memory.fill (global.get $t) (i32.const 0) (i32.const 1)))",
        "(start $s) (func $s (call $s))",
        "(start $s) (func $s (memory.fill (global.get $m) (i32.const 0) (global.get $t)))",
    ] {
        stays(&usual, parts);
    }
    let with_cut_section = |bytes: &[u8]| {
        let mut cut = bytes.to_vec();
        let at = cut.windows(8).position(|window| window == b"dylink.0").unwrap() + 9;
        cut[at] = 9;
        cut
    };
    assert_eq!(rewrite(&with_cut_section(&side(&usual, ""))).unwrap(), None);
    assert!(rewrite(b"\0asm\x01\0\0\0\x01").is_err());
}

#[test]
fn faults_are_found() {
    let after = rewrite(&side(&pointers(40), "")).unwrap().unwrap();
    let table_at = after.len() - 40;
    let fault = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = after.clone();
        change(&mut changed);
        let found = Relocations::read(&changed).unwrap().unwrap();
        found.table.and_then(|table| table.fault)
    };
    let find = |part: &[u8]| after.windows(part.len()).position(|window| window == part).unwrap();
    assert_eq!(fault(&|_| {}), None);
    assert_eq!(fault(&|bytes| bytes[table_at + 3] += 2), None);
    assert_eq!(fault(&|bytes| *bytes.last_mut().unwrap() |= 0x80), Some(Fault::Endless));
    let far = |bytes: &mut Vec<u8>| bytes[table_at..table_at + 2].copy_from_slice(&[0x82, 0x01]);
    assert_eq!(fault(&far), Some(Fault::ForeignWord { address: 512 }));
    let size = find(&[0xa8, 0x04]);
    assert_eq!(fault(&|bytes| bytes[size] -= 1), Some(Fault::ForeignMemory { memory_size: 551 }));
    // The length in code and its terminator: `i32.const 40`, `memory.init`.
    let length = find(&[0x41, 40, 0xfc]) + 1;
    assert_eq!(fault(&|bytes| bytes[length] += 1), None, "the lengths of loop and copy differ: not ours");
    let done = find(&[0x7f, 1, 0x41, 0, 0x0b]) + 3;
    assert_eq!(fault(&|bytes| bytes[done] = 1), Some(Fault::Skipped));
    let cut = |bytes: &mut Vec<u8>| {
        bytes.pop();
        bytes[table_at - 1] = 39;
        // The section's own length, in two bytes.
        let data = bytes.windows(16).position(|window| window == b"0123456789abcdef").unwrap();
        bytes[data - 9] -= 1;
    };
    assert_eq!(fault(&cut), Some(Fault::Cut { present: 39, length: 40 }));
}

#[test]
fn more_functions_than_engines_take_are_told_from_bytes_that_are_no_module() {
    let mut types = wasm_encoder::TypeSection::new();
    types.ty().function([], []);
    let mut functions = wasm_encoder::FunctionSection::new();
    for _ in 0..=1_000_000 {
        functions.function(0);
    }
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&functions);
    let error = validate(&module.finish(), 0).unwrap_err();
    insta::assert_snapshot!(error, @"a WebAssembly module that is too large for every engine: functions count exceeds limit of 1000000 (at offset 0x12); a higher `opt-level`, or `s`, leaves fewer functions");
}
