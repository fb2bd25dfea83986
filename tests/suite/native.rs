//! C and C++ inside Rust packages: compiled without an emsdk, right on lines of both exception models.

use crate::harness::{Printed, can_build, copy_folder, fixture, folder, has, is_there, tool};
use crate::lines::{SAMPLE, asked_for};

/// Whether C can be compiled here. If not, the test is skipped, or fails when `CI` is set.
pub(crate) fn can_compile() -> bool {
    let headers = std::path::Path::new("/usr/share/emscripten/cache/sysroot/include").is_dir()
        || std::env::var_os("EMSDK").is_some();
    is_there(headers, "Emscripten's headers are missing") && has("clang-19")
}

#[test]
fn c_and_cpp_are_right_on_lines_of_both_models() {
    if !can_build() || !has("node") || !can_compile() {
        return;
    }
    let place = folder();
    copy_folder(&fixture("c-and-cpp"), &place.path().join("c-and-cpp"));
    let cases = [
        ("0.21.3", "", "without jumps"),
        ("0.25.1", "script,", "without jumps"),
        ("0.27.8", "jumps,script,", "with jumps"),
        ("0.29.5", "jumps,script,", "with jumps"),
        ("314.0.7", "jumps,script,", "with jumps"),
    ];
    let build_systems = if has("cmake") && has("make") { "build-systems" } else { "" };
    let is_taken = |line: &str| asked_for().is_some() || SAMPLE.contains(&line);
    for (line, features, expected) in cases.into_iter().filter(|case| is_taken(case.0)) {
        let features = format!("--features={features}{build_systems}");
        let build = tool(&["build", "./c-and-cpp", "--pyodide", line, &features, "-q"]);
        let Printed { stdout: wheel, stderr: warnings, .. } = build.in_folder(place.path()).succeed();
        // C++ defines much in every object; none of it leaves the module.
        assert!(!warnings.contains("CP513") && !warnings.contains("CP514"), "{line}: {warnings}");
        let run = tool(&["run", "--pyodide", line, "--with", wheel.trim(), "c-and-cpp/check.py"]);
        let printed = run.in_folder(place.path()).run();
        let expected = format!("c-and-cpp: {expected}\n");
        assert_eq!((printed.status, printed.stdout), (Some(0), expected), "{line}: {}", printed.stderr);
    }
}

#[test]
fn libraries_that_crates_carry_work() {
    if !can_build() || !has("node") || !can_compile() {
        return;
    }
    let place = folder();
    copy_folder(&fixture("sys-crates"), &place.path().join("sys-crates"));
    let lines = if asked_for().is_some() { &["0.27.8", "314.0.7"][..] } else { &["314.0.7"] };
    for line in lines {
        let build = tool(&["build", "./sys-crates", "--pyodide", line, "-q"]);
        let wheel = build.in_folder(place.path()).succeed().stdout;
        let run = tool(&["run", "--pyodide", line, "--with", wheel.trim(), "sys-crates/check.py"]);
        let printed = run.in_folder(place.path()).run();
        let said = (printed.status, printed.stdout.as_str());
        assert_eq!(said, (Some(0), "sys-crates: ok\n"), "{line}: {}", printed.stderr);
    }
}

#[test]
fn what_cannot_be_compiled_is_said() {
    if !can_build() || !can_compile() {
        return;
    }
    let place = folder();
    copy_folder(&fixture("c-and-cpp"), &place.path().join("c-and-cpp"));
    let build = |line: &str| {
        tool(&["build", "./c-and-cpp", "--pyodide", line, "--features", "jumps", "-q"])
            .in_folder(place.path())
    };
    let jumps = build("0.25.1").run();
    let telling = |text: &str, start: &str| {
        let line = text.lines().map(str::trim).find(|line| line.contains(start));
        line.unwrap_or_else(|| panic!("no line has `{start}`:\n{text}")).to_owned()
    };
    let said = telling(&jumps.stderr, "uses setjmp");
    let expected = "error[c-setjmp]: `native/jumps.c` uses setjmp, which clang 19 compiles for later lines than that of Emscripten 3.1.46";
    assert!(said.ends_with(expected), "{said}");
    assert_eq!(jumps.status, Some(2));
    let absent = build("0.29.5").env("CARGO_PYODIDE_CLANG", place.path().join("no-clang")).run();
    let said = telling(&absent.stderr, "to compile C with");
    assert!(said.contains("error[no-c-compiler]: no clang of LLVM 19 or newer to compile C with"), "{said}");
    let hint = telling(&absent.stderr, "hint: a crate compiles C or C++");
    assert!(hint.contains("apt-get install clang-19 llvm-19 libc++-19-dev emscripten"), "{hint}");
    assert_eq!(absent.status, Some(2));
    assert!(!place.path().join("dist").exists(), "no wheel is kept");
    let emscripten = place.path().join("emsdk/upstream/emscripten");
    fs_err::create_dir_all(&emscripten).unwrap();
    fs_err::copy(fixture("programs/emcc"), emscripten.join("emcc")).unwrap();
    let other = tool(&["build", "./c-and-cpp", "--pyodide", "314.0.7", "--c-toolchain", "emsdk", "-q"])
        .in_folder(place.path())
        .env("EMSDK", place.path().join("emsdk"))
        .run();
    let said = telling(&other.stderr, "laid out otherwise");
    assert!(said.ends_with(
        "is Emscripten 3.1.6, whose C library is laid out otherwise than that of Emscripten 5.0.3"
    ));
    assert_eq!(other.status, Some(2));
}
