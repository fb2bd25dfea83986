//! The command line: one file a subcommand. clap holds what was typed; each command resolves it into a request.

mod audit;
mod audit_report;
mod build;
mod ci;
mod clean;
mod compatibility;
mod deps;
mod doctor;
mod import;
mod order;
mod overlay;
mod overlays;
mod recipes;
mod report;
mod run;
mod runtimes;
mod setup;
mod sweep;
mod sweep_cell;
mod sweep_run;
mod test;
mod test_plan;
mod test_report;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use semver::Version;

use crate::abi::ReleaseRequest;
use crate::build::{HostPython, Workshop};
use crate::cache::Cache;
use crate::env::Environment;
use crate::error::{EXIT_COULD_NOT, Result};
use crate::runtime::releases::Network;
use crate::runtime::{Runtime, fetch, releases};
use crate::ui::{Ui, Verbosity};

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  the checked thing failed
  2  could not do it";

/// Build Python packages with a Rust core for Pyodide, with a plain stable Rust
#[derive(Debug, Parser)]
#[command(name = "cargo-pyodide", bin_name = "cargo pyodide", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(build::BuildArguments),
    Audit(audit::AuditArguments),
    Run(run::RunArguments),
    Test(test::TestArguments),
    Deps(deps::DepsArguments),
    Overlay(overlay::OverlayCommand),
    Recipes(recipes::RecipesArguments),
    Sweep(sweep::SweepCommand),
    SweepCell(sweep_cell::SweepCellArguments),
    Ci(ci::CiArguments),
    Runtimes(runtimes::RuntimesArguments),
    Setup(setup::SetupArguments),
    Doctor(doctor::DoctorArguments),
    Clean(clean::CleanArguments),
}

/// How much is said.
#[derive(Debug, Clone, Args)]
struct Voice {
    /// Show each command and each decision
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Show errors and warnings only
    #[arg(short, long)]
    quiet: bool,
}

impl Voice {
    fn ui(&self) -> Ui {
        Ui::new(match (self.verbose, self.quiet) {
            (true, _) => Verbosity::Verbose,
            (_, true) => Verbosity::Quiet,
            _ => Verbosity::Normal,
        })
    }
}

/// What every command works with.
#[derive(Debug, Clone, Copy)]
struct Session<'a> {
    ui: Ui,
    environment: &'a Environment,
    cache: &'a Cache,
    network: Network,
}

impl<'a> Session<'a> {
    /// The session with the host's Python.
    fn workshop(self, python: &'a HostPython) -> Workshop<'a> {
        let Self { ui, environment, cache, network } = self;
        Workshop { ui, cache, environment, network, python }
    }
}

/// Parses a command line without the program's name and runs it. Returns the exit status.
///
/// # Errors
/// When the command could not do its work.
pub fn run(environment: &Environment, mut arguments: Vec<OsString>) -> Result<u8> {
    // Cargo calls `cargo-pyodide pyodide …`.
    if arguments.first().is_some_and(|first| first == "pyodide") {
        arguments.remove(0);
    }
    let words = std::iter::once(OsString::from("cargo pyodide")).chain(arguments);
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => {
            let status = if error.use_stderr() { EXIT_COULD_NOT } else { 0 };
            error.print().context("cannot print")?;
            return Ok(status);
        }
    };
    let cache = Cache::new(environment.cache_folder()?);
    match cli.command {
        Command::Build(arguments) => build::run(environment, &cache, &arguments),
        Command::Audit(arguments) => audit::run(environment, &cache, &arguments),
        Command::Run(arguments) => run::run(environment, &cache, arguments),
        Command::Test(arguments) => test::run(environment, &cache, &arguments),
        Command::Deps(arguments) => deps::run(environment, &cache, &arguments),
        Command::Overlay(arguments) => overlay::run(environment, &cache, &arguments),
        Command::Recipes(arguments) => recipes::run(&arguments),
        Command::Sweep(command) => sweep::run(environment, &cache, &command),
        Command::Ci(arguments) => ci::run(&arguments),
        Command::SweepCell(arguments) => sweep_cell::run(environment, &cache, &arguments),
        Command::Runtimes(arguments) => runtimes::run(environment, &cache, &arguments),
        Command::Setup(arguments) => setup::run(environment, &cache, &arguments),
        Command::Doctor(arguments) => doctor::run(environment, &cache, &arguments),
        Command::Clean(arguments) => clean::run(&cache, &arguments),
    }
}

/// A runtime as it was typed after `--pyodide`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RuntimeRequest {
    Release(ReleaseRequest),
    Folder(PathBuf),
}

/// What one `--pyodide` says: a list, or a range, whose commas belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RuntimeList(Vec<RuntimeRequest>);

fn runtime_list(text: &str) -> Result<RuntimeList, String> {
    if text.starts_with(['<', '>']) {
        return runtime_request(text).map(|request| RuntimeList(vec![request]));
    }
    text.split(',').map(runtime_request).collect::<Result<_, _>>().map(RuntimeList)
}

fn runtime_request(text: &str) -> Result<RuntimeRequest, String> {
    let is_path = text.contains(['/', '\\']) || text == "." || text == "..";
    match text.parse() {
        Ok(request) => Ok(RuntimeRequest::Release(request)),
        Err(_) if is_path => Ok(RuntimeRequest::Folder(text.into())),
        Err(error) => Err(format!("{error}, or a folder (`./runtime`)")),
    }
}

/// The runtimes asked for, each once; the newest stable one if none was named.
fn runtimes(session: Session<'_>, lists: &[RuntimeList]) -> Result<Vec<Runtime>> {
    let newest = RuntimeRequest::Release(ReleaseRequest::Newest);
    let mut requests: Vec<&RuntimeRequest> = lists.iter().flat_map(|list| &list.0).collect();
    if requests.is_empty() {
        requests.push(&newest);
    }
    let mut found: Vec<Runtime> = Vec::new();
    for request in requests {
        for runtime in runtimes_of(session, request)? {
            session.ui.detail(format!("Pyodide {} is `{}`", runtime.version, runtime.folder.display()));
            if found.iter().all(|known| known.folder != runtime.folder) {
                found.push(runtime);
            }
        }
    }
    Ok(found)
}

/// The runtimes that one request means.
fn runtimes_of(session: Session<'_>, request: &RuntimeRequest) -> Result<Vec<Runtime>> {
    match request {
        RuntimeRequest::Folder(folder) => Ok(vec![Runtime::read(&std::path::absolute(folder)?)?]),
        RuntimeRequest::Release(request) => releases(session, request),
    }
}

fn releases(session: Session<'_>, request: &ReleaseRequest) -> Result<Vec<Runtime>> {
    let Session { ui, environment, cache, network } = session;
    let versions: Vec<Version> = releases::resolve(request, (ui, cache), environment, network)?;
    versions.iter().map(|version| fetch::runtime(version, (ui, cache), environment, network)).collect()
}
