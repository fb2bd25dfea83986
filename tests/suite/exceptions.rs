//! Exception models: told by the main module's own code, unknown ones refused, modules of another encoding found.
//!
//! No release catches with `exnref` yet, so its main module is made: all imports and exports of 314, and code that traps but
//! for one function.

use std::path::{Path, PathBuf};

use cargo_pyodide::audit::{self, AuditContext, Severity, Subject};
use cargo_pyodide::runtime::Runtime;
use cargo_pyodide::wheel::WheelContents;

use crate::harness::{can_build, copy_folder, fixture, folder, has, tool, write_program};
use crate::imports::Sections;
use crate::lines::{asked_for, fetched};

/// `try catch_all end unreachable`.
const LEGACY: &[u8] = &[0, 0x06, 0x40, 0x19, 0x0b, 0, 0x0b];
/// `try_table end unreachable`.
const EXNREF: &[u8] = &[0, 0x1f, 0x40, 0, 0x0b, 0, 0x0b];
/// Both, and neither.
const BOTH: &[u8] = &[0, 0x06, 0x40, 0x19, 0x0b, 0x1f, 0x40, 0, 0x0b, 0, 0x0b];
const NEITHER: &[u8] = &[0, 0, 0x0b];

/// A release of a line to come whose main module catches like this.
fn line_to_come(place: &Path, code: &[u8]) -> PathBuf {
    let from = fetched("314.0.7");
    let runtime = place.join("runtime");
    copy_folder(&from, &runtime);
    let replace = |name: &str, old: &str, new: &str| {
        let text = fs_err::read_to_string(from.join(name)).unwrap();
        assert!(text.contains(old), "{name} has {old}");
        fs_err::write(runtime.join(name), text.replace(old, new)).unwrap();
    };
    replace("package.json", r#""version": "314.0.7""#, r#""version": "316.0.0""#);
    replace("pyodide-lock.json", r#""2026_0""#, r#""2027_0""#);
    let main = Sections::read(&fs_err::read(from.join("pyodide.asm.wasm")).unwrap());
    fs_err::write(runtime.join("pyodide.asm.wasm"), main.with_code(code).write()).unwrap();
    runtime
}

#[test]
fn the_main_module_tells_the_model_and_a_new_one_is_refused() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    for (code, model) in [(LEGACY, "wasm"), (EXNREF, "exnref")] {
        let read = Runtime::read(&line_to_come(place.path(), code)).unwrap();
        assert_eq!(read.exceptions.to_string(), model);
        assert_eq!(read.setjmp_model(), "wasm");
        assert!(read.symbols.has_tag("__cpp_exception"));
    }
    let refused = [BOTH, NEITHER].map(|code| {
        let runtime = line_to_come(place.path(), code);
        tool(&["run", "--pyodide", runtime.to_str().unwrap(), "-c", "1"])
            .hide(place.path(), "FOLDER")
            .snapshot()
    });
    insta::assert_snapshot!(refused.join("\n\n"));
}

/// What the audit says of exceptions, each with its code.
fn errors(module: &[u8], runtime: &Runtime) -> Vec<String> {
    let subject = Subject::Module("a.so", module);
    let found = audit::audit(subject, runtime, &AuditContext::default());
    let errors = found.iter().filter(|finding| finding.severity == Severity::Error);
    errors
        .filter(|finding| ["CP111", "CP208"].contains(&finding.code.to_string().as_str()))
        .map(|finding| format!("{}: {}", finding.code, finding.message))
        .collect()
}

#[test]
fn each_release_is_held_to_its_own_encoding() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let exnref = Runtime::read(&line_to_come(place.path(), EXNREF)).unwrap();
    let releases =
        [exnref, Runtime::read(&fetched("314.0.7")).unwrap(), Runtime::read(&fetched("0.27.8")).unwrap()];
    let (try_legacy, try_exnref) = ("try catch_all end", "block try_table (catch_all 0) end end");
    let mut shown = Vec::new();
    for code in [try_legacy, try_exnref, &format!("{try_legacy} {try_exnref}"), "throw 0"] {
        let module = wat::parse_str(format!("(module (tag) (func {code}))")).unwrap();
        for runtime in &releases {
            shown.push(format!("{code} on {}: {:?}", runtime.exceptions, errors(&module, runtime)));
        }
    }
    insta::assert_snapshot!(shown.join("\n"));
}

/// The module of a fixture that catches panics, built for a release.
fn built_module(place: &Path, release: &str) -> Vec<u8> {
    copy_folder(&fixture("panics"), &place.join("panics"));
    let printed =
        tool(&["build", "./panics", "--pyodide", release, "-q", "--no-import"]).in_folder(place).succeed();
    let wheel = WheelContents::read(&place.join(printed.stdout.trim())).unwrap();
    wheel.files.into_iter().find(|(path, _)| path.ends_with(".so")).unwrap().1
}

/// Builds a standard library for the new encoding: in `make test-all` alone.
#[test]
fn a_line_with_exnref_is_served_and_its_modules_are_for_no_other() {
    if asked_for().is_none() || !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let folder = line_to_come(place.path(), EXNREF);
    let (exnref, legacy) = (Runtime::read(&folder).unwrap(), Runtime::read(&fetched("314.0.7")).unwrap());
    // The audit of each build has passed.
    let new = built_module(place.path(), folder.to_str().unwrap());
    let old = built_module(place.path(), "314.0.7");
    assert_eq!((errors(&new, &exnref), errors(&old, &legacy)), (vec![], vec![]));
    let codes = |errors: Vec<String>| errors.iter().map(|error| error[..5].to_owned()).collect::<Vec<_>>();
    assert_eq!(codes(errors(&new, &legacy)), ["CP208"]);
    assert_eq!(codes(errors(&old, &exnref)), ["CP111"]);
}

/// A compiler like another one, but of a version that no longer knows the flag for exceptions through JavaScript.
fn newer_compiler(place: &Path, real: &Path) -> PathBuf {
    let output = std::process::Command::new(real).args(["--print", "sysroot"]).output().unwrap();
    let sysroot = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    let bin = place.join("newer/bin");
    fs_err::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(sysroot.join("lib"), place.join("newer/lib")).unwrap();
    std::os::unix::fs::symlink(real.with_file_name("cargo"), bin.join("cargo")).unwrap();
    let (root, real) = (place.join("newer").display().to_string(), real.display());
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n*emscripten-wasm-eh*) exit 1;;\n*sysroot*) echo {root};;\n-vV) {real} -vV | sed -E 's/^(rustc|release:) [0-9.]+/\\1 1.98.0/';;\n*) exec {real} \"$@\";;\nesac\n"
    );
    let program = bin.join("rustc");
    write_program(&program, &script);
    program
}

#[test]
fn beside_a_newer_compiler_an_older_one_serves_the_older_lines() {
    if !can_build() {
        return;
    }
    let place = folder();
    let row = |doctor: &str, name: &str| {
        let row = doctor.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        row.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let before = row(&tool(&["doctor"]).succeed().stdout, "rustc 0.27 ");
    let newer = newer_compiler(place.path(), Path::new(&before[1]));
    let doctor = tool(&["doctor"]).env("RUSTC", &newer).succeed().stdout;
    let name = newer.to_str().unwrap();
    assert_eq!(row(&doctor, "rustc ")[..2], ["1.98.0", name], "{doctor}");
    let older = row(&doctor, "rustc 0.27 ");
    assert_eq!(older[..2], before[..2], "{doctor}");
    let reason = format!("`{name}` (1.98.0) does not know `-Zemscripten-wasm-eh=no`, ");
    assert!(older.join(" ").contains(&reason), "{doctor}");
}
