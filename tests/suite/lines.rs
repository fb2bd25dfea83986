//! Every line of Pyodide: what its files say, panics, files and time inside it, and the case that started it all.
//!
//! `make test` takes five lines, `make test-all` sets `TEST_LINES=all` and takes eleven.

use std::path::{Path, PathBuf};

use cargo_pyodide::abi::{Line, line_facts};
use cargo_pyodide::runtime::Runtime;

use crate::harness::{can_build, copy_folder, find, fixture, folder, has, shared_cache, tool, write_program};

/// One release of each line.
pub(crate) const ALL: [&str; 11] = [
    "0.21.3",
    "0.22.1",
    "0.23.4",
    "0.24.1",
    "0.25.1",
    "0.26.4",
    "0.27.8",
    "0.28.3",
    "0.29.5",
    "314.0.7",
    "315.0.0-alpha.2",
];

/// The lines on which `make test` builds.
const CHOSEN: [&str; 5] = ["0.21.3", "0.25.1", "0.27.8", "0.29.5", "314.0.7"];

/// The lines on which `make test` does what takes long: the oldest, the last with exceptions of JavaScript, the newest.
pub(crate) const SAMPLE: [&str; 3] = ["0.21.3", "0.27.8", "314.0.7"];

/// The lines that `TEST_LINES` asks for: a list, or `all`, which `make test-all` sets; none if it is not set.
pub(crate) fn asked_for() -> Option<Vec<&'static str>> {
    let wanted = std::env::var("TEST_LINES").ok()?;
    let is_wanted = |line: &&str| wanted == "all" || wanted.split(',').any(|wanted| wanted == *line);
    Some(ALL.into_iter().filter(is_wanted).collect())
}

pub(crate) fn lines() -> Vec<&'static str> {
    asked_for().unwrap_or(CHOSEN.into())
}

/// The folder of a release, fetched without building anything.
pub(crate) fn fetched(version: &str) -> PathBuf {
    tool(&["run", "--pyodide", version, "-c", ""]).succeed();
    shared_cache().join("runtimes").join(version)
}

#[test]
fn what_files_say_and_what_the_table_says_agree() {
    if !can_build() || !has("node") {
        return;
    }
    let mut shown = Vec::new();
    for version in ALL {
        let runtime = Runtime::read(&fetched(version)).unwrap();
        assert_eq!(runtime.facts.python, Some(runtime.python), "{version}: facts/abis.toml");
        let functions = runtime.symbols.names().count();
        shown.push(format!(
            "{} python {} emscripten {} abi {:?} {} setjmp {} start-up {:?} {} names\n    {}",
            runtime.version,
            runtime.python,
            runtime.emscripten,
            runtime.abi_version.as_deref().unwrap_or("-"),
            runtime.exceptions,
            runtime.setjmp_model(),
            runtime.start_up,
            functions,
            runtime.platform_tags().join(" "),
        ));
        let facts = line_facts().into_iter().find(|(line, _)| *line == Line::of(&runtime.version)).unwrap().1;
        let emscripten = runtime.emscripten.to_string().replace('.', "_");
        let abi = runtime.abi_version.clone();
        let said = abi.map_or(format!("emscripten_{emscripten}_wasm32"), |abi| format!("{abi}_wasm32"));
        assert_eq!(facts.emscripten, Some(runtime.emscripten.to_string()), "{version}");
        assert!(facts.tag.ends_with(&said), "{version}: the tag {} does not say {said}", facts.tag);
    }
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn computed_symbols_equal_those_of_the_running_process() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let names = place.path().join("names.json");
    for version in lines() {
        let folder = fetched(version);
        let runtime = Runtime::read(&folder).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/symbols.mjs");
        let output = std::process::Command::new(find("node").unwrap())
            .arg("--no-warnings")
            .arg(script)
            .arg(&folder)
            .arg(&names)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let asked: Vec<String> = serde_json::from_slice(&fs_err::read(&names).unwrap()).unwrap();
        let unknown: Vec<&String> =
            asked.iter().filter(|name| runtime.symbols.provider(name).is_none()).collect();
        assert!(asked.len() > 5000, "{version}: only {} names", asked.len());
        assert_eq!(unknown, Vec::<&String>::new(), "{version}: in the process, not in the files");
        let asked: std::collections::HashSet<&str> = asked.iter().map(String::as_str).collect();
        // Aliases, and what the loader makes for each module.
        let made = [
            "main",
            "open64",
            "memory",
            "__indirect_function_table",
            "__memory_base",
            "__table_base",
            "__stack_pointer",
            "__heap_base",
            "__stack_high",
            "__stack_low",
            "__global_base",
        ];
        let absent: Vec<&str> = runtime
            .symbols
            .names()
            .map(|(name, _)| name)
            .filter(|name| !asked.contains(name) && !made.contains(name))
            .collect();
        assert_eq!(absent, Vec::<&str>::new(), "{version}: in the files, not in the process");
    }
}

#[test]
fn panics_files_and_time_are_right_on_every_line() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    for package in ["panics", "files", "threads"] {
        copy_folder(&fixture(package), &place.path().join(package));
    }
    for package in ["panics", "files", "threads"] {
        let lines = if package == "panics" { lines() } else { asked_for().unwrap_or(SAMPLE.into()) };
        let list = lines.join(",");
        let printed =
            tool(&["build", &format!("./{package}"), "--pyodide", &list]).in_folder(place.path()).succeed();
        let wheels: Vec<&str> = printed.stdout.lines().collect();
        assert_eq!(wheels.len(), lines.len(), "{}", printed.stderr);
        let ok = printed.stderr.lines().filter(|line| line.ends_with("clean  ok")).count();
        assert_eq!(ok, wheels.len(), "each module loads:\n{}", printed.stderr);
        let check = format!("{package}/check.py");
        for (line, wheel) in lines.iter().zip(wheels) {
            let run = tool(&["run", "--pyodide", line, "--with", wheel, &check]).env("RUST_BACKTRACE", "0");
            let printed = run.in_folder(place.path()).run();
            assert_eq!(
                (printed.status, printed.stdout),
                (Some(0), format!("{package}: ok\n")),
                "{line}: {}",
                printed.stderr
            );
        }
    }
}

/// The file of a vocabulary, from the crate that carries it.
pub(crate) fn vocabulary(name: &str) -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/tiktoken/vocabulary/Cargo.toml");
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--manifest-path"])
        .arg(manifest)
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let crates = metadata["packages"].as_array().unwrap();
    let carrier = crates.iter().find(|package| package["name"] == "tiktoken-rs").unwrap();
    let manifest = Path::new(carrier["manifest_path"].as_str().unwrap());
    manifest.with_file_name("assets").join(format!("{name}.tiktoken"))
}

/// A folder in which tiktoken finds its vocabulary.
fn vocabulary_folder(place: &Path) -> PathBuf {
    let bytes = fs_err::read(vocabulary("cl100k_base")).unwrap();
    let sha256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7";
    assert_eq!(cargo_pyodide::digest::Sha256Digest::of(&bytes).to_string(), sha256);
    let folder = place.join("vocabulary");
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(folder.join("9b5ad71b2ce5302211f9c61530b329a4922fc6a4"), bytes).unwrap();
    folder
}

#[test]
fn the_case_that_started_it_all() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let refused =
        tool(&["build", "tiktoken==0.5.1", "--pyodide", "314.0.7", "-q"]).in_folder(place.path()).run();
    assert_eq!(refused.status, Some(2), "{}", refused.stderr);
    let first = refused.stderr.lines().next().unwrap();
    assert_eq!(
        first,
        "error: pyo3 0.19.2 knows Python 3.7 to 3.12, but Pyodide 314.0.7 has Python 3.14, which is newer"
    );
    let printed =
        tool(&["build", "tiktoken==0.5.1", "--pyodide", "0.21.3", "-q"]).in_folder(place.path()).succeed();
    assert_eq!(printed.stdout, "dist/tiktoken-0.5.1-cp310-cp310-emscripten_3_1_14_wasm32.whl\n");
    let wheel = cargo_pyodide::wheel::WheelContents::read(&place.path().join(printed.stdout.trim())).unwrap();
    for file in ["tiktoken/__init__.py", "tiktoken/core.py", "tiktoken_ext/openai_public.py"] {
        assert!(wheel.files.contains_key(file), "{file} is in the wheel");
    }
    let program = r#"
import re, sys
sys.modules["regex"] = re  # a test double made of re
import tiktoken
encoding = tiktoken.get_encoding("cl100k_base")
tokens = encoding.encode("hello world")
print(tokens, encoding.decode(tokens), tiktoken.encoding_for_model("gpt-4").name)
"#;
    let wheel = printed.stdout.trim();
    let run =
        tool(&["run", "--pyodide", "0.21.3", "--with", wheel, "--env", "TIKTOKEN_CACHE_DIR", "-c", program])
            .in_folder(place.path())
            .env("TIKTOKEN_CACHE_DIR", vocabulary_folder(place.path()))
            .succeed();
    assert_eq!(run.stdout, "[15339, 1917] hello world cl100k_base\n");
}

#[test]
fn lines_that_cannot_be_had_are_refused() {
    if !can_build() {
        return;
    }
    let cache = folder();
    let known =
        serde_json::to_string(&["0.20.0", "0.21.3", "0.29.3", "0.29.5", "314.0.7", "315.0.0-alpha.2"])
            .unwrap();
    // The list is kept by the registry that it came from.
    let registry = "http://127.0.0.1:9/";
    let list = format!("releases-{}.json", cargo_pyodide::digest::key(&[registry]));
    fs_err::write(cache.path().join(list), known).unwrap();
    let build = |arguments: &[&str]| tool(&[&["build", "./x", "-q"], arguments].concat());
    let listed = |arguments: &[&str]| build(arguments).cache(cache.path()).snapshot();
    let table = tool(&["runtimes"]).cache(cache.path()).env("npm_config_registry", registry).snapshot();
    let cases = [
        listed(&["--pyodide", "0.29", "--offline"]),
        build(&["--pyodide", "0.29.5", "--tag", "linux_x86_64"]).snapshot(),
        build(&["--pyodide", "0.28.3", "--for-index"]).snapshot(),
        build(&["--pyodide", "0.29.5", "--for-index", "--tag", "x"]).snapshot(),
        table,
    ];
    insta::assert_snapshot!(cases.join("\n\n"));
}

#[test]
fn an_old_node_is_refused_before_it_starts() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let node = place.path().join("node");
    write_program(&node, "#!/bin/sh\necho 16.20.2 \"$0\"\n");
    fetched("0.29.5");
    insta::assert_snapshot!(
        tool(&["run", "--pyodide", "0.29.5", "-c", "1"])
            .env("PATH", place.path())
            .hide(place.path(), "FOLDER")
            .snapshot()
    );
}

#[test]
fn a_line_to_come_is_served_if_its_contract_is_known() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let runtime = place.path().join("runtime");
    copy_folder(&fetched("314.0.7"), &runtime);
    let replace = |name: &str, old: &str, new: &str| {
        let path = runtime.join(name);
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{name} has {old}");
        fs_err::write(path, text.replace(old, new)).unwrap();
    };
    replace("package.json", r#""version": "314.0.7""#, r#""version": "316.0.0""#);
    replace("pyodide-lock.json", r#""2026_0""#, r#""2027_0""#);
    let read = Runtime::read(&runtime).unwrap();
    assert_eq!(read.facts.tag, "pyemscripten_2027_0_wasm32");
    replace("pyodide.asm.mjs", "_calloc(size,1)", "_malloc(size)");
    let printed = tool(&["run", "--pyodide", runtime.to_str().unwrap(), "-c", "1"])
        .hide(place.path(), "FOLDER")
        .snapshot();
    insta::assert_snapshot!(printed);
}

/// A Rust toolchain of scripts and links: the system's compiler under another roof.
fn roof(place: &Path, rustc: &str) -> PathBuf {
    let bin = place.join("bin");
    fs_err::create_dir_all(&bin).unwrap();
    let compiler = bin.join("rustc");
    write_program(&compiler, rustc);
    write_program(&bin.join("cargo"), "#!/bin/sh\nexec /usr/bin/cargo \"$@\"\n");
    compiler
}

#[test]
fn a_compiler_that_cannot_unwind_through_javascript_says_so() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let root = place.path().display();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n-vV) printf 'rustc 1.99.0\\nrelease: 1.99.0\\nhost: x\\ncommit-hash: y\\n';;\n*sysroot*) echo {root};;\n*) exit 1;;\nesac\n"
    );
    let compiler = roof(place.path(), &script);
    let runtime = fetched("0.27.8").display().to_string();
    let package = fixture("pure").display().to_string();
    let printed = tool(&["build", &package, "--pyodide", &runtime, "-q"])
        .env("CARGO_PYODIDE_RUSTC", compiler)
        .env("CARGO_PYODIDE_WASM_LD", wasm_ld(place.path()))
        .hide(place.path(), "FOLDER");
    insta::assert_snapshot!(printed.snapshot());
}

/// A linker that only says its version.
fn wasm_ld(place: &Path) -> PathBuf {
    let program = place.join("wasm-ld");
    write_program(&program, "#!/bin/sh\necho LLD 22.0.0\n");
    program
}

#[test]
fn a_prebuilt_standard_library_is_used_where_it_fits() {
    if !can_build() || !Path::new("/usr/lib/rustlib/src/rust/library").exists() {
        eprintln!("skipped: there is no system compiler with sources to make a toolchain of");
        return;
    }
    tool(&["setup", "--pyodide", "0.29.5"]).succeed();
    let sysroots =
        fs_err::read_dir(shared_cache().join("sysroots")).unwrap().flatten().map(|entry| entry.path());
    let built = sysroots
        .filter(|path| path.is_dir())
        .find(|path| path.to_string_lossy().contains("-wasm-stat-"))
        .unwrap();
    let place = folder();
    copy_folder(&built.join("lib"), &place.path().join("lib"));
    for entry in fs_err::read_dir("/usr/lib/rustlib").unwrap().flatten() {
        let name = entry.file_name();
        if name != "src" && name != "etc" {
            std::os::unix::fs::symlink(entry.path(), place.path().join("lib/rustlib").join(name)).unwrap();
        }
    }
    let root = place.path().display();
    let compiler = roof(place.path(), &format!("#!/bin/sh\nexec /usr/bin/rustc --sysroot {root} \"$@\"\n"));
    copy_folder(&fixture("pure"), &place.path().join("pure"));
    let build = |version: &str| {
        tool(&["build", "./pure", "-q", "--json", "--pyodide", version])
            .in_folder(place.path())
            .env("CARGO_PYODIDE_RUSTC", &compiler)
            .env("CARGO_PYODIDE_WASM_LD", real_linker(place.path()))
            .hide(place.path(), "FOLDER")
    };
    let printed = build("0.29.5").succeed();
    let document: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(document["wheels"][0]["toolchain"]["standard_library"], "prebuilt");
    let refused = build("0.27.8").run();
    assert_eq!(refused.status, Some(2));
    let reason = refused.stderr.lines().nth(1).unwrap();
    assert!(reason.ends_with("has a standard library that does not fit (it unwinds the wasm way, the runtime the javascript way) and no `rust-src`"), "{reason}");
}

/// The linker that the tool finds by itself, under the name that needs no flavour.
fn real_linker(place: &Path) -> PathBuf {
    let doctor = tool(&["doctor"]).succeed().stdout;
    let row = doctor.lines().find(|line| line.starts_with("wasm-ld")).unwrap();
    let program = row.split("  ").last().unwrap().trim();
    let link = place.join("wasm-ld");
    if !link.exists() {
        std::os::unix::fs::symlink(program, &link).unwrap();
    }
    link
}
