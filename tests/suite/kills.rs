//! Commands that are killed: no process and no file of theirs is left, and the next one is right.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{can_build, copied, folder, has, runtime, shared_cache, tool};
use crate::lines::asked_for;

/// The numbers of the processes whose environment or command line holds a text, but for those that have ended.
fn processes_of(text: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir("/proc").unwrap().flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(environment) = fs_err::read(entry.path().join("environ")) else { continue };
        let words = fs_err::read(entry.path().join("cmdline")).unwrap_or_default();
        let all = [&words[..], &environment].concat();
        if !words.is_empty() && String::from_utf8_lossy(&all).contains(text) {
            found.push(number);
        }
    }
    found.sort_unstable();
    found
}

/// Waits until something is so.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(5), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A script that runs for ever, in a folder of temporary files of its own.
fn start_endless(place: &Path) -> Child {
    let child = tool(&["run", "--pyodide", "0.29.5", "-c", "open('started', 'w').close()\nwhile True: pass"])
        .in_folder(place)
        .env("TMPDIR", place.join("tmp"))
        .command()
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the script starts", || place.join("started").exists());
    child
}

fn kill(signal: &str, number: u32) {
    assert!(Command::new("kill").args([signal, &number.to_string()]).status().unwrap().success());
}

#[test]
fn whatever_kills_a_command_nothing_of_it_is_left() {
    if !can_build() || !has("node") || !has("kill") {
        return;
    }
    for signal in ["-KILL", "-TERM", "-HUP", "-INT"] {
        for victim in ["command", "worker"] {
            let place = folder();
            let temporary = place.path().join("tmp");
            fs_err::create_dir(&temporary).unwrap();
            let child = start_endless(place.path());
            // Node has none of our variables, but its scripts lie there.
            let mark = temporary.display().to_string();
            wait_until("the command, its worker and Node run", || processes_of(&mark).len() == 3);
            let processes = processes_of(&mark);
            let worker = processes.into_iter().find(|number| {
                let status = fs_err::read_to_string(format!("/proc/{number}/status")).unwrap();
                status.contains(&format!("PPid:\t{}\n", child.id()))
            });
            kill(signal, if victim == "command" { child.id() } else { worker.unwrap() });
            let ended = child.wait_with_output().unwrap();
            wait_until("all its processes end", || processes_of(&mark).is_empty());
            wait_until("its files are removed", || fs_err::read_dir(&temporary).unwrap().count() == 0);
            let said = String::from_utf8_lossy(&ended.stderr);
            let expected = match (signal, victim) {
                ("-KILL", "command") => (None, ""),
                ("-KILL", _) => (Some(2), "error: the command was killed by signal 9\n"),
                _ => (Some(130), ""),
            };
            assert_eq!((ended.status.code(), &*said), expected, "{signal} {victim}");
        }
    }
}

#[test]
fn a_command_that_starts_nothing_is_one_process_and_sweeps_nothing() {
    let place = folder();
    let own = place.path().join("own");
    fs_err::create_dir(&own).unwrap();
    // No process has a number above the kernel's limit of 2^22.
    let left = place.path().join("cargo-pyodide-99999999-left");
    fs_err::create_dir(&left).unwrap();
    let call = |arguments: &[&str]| {
        drop(tool(arguments).in_folder(place.path()).cache(&own).env("TMPDIR", place.path()).run());
        left.exists()
    };
    let single: [&[&str]; 9] = [
        &["--help"],
        &["--version"],
        &["build", "--help"],
        &["no-command"],
        &["build", "--no-option"],
        &["audit", "--explain", "CP101"],
        &["completions", "bash"],
        &["recipes"],
        &["clean"],
    ];
    assert!(single.into_iter().all(call));
    assert!(
        !call(&["run", "--offline", "--pyodide", "0.29.5", "-c", "1"]),
        "a command that starts processes is supervised"
    );
}

#[test]
fn what_a_back_end_leaves_when_it_is_killed_lies_in_our_folder() {
    if !can_build() {
        return;
    }
    let (place, package) = copied("pure");
    let temporary = place.path().join("tmp");
    fs_err::create_dir(&temporary).unwrap();
    let said = place.path().join("said");
    let pyproject = "[build-system]\nrequires = []\nbuild-backend = \"own\"\nbackend-path = [\".\"]\n\n\
                     [project]\nname = \"own\"\nversion = \"1\"\n";
    let back_end = format!("import tempfile\nopen({:?}, 'w').write(tempfile.gettempdir())\n", said.display());
    fs_err::write(package.join("pyproject.toml"), pyproject).unwrap();
    fs_err::write(package.join("own.py"), back_end).unwrap();
    let build = tool(&["build", "./pure", "--pyodide", "0.29.5", "-q"]).in_folder(place.path());
    let printed = build.env("TMPDIR", &temporary).run();
    let said = fs_err::read_to_string(said).unwrap_or_else(|_| panic!("{}", printed.stderr));
    assert!(said.starts_with(temporary.join("cargo-pyodide-").to_str().unwrap()), "{said}");
}

#[test]
fn kills_at_random_moments_lose_nothing() {
    if !can_build() || !has("node") {
        return;
    }
    runtime("0.29.5");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/campaigns/kills.py");
    let (kills, minutes) = if asked_for().is_some() { ("60", "4") } else { ("20", "1") };
    let campaign = Command::new("python3")
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_cargo-pyodide"))
        .args(["--kills", kills, "--minutes", minutes, "--commands", "run,build,site", "--cache"])
        .arg(shared_cache())
        .env("CARGO_PYODIDE_CACHE_DIR", shared_cache())
        .output()
        .unwrap();
    assert!(campaign.status.success(), "{}", String::from_utf8_lossy(&campaign.stdout));
}
