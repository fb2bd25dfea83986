//! `sweep`: many packages on many lines, and what is made of it afterwards.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use cargo_pyodide::context::Network;
use cargo_pyodide::error::{EXIT_FAILED, Result};
use cargo_pyodide::releases::request::{RuntimeList, runtimes};
use cargo_pyodide::runtime::TagChoice;
use cargo_pyodide::sweep::cell::{self, CellRequest};
use cargo_pyodide::sweep::comparison::{self, Difference};
use cargo_pyodide::sweep::merge;
use cargo_pyodide::sweep::planned;
use cargo_pyodide::sweep::record::Step;
use cargo_pyodide::sweep::report::{self, Report};
use cargo_pyodide::sweep::run::{self, Native, Resume, SweepRequest, Swept};
use cargo_pyodide::sweep::shards::{self, Shard};
use cargo_pyodide::sweep::state::{ReleaseOfLine, State};
use clap::{Args, Subcommand, ValueEnum};

use crate::commands::Session;
use crate::options::{NetworkOptions, VerbosityOptions, recipes};
use crate::sweep_board::Board;
use crate::terminal::{Terminal, Verbosity};

mod cells;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide sweep packages.txt --pyodide 0.27,0.29,314     a file of NAME==VERSION, one a line
  cargo pyodide sweep packages.tsv --steps build,audit,import
  cargo pyodide sweep sdists/ --out sweeps/today --jobs 4
  cargo pyodide sweep packages.txt --resume                    continues where it was killed
  cargo pyodide sweep report sweeps/today --format md
  cargo pyodide sweep compare sweeps/last-week sweeps/today

  cargo pyodide sweep plan packages.txt --shards 4 --timings sweeps/today
  cargo pyodide sweep packages.txt --shard 2/4 --timings sweeps/today --out part-2
  cargo pyodide sweep merge part-1 part-2 part-3 part-4 --out sweeps/joined

  cargo pyodide sweep plan packages.txt --cells > cells.jsonl     for engines that do each cell where they like
  sed -n 3p cells.jsonl | cargo pyodide sweep cell - --out cells/3
  cargo pyodide sweep merge cells/* --cells cells.jsonl --out sweeps/joined

What fails, dies, hangs or takes too much memory ends its own cell and no other. Cells share compiled crates by line. The
folder of --out holds a file for each finished cell, the logs, the wheels and the report in three forms.

Exit codes:
  0  every cell succeeded; nothing got worse; the record of `sweep cell` is written, whatever came of the cell
  1  cells failed, or one of `--cells` is missing; something got worse
  2  the sweep or the cell could not be done";

/// Build, audit, import and test many packages on many lines
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct SweepCommand {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    arguments: SweepArguments,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write the report of a sweep again
    Report(ReportArguments),
    /// List what got better and worse between two sweeps
    Compare(CompareArguments),
    /// Divide a list among several machines, or print its cells
    Plan(PlanArguments),
    /// Do one cell that `plan --cells` printed
    Cell(cells::CellArguments),
    /// Join the sweeps of several machines
    Merge(MergeArguments),
}

/// The form of a report on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// One page that needs nothing beside it.
    Html,
    /// Markdown.
    Md,
    /// JSON.
    Json,
}

#[derive(Debug, Args)]
struct ReportArguments {
    /// The folder of the sweep
    folder: PathBuf,
    /// Print the report in this form
    #[arg(long, value_enum)]
    format: Option<ReportFormat>,
}

#[derive(Debug, Args)]
struct CompareArguments {
    /// The folder of the older sweep, or its report.json
    old: PathBuf,
    /// The folder of the newer one, or its report.json
    new: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct PlanArguments {
    /// The list, as `sweep` takes it
    list: PathBuf,
    /// How many machines there are
    #[arg(long, value_name = "N", required_unless_present = "cells")]
    shards: Option<usize>,
    /// Print each cell as a line of JSON, for `sweep cell` on any machine
    #[arg(long, conflicts_with_all = ["shards", "timings"])]
    cells: bool,
    /// A sweep that was done before, or its report.json: its times balance the parts
    #[arg(long, value_name = "SWEEP")]
    timings: Option<PathBuf>,
    #[command(flatten)]
    how: CellOptions,
    #[command(flatten)]
    network: NetworkOptions,
}

#[derive(Debug, Args)]
struct MergeArguments {
    /// The folders of the sweeps; a missing one is reported
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// The cells that were to be done, as `sweep plan --cells` printed them: which are missing is told
    #[arg(long, value_name = "FILE")]
    cells: Option<PathBuf>,
    /// Where the joined sweep goes
    #[arg(short, long, visible_alias = "out-dir", value_name = "FOLDER", default_value = "sweep")]
    out: PathBuf,
}

/// How cells are done.
#[derive(Debug, Args)]
struct CellOptions {
    /// The Pyodide releases or lines; repeatable [default: the newest stable line]
    #[arg(long, value_name = "VERSION")]
    pyodide: Vec<RuntimeList>,
    /// What is done in each cell
    #[arg(long, value_enum, value_delimiter = ',', value_name = "STEP", default_values_t = Step::ALL)]
    steps: Vec<Step>,
    /// Also run the tests on this machine's Python, and compare
    #[arg(long)]
    native: bool,
    /// How many seconds a cell may take
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    cell_timeout: u64,
    /// How many megabytes of memory a cell may use [default: its share of three quarters of the machine's]
    #[arg(long, value_name = "MB")]
    cell_memory: Option<u64>,
    /// Seconds without any event after which a test counts as hung
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    test_timeout: u64,
    /// Apply none of the recipes that the tool ships
    #[arg(long)]
    no_recipes: bool,
    /// Give the wheels the tag that the Python package index takes, on lines that have one
    #[arg(long)]
    for_index: bool,
}

/// What is of the machine that does the cells.
#[derive(Debug, Args)]
struct MachineOptions {
    /// A folder with packages of the Pyodide release, asked before its content delivery network
    #[arg(long, value_name = "FOLDER")]
    packages_dir: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkOptions,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

/// What is swept, and how.
#[derive(Debug, Args)]
struct SweepArguments {
    /// A file of NAME==VERSION, a table with the columns `name` and `version`, or a folder of sdists
    #[arg(required = true)]
    list: Option<PathBuf>,
    #[command(flatten)]
    how: CellOptions,
    /// How many cells run at once [default: half as many as there are processors]
    #[arg(short, long, value_name = "N")]
    jobs: Option<usize>,
    /// Continue an older sweep: finished cells are not repeated
    #[arg(long)]
    resume: bool,
    /// With `--resume`, repeat the cells that failed
    #[arg(long, requires = "resume")]
    retry_failed: bool,
    /// The folder of the sweep: its state, logs, wheels and reports
    #[arg(short, long, visible_alias = "out-dir", value_name = "FOLDER", default_value = "sweep")]
    out: PathBuf,
    /// Run one part of a list, as `sweep plan` divides it
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// A sweep that was done before, or its report.json: its times balance the parts
    #[arg(long, value_name = "SWEEP", requires = "shard")]
    timings: Option<PathBuf>,
    /// Also print the report in this form
    #[arg(long, value_enum)]
    format: Option<ReportFormat>,
    #[command(flatten)]
    machine: MachineOptions,
}

/// Do one cell of a sweep
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct CellProcessArguments {
    /// What is done, as `sweep` wrote it
    request: PathBuf,
}

/// Runs the command.
pub(crate) fn run(session: &Session, command: &SweepCommand) -> Result<u8> {
    let terminal = Terminal::new(Verbosity::Normal);
    match &command.action {
        None => sweep(session, &command.arguments),
        Some(Action::Report(arguments)) => {
            let state = State::open(&arguments.folder)?;
            conclude(&terminal, &state, &arguments.folder, arguments.format)
        }
        Some(Action::Compare(arguments)) => compare(&terminal, arguments),
        Some(Action::Plan(arguments)) => plan(session, &terminal, arguments),
        Some(Action::Cell(arguments)) => cells::run(session, arguments),
        Some(Action::Merge(arguments)) => merge(&terminal, arguments),
    }
}

/// Does one cell, in the process that a sweep started. Its status is 0 whatever came of the cell: the record says it.
pub(crate) fn run_cell(session: &Session, arguments: &CellProcessArguments) -> Result<u8> {
    let request = CellRequest::read(&arguments.request)?;
    // The cell is a process of its own: options reach it through its request.
    let network = if request.is_offline() { Network::Forbidden } else { Network::Allowed };
    let context = session.context(&Terminal::new(Verbosity::Normal), network);
    cell::run(&context, request)?;
    Ok(0)
}

fn sweep(session: &Session, arguments: &SweepArguments) -> Result<u8> {
    let terminal = arguments.machine.verbosity.terminal();
    let context = session.context(&terminal, arguments.machine.network.network());
    let runtimes = runtimes(&context, &arguments.how.pyodide)?;
    let board = Board::new(&terminal, &runtimes, &arguments.out);
    let state = run::run(&context, &arguments.request()?, &runtimes, &board)?;
    drop(board);
    conclude(&terminal, &state, &arguments.out, arguments.format)
}

fn merge(terminal: &Terminal, arguments: &MergeArguments) -> Result<u8> {
    let ui = terminal.ui();
    let (there, absent): (Vec<&PathBuf>, Vec<&PathBuf>) =
        arguments.folders.iter().partition(|folder| State::is_at(folder));
    for folder in absent {
        ui.warn(format!(
            "`{}` is not the folder of a sweep, or nothing was done there: left out",
            folder.display()
        ));
    }
    let folders = there.into_iter().map(|folder| State::open(folder)).collect::<Result<Vec<_>>>()?;
    let wanted = match &arguments.cells {
        Some(path) => planned::read(&fs_err::read_to_string(path)?)
            .with_context(|| format!("cannot read `{}`", path.display()))?,
        None => Vec::new(),
    };
    if folders.is_empty() && wanted.is_empty() {
        bail!("none of the folders is that of a sweep");
    }
    let joined = merge::merge(&folders, &planned::plan_of(&wanted), &arguments.out)?;
    // Without a plan, each package is expected on each line that any of the sweeps had.
    let expected = match &arguments.cells {
        Some(_) => wanted.into_iter().map(|planned| planned.cell).collect(),
        None => joined.plan()?.cells(),
    };
    let missing = joined.missing(expected);
    if let Some(first) = missing.first() {
        let cells = if missing.len() == 1 { "cell was" } else { "cells were" };
        ui.warn(format!("{} {cells} not done: {first}", missing.len()));
        missing[1..].iter().for_each(|cell| ui.aside(format!("  {cell}")));
    }
    let status = conclude(terminal, &joined, &arguments.out, None)?;
    Ok(if missing.is_empty() || arguments.cells.is_none() { status } else { EXIT_FAILED })
}

impl SweepArguments {
    fn request(&self) -> Result<SweepRequest> {
        Ok(SweepRequest {
            jobs: self.jobs,
            resume: match (self.resume, self.retry_failed) {
                (false, _) => Resume::No,
                (true, false) => Resume::Finished,
                (true, true) => Resume::Succeeded,
            },
            out: self.out.clone(),
            shard: self.shard,
            timings: self.timings.clone(),
            packages_dir: self.machine.packages_dir.clone(),
            ..self.how.request(self.list.as_deref().context("no list was named")?)
        })
    }
}

impl CellOptions {
    /// A sweep of a list in the usual folder, with what these options say.
    fn request(&self, list: &Path) -> SweepRequest {
        let megabytes = |megabytes: u64| megabytes.saturating_mul(1_000_000);
        SweepRequest {
            packages: Swept::List(list.to_owned()),
            steps: self.steps.clone(),
            jobs: None,
            resume: Resume::No,
            out: PathBuf::new(),
            native: if self.native { Native::Compared } else { Native::Skipped },
            cell_timeout: Duration::from_secs(self.cell_timeout),
            cell_memory: self.cell_memory.map(megabytes),
            test_timeout: Duration::from_secs(self.test_timeout),
            shard: None,
            timings: None,
            packages_dir: None,
            recipes: recipes(self.no_recipes),
            tag: if self.for_index { TagChoice::Index } else { TagChoice::Line },
        }
    }
}

/// Writes the report, says its numbers and prints it if it is asked for. Returns the exit status.
fn conclude(terminal: &Terminal, state: &State, folder: &Path, format: Option<ReportFormat>) -> Result<u8> {
    let report = Report::of(state)?;
    report::write(&report, &state.path(""))?;
    let totals = &report.totals;
    terminal.ui().phase(
        "Finished",
        format!(
            "{} of {} cells succeeded, {} failed, {} were not done; `{}`",
            totals.ok,
            totals.cells,
            totals.failed,
            totals.waiting,
            folder.join("report.html").display()
        ),
    );
    match format {
        None => {}
        Some(ReportFormat::Html) => terminal.document(&report::page(&report)?)?,
        Some(ReportFormat::Md) => terminal.document(report::document(&report).trim_end())?,
        Some(ReportFormat::Json) => terminal.json(&report)?,
    }
    Ok(if totals.failed > 0 { EXIT_FAILED } else { 0 })
}

fn compare(terminal: &Terminal, arguments: &CompareArguments) -> Result<u8> {
    let found = comparison::compare(&Report::read(&arguments.old)?, &Report::read(&arguments.new)?);
    if arguments.json {
        terminal.json(&found)?;
    } else {
        let texts = |list: &[Difference]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let parts = [
            ("worse", texts(&found.worse)),
            ("better", texts(&found.better)),
            ("fails otherwise", texts(&found.other)),
            ("new", found.new.clone()),
            ("gone", found.gone.clone()),
        ];
        for (title, lines) in parts.into_iter().filter(|(_, lines)| !lines.is_empty()) {
            terminal.data(format!("{title}: {}", lines.len()))?;
            lines.iter().try_for_each(|line| terminal.data(format!("  {line}")))?;
        }
    }
    Ok(if found.has_worse() { EXIT_FAILED } else { 0 })
}

fn plan(session: &Session, terminal: &Terminal, arguments: &PlanArguments) -> Result<u8> {
    if arguments.shards == Some(0) {
        bail!("`--shards` takes a number from 1 on");
    }
    let context = session.context(terminal, arguments.network.network());
    let request = arguments.how.request(&arguments.list);
    let packages = request.packages.read(&context)?;
    if let Some(count) = arguments.shards {
        let times = shards::seconds_of(arguments.timings.as_deref())?;
        terminal.json(&shards::deal(&packages, &times, count))?;
        return Ok(0);
    }
    let runtimes = runtimes(&context, &arguments.how.pyodide)?;
    let lines: Vec<ReleaseOfLine> = runtimes.iter().map(ReleaseOfLine::of).collect();
    let here =
        std::env::current_dir().and_then(std::fs::canonicalize).context("cannot tell the current folder")?;
    for cell in planned::plan(&packages, &lines, &request, &here)? {
        terminal.data(serde_json::to_string(&cell)?)?;
    }
    Ok(0)
}

#[cfg(test)]
mod tests;
