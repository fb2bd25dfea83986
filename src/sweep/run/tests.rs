//! What is left to do of a sweep, and how it is dealt out.

use super::*;
use crate::cache::Cache;
use crate::env::Environment;
use crate::runtime::double;
use crate::ui::Ui;

fn request() -> SweepRequest {
    SweepRequest {
        packages: Swept::List("list".into()),
        steps: Step::ALL.into(),
        jobs: None,
        resume: Resume::No,
        out: "out".into(),
        native: Native::Skipped,
        cell_timeout: Duration::from_mins(1),
        cell_memory: None,
        test_timeout: Duration::from_secs(30),
        shard: None,
        timings: None,
        packages_dir: None,
        recipes: Recipes::Applied,
        tag: TagChoice::Line,
    }
}

fn packages(names: &[&str]) -> Vec<ListedPackage> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn plan() -> SweepPlan {
    let line = |line: &str, pyodide: &str| ReleaseOfLine { line: line.into(), pyodide: pyodide.into() };
    SweepPlan {
        packages: packages(&["a==1", "b==2"]),
        lines: vec![line("0.28", "0.28.0"), line("0.29", "0.29.0")],
        steps: Step::ALL.into(),
    }
}

#[test]
fn steps_come_in_their_order_and_never_without_the_build() {
    assert_eq!(all_steps(&[Step::Test, Step::Audit]), [Step::Build, Step::Audit, Step::Test]);
    assert_eq!(all_steps(&[]), [Step::Build]);
    assert_eq!(all_steps(&Step::ALL), Step::ALL);
}

#[test]
fn at_least_one_cell_is_done_at_once() {
    let check = |jobs| super::jobs(&SweepRequest { jobs, ..request() });
    assert_eq!((check(Some(3)), check(Some(0))), (3, 1));
    assert!(check(None) >= 1);
}

#[test]
fn cells_share_three_quarters_of_the_memory() {
    let check = |memory, jobs| {
        let limits = limits(&SweepRequest { cell_memory: memory, ..request() }, jobs).unwrap();
        assert_eq!(limits.time, Duration::from_mins(1));
        limits.memory
    };
    let all = memory_of_machine();
    assert_eq!((check(None, 1), check(None, 3)), (all / 4 * 3, all / 4 * 3 / 3));
    assert_eq!(check(Some(7), 3), 7, "what was asked for is for each cell");
}

#[test]
fn a_shard_is_its_part_of_the_list() {
    let check = |number| {
        let request = SweepRequest { shard: Some(Shard { number, of: 2 }), ..request() };
        let chosen = choose_shard(&request, packages(&["a", "b", "c"])).unwrap();
        chosen.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((check(1), check(2)), ("a c".into(), "b".into()));
    assert_eq!(choose_shard(&request(), packages(&["a", "b"])).unwrap().len(), 2);
}

/// Keeps a record of a cell: one that went well, or one that failed.
fn keep(state: &State, cell: &Cell, failure: Option<&str>) {
    let mut record = Record::new(cell.clone());
    record.failure = failure.map(|text| Failure::new(Step::Build, FailureKind::Error, text.to_owned()));
    state.keep(&record).unwrap();
}

fn keys(cells: &[Cell]) -> String {
    cells.iter().map(|cell| format!("{} {}", cell.key(), cell.pyodide)).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_sweep_that_goes_on_does_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::create(folder.path(), &plan()).unwrap();
    let cells = plan().cells();
    keep(&state, &cells[0], None);
    keep(&state, &cells[1], Some("no"));
    let runtimes = [double::runtime("0.28.0", "3.13"), double::runtime("0.29.1", "3.13")];
    let check = |resume| {
        let progress = find_work(&state, &plan(), &runtimes, resume).unwrap();
        let done: Vec<String> =
            progress.done.iter().map(|done| format!("{} {}", done.cell.key(), done.succeeded)).collect();
        format!("{} | {}", keys(&progress.waiting), done.join(", "))
    };
    insta::assert_snapshot!([check(Resume::Finished), check(Resume::Succeeded)].join("\n"), @"
    b-2@0.28 0.28.0, b-2@0.29 0.29.1 | a-1@0.28 true, a-1@0.29 false
    a-1@0.29 0.29.1, b-2@0.28 0.28.0, b-2@0.29 0.29.1 | a-1@0.28 true
    ");
}

#[test]
fn lines_that_are_not_asked_for_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::create(folder.path(), &plan()).unwrap();
    let runtimes = [double::runtime("0.29.1", "3.13")];
    let progress = find_work(&state, &plan(), &runtimes, Resume::No).unwrap();
    assert_eq!(keys(&progress.waiting), "a-1@0.29 0.29.1, b-2@0.29 0.29.1");
    assert_eq!(progress.left(), 2);
}

/// Hears nothing.
struct Deaf;

impl SweepListener for Deaf {
    fn begin(&self, _: usize, _: usize) {}
    fn finish_cell(&self, _: &Record, _: &Standing<'_>) {}
    fn show(&self, _: &Standing<'_>) {}
}

/// Looks at a sweep that has not begun.
fn with_sweep<T>(request: &SweepRequest, look: impl FnOnce(&Sweep<'_>) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let state = State::create(folder.path(), &plan()).unwrap();
    let cache = Cache::new("nowhere".into());
    let context = Context::new(Ui::silent(), Environment::default(), cache, Network::Forbidden);
    let runtimes = [double::runtime("0.28.0", "3.13"), double::runtime("0.29.4", "3.13")];
    let progress = Progress {
        waiting: plan().cells(),
        running: Vec::new(),
        done: Vec::new(),
        taken: vec![10.0, 20.0],
        stopped: None,
    };
    look(&Sweep {
        context: &context,
        listener: &Deaf,
        request,
        state: &state,
        runtimes: &runtimes,
        limits: Limits { time: Duration::from_secs(90), memory: 5_000_000 },
        steps: &Step::ALL,
        jobs: 2,
        started: Instant::now(),
        progress: Mutex::new(progress),
        changed: Condvar::new(),
    })
}

#[test]
fn a_cell_is_taken_once_and_counts_as_running() {
    with_sweep(&request(), |sweep| {
        let taken = [sweep.take(), sweep.take()].map(|cell| cell.unwrap().key());
        assert_eq!(taken, ["a-1@0.28", "b-2@0.29"], "neither package nor line is shared");
        let progress = sweep.progress.lock().unwrap();
        assert_eq!(progress.left(), 4);
        let standing = sweep.standing(&progress);
        assert_eq!((standing.waiting.len(), standing.running.len()), (2, 2));
        assert_eq!(standing.remaining, Some(Duration::from_secs(30)));
    });
}

#[test]
fn nothing_is_begun_after_the_sweep_was_stopped() {
    with_sweep(&request(), |sweep| {
        sweep.progress.lock().unwrap().stopped = Some(anyhow!("the disk is full"));
        assert_eq!(sweep.take(), None);
    });
}

#[test]
fn a_cells_process_is_told_what_the_sweep_was_asked_for() {
    let check = |request: &SweepRequest, line: usize| {
        with_sweep(request, |sweep| {
            let cell = &plan().cells()[line];
            let runtime = release_of(cell, sweep.runtimes).unwrap();
            let made = sweep.cell_request(cell, runtime, "answer".into()).unwrap();
            let (native, tests) = (made.native.is_some(), made.tests.file_name().unwrap().to_owned());
            format!(
                "native {native}, tests {}, {} s, recipes {}, index {}, offline {}",
                tests.display(),
                made.test_timeout,
                !made.no_recipes,
                made.for_index,
                made.offline
            )
        })
    };
    let other = SweepRequest {
        native: Native::Compared,
        recipes: Recipes::Ignored,
        tag: TagChoice::Index,
        test_timeout: Duration::from_secs(7),
        ..request()
    };
    let cases = [check(&request(), 0), check(&other, 0), check(&other, 1)];
    insta::assert_snapshot!(cases.join("\n"), @"
    native false, tests a-1@0.28.json, 30 s, recipes true, index false, offline true
    native true, tests a-1@0.28.json, 7 s, recipes false, index false, offline true
    native true, tests a-1@0.29.json, 7 s, recipes false, index true, offline true
    ");
}

#[cfg(unix)]
#[test]
fn the_end_of_a_cells_process_is_told_by_its_kind() {
    let by_itself = |raw: i32| Ended::ByItself(std::os::unix::process::ExitStatusExt::from_raw(raw));
    let ends = [by_itself(0), by_itself(9), Ended::OutOfTime, Ended::OutOfMemory(6_500_000)];
    let said = with_sweep(&request(), |sweep| {
        ends.map(|end| match sweep.describe_end(end) {
            None => "by itself".to_owned(),
            Some((kind, text)) => format!("{kind:?}: {text}"),
        })
    });
    insta::assert_snapshot!(said.join("\n"), @"
    by itself
    Crash: the cell's process died: signal: 9 (SIGKILL)
    Timeout: the cell did not end within its 90 s
    Memory: the cell held 6 MB of memory; its limit is 5 MB
    ");
}

#[test]
fn two_sweeps_do_not_work_in_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = State::create(folder.path(), &plan()).unwrap();
    let refused = State::resume(folder.path(), &plan()).unwrap_err().to_string();
    assert!(refused.starts_with("another sweep works in `"), "{refused}");
    // Who reads it does not wait.
    assert!(State::open(folder.path()).is_ok());
    drop(first);
    assert!(State::resume(folder.path(), &plan()).is_ok());
}
