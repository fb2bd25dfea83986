//! The command line: help, refused arguments, missing tools.

use crate::harness::{can_build, find, fixture, folder, runtime, shared_cache, tool, write_program};

#[test]
fn help_has_examples_and_exit_codes() {
    let help = [
        "",
        "build",
        "audit",
        "run",
        "repl",
        "test",
        "bench",
        "sweep",
        "ci",
        "deps",
        "recipes",
        "overlay",
        "site",
        "serve",
        "runtimes",
        "setup",
        "doctor",
        "clean",
        "completions",
        "man",
    ]
    .map(|command| {
        let arguments: Vec<&str> = [command, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        tool(&arguments).succeed().stdout
    });
    insta::assert_snapshot!(help.join("\n==========\n"));
}

#[test]
fn both_ways_of_calling_are_one() {
    let direct =
        std::process::Command::new(env!("CARGO_BIN_EXE_cargo-pyodide")).arg("--help").output().unwrap();
    assert_eq!(String::from_utf8(direct.stdout).unwrap(), tool(&["--help"]).succeed().stdout);
}

#[test]
fn arguments_are_refused_with_the_reason() {
    let cases: [&[&str]; 7] = [
        &[],
        &["bild"],
        &["build", "x>=1"],
        &["build", "x.whl"],
        &["build", "--pyodide", "nightly"],
        &["run"],
        &["build", "-v", "-q"],
    ];
    let printed = cases
        .map(|arguments| format!("$ cargo pyodide {}\n{}", arguments.join(" "), tool(arguments).snapshot()));
    insta::assert_snapshot!(printed.join("\n\n"));
}

#[test]
fn releases_that_cannot_be_had_are_refused() {
    if !can_build() {
        return;
    }
    let build = |arguments: &[&str]| tool(&[&["build", "./x", "-q"], arguments].concat()).snapshot();
    let listed = build(&["--pyodide", "0.29.77"]);
    assert!(
        listed.contains("there is no Pyodide release `0.29.77`\nhint: releases of that line: 0.29.0, 0.29.1"),
        "{listed}"
    );
    let unknown = build(&["--pyodide", "7000"]);
    let cases = [unknown, build(&["--pyodide", "0.20"]), build(&["--pyodide", "./nowhere"])];
    let here = std::env::current_dir().unwrap().display().to_string();
    insta::assert_snapshot!(cases.join("\n\n").replace(&here, "HERE"));
}

#[test]
fn without_a_network_the_cache_is_all_there_is() {
    if !can_build() {
        return;
    }
    let empty = folder();
    let cases = [
        tool(&["build", "./x", "-q", "--offline"]).cache(empty.path()).snapshot(),
        tool(&["run", "--offline", "--pyodide", "0.29.5", "-c", ""]).cache(empty.path()).snapshot(),
        tool(&["build", "no-such-package", "-q", "--offline", "--pyodide", "0.29.5"]).snapshot(),
    ];
    runtime("0.29.5");
    insta::assert_snapshot!(cases.join("\n\n"));
}

#[test]
fn an_npm_that_cannot_reach_its_registry_is_quoted() {
    if !can_build() {
        return;
    }
    let empty = folder();
    let printed = tool(&["setup", "--pyodide", "0.29", "-q"])
        .hide(&find("npm").unwrap(), "NPM")
        .cache(empty.path())
        .env("npm_config_registry", "http://127.0.0.1:9/")
        .env("npm_config_fetch_retries", "0")
        .run();
    assert_eq!(printed.status, Some(2));
    let ours: Vec<&str> = printed.stderr.lines().filter(|line| !line.starts_with("    ")).collect();
    insta::assert_snapshot!(ours.join("\n"));
}

#[test]
fn missing_tools_are_named_with_how_to_get_them() {
    if !can_build() {
        return;
    }
    let runtime = runtime("0.29.5").display().to_string();
    let package = fixture("pure").display().to_string();
    let build = ["build", &package, "-q", "--pyodide", &runtime];
    let places: [tempfile::TempDir; 5] = std::array::from_fn(|_| folder());
    let [without_npm, empty, without_python, without_node, old] = &places;
    let old_linker = old.path().join("wasm-ld");
    write_program(&old_linker, "#!/bin/sh\necho LLD 18.1.0\n");
    let without_sources = std::process::Command::new("rustc").args(["--print", "sysroot"]).output().unwrap();
    let without_sources = String::from_utf8(without_sources.stdout).unwrap().trim().to_owned() + "/bin/rustc";
    let has_sources = std::path::Path::new(&without_sources)
        .parent()
        .unwrap()
        .join("../lib/rustlib/src/rust/library")
        .exists();
    let mut cases = vec![
        (
            "no npm",
            tool(&["setup", "-q", "--pyodide", "0.29"])
                .only_programs(without_npm.path(), &["python3"])
                .cache(empty.path())
                .snapshot(),
        ),
        ("no python", tool(&build).only_programs(without_python.path(), &["npm"]).snapshot()),
        ("no such python", tool(&[&build[..], &["--python", "/nowhere/python"]].concat()).snapshot()),
        (
            "no node",
            tool(&["run", "--pyodide", &runtime, "-c", ""])
                .only_programs(without_node.path(), &["python3"])
                .snapshot(),
        ),
        ("no rustc", tool(&build).env("CARGO_PYODIDE_RUSTC", "/nowhere/rustc").snapshot()),
        ("no wasm-ld", tool(&build).env("CARGO_PYODIDE_WASM_LD", "/nowhere/wasm-ld").snapshot()),
        (
            "old wasm-ld",
            tool(&build).env("CARGO_PYODIDE_WASM_LD", &old_linker).hide(old.path(), "OLD").snapshot(),
        ),
    ];
    if !has_sources {
        let printed = tool(&build).env("CARGO_PYODIDE_RUSTC", &without_sources).run();
        let version = printed.stderr.split(['(', ')']).nth(1).unwrap().to_owned();
        let shown = printed.stderr.replace(&without_sources, "RUSTC").replace(&version, "VERSION");
        cases.push(("no rust-src", format!("status: {:?}\n{shown}", printed.status)));
    }
    let shown: Vec<String> = cases.into_iter().map(|(name, printed)| format!("{name}\n{printed}")).collect();
    insta::assert_snapshot!(
        shown.join("\n\n").replace(&runtime, "RUNTIME").replace(env!("CARGO_MANIFEST_DIR"), "ROOT")
    );
}

#[test]
fn doctor_fails_when_a_build_could_not_work() {
    let place = folder();
    let printed = tool(&["doctor"])
        .only_programs(place.path(), &[])
        .env("CARGO_PYODIDE_RUSTC", "/nowhere/rustc")
        .env("CARGO_PYODIDE_WASM_LD", "/nowhere/wasm-ld")
        .cache(&place.path().join("cache"))
        .snapshot();
    insta::assert_snapshot!(printed);
}

#[test]
fn clean_empties_by_kind() {
    let place = folder();
    for kind in ["builds", "runtimes"] {
        fs_err::create_dir_all(place.path().join(kind).join("x")).unwrap();
    }
    tool(&["clean", "builds"]).cache(place.path()).succeed();
    assert!(!place.path().join("builds/x").exists());
    assert!(place.path().join("runtimes/x").exists());
    tool(&["clean"]).cache(place.path()).succeed();
    assert!(!place.path().join("runtimes/x").exists());
    assert_eq!(tool(&["clean", "everything"]).run().status, Some(2));
    assert!(shared_cache() != place.path());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut command = tool(&["audit", "--explain", "all"]).command();
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn an_empty_table_is_not_what_a_failing_npm_gives() {
    let (place, cache) = (folder(), folder());
    let npm = place.path().join("npm");
    write_program(&npm, "#!/bin/sh\necho 'npm error no registry' >&2\nexit 1\n");
    let path =
        std::env::join_paths([place.path(), std::path::Path::new("/usr/bin"), std::path::Path::new("/bin")]);
    let printed =
        tool(&["runtimes"]).cache(cache.path()).env("PATH", path.unwrap()).hide(place.path(), "HERE").run();
    assert_eq!((printed.status, printed.stdout.as_str()), (Some(2), ""), "{}", printed.stderr);
    assert!(printed.stderr.contains("npm error no registry"), "{}", printed.stderr);
}

#[test]
fn a_project_of_a_workspace_is_chosen_as_cargo_chooses() {
    let place = folder();
    for (member, name) in [("a", "first"), ("b/py", "second")] {
        let folder = place.path().join(member);
        fs_err::create_dir_all(&folder).unwrap();
        let text = format!(
            "[project]\nname = '{name}'\nversion = '1.0'\n[build-system]\nrequires = ['hatchling']\nbuild-backend = 'hatchling.build'\n"
        );
        fs_err::write(folder.join("pyproject.toml"), text).unwrap();
    }
    let runtime = runtime("0.29.5").display().to_string();
    let build = |arguments: &[&str]| {
        let printed = tool(&[&["build", "-q", "--offline", "--pyodide", &runtime], arguments].concat())
            .in_folder(place.path())
            .hide(place.path(), "HERE")
            .run();
        printed.stderr
    };
    let shown = [
        build(&["-p", "second"]),
        build(&["--package", "secnd"]),
        build(&["--manifest-path", "a/pyproject.toml"]),
        build(&["--manifest-path", "a"]),
        build(&["-p", "second", "x==1"]),
        build(&["."]),
    ];
    insta::assert_snapshot!(shown.concat());
}
