//! Runs a sweep: its cells, each in a process of its own. A listener hears of each.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};

use super::cell::CellRequest;
use super::list::{self, ListedPackage};
use super::record::{Cell, Failure, FailureKind, Record, Step};
use super::schedule;
use super::shards::{self, Shard};
use super::state::{self, ReleaseOfLine, State, SweepPlan};
use crate::building::Recipes;
use crate::causes;
use crate::context::{Context, Network};
use crate::error::{Result, hinted};
use crate::files::write_whole;
use crate::process::limits::{Ended, Limits, memory_of_machine};
use crate::process::{Invocation, describe};
use crate::runtime::{Runtime, TagChoice};

/// What is swept, and how.
#[derive(Debug, Clone)]
pub struct SweepRequest {
    /// The packages.
    pub packages: Swept,
    /// What is done in each cell.
    pub steps: Vec<Step>,
    /// How many cells are done at once; half as many as there are processors if it is not said.
    pub jobs: Option<usize>,
    /// What is done with a sweep that is in the folder already.
    pub resume: Resume,
    /// The folder of the sweep.
    pub out: PathBuf,
    /// Whether the tests run on this machine's Python, too.
    pub native: Native,
    /// How long a cell may take.
    pub cell_timeout: Duration,
    /// How many bytes a cell may hold; its share of three quarters of the machine's if it is not said.
    pub cell_memory: Option<u64>,
    /// How long a test may do nothing.
    pub test_timeout: Duration,
    /// One part of the list.
    pub shard: Option<Shard>,
    /// A sweep that was done before, whose times balance the parts.
    pub timings: Option<PathBuf>,
    /// A folder with packages of the releases.
    pub packages_dir: Option<PathBuf>,
    /// Whether recipes are applied.
    pub recipes: Recipes,
    /// Which tag wheels get, on lines that have it.
    pub tag: TagChoice,
}

/// The packages of a sweep.
#[derive(Debug, Clone)]
pub enum Swept {
    /// Those of a list: a file, or a folder of sdists.
    List(PathBuf),
    /// These.
    Packages(Vec<ListedPackage>),
}

/// What is done with a sweep that is in the folder already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// It is an error.
    No,
    /// Its finished cells are not run again.
    Finished,
    /// Its finished cells are not run again, unless they failed.
    Succeeded,
}

/// Whether the tests run on this machine's Python, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Native {
    /// They do, once for all lines.
    Compared,
    /// They do not.
    Skipped,
}

/// How a sweep stands.
#[derive(Debug)]
pub struct Standing<'a> {
    /// Cells that nobody began.
    pub waiting: &'a [Cell],
    /// Cells that are being done.
    pub running: &'a [Cell],
    /// Cells that are done, also from before.
    pub done: &'a [DoneCell],
    /// How long the rest may take, by the cells that were done now.
    pub remaining: Option<Duration>,
    /// Since when this run goes on.
    pub started: Instant,
}

/// A cell that is done.
#[derive(Debug)]
pub struct DoneCell {
    /// The cell.
    pub cell: Cell,
    /// Whether it succeeded.
    pub succeeded: bool,
}

/// Hears of a sweep while it runs. Several threads may call at once.
pub trait SweepListener: Sync {
    /// The sweep begins: so many cells are left, so many are done at once.
    fn begin(&self, left: usize, jobs: usize);

    /// A cell is done.
    fn finish_cell(&self, record: &Record, standing: &Standing<'_>);

    /// The state of the sweep, each second.
    fn show(&self, standing: &Standing<'_>);
}

/// A sweep that goes on.
struct Sweep<'a> {
    context: &'a Context,
    listener: &'a dyn SweepListener,
    request: &'a SweepRequest,
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
    done: Vec<DoneCell>,
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

/// Sweeps a list over releases. Returns the folder of the sweep, of which a report can be made.
///
/// # Errors
/// When the list or an older sweep cannot be read, or a cell cannot be started. What was done is kept.
pub fn run(
    context: &Context,
    request: &SweepRequest,
    runtimes: &[Runtime],
    listener: &dyn SweepListener,
) -> Result<State> {
    let packages = request.packages.read(context)?;
    let plan = SweepPlan {
        packages: choose_shard(request, packages)?,
        lines: runtimes.iter().map(ReleaseOfLine::of).collect(),
        steps: all_steps(&request.steps),
    };
    let (state, plan) = match request.resume {
        Resume::No => (State::create(&request.out, &plan)?, plan),
        Resume::Finished | Resume::Succeeded => State::resume(&request.out, &plan)?,
    };
    let jobs = jobs(request);
    let progress = find_work(&state, &plan, runtimes, request.resume)?;
    listener.begin(progress.waiting.len(), jobs);
    let sweep = Sweep {
        context,
        listener,
        request,
        state: &state,
        runtimes,
        limits: limits(request, jobs)?,
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
    let progress = sweep.progress.into_inner().map_err(|_| anyhow!("a job of the sweep panicked"))?;
    match progress.stopped {
        Some(error) => Err(hinted(error, "finished cells are kept: continue with `--resume`")),
        None => Ok(state),
    }
}

impl Swept {
    /// The packages, each once.
    ///
    /// # Errors
    /// When a list cannot be read.
    pub fn read(&self, context: &Context) -> Result<Vec<ListedPackage>> {
        let path = match self {
            Self::Packages(packages) => return Ok(packages.clone()),
            Self::List(path) => path,
        };
        let list = list::read(path)?;
        if list.duplicates > 0 {
            context.ui.warn(format!("{} entries of `{}` are there twice", list.duplicates, path.display()));
        }
        Ok(list.packages)
    }
}

/// The release that stands for a cell's line.
fn release_of<'a>(cell: &Cell, runtimes: &'a [Runtime]) -> Option<&'a Runtime> {
    runtimes.iter().find(|runtime| runtime.line().to_string() == cell.line)
}

/// The cells that are left, and those that were done before.
fn find_work(state: &State, plan: &SweepPlan, runtimes: &[Runtime], resume: Resume) -> Result<Progress> {
    let mut progress = Progress::default();
    for mut cell in plan.cells() {
        let Some(runtime) = release_of(&cell, runtimes) else { continue };
        // A resumed sweep may find a newer release of the line: the new cells are of that one.
        cell.pyodide = runtime.version.to_string();
        match state.record(&cell)? {
            Some(record) if record.failure.is_none() || resume != Resume::Succeeded => {
                progress.done.push(DoneCell { cell, succeeded: record.failure.is_none() });
            }
            _ => progress.waiting.push(cell),
        }
    }
    Ok(progress)
}

/// How many cells are done at once.
fn jobs(request: &SweepRequest) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // Cargo uses every processor by itself; linking, importing and testing use one. Half as many cells keep all
    // busy.
    request.jobs.unwrap_or(processors / 2).max(1)
}

/// What each cell may use.
fn limits(request: &SweepRequest, jobs: usize) -> Result<Limits> {
    // A quarter is left for the system and for the process that watches.
    let share = memory_of_machine() / 4 * 3 / u64::try_from(jobs)?;
    Ok(Limits { time: request.cell_timeout, memory: request.cell_memory.unwrap_or(share) })
}

/// The packages of the part that was asked for.
fn choose_shard(request: &SweepRequest, packages: Vec<ListedPackage>) -> Result<Vec<ListedPackage>> {
    let Some(Shard { number, of }) = request.shard else { return Ok(packages) };
    let times = shards::seconds_of(request.timings.as_deref())?;
    let mut shards = shards::deal(&packages, &times, of);
    Ok(shards.swap_remove(number - 1).packages)
}

/// The steps in their order, with those that they need.
fn all_steps(named: &[Step]) -> Vec<Step> {
    Step::ALL.into_iter().filter(|step| *step == Step::Build || named.contains(step)).collect()
}

impl Sweep<'_> {
    /// Does cells until none is left.
    fn work(&self) {
        while let Some(cell) = self.take() {
            let done = self.run_cell(&cell);
            let Ok(mut progress) = self.progress.lock() else { return };
            progress.running.retain(|running| *running != cell);
            match done {
                Ok(record) => {
                    progress.taken.push(record.seconds);
                    progress.done.push(DoneCell { cell, succeeded: record.failure.is_none() });
                    self.listener.finish_cell(&record, &self.standing(&progress));
                }
                // The first error counts: the others of a broken machine say the same.
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

    /// Tells how it stands each second.
    fn watch(&self) {
        let Ok(mut progress) = self.progress.lock() else { return };
        while progress.stopped.is_none() && progress.left() > 0 {
            self.listener.show(&self.standing(&progress));
            let Ok((next, _)) = self.changed.wait_timeout(progress, Duration::from_secs(1)) else { return };
            progress = next;
        }
    }

    fn standing<'a>(&self, progress: &'a Progress) -> Standing<'a> {
        let remaining = schedule::remaining(&progress.taken, progress.left(), self.jobs);
        Standing {
            waiting: &progress.waiting,
            running: &progress.running,
            done: &progress.done,
            remaining: remaining.map(Duration::from_secs_f64),
            started: self.started,
        }
    }

    /// Does a cell in a process of its own, and keeps its record.
    fn run_cell(&self, cell: &Cell) -> Result<Record> {
        let runtime = release_of(cell, self.runtimes).context("a cell of no line")?;
        let work = tempfile::tempdir().context("cannot make a temporary folder")?;
        let request = self.cell_request(cell, runtime, work.path().join("record.json"))?;
        let path = work.path().join("request.json");
        write_whole(&path, &serde_json::to_vec(&request)?)?;
        let log = self.state.path(&request.record.log);
        // A retried cell starts a new log: the output is appended, and the old end would be read as the new one.
        if log.is_file() {
            fs_err::remove_file(&log)?;
        }
        let program = std::env::current_exe().context("cannot find our own executable")?;
        let started = Instant::now();
        // A process of its own: a crash, a hang or a leak of memory ends one cell and no other.
        let command = Invocation::new(program).arg("cell-process").arg(&path);
        let watched = command.run_limited(&self.context.ui, &log, self.limits)?;
        let mut record: Record =
            // A process that was killed has still written the steps before.
            if request.answer.is_file() { state::read(&request.answer)? } else { request.record };
        record.seconds = started.elapsed().as_secs_f64();
        record.memory = watched.memory;
        if let Some((kind, text)) = self.describe_end(watched.ended) {
            record.failure = Some(Failure::new(record.next_step(), kind, text));
        }
        if let Some(failure) = &record.failure
            // Every later cell would fail for the same reason, and none of them because of its package.
            && causes::is_disk_full(failure.cause.as_deref(), &failure.text)
        {
            bail!("the disk is full: {cell} was not run");
        }
        self.state.keep(&record)?;
        Ok(record)
    }

    fn cell_request(&self, cell: &Cell, runtime: &Runtime, answer: PathBuf) -> Result<CellRequest> {
        let SweepRequest { packages_dir, test_timeout, recipes, native, tag, .. } = self.request;
        let native = (*native == Native::Compared).then(|| self.state.native(&cell.package));
        Ok(CellRequest {
            record: Record::new(cell.clone()),
            steps: self.steps.to_vec(),
            pyodide: runtime.folder.to_string_lossy().into_owned(),
            answer,
            wheels: self.state.wheels(&cell.line),
            tests: self.state.path(&format!("tests/{}.json", cell.key())),
            native,
            packages_dir: packages_dir.as_ref().map(std::path::absolute).transpose()?,
            test_timeout: test_timeout.as_secs(),
            no_recipes: *recipes == Recipes::Ignored,
            for_index: *tag == TagChoice::Index && runtime.platform_tag(tag).is_ok(),
            offline: self.context.network == Network::Forbidden,
        })
    }

    /// The failure of a cell whose process was killed or died; none if it ended by itself.
    fn describe_end(&self, ended: Ended) -> Option<(FailureKind, String)> {
        match ended {
            Ended::ByItself(status) if status.success() => None,
            Ended::ByItself(status) => {
                Some((FailureKind::Crash, format!("the cell's process died: {}", describe(status))))
            }
            Ended::OutOfTime => Some((
                FailureKind::Timeout,
                format!("the cell did not end within its {} s", self.limits.time.as_secs()),
            )),
            Ended::OutOfMemory(bytes) => Some((
                FailureKind::Memory,
                format!(
                    "the cell held {} MB of memory; its limit is {} MB",
                    bytes / 1_000_000,
                    self.limits.memory / 1_000_000
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests;
