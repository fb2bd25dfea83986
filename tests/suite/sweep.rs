//! `sweep`: many packages on many lines, killed and gone on with, reported, compared, dealt out and joined.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{Tool, can_build, copy_folder, fixture, folder, tool};
use crate::index::pack;
use crate::robustness::SmallDisk;

/// An sdist of a fixture, with files added.
pub(crate) fn sdist(folder: &Path, name: &str, more: &[(&str, &str)]) {
    let work = tempfile::tempdir().unwrap();
    let tree = work.path().join("tree");
    copy_folder(&fixture(name), &tree);
    for (path, text) in more {
        let path = tree.join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    let release = format!("{name}-1.0.0");
    fs_err::write(folder.join(format!("{release}.tar.gz")), pack(&tree, &release)).unwrap();
}

const TESTS: &str = "
import threading

import fixture_pure


def test_it_is_there():
    assert fixture_pure.__name__ == 'fixture_pure'


def test_of_threads():
    threading.Thread(target=print).start()
";

/// Four packages: one whose tests fail in part, one without tests, one that does not compile, one that leaves its
/// extension out.
fn four() -> tempfile::TempDir {
    let list = folder();
    sdist(list.path(), "pure", &[("tests/test_all.py", TESTS)]);
    for name in ["mixed", "bad-compile", "bad-optional"] {
        sdist(list.path(), name, &[]);
    }
    list
}

fn sweep(place: &Path, list: &Path, more: &[&str]) -> Tool {
    let arguments = ["sweep", list.to_str().unwrap(), "--pyodide", "0.29.5,314.0.7"];
    tool(&[&arguments[..], more].concat()).in_folder(place).hide(place, "HERE").hide(list, "LIST")
}

fn cells(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(folder.join("cells")) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    paths
}

#[test]
fn a_sweep_that_was_killed_goes_on_and_says_what_came_of_each_cell() {
    if !can_build() {
        return;
    }
    let (place, list) = (folder(), four());
    let out = place.path().join("sweep");
    let mut first = sweep(place.path(), list.path(), &["--native"]).command();
    let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while cells(&out).is_empty() {
        assert!(started.elapsed() < Duration::from_mins(10), "no cell came to an end");
        assert!(first.try_wait().unwrap().is_none(), "the sweep ended early");
        std::thread::yield_now();
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let done = cells(&out);
    assert!(done.len() < 8, "it was killed too late");
    let before: Vec<_> = done.iter().map(|path| fs_err::read(path).unwrap()).collect();

    let refused = sweep(place.path(), list.path(), &[]).snapshot();
    insta::assert_snapshot!(refused);

    let printed = sweep(place.path(), list.path(), &["--native", "--resume", "--format", "md"]).run();
    assert_eq!(printed.status, Some(1), "{}", printed.stderr);
    let after: Vec<_> = done.iter().map(|path| fs_err::read(path).unwrap()).collect();
    assert_eq!(before, after, "what was done is not done again");
    insta::assert_snapshot!("sweep of four", printed.stdout);

    let page = fs_err::read_to_string(out.join("report.html")).unwrap();
    assert!(!page.contains("/*data*/") && !page.contains("src=\"") && !page.contains("href=\"http"));
    fs_err::write(place.path().join("old.json"), worse(&out.join("report.json"))).unwrap();
    let compared = tool(&["sweep", "compare", "old.json", "sweep"]).in_folder(place.path()).snapshot();
    insta::assert_snapshot!(compared);
    let compared = tool(&["sweep", "compare", "sweep", "old.json"]).in_folder(place.path()).run();
    assert_eq!(compared.status, Some(1), "what got worse is a failure: {}", compared.stdout);
}

/// The report as if a package had not been built.
fn worse(report: &Path) -> String {
    let mut report: serde_json::Value = serde_json::from_slice(&fs_err::read(report).unwrap()).unwrap();
    for cell in report["cells"].as_array_mut().unwrap() {
        if cell["package"] == "mixed==1.0.0" && cell["line"] == "314" {
            cell["steps"] = serde_json::json!({});
            cell["status"] = "failed".into();
            cell["failure"] = serde_json::json!({ "step": "build", "class": "rust", "line": "odd" });
        }
    }
    report.to_string()
}

#[test]
fn limits_end_a_cell_and_no_other() {
    if !can_build() {
        return;
    }
    let (place, list) = (folder(), folder());
    sdist(list.path(), "pure", &[]);
    let report = |more: &[&str]| {
        let steps = ["--steps", "build", "--format", "md", "-q"];
        let printed = sweep(place.path(), list.path(), &[&steps[..], more].concat()).run();
        assert_eq!(printed.status, Some(1), "{}", printed.stderr);
        let lines =
            printed.stdout.lines().filter(|line| line.starts_with("| pure") || line.starts_with("    "));
        lines.map(|line| line.split(" MB").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let late = report(&["--cell-timeout", "0", "--out", "late"]);
    assert_eq!(late[0], "| pure==1.0.0 | build: timeout | build: timeout |");
    assert_eq!(late[1], "    the cell did not end within its 0 s");
    let large = report(&["--cell-memory", "1", "--out", "large"]);
    assert_eq!(large[0], "| pure==1.0.0 | build: memory | build: memory |");
    assert!(large[1].starts_with("    the cell held "), "{}", large[1]);
}

#[test]
fn parts_of_a_list_join_to_the_whole() {
    if !can_build() {
        return;
    }
    let (place, list) = (folder(), folder());
    for name in ["pure", "mixed"] {
        sdist(list.path(), name, &[]);
    }
    let packages = |report: &Path| -> Vec<String> {
        let report: serde_json::Value = serde_json::from_slice(&fs_err::read(report).unwrap()).unwrap();
        let cells = report["cells"].as_array().unwrap().iter();
        cells.map(|cell| format!("{} {} {}", cell["package"], cell["line"], cell["status"])).collect()
    };
    let mut parts = Vec::new();
    for part in ["1/2", "2/2"] {
        let out = format!("part-{}", &part[..1]);
        sweep(place.path(), list.path(), &["--steps", "build", "--shard", part, "--out", &out]).succeed();
        parts.extend(packages(&place.path().join(&out).join("report.json")));
        fs_err::write(place.path().join(&out).join("native/pure-1.0.0.json"), "{}").unwrap();
    }
    tool(&["sweep", "merge", "part-1", "part-2", "--out", "joined"]).in_folder(place.path()).succeed();
    assert_eq!(packages(&place.path().join("joined/report.json")), parts);
    assert_eq!(parts.len(), 4);
    assert!(place.path().join("joined/native/pure-1.0.0.json").is_file());
    assert!(parts.iter().all(|cell| cell.ends_with("\"ok\"")), "{parts:?}");
}

/// As an array of Slurm does it, whose script is run here for each of its cells.
#[test]
fn a_list_is_swept_cell_by_cell() {
    if !can_build() {
        return;
    }
    let place = folder();
    fs_err::create_dir(place.path().join("sdists")).unwrap();
    for name in ["bad-compile", "pure"] {
        sdist(&place.path().join("sdists"), name, &[]);
    }
    let run = |arguments: &[&str]| tool(&[&["sweep"], arguments].concat()).in_folder(place.path());
    let plan = ["plan", "sdists", "--cells", "--pyodide", "314.0.7", "--steps", "build"];
    let cells = run(&plan).succeed().stdout;
    fs_err::write(place.path().join("cells.jsonl"), &cells).unwrap();
    let script = tool(&["ci", "slurm", "sdists"]).in_folder(place.path()).succeed().stdout;
    fs_err::write(place.path().join("sweep.sbatch"), script).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_cargo-pyodide")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let do_cell = |number: &str| {
        let tool = tool(&[]).env("SLURM_ARRAY_TASK_ID", number).env("PATH", &path).command();
        let environment = tool.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let mut shell = std::process::Command::new("sh");
        let output = shell.arg("sweep.sbatch").current_dir(place.path()).envs(environment).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    };
    assert!(do_cell("1").contains("build failed"));
    let joined = run(&["merge", "cells/1", "cells/2", "--cells", "cells.jsonl", "--out", "joined"]);
    insta::assert_snapshot!(joined.snapshot());
    do_cell("2");
    assert!(place.path().join("cells/2/record.json").is_file());
    assert!(do_cell("2").contains("Sweeping 0 cells"));
    let joined = run(&["merge", "cells/1", "cells/2", "--cells", "cells.jsonl", "--out", "joined"]).run();
    assert_eq!(joined.status, Some(1));
    assert!(joined.stderr.contains("1 of 2 cells succeeded, 1 failed, 0 were not done"), "{}", joined.stderr);
    fs_err::write(place.path().join("empty"), "").unwrap();
    fs_err::write(place.path().join("first"), cells.lines().next().unwrap()).unwrap();
    let calls: [&[&str]; 4] = [
        &["cell", "cells.jsonl"],
        &["cell", "empty"],
        &["cell", "absent"],
        &["cell", "first", "--out", "cells/2"],
    ];
    insta::assert_snapshot!(calls.map(|call| run(call).snapshot()).join("\n"));
}

#[test]
fn a_plan_deals_packages_out() {
    let place = folder();
    fs_err::write(place.path().join("list"), "a==1\nb==2\nc==3\n").unwrap();
    let planned = tool(&["sweep", "plan", "list", "--shards", "2"]).in_folder(place.path()).snapshot();
    insta::assert_snapshot!(planned);
}

#[test]
fn lists_and_folders_that_cannot_be_swept_are_told() {
    let place = folder();
    let said =
        |arguments: &[&str]| tool(arguments).in_folder(place.path()).hide(place.path(), "HERE").snapshot();
    let write = |name: &str, text: &str| fs_err::write(place.path().join(name), text).unwrap();
    write("empty", "# nothing\n");
    write("odd", "x==1\ny >= 2\n");
    write("table.tsv", "package\tversion\nx\t1\n");
    write("one", "x==1\n");
    fs_err::create_dir_all(place.path().join("old")).unwrap();
    write("old/sweep.json", "{ \"format\": 0 }");
    insta::assert_snapshot!(said(&["sweep", "empty"]));
    insta::assert_snapshot!(said(&["sweep", "odd"]));
    insta::assert_snapshot!(said(&["sweep", "table.tsv"]));
    insta::assert_snapshot!(said(&["sweep", "absent"]));
    insta::assert_snapshot!(said(&["sweep", "report", "old"]));
    insta::assert_snapshot!(said(&["sweep", "report", "."]));
    insta::assert_snapshot!(said(&["sweep", "one", "--shard", "3/2"]));
    insta::assert_snapshot!(said(&["sweep", "plan", "one", "--shards", "0"]));
}

#[test]
fn a_full_disk_stops_a_sweep_that_can_go_on() {
    if !can_build() {
        return;
    }
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: this user cannot mount a small file system");
        return;
    };
    let (place, list) = (folder(), folder());
    sdist(list.path(), "pure", &[]);
    let out = disk.path().join("sweep");
    let filler = disk.path().join("filler");
    fs_err::create_dir_all(&out).unwrap();
    // All but some kilobytes is taken: the plan fits, the wheel and the log do not.
    fs_err::write(&filler, vec![0; 1_000_000]).unwrap();
    let arguments = ["--steps", "build", "--out", out.to_str().unwrap()];
    let printed = sweep(place.path(), list.path(), &arguments).hide(disk.path(), "DISK").run();
    assert_eq!(printed.status, Some(2), "{}", printed.stderr);
    assert!(cells(&out).is_empty(), "no half record stays");
    let last = printed.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("hint: "), "{}", printed.stderr);
    fs_err::remove_file(filler).unwrap();
    sweep(place.path(), list.path(), &[&arguments[..], &["--resume"]].concat()).succeed();
    assert_eq!(cells(&out).len(), 2);
}
