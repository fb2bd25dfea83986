//! The source tree keeps its own rules: layers, sizes, names, no traces of a machine.

use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
}

fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    let relative = |path: &PathBuf| path.strip_prefix(&root).unwrap().display().to_string();
    found.iter().map(|path| (relative(path), fs_err::read_to_string(path).unwrap())).collect()
}

/// The folder or file directly under `src` that a path belongs to.
fn step(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap()
}

/// Each step and the steps it may use: data goes forward only.
const MAY_USE: [(&str, &[&str]); 18] = [
    ("site", &["abi", "error", "wheel"]),
    ("causes", &["error"]),
    ("ci", &[]),
    ("sweep", &["cache", "causes", "error", "testing", "wheel"]),
    ("abi", &["error"]),
    ("wasm", &[]),
    ("cache", &["error", "ui"]),
    ("process", &["env", "error", "ui"]),
    ("source", &["cache", "digest", "env", "error", "process", "runtime", "ui", "wheel"]),
    ("runtime", &["abi", "cache", "digest", "env", "error", "process", "ui", "wasm", "wheel"]),
    ("overlay", &["digest", "error", "wheel"]),
    ("project", &["abi", "error", "wheel"]),
    ("dependencies", &["abi", "error", "project", "runtime", "source", "wheel"]),
    (
        "testing",
        &[
            "build",
            "cache",
            "dependencies",
            "digest",
            "env",
            "error",
            "process",
            "run",
            "runtime",
            "source",
            "toolchain",
            "ui",
            "wheel",
        ],
    ),
    ("driver", &["abi", "cache", "digest", "env", "error", "overlay", "process", "toolchain", "ui", "wasm"]),
    ("toolchain", &["abi", "build", "cache", "digest", "driver", "env", "error", "process", "ui"]),
    ("audit", &["abi", "error", "runtime", "wasm", "wheel"]),
    ("wheel", &["digest", "env", "error", "runtime", "wasm"]),
];

#[test]
fn steps_use_only_what_they_may() {
    let mut wrong = Vec::new();
    for (path, text) in all() {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == step(&path)) else { continue };
        for used in text.match_indices("crate::").map(|(at, marker)| &text[at + marker.len()..]) {
            let used: String = used.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if used != step(&path) && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{path} uses {used}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn files_and_functions_are_short() {
    let mut long = Vec::new();
    for (path, text) in all() {
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > 400 {
            long.push(format!("{path}: {} lines", lines.len()));
        }
        let mut start = None;
        for (number, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = line.trim_start().trim_start_matches("pub(super) ").trim_start_matches("pub(crate) ");
            if start.is_none() && head.trim_start_matches("pub ").starts_with("fn ") && !line.ends_with('}') {
                start = Some((number, indent));
            }
            if let Some((first, depth)) = start
                && indent == depth
                && line.trim() == "}"
            {
                if number - first > 50 {
                    long.push(format!("{path}:{}: a function of {} lines", first + 1, number - first));
                }
                start = None;
            }
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn modules_say_what_they_are_for() {
    let silent: Vec<String> =
        all().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert_eq!(silent, Vec::<String>::new());
    let vague = ["utils", "common", "helpers", "misc", "types"];
    let named: Vec<String> = all()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| vague.iter().any(|name| path.contains(name)))
        .collect();
    assert_eq!(named, Vec::<String>::new());
}

#[test]
fn no_registry_and_no_unfinished_mark_is_named() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    let hosts = ["pyp!i.org", "pythonhos!ted", "crates!.io", "npm!js."].map(|host| host.replace('!', ""));
    let marks = ["TO!DO", "FIX!ME", "unimpl!emented!"].map(|mark| mark.replace('!', ""));
    for (path, text) in all() {
        wrong.extend(
            hosts
                .iter()
                .chain(&marks)
                .filter(|word| text.contains(*word))
                .map(|word| format!("src/{path}: {word}")),
        );
    }
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile"] {
        let text = fs_err::read_to_string(root.join(name)).unwrap();
        wrong.extend(
            hosts
                .iter()
                .chain(&marks)
                .filter(|word| text.contains(*word))
                .map(|word| format!("{name}: {word}")),
        );
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn readme_lists_every_variable_and_command() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs_err::read_to_string(root.join("README.md")).unwrap();
    let mut missing = Vec::new();
    for (_, text) in all() {
        for (at, _) in text.match_indices("\"CARGO_PYODIDE_") {
            let name: String =
                text[at + 1..].chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
            if !readme.contains(&name) {
                missing.push(name);
            }
        }
    }
    for command in [
        "build", "audit", "run", "test", "sweep", "ci", "deps", "recipes", "overlay", "runtimes", "setup",
        "doctor", "clean",
    ] {
        if !readme.contains(&format!("cargo pyodide {command}")) {
            missing.push(command.to_owned());
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}
