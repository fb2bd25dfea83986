//! Real builds of fixture packages: what is in the wheel, the same bytes in another folder, what Python sees.

use std::path::Path;

use cargo_pyodide::wasm::Module;
use cargo_pyodide::wheel::WheelContents;

use crate::harness::{can_build, copied, copy_folder, fixture, folder, has, is_there, tool};

/// Builds a folder into `out` beside it and returns the wheel.
fn build(package: &Path, pyodide: &str, more: &[&str]) -> WheelContents {
    let parent = package.parent().unwrap();
    let arguments =
        [&["build", package.to_str().unwrap(), "-q", "--pyodide", pyodide, "--out-dir", "out"], more]
            .concat();
    let printed = tool(&arguments).in_folder(parent).succeed();
    WheelContents::read(&parent.join(printed.stdout.trim())).unwrap()
}

/// The listing, WHEEL and METADATA of a wheel.
fn show(wheel: &WheelContents) -> String {
    let info = wheel.dist_info().unwrap();
    let text = |name: &str| String::from_utf8_lossy(&wheel.files[&format!("{info}/{name}")]).into_owned();
    let listing: Vec<&str> = wheel.files.keys().map(String::as_str).collect();
    let shown =
        format!("{}\n\n{}\n\n{}\n{}", wheel.filename, listing.join("\n"), text("WHEEL"), text("METADATA"));
    let settled =
        shown.lines().map(|line| if line.starts_with("Generator:") { "Generator: …" } else { line });
    settled.collect::<Vec<_>>().join("\n")
}

/// Runs Python with a package's wheel on a line.
fn python(package: &Path, wheel: &WheelContents, pyodide: &str, code: &str) -> String {
    let path = package.parent().unwrap().join("out").join(wheel.filename.to_string());
    tool(&["run", "--pyodide", pyodide, "--with", path.to_str().unwrap(), "-c", code]).succeed().stdout
}

/// Builds a fixture in two folders, one with spaces and letters beyond ASCII in its name, and compares the bytes.
fn built_twice(name: &str, member: &str) -> (tempfile::TempDir, WheelContents) {
    let plain = folder();
    let odd = tempfile::Builder::new().prefix("Größe und Raum ").tempdir().unwrap();
    let wheels = [&plain, &odd].map(|place| {
        let package = place.path().join(name);
        copy_folder(&fixture(name), &package);
        build(&package.join(member), "0.29.5", &[])
    });
    let parent = Path::new(name).join(member);
    let file = |place: &tempfile::TempDir| {
        let folder = place.path().join(parent.parent().unwrap());
        fs_err::read(folder.join("out").join(wheels[0].filename.to_string())).unwrap()
    };
    assert!(file(&plain) == file(&odd), "two builds of `{name}` differ");
    let [wheel, _] = wheels;
    for (path, bytes) in &wheel.files {
        for secret in [env!("CARGO_MANIFEST_DIR"), "/tmp/", "/home/", "/root/"] {
            let found = bytes.windows(secret.len()).position(|window| window == secret.as_bytes());
            let around =
                found.map(|at| String::from_utf8_lossy(&bytes[at..(at + 60).min(bytes.len())]).into_owned());
            assert_eq!(around, None, "`{path}` names a folder of this machine");
        }
    }
    (plain, wheel)
}

#[test]
fn maturin_all_rust() {
    if !can_build() {
        return;
    }
    let (place, wheel) = built_twice("pure", "");
    insta::assert_snapshot!(show(&wheel));
    let package = place.path().join("pure");
    let code = "import fixture_pure as f; print(f.add(1, 2), f.place())\ntry: f.add(2**62, 2**62)\nexcept ValueError as e: print(e)";
    assert_eq!(python(&package, &wheel, "0.29.5", code), "3 src/lib.rs\ntoo large\n");
    let newer = build(&package, "314.0.7", &[]);
    assert_eq!(newer.filename.to_string(), "fixture_pure-1.0.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl");
    assert_eq!(python(&package, &newer, "314.0.7", code), "3 src/lib.rs\ntoo large\n");
}

#[test]
fn maturin_with_python_files_and_choices_for_cargo() {
    if !can_build() {
        return;
    }
    let (place, wheel) = built_twice("mixed", "");
    insta::assert_snapshot!(show(&wheel));
    let package = place.path().join("mixed");
    let code = "import fixture_mixed as f; print(f.greet_all())";
    assert_eq!(python(&package, &wheel, "0.29.5", code), "['hello Ada', 'hello Grace']\n");
    let chosen = build(&package, "0.29.5", &["--features", "loud", "--profile", "small"]);
    assert_eq!(python(&package, &chosen, "0.29.5", code), "['HELLO ADA', 'HELLO GRACE']\n");
}

#[test]
fn setuptools_rust() {
    if !can_build() {
        return;
    }
    let (place, wheel) = built_twice("setuptools", "");
    insta::assert_snapshot!(show(&wheel));
    let package = place.path().join("setuptools");
    assert_eq!(
        python(&package, &wheel, "0.29.5", "import fixture_setuptools as f; print(f.double(2**31))"),
        "4294967296\n"
    );
    assert!(!package.join("build").exists(), "setuptools writes nothing into the user's folder");
}

#[test]
fn the_stable_abi_stays() {
    if !can_build() {
        return;
    }
    let (place, wheel) = built_twice("stable", "");
    insta::assert_snapshot!(show(&wheel));
    let package = place.path().join("stable");
    assert_eq!(
        python(&package, &wheel, "0.29.5", "import fixture_stable as f; print(f.reverse('abc'))"),
        "cba\n"
    );
}

/// `abi3t` has `PyModExport_…` where every other module has `PyInit_…`.
#[test]
fn the_stable_abi_of_free_threaded_python_works_from_3_15_on() {
    if !can_build() || !has("node") {
        return;
    }
    let (place, package) = copied("stable");
    let wheel = build(&package, "315.0.0-alpha.2", &["--features", "free-threaded"]);
    let name = wheel.filename.to_string();
    assert_eq!(name, "fixture_stable-1.0.0-cp315-abi3.abi3t-pyemscripten_2026_5_wasm32.whl");
    let module = Module::read(&wheel.files["fixture_stable/fixture_stable.abi3.so"]).unwrap();
    let entries: Vec<&str> = module.exports.iter().map(|export| export.name.as_str()).collect();
    assert!(entries.contains(&"PyModExport_fixture_stable"), "{entries:?}");
    assert!(!entries.contains(&"PyInit_fixture_stable"), "{entries:?}");
    let code = "import fixture_stable as f; print(f.reverse('abc'))";
    assert_eq!(python(&package, &wheel, "315.0.0-alpha.2", code), "cba\n");
    // The same for a Python that does not know the entry.
    let older = name.replace("cp315-abi3.abi3t", "cp312-abi3").replace("2026_5", "2026_0");
    fs_err::copy(place.path().join("out").join(&name), place.path().join(&older)).unwrap();
    let said = tool(&["audit", &older, "--pyodide", "314.0.7"]).in_folder(place.path()).run();
    let expected = "does not export `PyInit_fixture_stable` (it exports PyModExport_fixture_stable)";
    assert!(said.stdout.contains(expected), "{}", said.stdout);
}

#[test]
fn a_member_of_a_workspace() {
    if !can_build() {
        return;
    }
    let (place, wheel) = built_twice("workspace", "bindings/python");
    let package = place.path().join("workspace/bindings/python");
    let file = python(&package, &wheel, "0.29.5", "import fixture_workspace as f; print(f.file())");
    assert_eq!(file, "core/src/lib.rs\n");
}

#[test]
fn a_packages_own_cargo_configuration_stays_in_force() {
    if !can_build() {
        return;
    }
    let (place, wheel) = built_twice("flags", "");
    let package = place.path().join("flags");
    let code = "import fixture_flags as f; print(f.flags())";
    assert_eq!(python(&package, &wheel, "0.29.5", code), "['build', 'target']\n");
}

#[test]
fn the_json_document_tells_all() {
    if !can_build() {
        return;
    }
    let place = folder();
    let package = place.path().join("pure");
    copy_folder(&fixture("pure"), &package);
    let printed = tool(&["build", "./pure", "-q", "--pyodide", "0.28.3,0.29.5", "--json"])
        .in_folder(place.path())
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .succeed();
    let document: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    let wheels = document["wheels"].as_array().unwrap();
    let versions: Vec<&str> =
        wheels.iter().map(|wheel| wheel["runtime"]["version"].as_str().unwrap()).collect();
    assert_eq!(versions, ["0.28.3", "0.29.5"]);
    let wheel = &wheels[1];
    assert_eq!(wheel["tags"][0], "cp313-cp313-pyodide_2025_0_wasm32");
    assert_eq!(wheel["runtime"]["emscripten"], "4.0.9");
    let bytes = fs_err::read(place.path().join(wheel["wheel"].as_str().unwrap())).unwrap();
    assert_eq!(wheel["sha256"], cargo_pyodide::digest::Sha256Digest::of(&bytes).to_string());
    assert_eq!(wheel["size"], bytes.len());
    assert_eq!(wheel["compression"], "fast");
    for step in ["toolchain", "environment", "compile", "finish", "audit", "compress", "write"] {
        assert!(wheel["seconds"][step].is_f64(), "{step}");
    }
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    assert_eq!(archive.by_index(0).unwrap().last_modified().unwrap().to_string(), "2023-11-14 22:13:20");
}

/// The folder with the headers of the Python that runs the tests, if that is one of this minor version.
pub(crate) fn python_headers(minor: u32) -> Option<String> {
    let question = format!(
        "import os, sys, sysconfig; path = sysconfig.get_path('include'); \
         print(path if sys.version_info[1] == {minor} and os.path.isfile(path + '/Python.h') else '')"
    );
    let output = std::process::Command::new("python3").args(["-c", &question]).output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    is_there(!folder.is_empty(), &format!("Python 3.{minor} has no headers here")).then_some(folder)
}

#[test]
fn an_extension_in_c_alone_is_compiled_for_the_python_of_the_release() {
    let (true, Some(headers)) = (can_build(), python_headers(11)) else { return };
    let place = folder();
    let build = |more: &[&str]| {
        let arguments = ["build", "regex==2026.9.3", "-q", "--out-dir", "out"];
        tool(&[&arguments[..], more].concat()).in_folder(place.path()).hide(headers.as_ref(), "HEADERS")
    };
    let wheel = build(&["--pyodide", "0.25.1"]).succeed().stdout.trim().to_owned();
    let code = "import regex; print(regex.findall(r'\\p{Lu}\\w+', 'Hello wörld Ünicode'), \
                regex.fullmatch(r'(?:cats|cat){e<=1}', 'cat').fuzzy_counts)";
    let ran = tool(&["run", "--pyodide", "0.25.1", "--with", &wheel, "-c", code]);
    let ran = ran.in_folder(place.path()).succeed().stdout;
    assert_eq!(ran, "['Hello', 'Ünicode'] (0, 0, 1)\n");
    let other = build(&["--pyodide", "0.29.5", "--headers", &headers]).snapshot();
    insta::assert_snapshot!(other, @r"
    status: 2
    --- stdout
    --- stderr
    error: `HEADERS` has the headers of Python 3.11, but Python 3.13 is wanted
    hint: name those of the Python that the Pyodide release has, or another release
    ");
}

#[test]
fn what_was_compiled_of_one_copy_is_not_taken_for_another() {
    if !can_build() {
        return;
    }
    let place = folder();
    let [one, other] = ["one", "other"].map(|name| place.path().join(name).join("pure"));
    copy_folder(&fixture("pure"), &one);
    copy_folder(&fixture("pure"), &other);
    let source = other.join("src/lib.rs");
    let text = fs_err::read_to_string(&source).unwrap();
    fs_err::write(&source, text.replace("too large", "too small")).unwrap();
    // Both are older than what is compiled of either, which is all that cargo compares.
    let says = |package: &Path| {
        let wheel = build(package, "0.29.5", &["--no-import"]);
        let mut modules = wheel.files.iter().filter(|(path, _)| path.ends_with(".so"));
        modules.any(|(_, bytes)| bytes.windows(9).any(|found| found == b"too small"))
    };
    assert_eq!([&one, &other, &one].map(|package| says(package)), [false, true, false]);
}

#[test]
fn a_module_that_panics_as_it_is_loaded_fails_the_build() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let package = place.path().join("pure");
    copy_folder(&fixture("pure"), &package);
    let source = package.join("src/lib.rs");
    let text = fs_err::read_to_string(&source).unwrap();
    let broken = text.replace(
        "    module.add_function(wrap_pyfunction!(add",
        "    assert!(module.name().is_err(), \"no entry\");\n    module.add_function(wrap_pyfunction!(add",
    );
    assert_ne!(text, broken);
    fs_err::write(&source, broken).unwrap();
    let arguments = ["build", "./pure", "-q", "--pyodide", "0.29.5", "--out-dir", "out", "--json"];
    let printed = tool(&arguments).in_folder(place.path()).run();
    assert_eq!(printed.status, Some(1), "{}\n{}", printed.stdout, printed.stderr);
    assert!(printed.stderr.contains("does not load in Pyodide 0.29.5"), "{}", printed.stderr);
    let document: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(document["wheels"][0]["import"], "pyo3_runtime.PanicException: no entry");
    let untried = [&arguments[..], &["--no-import"]].concat();
    let printed = tool(&untried).in_folder(place.path()).succeed();
    let document: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(document["wheels"][0]["import"], serde_json::Value::Null);
}
