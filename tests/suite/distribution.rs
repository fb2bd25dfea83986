//! What is handed out: the crate's package, the Python package, completions and manual pages.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{can_build, folder, has, shared_cache, tool, write_program};
use crate::pipelines::python_program;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What a program prints on stdout. It must succeed.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that `--help` lists, but `help` itself.
fn commands() -> Vec<String> {
    let help = tool(&["--help"]).succeed().stdout;
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let names =
        list.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The long options in the help of a command.
fn options(command: &str) -> BTreeSet<String> {
    let help = tool(&[command, "--help"]).succeed().stdout;
    let (_, list) = help.split_once("Options:\n").unwrap();
    let lines = list.lines().take_while(|line| *line != "Examples:");
    // Descriptions name options, too.
    let lines = lines.filter(|line| line.trim_start().starts_with('-'));
    let words = lines.filter_map(|line| line.split_whitespace().find(|word| word.starts_with("--")));
    words.map(|word| word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()).collect()
}

#[test]
fn shells_complete_every_command_and_option() {
    let scripts = ["bash", "zsh", "fish", "powershell", "elvish"]
        .map(|shell| tool(&["completions", shell]).succeed().stdout);
    let [bash, others @ ..] = &scripts;
    let place = folder();
    fs_err::write(place.path().join("script"), bash).unwrap();
    let complete = |words: &[&str]| -> BTreeSet<String> {
        let ask = r#"source ./script; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
            "$(complete -p cargo-pyodide | sed 's/.*-F \([^ ]*\).*/\1/')" "$1" "${COMP_WORDS[COMP_CWORD]}"; printf '%s\n' "${COMPREPLY[@]}""#;
        let mut shell = Command::new("bash");
        shell.args(["-c", ask, "bash", "cargo-pyodide"]).args(words).current_dir(place.path());
        output(&mut shell).lines().map(str::to_owned).collect()
    };
    let commands = commands();
    assert!(commands.iter().any(|name| name == "build") && commands.iter().any(|name| name == "completions"));
    assert!(commands.iter().all(|name| complete(&[""]).contains(name)), "{:?}", complete(&[""]));
    for command in &commands {
        let options = options(command);
        let missing: Vec<_> = options.difference(&complete(&[command, "--"])).cloned().collect();
        assert!(missing.is_empty(), "bash does not complete {missing:?} of {command}");
        for option in options {
            let name = option.trim_start_matches('-');
            assert!(others.iter().all(|script| script.contains(name)), "a shell does not complete {option}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let place = folder();
    let out = place.path().join("deep/man1");
    tool(&["man", "--out", out.to_str().unwrap()]).succeed();
    let main = fs_err::read_to_string(out.join("cargo-pyodide.1")).unwrap();
    for command in commands() {
        let page = fs_err::read_to_string(out.join(format!("cargo-pyodide-{command}.1"))).unwrap();
        assert!(main.contains(&format!("cargo\\-pyodide\\-{}", command.replace('-', "\\-"))), "{command}");
        for option in options(&command) {
            assert!(page.contains(&option.replace('-', "\\-")), "the page of {command} lacks {option}");
        }
    }
    assert!(!out.join("cargo-pyodide-cell-process.1").exists(), "a hidden command has a page");
}

/// The files of the crate's package.
fn packed() -> BTreeSet<String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["package", "--list", "--allow-dirty"]).current_dir(ROOT);
    output(&mut cargo).lines().map(str::to_owned).collect()
}

#[test]
fn the_crate_holds_what_the_program_is_made_of() {
    let packed = packed();
    let tracked = output(Command::new("git").args(["ls-files", "src", "facts", "recipes"]).current_dir(ROOT));
    let missing: Vec<&str> = tracked.lines().filter(|file| !packed.contains(*file)).collect();
    assert!(missing.is_empty(), "not packed: {missing:?}");
    // By folder: files come and go.
    let top: BTreeSet<&str> = packed.iter().map(|file| file.split('/').next().unwrap()).collect();
    insta::assert_snapshot!(top.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn no_dependency_needs_a_newer_rust_than_we_say() {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--format-version", "1", "--locked"]).current_dir(ROOT);
    let metadata: serde_json::Value = serde_json::from_str(&output(&mut cargo)).unwrap();
    let version = |package: &serde_json::Value| -> (u64, u64) {
        let text = package["rust_version"].as_str().unwrap_or("1.0");
        let mut numbers = text.split('.').map(|number| number.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    };
    let packages = metadata["packages"].as_array().unwrap();
    let ours = packages.iter().find(|package| package["name"] == "cargo-pyodide").map(version).unwrap();
    let newer: Vec<_> =
        packages.iter().filter(|package| version(package) > ours).map(|package| &package["name"]).collect();
    assert!(newer.is_empty() && ours >= (1, 85), "{newer:?}");
}

/// A folder with maturin, installed once. None where it cannot be had.
pub(crate) fn maturin() -> Option<PathBuf> {
    python_program("maturin", "1.16.0")
}

/// Our source distribution, in this folder.
fn source_distribution(maturin: &Path, folder: &Path) -> PathBuf {
    output(Command::new(maturin).args(["sdist", "--out"]).arg(folder).current_dir(ROOT));
    let mut found = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    found.next().unwrap()
}

#[test]
fn the_source_distribution_holds_the_crate() {
    let Some(maturin) = maturin() else { return };
    let place = folder();
    let sdist = source_distribution(&maturin, place.path());
    let listed = output(Command::new("tar").arg("-tzf").arg(&sdist));
    let files: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| Some(line.split_once('/')?.1))
        .filter(|name| !name.is_empty())
        .collect();
    let packed = packed();
    // Cargo adds these two to its own package.
    let missing: Vec<_> = packed
        .iter()
        .filter(|name| !files.contains(name.as_str()))
        .filter(|name| ![".cargo_vcs_info.json", "Cargo.toml.orig"].contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty() && files.contains("PKG-INFO"), "not in the source distribution: {missing:?}");
    let metadata =
        output(Command::new("tar").args(["-xzOf"]).arg(&sdist).args(["--wildcards", "*/PKG-INFO"]));
    let head: Vec<&str> = metadata.lines().take_while(|line| !line.is_empty()).collect();
    insta::assert_snapshot!(head.join("\n"));
}

/// Compiles the whole program, in the profile `dev`: in `make test-all` alone.
#[test]
fn the_source_distribution_installs_into_a_bare_environment() {
    if std::env::var("TEST_LINES").as_deref() != Ok("all") || !has("cargo") {
        return;
    }
    let Some(maturin) = maturin() else { return };
    let place = folder();
    let sdist = source_distribution(&maturin, place.path());
    let environment = place.path().join("bare");
    output(Command::new("python3").args(["-m", "venv"]).arg(&environment));
    let scripts = environment.join("bin");
    let mut pip = Command::new(scripts.join("python"));
    pip.args(["-m", "pip", "install", "--quiet"]).arg(&sdist);
    pip.env("MATURIN_PEP517_ARGS", "--profile dev");
    output(pip.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-package")));
    let listed =
        output(Command::new(scripts.join("python")).args(["-m", "pip", "show", "-f", "cargo-pyodide"]));
    let files: Vec<&str> =
        listed.lines().skip_while(|line| *line != "Files:").skip(1).map(str::trim).collect();
    assert!(
        files.iter().all(|file| file.contains(".dist-info/") || file.ends_with("bin/cargo-pyodide")),
        "{files:?}"
    );
    let path = std::env::join_paths(
        std::iter::once(scripts.clone()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let version = |program: &str, arguments: &[&str]| {
        output(Command::new(program).args(arguments).env("PATH", path.as_ref().unwrap()))
    };
    let expected = format!("cargo-pyodide {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(version("cargo-pyodide", &["--version"]), expected);
    assert_eq!(version("cargo", &["pyodide", "--version"]), expected);
}

/// Builds tiktoken twice: in `make test-all` alone.
#[test]
fn the_demo_encodes_text() {
    if std::env::var("TEST_LINES").as_deref() != Ok("all") || !can_build() || !has("node") {
        return;
    }
    let mut demo = Command::new("python3");
    demo.args(["examples/tiktoken/demo.py", env!("CARGO_BIN_EXE_cargo-pyodide"), "0.29,314"])
        .current_dir(ROOT);
    demo.env("CARGO_PYODIDE_CACHE_DIR", shared_cache()).env_remove("RUSTUP_TOOLCHAIN");
    let printed = output(demo.env("CARGO_PYODIDE_OPTIMIZE", "none").env("CARGO_PYODIDE_COMPRESS", "fast"));
    assert_eq!(printed.matches("[15339, 1917]").count(), 2, "{printed}");
}

/// What `tools/setup.sh` wants installed on a machine without a package manager, where these programs are all there is.
fn wanted(arguments: &[&str], programs: &[&str]) -> String {
    let place = folder();
    let sysroot = place.path().join("sysroot");
    fs_err::create_dir_all(sysroot.join("lib/rustlib/src/rust/library/std")).unwrap();
    let bin = place.path().join("bin");
    fs_err::create_dir(&bin).unwrap();
    for program in programs {
        write_program(&bin.join(program), &format!("#!/bin/sh\necho {}\n", sysroot.display()));
    }
    let script = Path::new(ROOT).join("tools/setup.sh");
    let mut setup = Command::new("/bin/sh");
    let printed =
        setup.arg(script).args(arguments).env("PATH", bin).env("HOME", place.path()).output().unwrap();
    let said = String::from_utf8(printed.stderr).unwrap();
    assert_eq!(printed.status.success(), said.is_empty(), "{said}");
    said
}

#[test]
fn the_demo_needs_no_browser_and_no_c_compiler() {
    let few = ["rustc", "node", "npm", "python3", "git"];
    let said = [
        wanted(&["demo"], &few),
        wanted(&["demo"], &[&few[..], &["wasm-ld-19"]].concat()),
        wanted(&["demo"], &["rustc"]),
    ];
    insta::assert_snapshot!(said.join("---\n"), @"
    setup: install these first: lld-19
    ---
    ---
    setup: install these first: nodejs npm python3 python3-venv python3-pip git lld-19
    ");
    assert!(wanted(&[], &few).contains("chromium"));
}

#[test]
fn a_new_package_works_here_and_in_pyodide() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let created = tool(&["new", "hello-there"]).in_folder(place.path()).snapshot();
    let package = place.path().join("hello-there");
    let files = walkdir::WalkDir::new(&package).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file());
    let names: Vec<String> =
        files.map(|entry| entry.path().strip_prefix(&package).unwrap().display().to_string()).collect();
    insta::assert_snapshot!(format!("{created}---\n{}", names.join("\n")));
    let written = package.join(".github/workflows/pyodide.yml");
    let asked = tool(&["ci", "github"]).in_folder(&package).succeed().stdout;
    assert_eq!(fs_err::read_to_string(written).unwrap(), asked);
    let tested = tool(&["test", "--native", "--pyodide", "314.0.7"]).in_folder(&package).run();
    assert_eq!(tested.status, Some(0), "{}\n{}", tested.stdout, tested.stderr);
    assert!(tested.stdout.contains("2 passed"), "{}\n{}", tested.stdout, tested.stderr);
    // Nothing that the template or its tests leave behind is news to git.
    let ignored = fs_err::read_to_string(package.join(".gitignore")).unwrap();
    assert!(ignored.lines().any(|line| line == "/target"));
}

#[test]
fn a_new_package_replaces_nothing() {
    let place = folder();
    fs_err::create_dir(place.path().join("there")).unwrap();
    let run = |name: &str| tool(&["new", name]).in_folder(place.path()).snapshot();
    let refused = ["there", "Class", "class", ".."].map(run);
    insta::assert_snapshot!(refused.join("\n"));
    assert_eq!(fs_err::read_dir(place.path()).unwrap().count(), 1, "something was left");
}
