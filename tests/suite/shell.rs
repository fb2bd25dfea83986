//! `env`: maturin on its own, in a shell that was set up, makes wheels that the audit passes.

use std::path::Path;
use std::process::Command;

use crate::distribution::maturin;
use crate::harness::{Printed, Tool, can_build, copy_folder, fixture, folder, has, tool};

/// Runs a script of bash in a folder, with the environment of a call of the tool and programs in front of the `PATH`.
fn bash(tool: Tool, script: &str, programs: &[&Path]) -> Printed {
    let call = tool.command();
    let mut bash = Command::new("bash");
    bash.args(["-euc", script]).current_dir(call.get_current_dir().unwrap());
    for (name, value) in call.get_envs() {
        match value {
            Some(value) => bash.env(name, value),
            None => bash.env_remove(name),
        };
    }
    let path = std::env::var_os("PATH").unwrap();
    let folders = programs.iter().map(|folder| folder.to_path_buf()).chain(std::env::split_paths(&path));
    let output = bash.env("PATH", std::env::join_paths(folders).unwrap()).output().unwrap();
    Printed {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn maturin_builds_in_a_shell_that_was_set_up() {
    if !can_build() || !has("node") {
        return;
    }
    let Some(maturin) = maturin() else { return };
    let place = folder();
    copy_folder(&fixture("mixed"), place.path());
    let program = Path::new(env!("CARGO_BIN_EXE_cargo-pyodide"));
    let programs = [program.parent().unwrap(), maturin.parent().unwrap()];
    let run = |script: &str| bash(tool(&[]).in_folder(place.path()), script, &programs);
    for (release, tag) in
        [("0.29.5", "pyemscripten_2025_0_wasm32"), ("314.0.7", "pyemscripten_2026_0_wasm32")]
    {
        let script = format!(
            "eval \"$(cargo pyodide env --pyodide {release})\"
             maturin build --release --target wasm32-unknown-emscripten --out wheels-{release}
             cargo pyodide audit wheels-{release}/*.whl --pyodide {release} --deny CP204
             cargo pyodide run --pyodide {release} --with wheels-{release}/*.whl -c 'import fixture_mixed._core'"
        );
        let printed = run(&script);
        assert_eq!(printed.status, Some(0), "{}\n{}", printed.stdout, printed.stderr);
        let wheels = fs_err::read_dir(place.path().join(format!("wheels-{release}"))).unwrap();
        let names: Vec<String> =
            wheels.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert!(names.len() == 1 && names[0].ends_with(&format!("-{tag}.whl")), "{names:?}");
    }
    let nested =
        run("eval \"$(cargo pyodide env --pyodide 314.0.7)\"; cargo pyodide build --pyodide 314.0.7");
    assert_eq!(nested.status, Some(2), "{}", nested.stderr);
    let last: Vec<&str> = nested.stderr.lines().rev().take(2).collect();
    insta::assert_snapshot!(format!("{}\n{}", last[1], last[0]));
}

#[test]
fn variables_are_printed_for_shells_runners_and_programs() {
    if !can_build() {
        return;
    }
    let place = folder();
    copy_folder(&fixture("mixed"), place.path());
    let print = |format: &str| {
        let arguments = ["env", "--pyodide", "314.0.7", "--for-index", "--format", format];
        tool(&arguments).in_folder(place.path()).succeed().stdout
    };
    let json: serde_json::Value = serde_json::from_str(&print("json")).unwrap();
    let variables = json["variables"].as_object().unwrap();
    let names: Vec<&str> = variables.keys().map(String::as_str).collect();
    insta::assert_snapshot!(names.join("\n"));
    let (shell, github) = (print("sh"), print("github"));
    for (name, value) in variables {
        let value = value.as_str().unwrap();
        assert!(shell.contains(&format!("export {name}='{value}'\n")), "{name}");
        assert!(github.contains(&format!("{name}={value}\n")), "{name}");
    }
    let driver = json["path"][0].as_str().unwrap();
    assert!(shell.contains(&format!("export PATH='{driver}':\"$PATH\"")), "{shell}");
    assert!(github.contains(&format!("\nPATH={driver}:")), "{github}");
    let refused = tool(&["env", "--pyodide", "0.29,314"]).in_folder(place.path()).snapshot();
    insta::assert_snapshot!(refused);
}
