//! Libraries that Python opens through cffi: built as such, opened by ctypes on each line, and by cffi itself where it can be
//! compiled.

use crate::harness::{Tool, can_build, copy_folder, fixture, folder, has, tool};
use crate::lines::{SAMPLE, asked_for};
use crate::native::can_compile;

const RELEASE_OF_PYTHON_3_11: &str = "0.25.1";

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
    let place = folder();
    copy_folder(&fixture("cffi"), &place.path().join("cffi"));
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

/// Whether this machine's Python has headers for the minor version of 3.11. If not, the test is skipped, or fails when `CI` is
/// set.
fn has_headers() -> bool {
    let probe = "import os, sys, sysconfig\n\
                 sys.exit(sys.version_info[:2] != (3, 11) or not os.path.exists(sysconfig.get_path('include') + '/Python.h'))";
    let python = std::process::Command::new("python3").args(["-c", probe]).status();
    let there = python.is_ok_and(|status| status.success());
    assert!(there || std::env::var_os("CI").is_none(), "no headers of Python 3.11");
    if !there {
        eprintln!("skipped: no headers of Python 3.11");
    }
    there
}

#[test]
fn cffi_opens_a_library_and_calls_back() {
    if !can_build() || !has("node") || !can_compile() || !has_headers() {
        return;
    }
    let place = folder();
    copy_folder(&fixture("cffi"), &place.path().join("cffi"));
    let version = RELEASE_OF_PYTHON_3_11;
    let includes = format!("-I{}", fixture("libffi").display());
    // Its C calls libffi, which every runtime has for ctypes.
    let cffi = tool(&["build", "cffi==2.1.1", "--pyodide", version, "-q"]).in_folder(place.path());
    let cffi = cffi.env("CFLAGS", includes).succeed().stdout;
    let wheel = build(place.path(), version);
    let arguments = ["run", "--pyodide", version, "--with", cffi.trim(), "--with", &wheel, "cffi/check.py"];
    expect(tool(&arguments).in_folder(place.path()), "cffi: ok\n");
}
