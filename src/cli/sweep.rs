//! `sweep`: many packages on many lines, and what is made of it afterwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand, ValueEnum};

use super::sweep_run::{self, SweepArguments};
use crate::cache::Cache;
use crate::env::Environment;
use crate::error::{EXIT_FAILED, Result};
use crate::sweep::comparison::{self, Difference};
use crate::sweep::merge;
use crate::sweep::report::{self, Report};
use crate::sweep::state::State;
use crate::sweep::{list, shards};
use crate::ui::{Ui, Verbosity};

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide sweep packages.txt --pyodide 0.27,0.29,314     a file of NAME==VERSION, one a line
  cargo pyodide sweep packages.tsv --steps build,audit,import
  cargo pyodide sweep sdists/ --out sweeps/today --jobs 4
  cargo pyodide sweep packages.txt --resume                    goes on where it was killed
  cargo pyodide sweep report sweeps/today --format md
  cargo pyodide sweep compare sweeps/last-week sweeps/today

  cargo pyodide sweep plan packages.txt --shards 4 --timings sweeps/today
  cargo pyodide sweep packages.txt --shard 2/4 --timings sweeps/today --out part-2
  cargo pyodide sweep merge part-1 part-2 part-3 part-4 --out sweeps/joined

What fails, dies, hangs or takes too much memory ends its own cell and no other. Cells share compiled crates by line. The
folder of --out holds one file a finished cell, the logs, the wheels and the report in three forms.

Exit codes:
  0  every cell went well; nothing got worse
  1  cells failed; something got worse
  2  the sweep could not be done";

/// Build, audit, import and test many packages on many lines
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct SweepCommand {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    arguments: SweepArguments,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make the report of a sweep anew
    Report(ReportArguments),
    /// List what got better and worse between two sweeps
    Compare(CompareArguments),
    /// Deal a list out to several machines
    Plan(PlanArguments),
    /// Join the sweeps of several machines
    Merge(MergeArguments),
}

/// The form of a report on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
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
    #[arg(long, value_name = "N")]
    shards: usize,
    /// A sweep that was done before, or its report.json: its times balance the parts
    #[arg(long, value_name = "SWEEP")]
    timings: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct MergeArguments {
    /// The folders of the sweeps
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// Where the joined sweep goes
    #[arg(long, value_name = "FOLDER", default_value = "sweep")]
    out: PathBuf,
}

/// Runs the command.
pub(super) fn run(environment: &Environment, cache: &Cache, command: &SweepCommand) -> Result<u8> {
    let ui = Ui::new(Verbosity::Normal);
    match &command.action {
        None => sweep_run::run(environment, cache, &command.arguments),
        Some(Action::Report(arguments)) => {
            let state = State::open(&arguments.folder)?;
            conclude(ui, (&state, &arguments.folder), arguments.format)
        }
        Some(Action::Compare(arguments)) => compare(ui, arguments),
        Some(Action::Plan(arguments)) => plan(ui, arguments),
        Some(Action::Merge(arguments)) => {
            let folders =
                arguments.folders.iter().map(|folder| State::open(folder)).collect::<Result<Vec<_>>>()?;
            let joined = merge::merge(&folders, &arguments.out)?;
            conclude(ui, (&joined, &arguments.out), None)
        }
    }
}

/// Writes the report, says its numbers and prints it if it is asked for. Returns the exit status.
pub(super) fn conclude(ui: Ui, (state, folder): (&State, &Path), format: Option<ReportFormat>) -> Result<u8> {
    let report = Report::of(state)?;
    report.write(&state.path(""))?;
    let totals = &report.totals;
    ui.phase(
        "Finished",
        format!(
            "{} of {} cells went well, {} failed, {} were not done; `{}`",
            totals.ok,
            totals.cells,
            totals.failed,
            totals.waiting,
            folder.join("report.html").display()
        ),
    );
    match format {
        None => {}
        Some(ReportFormat::Html) => ui.data(report::page(&report)?)?,
        Some(ReportFormat::Md) => ui.data(report::document(&report).trim_end())?,
        Some(ReportFormat::Json) => ui.data(serde_json::to_string_pretty(&report)?)?,
    }
    Ok(if totals.failed > 0 { EXIT_FAILED } else { 0 })
}

fn compare(ui: Ui, arguments: &CompareArguments) -> Result<u8> {
    let found = comparison::compare(&Report::read(&arguments.old)?, &Report::read(&arguments.new)?);
    if arguments.json {
        ui.data(serde_json::to_string_pretty(&found)?)?;
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
            ui.data(format!("{title}: {}", lines.len()))?;
            lines.iter().try_for_each(|line| ui.data(format!("  {line}")))?;
        }
    }
    Ok(if found.has_worse() { EXIT_FAILED } else { 0 })
}

fn plan(ui: Ui, arguments: &PlanArguments) -> Result<u8> {
    if arguments.shards == 0 {
        bail!("`--shards` takes a number from 1 on");
    }
    let list = list::read(&arguments.list)?;
    let times = times(arguments.timings.as_deref())?;
    let shards = shards::deal(&list.packages, &times, arguments.shards);
    ui.data(serde_json::to_string_pretty(&shards)?)?;
    Ok(0)
}

/// The seconds that packages took in a sweep that was done before.
pub(super) fn times(sweep: Option<&Path>) -> Result<BTreeMap<String, f64>> {
    let mut times = BTreeMap::new();
    if let Some(path) = sweep {
        for cell in Report::read(path)?.cells {
            *times.entry(cell.package).or_default() += cell.seconds;
        }
    }
    times.retain(|_, seconds| *seconds > 0.0);
    Ok(times)
}

/// Which part of how many, as `--shard` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) number: usize,
    pub(super) of: usize,
}

impl std::str::FromStr for Part {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || anyhow!("`{text}` is not `K/N`, part K of N");
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let part = Self { number: number.parse()?, of: of.parse()? };
        if (1..=part.of).contains(&part.number) { Ok(part) } else { Err(wrong()) }
    }
}
