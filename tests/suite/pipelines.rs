//! `ci`: pipelines are what the services take.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{folder, shared_cache, tool};

/// A program that holds pipelines against the services' own schemas; installed once. None where it cannot be had.
fn checker() -> Option<PathBuf> {
    let environment = shared_cache().join("check-jsonschema");
    let program = environment.join("bin/check-jsonschema");
    if !program.is_file() {
        let made = Command::new("python3").args(["-m", "venv"]).arg(&environment).status();
        let pip = environment.join("bin/python");
        let installed =
            Command::new(pip).args(["-m", "pip", "install", "--quiet", "check-jsonschema==0.37.4"]).status();
        let is_there = made.is_ok_and(|made| made.success()) && installed.is_ok_and(|done| done.success());
        assert!(is_there || std::env::var_os("CI").is_none(), "check-jsonschema cannot be installed");
        if !is_there {
            eprintln!("skipped: check-jsonschema cannot be installed");
            return None;
        }
    }
    Some(program)
}

fn check(checker: &Path, service: &str, place: &Path, file: &str) {
    let arguments: &[&str] = match service {
        "github" => &["--builtin-schema", "vendor.github-workflows"],
        _ => &["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
    };
    let output = Command::new(checker).args(arguments).arg(place.join(file)).output().unwrap();
    assert!(output.status.success(), "{service}: {}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn pipelines_fit_the_schemas_of_their_services() {
    let place = folder();
    fs_err::write(place.path().join("list.txt"), "x==1\n").unwrap();
    fs_err::write(place.path().join("pyproject.toml"), "").unwrap();
    let Some(checker) = checker() else { return };
    for service in ["github", "gitlab"] {
        for more in [&[][..], &["list.txt"], &["list.txt", "--shards", "4", "--pyodide", ">=0.29"]] {
            let text = tool(&[&["ci", service][..], more].concat()).in_folder(place.path()).succeed().stdout;
            fs_err::write(place.path().join("written.yml"), text).unwrap();
            check(&checker, service, place.path(), "written.yml");
        }
    }
    fs_err::write(place.path().join("bad.yml"), "on: push\njobs: []\n").unwrap();
    let mut bad = Command::new(checker);
    bad.args(["--builtin-schema", "vendor.github-workflows"]);
    let status = bad.arg(place.path().join("bad.yml")).output().unwrap().status;
    assert!(!status.success(), "the checker takes anything");
}

#[test]
fn a_pipeline_is_written_where_it_belongs_and_none_is_lost() {
    let place = folder();
    fs_err::write(place.path().join("pyproject.toml"), "").unwrap();
    let run = |arguments: &[&str]| tool(arguments).in_folder(place.path()).snapshot();
    let steps = [
        run(&["ci", "github", "--write"]),
        run(&["ci", "github", "--write"]),
        run(&["ci", "github", "--write", "--force"]),
        run(&["ci", "gitlab", "absent.txt"]),
        run(&["ci", "gitlab", "--pyodide", "none"]),
    ];
    insta::assert_snapshot!(steps.join("\n"));
    insta::assert_snapshot!(
        "github",
        fs_err::read_to_string(place.path().join(".github/workflows/pyodide.yml")).unwrap()
    );
}

#[test]
fn a_member_of_a_workspace_gets_its_pipeline_at_the_root_of_the_repository() {
    let place = folder();
    let member = place.path().join("bindings/py");
    for folder in [&place.path().join(".git"), &member] {
        fs_err::create_dir_all(folder).unwrap();
    }
    fs_err::write(place.path().join("Cargo.toml"), "[workspace]\n").unwrap();
    fs_err::write(member.join("pyproject.toml"), "").unwrap();
    fs_err::write(member.join("list.txt"), "x==1\n").unwrap();
    let run = |folder: &Path, arguments: &[&str]| {
        tool(arguments).in_folder(folder).hide(place.path(), "ROOT").snapshot()
    };
    let printed = [place.path(), &member].map(|folder| run(folder, &["ci", "github", "--write"]));
    insta::assert_snapshot!(printed.join("\n"));
    let written = || fs_err::read_to_string(place.path().join(".github/workflows/pyodide.yml")).unwrap();
    assert!(written().contains("python -m build --sdist --outdir sdists bindings/py\n"));
    assert!(written().contains("rustup toolchain install stable --profile"));
    assert!(!member.join(".github").exists());
    let again = ["ci", "github", "list.txt", "--pyodide", "0.27,314", "--write", "--force"];
    tool(&again).in_folder(&member).succeed();
    assert!(written().contains("sweep bindings/py/list.txt"));
    assert!(
        written().contains("rustup toolchain install stable 1.97 --profile"),
        "0.27 needs an older compiler"
    );
}
