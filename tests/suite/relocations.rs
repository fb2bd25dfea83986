//! Relocations as a table: what they leave in memory is what code leaves, and the audit knows a damaged table.
//!
//! Modules are started in pairs on Node, without Pyodide, and their memory is compared byte by byte.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use cargo_pyodide::audit::{self, AuditContext, Severity, Subject};
use cargo_pyodide::runtime::Runtime;
use cargo_pyodide::wasm::relocation_table::{Relocations, rewrite};
use cargo_pyodide::wasm::start_up::{OwnWork, Share, start_itself};
use cargo_pyodide::wasm::strip::{Strip, strip};
use cargo_pyodide::wheel::WheelContents;

use crate::harness::{can_build, copy_folder, find, fixture, folder, has, shared_cache, tool};
use crate::lines::{SAMPLE, asked_for, fetched};
use crate::mutants::{Mutant, disagreements, mutant};

/// A module, and the same with its relocations in another form.
struct Pair {
    name: String,
    before: Vec<u8>,
    after: Vec<u8>,
}

/// What differs in memory after each pair was started.
fn differences(pairs: &[Pair]) -> Vec<Option<String>> {
    let place = folder();
    let mut request = Vec::new();
    for (index, pair) in pairs.iter().enumerate() {
        let path = |form: &str| place.path().join(format!("{index}-{form}.so"));
        fs_err::write(path("before"), &pair.before).unwrap();
        fs_err::write(path("after"), &pair.after).unwrap();
        request
            .push(serde_json::json!({ "name": pair.name, "before": path("before"), "after": path("after") }));
    }
    let list = place.path().join("request.json");
    fs_err::write(&list, serde_json::to_vec(&request).unwrap()).unwrap();
    let output = Command::new(find("node").unwrap())
        .arg("--no-warnings")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/relocations.mjs"))
        .arg(list)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), pairs.len());
    let difference = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["difference"].as_str().map(str::to_owned)
    };
    text.lines().map(difference).collect()
}

/// A module that Python imports: of its 60 relocated words, the one at byte 20 is the name, which its entry looks at.
fn by_hand(relocations: &str, parts: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
        (@custom "dylink.0" (before first) "\01\05\80\06\04\01\00")
        (import "env" "memory" (memory 1))
        (import "env" "__indirect_function_table" (table 1 funcref))
        (import "env" "__memory_base" (global $m i32))
        (import "env" "__table_base" (global $t i32))
        (import "GOT.mem" "_Py_NoneStruct" (global $none (mut i32)))
        (import "env" "PyModule_Create2" (func $create (param i32 i32) (result i32)))
        {parts}
        (func (export "PyInit_mutant") (result i32)
          (if (i32.ne (i32.load offset=20 (global.get $m)) (i32.add (global.get $m) (i32.const 64))) (then unreachable))
          (call $create (global.get $m) (i32.const 1013)))
        (func (export "__wasm_apply_data_relocs") {}{relocations})
        (func (export "__wasm_call_ctors"))
        (data (global.get $m)
          "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\ff\ff\ff\ff"
          "\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00mutant\00"
          "{}"))"#,
        pointers(),
        "0123456789abcdef".repeat(24),
    );
    let bytes = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    strip(&bytes, Strip::Symbols).unwrap()
}

fn pointers() -> String {
    let mut code =
        "(i32.store offset=20 (global.get $m) (i32.add (global.get $m) (i32.const 64)))".to_owned();
    for number in 0..59 {
        let base = if number % 4 == 3 { "$t" } else { "$m" };
        let (address, constant) = (96 + 4 * number + number / 20 * 8, number * 3);
        let _ = write!(
            code,
            "(i32.store offset={address} (global.get $m) (i32.add (global.get {base}) (i32.const {constant})))"
        );
    }
    code
}

#[test]
fn modules_made_by_hand_leave_the_same_memory() {
    if !has("node") {
        return;
    }
    let clear = |start: u32, length: u32| {
        format!(
            "(start $s) (func $s (memory.fill (i32.add (global.get $m) (i32.const {start})) (i32.const 0) (i32.const {length})))"
        )
    };
    let cases = [
        ("plain", "", String::new()),
        ("zeroed memory behind the data", "", clear(456, 312)),
        ("zeroed memory within the data", "", clear(110, 19)),
        (
            "an imported address",
            "(i32.store offset=400 (global.get $m) (i32.add (global.get $none) (i32.const 12)))",
            String::new(),
        ),
        (
            "a word that is not aligned",
            "(i32.store offset=401 (global.get $m) (i32.add (global.get $m) (i32.const 12)))",
            String::new(),
        ),
        (
            "a word across the end of the data",
            "(i32.store offset=454 (global.get $m) (global.get $m))",
            String::new(),
        ),
        (
            "a word in zeroed memory",
            "(i32.store offset=600 (global.get $m) (global.get $t))",
            clear(456, 312),
        ),
        (
            "a word that is stored twice",
            "(i32.store offset=20 (global.get $m) (global.get $t))",
            String::new(),
        ),
    ];
    let pairs = cases.map(|(name, relocations, parts)| {
        let before = by_hand(relocations, &parts);
        let after = rewrite(&before).unwrap().unwrap_or_else(|| panic!("{name}: not rewritten"));
        Pair { name: name.to_owned(), before, after }
    });
    for (pair, difference) in pairs.iter().zip(differences(&pairs)) {
        assert_eq!(difference, None, "{}", pair.name);
    }
}

/// What a line's loader leaves to the module: on the oldest, all.
fn finish(module: &[u8], runtime: &Runtime) -> Vec<u8> {
    if runtime.start_up.applies_relocations {
        return module.to_vec();
    }
    start_itself(module, OwnWork { relocations: Share::Module, zeroing: Share::Module }).unwrap()
}

#[test]
fn fixtures_leave_the_same_memory() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let mut pairs = Vec::new();
    let packages = if asked_for().is_some() { &["panics", "c-and-cpp"][..] } else { &["panics"] };
    for package in packages {
        let name = format!("relocated-{package}-{}", std::process::id());
        copy_folder(&fixture(package), &place.path().join(&name));
        let lines = asked_for().unwrap_or(vec!["0.21.3", "314.0.7"]).join(",");
        let printed = tool(&["build", &format!("./{name}"), "--pyodide", &lines, "-q", "--no-share-crates"])
            .in_folder(place.path())
            .succeed();
        for wheel in printed.stdout.lines() {
            let wheel = WheelContents::read(&place.path().join(wheel)).unwrap();
            let module = wheel.files.iter().find(|(path, _)| path.ends_with(".so")).unwrap().1;
            let table = Relocations::read(module).unwrap().unwrap().table.unwrap();
            assert!(table.fault.is_none() && table.entries.len() > 100, "{}: {table:?}", wheel.filename);
        }
        for linked in linked_modules(&name) {
            let before = strip(&fs_err::read(&linked).unwrap(), Strip::Symbols).unwrap();
            let after = rewrite(&before).unwrap().unwrap();
            assert_eq!(rewrite(&after).unwrap(), None, "{name}");
            let work = OwnWork { relocations: Share::Module, zeroing: Share::Module };
            let started = Pair {
                name: format!("{} starts itself", linked.display()),
                before: start_itself(&before, work).unwrap(),
                after: start_itself(&after, work).unwrap(),
            };
            pairs.extend([started, Pair { name: linked.display().to_string(), before, after }]);
        }
    }
    assert!(pairs.len() >= 4);
    for (pair, difference) in pairs.iter().zip(differences(&pairs)) {
        assert_eq!(difference, None, "{}", pair.name);
    }
}

/// What wasm-ld linked for a package, in each of its target folders.
fn linked_modules(package: &str) -> Vec<std::path::PathBuf> {
    let list = |folder: &Path| -> Vec<std::path::PathBuf> {
        fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let is_its = |path: &std::path::PathBuf| {
        path.is_dir() && path.file_name().unwrap().to_string_lossy().starts_with(&format!("{package}-"))
    };
    let builds = list(&shared_cache().join("builds")).into_iter().filter(is_its);
    let targets =
        builds.flat_map(|build| list(&build.join("targets"))).filter(|path| path.join("target").is_dir());
    let released = targets.flat_map(|target| list(&target.join("target/wasm32-unknown-emscripten/release")));
    released.filter(|path| path.extension().is_some_and(|ending| ending == "wasm")).collect()
}

/// Where bytes stand in a module; they must be there once.
fn position(bytes: &[u8], part: &[u8]) -> usize {
    let mut found = bytes.windows(part.len()).enumerate().filter(|(_, window)| *window == part);
    let place = found.next().unwrap_or_else(|| panic!("{part:02x?} is not there")).0;
    assert!(found.next().is_none(), "{part:02x?} is there twice");
    place
}

/// Changes of a table that the release and the audit must judge alike.
fn damaged(whole: &[u8]) -> Vec<Mutant> {
    let mut list = Vec::new();
    let mut add = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.to_vec();
        change(&mut bytes);
        list.push(mutant(format!("table: {name}"), "mutant", bytes));
    };
    let table = whole.len() - 60;
    let header = position(whole, &[60, 10]) - 1;
    assert_eq!((whole[header], header + 2), (1, table), "a passive segment, at the end of the file");
    add("unchanged", &|_| {});
    add("a word of the data more", &|bytes| bytes[table + 10] += 2);
    add("a word far outside of memory", &|bytes| {
        bytes[table + 40..table + 45].copy_from_slice(&[0x83, 0xff, 0xff, 0xff, 0x00]);
    });
    add("an entry without an end", &|bytes| *bytes.last_mut().unwrap() |= 0x80);
    add("cut", &|bytes| {
        bytes.pop();
        bytes[table - 1] -= 1;
        // The length of the section, and its count of three.
        let section = position(bytes, b"\x02\x00\x23\x00\x0b") - 2;
        bytes[section] -= 1;
    });
    add("not cleared afterwards", &|bytes| {
        let fill = position(bytes, &[0xfc, 0x0b, 0x00, 0x0b]);
        bytes[fill..fill + 3].copy_from_slice(&[0x1a; 3]);
    });
    add("counts as applied", &|bytes| {
        let global = position(bytes, &[0x7f, 0x01, 0x41, 0x00, 0x0b]);
        bytes[global + 3] = 1;
    });
    list
}

#[test]
fn the_audit_says_of_a_damaged_table_what_the_release_does() {
    if !can_build() || !has("node") {
        return;
    }
    let mut wrong = Vec::new();
    for version in asked_for().unwrap_or(SAMPLE.into()) {
        let runtime = Runtime::read(&fetched(version)).unwrap();
        let table = rewrite(&by_hand("", "")).unwrap().unwrap();
        let finished: Vec<Mutant> = damaged(&table)
            .into_iter()
            .map(|Mutant { name, bytes, .. }| mutant(name, "mutant", finish(&bytes, &runtime)))
            .collect();
        wrong.extend(disagreements(&runtime, &finished, &[]));
    }
    assert_eq!(wrong.join("\n"), "");
}

#[test]
fn what_would_overwrite_the_memory_of_others_is_refused() {
    if !can_build() || !has("node") {
        return;
    }
    let runtime = Runtime::read(&fetched("314.0.7")).unwrap();
    let before = by_hand("", "");
    let after = rewrite(&before).unwrap().unwrap();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = after.clone();
        change(&mut bytes);
        bytes
    };
    let info = position(&after, b"dylink.0") + 10;
    let table = after.len() - 60;
    let cases = [
        ("memory that was not asked for", changed(&|bytes| bytes[info] = 0x80)),
        ("one byte too little", changed(&|bytes| bytes[info] -= 1)),
        ("a word behind the table", changed(&|bytes| bytes[table + 58..].copy_from_slice(&[0x83, 0x00]))),
    ];
    let pairs = cases.map(|(name, after)| Pair { name: name.to_owned(), before: before.clone(), after });
    for (pair, difference) in pairs.iter().zip(differences(&pairs)) {
        let difference = difference.unwrap_or_else(|| panic!("{}: nothing differs", pair.name));
        assert!(difference.starts_with("relocations: foreign memory differs"), "{}: {difference}", pair.name);
        let name = format!("mutant{}", runtime.extension_suffix());
        let findings = audit::audit(Subject::Module(&name, &pair.after), &runtime, &AuditContext::default());
        let errors: Vec<&str> = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| finding.code.entry().name.as_str())
            .collect();
        assert_eq!(errors, ["relocation-table"], "{}", pair.name);
    }
}
