//! The library without the command line, and what one build asks of the machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{can_build, copy_folder, fixture, folder, has, shared_cache, tool};

/// The dependencies of the library alone.
#[test]
fn the_library_knows_no_command_line_and_no_terminal() {
    let printed = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--edges",
            "normal",
            "--no-default-features",
            "--prefix",
            "none",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let tree = String::from_utf8(printed.stdout).unwrap();
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"wasmparser"), "{tree}");
    for name in ["clap", "anstream", "indicatif", "console", "ctrlc"] {
        assert!(!names.contains(&name), "the library depends on {name}");
    }
}

#[test]
fn an_example_builds_and_audits_with_the_library() {
    if !can_build() {
        return;
    }
    let place = folder();
    let package = place.path().join("pure");
    copy_folder(&fixture("pure"), &package);
    // Where this test was run alone, cargo has not built the example.
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--locked", "--offline", "--example", "library"]);
    assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
    let test = std::env::current_exe().unwrap();
    let example = test.parent().and_then(Path::parent).unwrap().join("examples/library");
    let out = place.path().join("out");
    let printed = Command::new(example)
        .args([package.to_str().unwrap(), "0.29.5", out.to_str().unwrap()])
        .env("CARGO_PYODIDE_CACHE_DIR", shared_cache())
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTC")
        .output()
        .unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let name = "fixture_pure-1.0.0-cp313-cp313-pyodide_2025_0_wasm32.whl";
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), format!("{name}: 0 findings\n"));
    assert!(out.join(name).is_file());
}

/// The files of interest below a folder, and how often each was opened.
fn count_opened(reads: &[PathBuf], place: &Path) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for inside in reads.iter().filter_map(|path| path.strip_prefix(place).ok()) {
        let ending = inside.extension().and_then(|ending| ending.to_str());
        if matches!(ending, Some("toml" | "whl" | "gz" | "cfg")) || inside.ends_with("PKG-INFO") {
            *counts.entry(inside.display().to_string()).or_default() += 1;
        }
    }
    counts
}

/// What a warm build of a package in an archive starts and opens: each thing once.
#[test]
fn a_build_asks_for_everything_once() {
    if !can_build() {
        return;
    }
    if !has("strace") {
        return;
    }
    let place = folder();
    let tree = place.path().join("fixture_pure-1.0.0");
    copy_folder(&fixture("pure"), &tree);
    let packed = Command::new("tar")
        .args(["czf", "fixture_pure-1.0.0.tar.gz", "fixture_pure-1.0.0"])
        .current_dir(place.path())
        .status();
    assert!(packed.unwrap().success());
    fs_err::remove_dir_all(&tree).unwrap();
    let arguments = ["build", "fixture_pure-1.0.0.tar.gz", "--pyodide", "0.29.5", "--out-dir", "out", "-v"];
    tool(&arguments).in_folder(place.path()).succeed();
    // The second time nothing is made in the cache any more.
    let (printed, reads) = tool(&arguments).in_folder(place.path()).trace_reads();
    let stderr = String::from_utf8_lossy(&printed.stderr).into_owned();
    assert!(printed.status.success(), "{stderr}");
    let mut shown = vec!["starts".to_owned()];
    shown.extend(started(&stderr));
    shown.push("opens".to_owned());
    for (root, word) in [(place.path().to_owned(), "FOLDER"), (shared_cache().join("builds"), "BUILDS")] {
        let files = count_opened(&reads, &root).into_iter();
        // The key of a build's folder depends on where the archive lies.
        let plain = files.map(|(path, count)| format!("  {count} {word}/{}", without_key(&path)));
        shown.extend(plain);
    }
    insta::assert_snapshot!(shown.join("\n"));
}

/// The programs that a verbose run says it starts, in order, without folders.
fn started(stderr: &str) -> Vec<String> {
    let names = ["python", "rustc", "cargo", "pip", "npm", "node", "uv", "wasm-ld", "rust-lld", "git"];
    let commands = stderr.lines().filter_map(|line| {
        let words: Vec<&str> = line.trim().trim_end_matches("\u{1b}[0m").split(' ').collect();
        let at = words.iter().position(|word| {
            let name = word.rsplit('/').next().unwrap_or(word);
            word.contains('/') && !word.contains('=') && names.iter().any(|known| name.starts_with(known))
        })?;
        // A command begins its line, behind a folder and variables.
        let is_command = words[..at].iter().all(|word| {
            word.contains('=') || ["", "cd", "&&", "\u{1b}[2m"].contains(word) || word.starts_with('/')
        });
        is_command.then(|| {
            let name = words[at]
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
            let first =
                words.get(at + 1).filter(|word| !word.contains('/') && !word.contains('\'')).unwrap_or(&"");
            format!("  {name} {first}").trim_end().to_owned()
        })
    });
    commands.collect()
}

/// A path below the folder of builds, without the key of the build.
fn without_key(path: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    if let Some(key) = parts.first_mut().filter(|part| part.starts_with("fixture_pure-1.0.0-")) {
        *key = "fixture_pure-KEY";
    }
    parts.join("/")
}
