//! `sweep LIST`: does the cells, each in a process of its own.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use clap::Args;

use super::sweep::{Part, ReportFormat, conclude, times};
use super::sweep_cell::CellRequest;
use super::{RuntimeList, Session, Voice, runtime_list, runtimes};
use crate::cache::{Cache, write_whole};
use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::process::limits::{Ended, Limits, memory_of_machine};
use crate::process::{Invocation, describe};
use crate::runtime::releases::Network;
use crate::runtime::{Runtime, TagChoice};
use crate::sweep::list::{self, Package};
use crate::sweep::record::{Cell, Failure, FailureKind, Record, Step};
use crate::sweep::state::{self, Line, Plan, State};
use crate::sweep::{schedule, shards};
use crate::ui::{Board, Ui};

/// What is swept, and how.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct SweepArguments {
    /// A file of NAME==VERSION, a table with the columns `name` and `version`, or a folder of sdists
    #[arg(required = true)]
    list: Option<PathBuf>,
    /// The Pyodide releases or lines; repeatable [default: the newest stable line]
    #[arg(long, value_name = "VERSION", value_parser = runtime_list)]
    pyodide: Vec<RuntimeList>,
    /// What is done in each cell
    #[arg(long, value_enum, value_delimiter = ',', value_name = "STEP", default_values_t = Step::ALL)]
    steps: Vec<Step>,
    /// How many cells are done at once [default: half as many as there are processors]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Go on with an older sweep: finished cells are not done again
    #[arg(long)]
    resume: bool,
    /// With `--resume`, do cells again that failed
    #[arg(long, requires = "resume")]
    retry_failed: bool,
    /// The folder of the sweep: its state, logs, wheels and reports
    #[arg(long, value_name = "FOLDER", default_value = "sweep")]
    out: PathBuf,
    /// Run the tests on this machine's Python, too, and compare
    #[arg(long)]
    native: bool,
    /// How many seconds a cell may take
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    cell_timeout: u64,
    /// How many megabytes a cell may hold [default: its share of three quarters of the machine's]
    #[arg(long, value_name = "MB")]
    cell_memory: Option<u64>,
    /// After how many seconds without any news a test hangs
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    test_timeout: u64,
    /// Do one part of a list that is dealt out as `sweep plan` says
    #[arg(long, value_name = "K/N")]
    shard: Option<Part>,
    /// A sweep that was done before, or its report.json: its times balance the parts
    #[arg(long, value_name = "SWEEP", requires = "shard")]
    timings: Option<PathBuf>,
    /// Print the report in this form, too
    #[arg(long, value_enum)]
    format: Option<ReportFormat>,
    /// A folder with packages of the Pyodide release, asked before its content delivery network
    #[arg(long, value_name = "FOLDER")]
    packages_dir: Option<PathBuf>,
    /// Apply none of the recipes that the tool ships
    #[arg(long)]
    no_recipes: bool,
    /// Give the wheels the tag that the Python package index takes, on lines that have one
    #[arg(long)]
    for_index: bool,
    /// Use only what is in the cache
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    voice: Voice,
}

/// A sweep that goes on.
struct Sweep<'a> {
    ui: Ui,
    board: Board,
    arguments: &'a SweepArguments,
    state: &'a State,
    runtimes: &'a [Runtime],
    limits: Limits,
    steps: &'a [Step],
    jobs: usize,
    started: Instant,
    progress: Mutex<Progress>,
    changed: Condvar,
}

/// What the jobs share.
#[derive(Default)]
struct Progress {
    waiting: Vec<Cell>,
    running: Vec<Cell>,
    /// What was done before, and what is done now.
    done: Vec<(Cell, Outcome)>,
    /// Seconds of the cells that are done now.
    taken: Vec<f64>,
    stopped: Option<anyhow::Error>,
}

impl Progress {
    /// How many cells are not done.
    fn left(&self) -> usize {
        self.waiting.len() + self.running.len()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ok,
    Failed,
}

impl Outcome {
    fn of(record: &Record) -> Self {
        if record.failure.is_some() { Self::Failed } else { Self::Ok }
    }
}

/// Runs the command.
pub(super) fn run(environment: &Environment, cache: &Cache, arguments: &SweepArguments) -> Result<u8> {
    let network = if arguments.offline { Network::Forbidden } else { Network::Allowed };
    let ui = arguments.voice.ui();
    let session = Session { ui, environment, cache, network };
    let path = arguments.list.as_deref().context("no list was named")?;
    let list = list::read(path)?;
    if list.doubles > 0 {
        ui.warn(format!("{} entries of `{}` are there twice", list.doubles, path.display()));
    }
    let packages = part(arguments, list.packages)?;
    let runtimes = runtimes(session, &arguments.pyodide)?;
    let lines = runtimes
        .iter()
        .map(|runtime| Line { line: runtime.line().to_string(), pyodide: runtime.version.to_string() })
        .collect();
    let plan = Plan { packages, lines, steps: steps(&arguments.steps) };
    let (state, plan) = if arguments.resume {
        State::resume(&arguments.out, &plan)?
    } else {
        (State::create(&arguments.out, &plan)?, plan)
    };
    let (jobs, limits) = limits(arguments)?;
    let progress = to_do((&state, &plan), &runtimes, arguments)?;
    let (left, out) = (progress.waiting.len(), arguments.out.display());
    ui.phase("Sweeping", format!("{left} cells, {jobs} at once, into `{out}`"));
    let sweep = Sweep {
        ui,
        board: ui.board(),
        arguments,
        state: &state,
        runtimes: &runtimes,
        limits,
        steps: &plan.steps,
        jobs,
        started: Instant::now(),
        progress: Mutex::new(progress),
        changed: Condvar::new(),
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| sweep.work());
        }
        scope.spawn(|| sweep.watch());
    });
    sweep.board.draw(|| (), &[]);
    let progress = sweep.progress.into_inner().map_err(|_| anyhow!("a job of the sweep panicked"))?;
    if let Some(error) = progress.stopped {
        return Err(hinted(error, "what was done is kept: go on with `--resume`"));
    }
    conclude(ui, (&state, &arguments.out), arguments.format)
}

/// The release that stands for a cell's line.
fn release_of<'a>(cell: &Cell, runtimes: &'a [Runtime]) -> Option<&'a Runtime> {
    runtimes.iter().find(|runtime| runtime.line().to_string() == cell.line)
}

/// The cells that are left, and those that were done before.
fn to_do(
    (state, plan): (&State, &Plan),
    runtimes: &[Runtime],
    arguments: &SweepArguments,
) -> Result<Progress> {
    let mut progress = Progress::default();
    for mut cell in plan.cells() {
        let Some(runtime) = release_of(&cell, runtimes) else { continue };
        cell.pyodide = runtime.version.to_string();
        match state.record(&cell)? {
            Some(record) if record.failure.is_none() || !arguments.retry_failed => {
                progress.done.push((cell, Outcome::of(&record)));
            }
            _ => progress.waiting.push(cell),
        }
    }
    Ok(progress)
}

/// How many cells are done at once, and what each may use.
fn limits(arguments: &SweepArguments) -> Result<(usize, Limits)> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = arguments.jobs.unwrap_or(processors / 2).max(1);
    let share = memory_of_machine() / 4 * 3 / u64::try_from(jobs)?;
    let limits = Limits {
        time: Duration::from_secs(arguments.cell_timeout),
        memory: arguments.cell_memory.map_or(share, |megabytes| megabytes.saturating_mul(1_000_000)),
    };
    Ok((jobs, limits))
}

/// The packages of the part that was asked for.
fn part(arguments: &SweepArguments, packages: Vec<Package>) -> Result<Vec<Package>> {
    let Some(Part { number, of }) = arguments.shard else { return Ok(packages) };
    let times = times(arguments.timings.as_deref())?;
    let mut shards = shards::deal(&packages, &times, of);
    Ok(shards.swap_remove(number - 1).packages)
}

/// The steps in their order, with those that they need.
fn steps(named: &[Step]) -> Vec<Step> {
    Step::ALL.into_iter().filter(|step| *step == Step::Build || named.contains(step)).collect()
}

impl Sweep<'_> {
    /// Does cells until none is left.
    fn work(&self) {
        while let Some(cell) = self.take() {
            let done = self.cell(&cell);
            let Ok(mut progress) = self.progress.lock() else { return };
            progress.running.retain(|running| *running != cell);
            match done {
                Ok(record) => {
                    progress.taken.push(record.seconds);
                    progress.done.push((cell, Outcome::of(&record)));
                    let said = self.told(&record, &progress);
                    self.board.draw(|| self.ui.phase("Swept", said), &self.rows(&progress));
                }
                Err(error) => progress.stopped = Some(progress.stopped.take().unwrap_or(error)),
            }
            drop(progress);
            self.changed.notify_all();
        }
    }

    /// The next cell; waits while all that are left would only wait.
    fn take(&self) -> Option<Cell> {
        let mut progress = self.progress.lock().ok()?;
        loop {
            if progress.stopped.is_some() || progress.waiting.is_empty() {
                return None;
            }
            let Progress { waiting, running, .. } = &mut *progress;
            if let Some(cell) = schedule::next(waiting, running) {
                running.push(cell.clone());
                return Some(cell);
            }
            progress = self.changed.wait(progress).ok()?;
        }
    }

    /// Draws the board each second.
    fn watch(&self) {
        let Ok(mut progress) = self.progress.lock() else { return };
        while progress.stopped.is_none() && progress.left() > 0 {
            self.board.draw(|| (), &self.rows(&progress));
            let Ok((next, _)) = self.changed.wait_timeout(progress, Duration::from_secs(1)) else { return };
            progress = next;
        }
    }

    /// A line about a cell that is done.
    fn told(&self, record: &Record, progress: &Progress) -> String {
        let outcome = match &record.failure {
            None => "ok".to_owned(),
            Some(failure) => {
                let line = failure.text.lines().next().unwrap_or_default();
                format!("{} failed: {}", failure.step, line.trim_start_matches("error: "))
            }
        };
        let tests = record.test_ratio().map(|ratio| format!(", tests {ratio}")).unwrap_or_default();
        let left = progress.left();
        let (cell, seconds) = (&record.cell, record.seconds);
        format!("{cell}: {outcome}{tests} ({seconds:.0} s; {left} left{})", self.remaining(progress))
    }

    fn remaining(&self, progress: &Progress) -> String {
        schedule::remaining(&progress.taken, progress.left(), self.jobs)
            .map_or(String::new(), |seconds| format!(", about {:.0} min", (seconds / 60.0).ceil()))
    }

    /// How it stands, line by line.
    fn rows(&self, progress: &Progress) -> Vec<String> {
        let mut rows =
            vec![format!("{:>12}  {:>6} {:>8} {:>7} {:>6}", "line", "ok", "failed", "running", "left")];
        for runtime in self.runtimes {
            let line = runtime.line().to_string();
            let of_line = |cells: &[Cell]| cells.iter().filter(|cell| cell.line == line).count();
            let done = |wanted: Outcome| {
                progress.done.iter().filter(|(cell, outcome)| cell.line == line && *outcome == wanted).count()
            };
            rows.push(format!(
                "{line:>12}  {:>6} {:>8} {:>7} {:>6}",
                done(Outcome::Ok),
                done(Outcome::Failed),
                of_line(&progress.running),
                of_line(&progress.waiting)
            ));
        }
        let running: Vec<String> = progress.running.iter().map(ToString::to_string).collect();
        let minutes = self.started.elapsed().as_secs() / 60;
        rows.push(format!("{minutes:>8} min{}: {}", self.remaining(progress), running.join(", ")));
        rows
    }

    /// Does a cell in a process of its own, and keeps its record.
    fn cell(&self, cell: &Cell) -> Result<Record> {
        let runtime = release_of(cell, self.runtimes).context("a cell of no line")?;
        let work = tempfile::tempdir().context("cannot make a temporary folder")?;
        let answer = work.path().join("record.json");
        let native =
            self.arguments.native.then(|| self.state.path(&format!("native/{}.json", cell.package.key())));
        let request = CellRequest {
            record: Record::new(cell.clone()),
            steps: self.steps.to_vec(),
            pyodide: runtime.folder.to_string_lossy().into_owned(),
            answer: answer.clone(),
            wheels: self.state.path(&format!("wheels/{}", cell.line)),
            tests: self.state.path(&format!("tests/{}.json", cell.key())),
            native,
            packages_dir: self.arguments.packages_dir.as_ref().map(std::path::absolute).transpose()?,
            test_timeout: self.arguments.test_timeout,
            no_recipes: self.arguments.no_recipes,
            for_index: self.arguments.for_index && runtime.platform_tag(&TagChoice::Index).is_ok(),
            offline: self.arguments.offline,
        };
        let path = work.path().join("request.json");
        write_whole(&path, &serde_json::to_vec(&request)?)?;
        let log = self.state.path(&request.record.log);
        if log.is_file() {
            fs_err::remove_file(&log)?;
        }
        let program = std::env::current_exe().context("cannot find our own executable")?;
        let started = Instant::now();
        let watched =
            Invocation::new(program).arg("sweep-cell").arg(&path).within(self.ui, &log, self.limits)?;
        let mut record: Record = if answer.is_file() { state::read(&answer)? } else { request.record };
        record.seconds = started.elapsed().as_secs_f64();
        record.memory = watched.memory;
        if let Some((kind, text)) = self.killed(watched.ended) {
            record.failure = Some(Failure { step: record.next_step(), kind, text });
        }
        if let Some(failure) = &record.failure
            && failure.text.contains("No space left on device")
        {
            bail!("the disk is full: {cell} was not done");
        }
        self.state.keep(&record)?;
        Ok(record)
    }

    /// How a process ended that did not end by itself in good order.
    fn killed(&self, ended: Ended) -> Option<(FailureKind, String)> {
        match ended {
            Ended::ByItself(status) if status.success() => None,
            Ended::ByItself(status) => {
                Some((FailureKind::Crash, format!("its process died: {}", describe(status))))
            }
            Ended::OutOfTime => {
                Some((FailureKind::Timeout, format!("its {} s were over", self.limits.time.as_secs())))
            }
            Ended::OutOfMemory(bytes) => Some((
                FailureKind::Memory,
                format!("it held {} MB, and may hold {}", bytes / 1_000_000, self.limits.memory / 1_000_000),
            )),
        }
    }
}
