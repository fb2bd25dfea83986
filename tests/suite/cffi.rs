//! Libraries that Python opens through cffi: built as such, opened by ctypes on each line, and by cffi itself where it can be
//! compiled.

use crate::builds::python_headers;
use crate::harness::{Tool, can_build, copied, fixture, has, tool};
use crate::lines::{SAMPLE, asked_for};
use crate::native::can_compile;

/// What the fixture's manifest tells maturin, which finds out by itself otherwise.
const TOLD: &str = "bindings = \"cffi\"\n";

fn build(place: &std::path::Path, version: &str) -> String {
    let build = tool(&["build", "./cffi", "--pyodide", version, "-q"]).in_folder(place);
    build.succeed().stdout.trim().to_owned()
}

fn expect(run: Tool, expected: &str) {
    let printed = run.run();
    assert_eq!((printed.status, printed.stdout.as_str()), (Some(0), expected), "{}", printed.stderr);
}

#[test]
fn a_library_keeps_its_name_and_exports_what_rust_does() {
    if !can_build() || !has("node") {
        return;
    }
    let (place, _) = copied("cffi");
    for version in asked_for().unwrap_or(SAMPLE.into()) {
        let wheel = build(place.path(), version);
        // Any Python opens it.
        assert!(wheel.contains("fixture_cffi-1.0.0-py3-none-"), "{wheel}");
        let script = "cffi/without_cffi.py";
        expect(
            tool(&["run", "--pyodide", version, "--with", &wheel, script]).in_folder(place.path()),
            "ctypes: ok\n",
        );
    }
}

#[test]
fn a_crate_without_bindings_makes_a_library() {
    if !can_build() || !has("node") {
        return;
    }
    let (place, project) = copied("cffi");
    let manifest = project.join("pyproject.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replacen(TOLD, "", 1)).unwrap();
    assert!(text.contains(TOLD));
    let wheel = build(place.path(), "314.0.7");
    assert!(wheel.contains("fixture_cffi-1.0.0-py3-none-"), "{wheel}");
    let run = tool(&["run", "--pyodide", "314.0.7", "--with", &wheel, "cffi/without_cffi.py"]);
    expect(run.in_folder(place.path()), "ctypes: ok\n");
}

#[test]
fn cffi_opens_a_library_and_calls_back() {
    if !can_build() || !has("node") || !can_compile() || python_headers(11).is_none() {
        return;
    }
    let (place, _) = copied("cffi");
    // Its Python is 3.11.
    let version = "0.25.1";
    let includes = format!("-I{}", fixture("libffi").display());
    // Its C calls libffi, which every runtime has for ctypes.
    let cffi = tool(&["build", "cffi==2.1.1", "--pyodide", version, "-q"]).in_folder(place.path());
    let cffi = cffi.env("CFLAGS", includes).succeed().stdout;
    let wheel = build(place.path(), version);
    let arguments = ["run", "--pyodide", version, "--with", cffi.trim(), "--with", &wheel, "cffi/check.py"];
    expect(tool(&arguments).in_folder(place.path()), "cffi: ok\n");
}
