//! Classes of packages that fail as they are: what `build` says of each, and that the remedy which it names works.

use std::path::{Path, PathBuf};

use cargo_pyodide::wheel::WheelContents;

use crate::harness::{Tool, can_build, copy_folder, fixture, folder, tool};
use crate::index::pack;

/// A copy of a fixture in a folder of its own.
fn copied(name: &str) -> (tempfile::TempDir, PathBuf) {
    let place = folder();
    let package = place.path().join(name);
    copy_folder(&fixture(name), &package);
    (place, package)
}

fn build(package: &Path, more: &[&str]) -> Tool {
    let arguments =
        [&["build", package.to_str().unwrap(), "-q", "--pyodide", "0.29.5", "--out-dir", "out"], more]
            .concat();
    let parent = package.parent().unwrap();
    tool(&arguments).in_folder(parent).hide(parent, "HERE")
}

/// Looks for cargo's target folder by its name, as build scripts that put a file beside the library do. Ours must be the
/// first of this name: the cache of the tests lies in another one.
const FINDS_TARGET: &str = r#"fn main() {
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").unwrap());
    let found = out.ancestors().find(|folder| folder.ends_with("target"));
    let found = found.expect("couldn't find target dir");
    let below = out.strip_prefix(found).unwrap();
    let target = std::env::var("TARGET").unwrap();
    assert!(below.starts_with(&target), "{} is not cargo's target folder", found.display());
}
"#;

#[test]
fn a_build_script_finds_the_target_folder_above_its_own() {
    if !can_build() {
        return;
    }
    let (_place, package) = copied("pure");
    fs_err::write(package.join("build.rs"), FINDS_TARGET).unwrap();
    build(&package, &[]).succeed();
    build(&package, &["--share-crates"]).succeed();
}

/// What a failed build says, without the names that differ from one time to the next.
fn refuse(build: Tool) -> String {
    let said = build.snapshot();
    let settled = said.lines().map(|line| match line.split_once("the full log is") {
        Some((before, _)) => format!("{before}the full log is `LOG`"),
        None => line.to_owned(),
    });
    settled.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_that_the_sdist_lacks_is_named_and_can_be_added() {
    if !can_build() {
        return;
    }
    let (place, package) = copied("pure");
    let source = package.join("src/lib.rs");
    let text = fs_err::read_to_string(&source).unwrap();
    let readme = "pub const ABOUT: &str = include_str!(\"../README.md\");\n\
                  pub static TABLE: &[u8] = include_bytes!(\"data/table.bin\");";
    fs_err::write(&source, format!("{text}\n{readme}\n")).unwrap();
    let archive = place.path().join("fixture_pure-1.0.0.tar.gz");
    fs_err::write(&archive, pack(&package, "fixture_pure-1.0.0")).unwrap();
    let said = refuse(build(&archive, &[]));
    let said = said.lines().filter(|line| line.contains("couldn't read") || line.starts_with("hint"));
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"));
    fs_err::write(place.path().join("table.bin"), [1, 2, 3]).unwrap();
    let overlay = "sources = [{ to = \"README.md\", text = \"about\" }, { to = \"src/data/table.bin\", from = \"table.bin\" }]";
    fs_err::write(place.path().join("o.toml"), overlay).unwrap();
    let printed = build(&archive, &["--overlay", "o.toml"]).succeed();
    let wheel = WheelContents::read(&place.path().join(printed.stdout.trim())).unwrap();
    assert!(wheel.files.keys().any(|path| path.ends_with(".so")));
    // The user's own folder gets a copy, in which another text is seen.
    fs_err::write(place.path().join("o.toml"), overlay.replace("about", "other")).unwrap();
    build(&package, &["--overlay", "o.toml"]).succeed();
    assert!(!package.join("README.md").exists());
    fs_err::write(package.join("README.md"), "its own").unwrap();
    insta::assert_snapshot!(refuse(build(&package, &["--overlay", "o.toml"])));
}

/// The hint that a failed build ends with.
fn hint(build: Tool) -> String {
    let printed = build.run();
    assert_eq!(printed.status, Some(2), "{}", printed.stderr);
    printed.stderr.lines().filter(|line| line.starts_with("hint")).collect()
}

/// Changes a file of a package.
fn change(package: &Path, name: &str, change: impl Fn(&str) -> String) {
    let path = package.join(name);
    let text = fs_err::read_to_string(&path).unwrap();
    let changed = change(&text);
    assert_ne!(changed, text);
    fs_err::write(path, changed).unwrap();
}

#[test]
fn a_crate_that_knows_some_systems_takes_emscripten_for_one_of_them() {
    if !can_build() {
        return;
    }
    // The package's own crate: rustc notes the function that was configured out.
    let (place, package) = copied("pure");
    let gated = "#[cfg(target_os = \"linux\")]\nfn system() -> String {\n    \"a Unix\".to_owned()\n}\n";
    change(&package, "src/lib.rs", |text| {
        let calls = text.replace("std::panic::Location::caller().file().to_owned()", "system()");
        format!("{calls}\n{gated}")
    });
    let own = hint(build(&package, &[]));
    fs_err::write(place.path().join("o.toml"), "cargo.target-os = { fixture-pure = \"linux\" }").unwrap();
    build(&package, &["--overlay", "o.toml"]).succeed();
    assert!(
        fs_err::read_to_string(package.join("src/lib.rs")).unwrap().ends_with(gated),
        "the user's folder"
    );

    // A crate of a registry, whose whole module is left out: rustc says no more than that it is not there.
    let (place, package) = copied("pure");
    change(&package, "Cargo.toml", |text| format!("{text}machine-uid = \"=0.6.0\"\n"));
    change(&package, "src/lib.rs", |text| {
        let call = "machine_uid::get().unwrap_or_default()";
        text.replace("std::panic::Location::caller().file().to_owned()", call)
    });
    let others = hint(build(&package, &[]));
    insta::assert_snapshot!(format!("{own}\n{others}"));
    let lock = fs_err::read_to_string(package.join("Cargo.lock")).unwrap();
    fs_err::write(place.path().join("o.toml"), "cargo.target-os = { machine-uid = \"linux\" }").unwrap();
    build(&package, &["--overlay", "o.toml"]).succeed();
    assert_eq!(fs_err::read_to_string(package.join("Cargo.lock")).unwrap(), lock);
}
