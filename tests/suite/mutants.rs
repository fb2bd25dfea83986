//! The audit's verdicts against the running release: modules that load are changed in hundreds of ways, and for each the
//! audit must say what Pyodide on Node does, in both directions.
//!
//! `make test` takes a sample of the changes on three lines, `make test-all` all of them on eleven.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_pyodide::audit::{self, AuditContext, Severity, Subject};
use cargo_pyodide::runtime::{Provider, Runtime};
use cargo_pyodide::wheel::{WheelContents, record};
use wasmparser::{Operator, Payload, TypeRef};

use crate::harness::{can_build, copy_folder, find, fixture, folder, has, tool};
use crate::imports::{Import, Sections};
use crate::lines::{SAMPLE, asked_for, fetched};

/// A changed wheel: what was changed, the module in it, its name.
pub(crate) struct Mutant {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// The file name, if that was changed.
    filename: Option<String>,
    module: &'static str,
}

pub(crate) fn mutant(name: impl Into<String>, module: &'static str, bytes: Vec<u8>) -> Mutant {
    Mutant { name: name.into(), bytes, filename: None, module }
}

/// The parts of the hand-made module that changes replace.
struct Base {
    dylink: String,
    memory: &'static str,
    table: &'static str,
    stack: &'static str,
    more: String,
    script: (&'static str, &'static str),
    create: &'static str,
    entry: (&'static str, &'static str),
    tail: &'static str,
}

impl Base {
    fn new() -> Self {
        Self {
            dylink: memory_info(0),
            memory: "(memory 1)",
            table: "(table 1 funcref)",
            stack: "(global (mut i32))",
            more: String::new(),
            script: ("(result f64)", "f64"),
            create: "(param i32 i32) (result i32)",
            entry: ("PyInit_mutant", "(result i32)"),
            tail: "",
        }
    }

    /// A module whose entry makes a Python module and calls a function of JavaScript.
    fn text(&self) -> String {
        let Self { dylink, memory, table, stack, more, script, create, entry, tail } = self;
        let call = if script.0.contains("param") { "(call $now (i32.const 0))" } else { "(call $now)" };
        let section = if dylink.is_empty() {
            String::new()
        } else {
            format!(r#"(@custom "dylink.0" (before first) "{dylink}")"#)
        };
        format!(
            r#"(module {section}
            (import "env" "memory" {memory})
            (import "env" "__indirect_function_table" {table})
            (import "env" "__memory_base" (global $base i32))
            (import "env" "__table_base" (global i32))
            (import "env" "__stack_pointer" {stack})
            (import "GOT.mem" "_Py_NoneStruct" (global (mut i32)))
            (import "GOT.func" "PyErr_SetString" (global (mut i32)))
            (import "env" "PyModule_Create2" (func $create {create}))
            (import "env" "emscripten_get_now" (func $now {now}))
            (import "wasi_snapshot_preview1" "fd_seek" (func (param i32 i64 i32 i32) (result i32)))
            {more}
            (func (export "{name}") {signature}
              (i32.store offset=20 (global.get $base) (i32.add (global.get $base) (i32.const 64)))
              (drop {call})
              (call $create (global.get $base) (i32.const 1013)){tail})
            (data (global.get $base)
              "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\ff\ff\ff\ff"
              "\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00mutant\00"))"#,
            now = script.0,
            name = entry.0,
            signature = entry.1,
        )
    }

    fn bytes(&self) -> Vec<u8> {
        wat::parse_str(self.text()).unwrap_or_else(|error| panic!("{error}\n{}", self.text()))
    }
}

/// `dylink.0` of a module that wants 256 bytes and one element, as an escaped string.
fn memory_info(table_alignment: u8) -> String {
    format!("\\01\\05\\80\\02\\04\\01\\{table_alignment:02x}")
}

/// Changes of the hand-made module.
fn by_hand(runtime: &Runtime) -> Vec<Mutant> {
    let mut list: Vec<(String, Base)> = Vec::new();
    let mut add = |name: &str, change: &dyn Fn(&mut Base)| {
        let mut base = Base::new();
        change(&mut base);
        list.push((name.to_owned(), base));
    };
    add("unchanged", &|_| {});
    add("no dylink", &|base| base.dylink = String::new());
    add("table alignment", &|base| base.dylink = memory_info(3));
    add("a needed library that is not there", &|base| base.dylink += "\\02\\0e\\01\\0clibabsent.so");
    for (name, memory) in [
        ("memory at most 65536", "(memory 1 65536)"),
        ("memory at most 32768", "(memory 1 32768)"),
        ("memory at most 1000", "(memory 1 1000)"),
        ("memory at least 60000", "(memory 60000)"),
        ("shared memory", "(memory 1 65536 shared)"),
    ] {
        add(name, &|base| base.memory = memory);
    }
    for (name, table) in [
        ("table with a maximum", "(table 1 100000 funcref)"),
        ("table at least 900000", "(table 900000 funcref)"),
        ("table of externref", "(table 1 externref)"),
    ] {
        add(name, &|base| base.table = table);
    }
    add("constant stack pointer", &|base| base.stack = "(global i32)");
    for (name, script) in [
        ("JavaScript function returns i32", ("(result i32)", "i32")),
        ("JavaScript function returns i64", ("(result i64)", "i64")),
        ("JavaScript function takes more", ("(param i32) (result f64)", "f64")),
    ] {
        add(name, &|base| base.script = script);
    }
    add("function of WebAssembly returns i64", &|base| {
        base.create = "(param i32 i32) (result i64)";
        base.tail = "i32.wrap_i64";
    });
    for (name, entry) in [
        ("another entry", ("PyInit_other", "(result i32)")),
        ("no entry", ("init", "(result i32)")),
        ("entry with a parameter", ("PyInit_mutant", "(param i32) (result i32)")),
    ] {
        add(name, &|base| base.entry = entry);
    }
    if runtime.python.minor < 15 {
        add("the entry of Python 3.15", &|base| base.entry = ("PyModExport_mutant", "(result i32)"));
    }
    add("body of another type", &|base| base.tail = "drop");
    for (name, more) in imports_by_hand(runtime) {
        add(&name, &|base| base.more.clone_from(&more));
    }
    list.into_iter().map(|(name, base)| mutant(name, "mutant", base.bytes())).collect()
}

/// More imports, each alone a change.
fn imports_by_hand(runtime: &Runtime) -> Vec<(String, String)> {
    let mut list: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, text: &str| list.push((name.to_owned(), text.to_owned()));
    add("tag of C++ exceptions", r#"(import "env" "__cpp_exception" (tag (param i32)))"#);
    add("tag of C++ exceptions of another type", r#"(import "env" "__cpp_exception" (tag (param i64)))"#);
    add("tag of longjmp", r#"(import "env" "__c_longjmp" (tag (param i32)))"#);
    add("tag that nobody has", r#"(import "env" "no_such_tag" (tag (param i32)))"#);
    for name in [
        "invoke_vii",
        "invoke_iiii",
        "invoke_x",
        "__cxa_find_matching_catch_2",
        "__cxa_find_matching_catch_3",
    ] {
        let of = match name {
            "invoke_iiii" => "(param i32 i32 i32 i32) (result i32)",
            "invoke_vii" => "(param i32 i32 i32)",
            "__cxa_find_matching_catch_3" => "(param i32) (result i32)",
            "__cxa_find_matching_catch_2" => "(result i32)",
            _ => "",
        };
        add(name, &format!(r#"(import "env" "{name}" (func {of}))"#));
    }
    for name in ["saveSetjmp", "testSetjmp", "__wasm_setjmp", "__wasm_setjmp_test", "__wasm_longjmp"] {
        if let Some(Provider::WasmFunction(has)) = runtime.symbols.provider(name) {
            let list = |words: &[wasmparser::ValType]| {
                words.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            };
            let (parameters, results) = (list(&has.parameters), list(&has.results));
            add(name, &format!(r#"(import "env" "{name}" (func (param {parameters}) (result {results})))"#));
        } else {
            add(name, &format!(r#"(import "env" "{name}" (func (param i32)))"#));
        }
    }
    add("function that nobody has", r#"(import "env" "no_such_function" (func))"#);
    add("data that nobody has", r#"(import "GOT.mem" "no_such_data" (global (mut i32)))"#);
    add("function whose address nobody has", r#"(import "GOT.func" "no_such_address" (global (mut i32)))"#);
    add("constant address", r#"(import "GOT.mem" "_Py_TrueStruct" (global i32))"#);
    add("address of 64 bits", r#"(import "GOT.mem" "_Py_TrueStruct" (global (mut i64)))"#);
    add("function as data", r#"(import "GOT.mem" "PyErr_Clear" (global (mut i32)))"#);
    add("data as function", r#"(import "GOT.func" "_Py_TrueStruct" (global (mut i32)))"#);
    add("data as imported function", r#"(import "env" "_Py_TrueStruct" (func))"#);
    add("data as imported global", r#"(import "env" "_Py_TrueStruct" (global i32))"#);
    add("function as imported global", r#"(import "env" "PyErr_Clear" (global i32))"#);
    add("unknown global", r#"(import "env" "no_such_global" (global i32))"#);
    add("unknown memory", r#"(import "env" "no_such_memory" (memory 1))"#);
    add("unknown table", r#"(import "env" "no_such_table" (table 1 funcref))"#);
    add("own export", r#"(import "env" "own" (func)) (func (export "own"))"#);
    add("own address", r#"(import "GOT.func" "own" (global (mut i32))) (func (export "own"))"#);
    add(
        "own data",
        r#"(import "GOT.mem" "here" (global (mut i32))) (global (export "here") i32 (i32.const 8))"#,
    );
    add(
        "own name of the loader",
        r#"(import "GOT.mem" "__dso_handle" (global (mut i32))) (global (export "__dso_handle") i32 (i32.const 8))"#,
    );
    for from in ["wbg", "__wbindgen_placeholder__", "a", "GOT", "wasi_unstable"] {
        add(&format!("from {from}"), &format!(r#"(import "{from}" "x" (func))"#));
    }
    for name in [
        "__heap_base",
        "__stack_pointer",
        "__memory_base",
        "__table_base",
        "__global_base",
        "__stack_high",
        "_MONTH_DAYS_REGULAR",
        "main",
        "open64",
        "invoke_vi",
        "__cxa_find_matching_catch_2",
    ] {
        add(&format!("address of {name}"), &format!(r#"(import "GOT.mem" "{name}" (global (mut i32)))"#));
        add(&format!("{name} as function"), &format!(r#"(import "env" "{name}" (func (param i32)))"#));
        add(&format!("{name} as global"), &format!(r#"(import "env" "{name}" (global i32))"#));
    }
    let typed = |stated: bool| {
        let mut names: Vec<&str> = runtime
            .symbols
            .names()
            .filter(|(name, provider)| {
                matches!(provider, Provider::ScriptFunction { stated: has, .. } if has.is_some() == stated)
                    && !name.starts_with("invoke_")
            })
            .map(|(name, _)| name)
            .collect();
        names.sort_unstable();
        names.into_iter().take(3).map(str::to_owned).collect::<Vec<_>>()
    };
    for (what, stated) in [("typed", true), ("untyped", false)] {
        for name in typed(stated) {
            add(
                &format!("address of the {what} JavaScript function {name}"),
                &format!(r#"(import "GOT.func" "{name}" (global (mut i32)))"#),
            );
        }
    }
    list
}

/// Changes of a module's sections: its place, its name, its length.
fn of_sections(name: &str, module: &'static str, bytes: &[u8]) -> Vec<Mutant> {
    let sections = Sections::read(bytes);
    let mut list = Vec::new();
    let mut add = |what: &str, bytes: Vec<u8>| list.push(mutant(format!("{name}: {what}"), module, bytes));
    add("unchanged", bytes.to_vec());
    for place in [1, 2, sections.0.len() - 1] {
        let mut moved = sections.clone();
        let dylink = moved.0.remove(0);
        moved.0.insert(place, dylink);
        add(&format!("dylink.0 moved to {place}"), moved.write());
    }
    let renamed = |to: &str| {
        let mut renamed = sections.clone();
        let body = &mut renamed.0[0].1;
        let rest = body.split_off(9);
        *body = [&[u8::try_from(to.len()).unwrap()], to.as_bytes(), &rest].concat();
        renamed.write()
    };
    add("dylink.0 renamed to dylink.1", renamed("dylink.1"));
    add("dylink.0 cut", {
        let mut cut = sections.clone();
        let length = cut.0[0].1.len();
        cut.0[0].1.truncate(length - 1);
        cut.write()
    });
    for part in 1..12 {
        add(&format!("cut at {part}/12"), bytes[..bytes.len() * part / 12].to_vec());
    }
    add("cut by one byte", bytes[..bytes.len() - 1].to_vec());
    add("longer by one byte", [bytes, &[0]].concat());
    add("another magic", [b"\0ask", &bytes[4..]].concat());
    add("another version", [b"\0asm\x02\0\0\0", &bytes[8..]].concat());
    add("empty", Vec::new());
    add("a native library", [b"\x7fELF\x02\x01\x01", &[0; 57][..]].concat());
    list
}

/// Changes of each import: another name, another module, another type, gone.
fn of_imports(name: &str, module: &'static str, bytes: &[u8]) -> Vec<Mutant> {
    let sections = Sections::read(bytes);
    let imports = sections.imports();
    let types = sections.signatures();
    let mut list = Vec::new();
    for (index, import) in imports.iter().enumerate() {
        let mut add = |what: &str, change: &dyn Fn(&mut Vec<Import>)| {
            let mut changed = imports.clone();
            change(&mut changed);
            let what = format!("{name}: {}.{} {what}", import.module, import.name);
            list.push(mutant(what, module, sections.with_imports(&changed).write()));
        };
        add("renamed", &|imports| imports[index].name = format!("{}_{index}", import.name));
        add("from nowhere", &|imports| imports[index].module = format!("nowhere_{index}"));
        if import.module == "env" {
            add("from WASI", &|imports| imports[index].module = "wasi_snapshot_preview1".into());
        }
        if let Some(own) = import.function_type() {
            let other = (0..types.len()).find(|other| types[*other] != types[own as usize]);
            if let Some(other) = other {
                add("of another type", &|imports| {
                    imports[index].set_function_type(u32::try_from(other).unwrap());
                });
            }
        }
        add("dropped", &|imports| drop(imports.remove(index)));
    }
    list
}

/// Changes of what the file name promises.
fn of_filename(filename: &str, module: &'static str, bytes: &[u8]) -> Vec<Mutant> {
    let name: cargo_pyodide::wheel::WheelFilename = filename.parse().unwrap();
    let platform = name.platform.clone();
    let mut list = Vec::new();
    let mut add = |python: &str, abi: &str, platform: &str| {
        let mut changed = name.clone();
        (changed.python, changed.abi, changed.platform) = (python.into(), abi.into(), platform.into());
        let filename = changed.to_string();
        list.push(Mutant {
            name: format!("called {filename}"),
            bytes: bytes.to_vec(),
            filename: Some(filename),
            module,
        });
    };
    let (python, abi) = (name.python.clone(), name.abi.clone());
    add(&python, &abi, &platform);
    for other in [
        "any",
        "emscripten_3_1_45_wasm32",
        "emscripten_3_1_58_wasm32",
        "emscripten_4_0_9_wasm32",
        "emscripten_5_0_3_wasm32",
        "emscripten_5_0_4_wasm32",
        "pyodide_2024_0_wasm32",
        "pyodide_2025_0_wasm32",
        "pyodide_2026_0_wasm32",
        "pyodide_2026_1_wasm32",
        "pyemscripten_2024_0_wasm32",
        "pyemscripten_2025_0_wasm32",
        "pyemscripten_2026_0_wasm32",
        "linux_x86_64",
        "wasi_wasm32",
        "emscripten_4_0_9_wasm32.pyodide_2026_0_wasm32",
    ] {
        add(&python, &abi, other);
    }
    for (python, abi) in [
        ("cp310", "cp310"),
        ("cp312", "cp312"),
        ("cp313", "cp313"),
        ("cp314", "cp314"),
        ("cp310", "abi3"),
        ("cp312", "abi3"),
        ("cp313", "abi3"),
        ("cp315", "abi3"),
        ("py3", "none"),
        ("py310", "none"),
        ("py315", "none"),
        ("cp310", "none"),
        ("cp312.cp314", "abi3"),
        ("pp310", "pypy310_pp73"),
    ] {
        add(python, abi, &platform);
    }
    list
}

/// Packs a module as the only one of a wheel that is right in all else.
fn pack(mutant: &Mutant, (runtime, place): (&Runtime, &Path)) -> PathBuf {
    let tag = runtime.python.tag();
    let usual = format!("mutants-1.0-{tag}-{tag}-{}.whl", runtime.facts.tag);
    let filename = mutant.filename.clone().unwrap_or(usual).parse().unwrap();
    let mut wheel = WheelContents { filename, files: BTreeMap::new(), executable: Vec::new() };
    let tags: Vec<String> = wheel.filename.tags().iter().map(|tag| format!("Tag: {tag}\n")).collect();
    let folder = "mutants-1.0.dist-info";
    let head = format!("Wheel-Version: 1.0\nRoot-Is-Purelib: false\n{}", tags.concat());
    wheel.files.insert(format!("{folder}/WHEEL"), head.into_bytes());
    let metadata = b"Metadata-Version: 2.1\nName: mutants\nVersion: 1.0\n".to_vec();
    wheel.files.insert(format!("{folder}/METADATA"), metadata);
    wheel.files.insert(format!("{}{}", mutant.module, runtime.extension_suffix()), mutant.bytes.clone());
    let path = format!("{folder}/RECORD");
    let record = record::write(&wheel.files, &path).unwrap();
    wheel.files.insert(path, record);
    wheel.write(place, zip::DateTime::default()).unwrap()
}

/// micropip and packaging as the release's lock file names them, from the package index.
pub(crate) fn tools(runtime: &Runtime, place: &Path) -> Vec<PathBuf> {
    let wanted = ["micropip", "packaging"].map(|name| format!("{name}=={}", runtime.packages[name].version));
    let output = Command::new(find("python3").unwrap())
        .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-q"])
        .args(["--python-version", &runtime.python.to_string(), "-d"])
        .arg(place)
        .args(&wanted)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = fs_err::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
    listed.filter(|path| path.extension().is_some_and(|ending| ending == "whl")).collect()
}

/// The module of a fixture, as the tool builds it for a release.
fn real_module(version: &str) -> Vec<u8> {
    let place = folder();
    copy_folder(&fixture("panics"), &place.path().join("panics"));
    let printed = tool(&["build", "./panics", "--pyodide", version, "-q"]).in_folder(place.path()).succeed();
    let wheel = WheelContents::read(&place.path().join(printed.stdout.trim())).unwrap();
    wheel.files.into_iter().find(|(path, _)| path.ends_with(".so")).unwrap().1
}

/// What Pyodide answers: `None` for a wheel that loads.
fn ask(runtime: &Runtime, wheels: &serde_json::Value, place: &Path) -> Vec<Option<String>> {
    let (request, answers) = (place.join("request.json"), place.join("answers.jsonl"));
    fs_err::write(&request, serde_json::to_vec(wheels).unwrap()).unwrap();
    let output = Command::new(find("node").unwrap())
        .arg("--no-warnings")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/mutants.mjs"))
        .args([&runtime.folder, &request, &answers])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs_err::read_to_string(answers).unwrap();
    let refused = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["refused"].as_str().map(str::to_owned)
    };
    text.lines().map(refused).collect()
}

/// How many parameters a module gives to each imported function that it calls; an error for what is not a module.
fn calls(bytes: &[u8]) -> wasmparser::Result<BTreeMap<String, usize>> {
    let mut types = Vec::new();
    let mut functions = Vec::new();
    let mut calls = BTreeMap::new();
    for payload in wasmparser::Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::TypeSection(section) => {
                for kind in section.into_iter_err_on_gc_types() {
                    types.push(kind?.params().len());
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    if let TypeRef::Func(kind) = import.ty {
                        let given = types.get(kind as usize).copied().unwrap_or_default();
                        functions.push((format!("{}.{}", import.module, import.name), given));
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                for operator in body.get_operators_reader()? {
                    if let Operator::Call { function_index } = operator?
                        && let Some((name, given)) = functions.get(function_index as usize)
                    {
                        calls.insert(name.clone(), *given);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(calls)
}

/// Each place where the audit and the release do not agree.
pub(crate) fn disagreements(runtime: &Runtime, mutants: &[Mutant], tools: &[PathBuf]) -> Vec<String> {
    let place = folder();
    let mut verdicts = Vec::new();
    let mut wheels = Vec::new();
    for (index, mutant) in mutants.iter().enumerate() {
        let path = pack(mutant, (runtime, &place.path().join(index.to_string())));
        let wheel = WheelContents::read(&path).unwrap();
        let findings = audit::audit(Subject::Wheel(&wheel), runtime, &AuditContext::default());
        let errors: Vec<String> = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(ToString::to_string)
            .collect();
        verdicts.push(errors);
        let calls = calls(&mutant.bytes).unwrap_or_default();
        wheels.push(serde_json::json!({
            "name": mutant.name, "path": path, "module": mutant.module, "calls": calls,
        }));
    }
    let request = serde_json::json!({ "wheels": wheels, "tools": tools });
    let answers = ask(runtime, &request, place.path());
    assert_eq!(answers.len(), mutants.len());
    let refused = answers.iter().flatten().count();
    eprintln!("Pyodide {}: {} changes, {refused} refused", runtime.version, mutants.len());
    for (mutant, answer) in
        mutants.iter().zip(&answers).filter(|(mutant, _)| mutant.name.ends_with("unchanged"))
    {
        assert_eq!(*answer, None, "{}: {}", runtime.version, mutant.name);
    }
    let judged = mutants.iter().zip(verdicts).zip(answers);
    judged
        .filter(|((_, errors), answer)| errors.is_empty() != answer.is_none())
        .map(|((mutant, errors), answer)| {
            format!("{}: {}\n  audit: {errors:?}\n  Pyodide: {answer:?}", runtime.version, mutant.name)
        })
        .collect()
}

#[test]
fn the_audit_says_what_the_release_does() {
    if !can_build() || !has("node") {
        return;
    }
    let asked = asked_for();
    let is_sample = asked.is_none();
    let lines = asked.unwrap_or(SAMPLE.into());
    let mut wrong = Vec::new();
    for version in lines {
        let runtime = Runtime::read(&fetched(version)).unwrap();
        let mut mutants = by_hand(&runtime);
        let base = Base::new().bytes();
        mutants.extend(of_sections("by hand", "mutant", &base));
        mutants.extend(of_imports("by hand", "mutant", &base));
        let real = real_module(version);
        mutants.extend(of_sections("real", "fixture_panics", &real));
        mutants.extend(of_imports("real", "fixture_panics", &real));
        if is_sample {
            // An eighth, and of each kind some.
            mutants = mutants.into_iter().step_by(8).collect();
        }
        wrong.extend(disagreements(&runtime, &mutants, &[]));
    }
    assert_eq!(wrong.join("\n"), "");
}

#[test]
fn the_audit_takes_the_tags_that_micropip_takes() {
    if !can_build() || !has("node") {
        return;
    }
    let mut wrong = Vec::new();
    for version in ["0.27.8", "0.29.5", "314.0.7"] {
        let runtime = Runtime::read(&fetched(version)).unwrap();
        let place = folder();
        let tools = tools(&runtime, place.path());
        let tag = runtime.python.tag();
        let filename = format!("mutants-1.0-{tag}-{tag}-{}.whl", runtime.facts.tag);
        let mutants = of_filename(&filename, "mutant", &Base::new().bytes());
        wrong.extend(disagreements(&runtime, &mutants, &tools));
    }
    assert_eq!(wrong.join("\n"), "");
}
