//! `test`: a package's own tests, inside Pyodide, on Node and in a browser.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;

use super::order::CargoArguments;
use super::overlays::OverlayArguments;
use super::test_plan::Prepared;
use super::test_report::{conclude, show_differences};
use super::{RuntimeList, Session, Voice, runtime_list, runtimes};
use crate::build::HostPython;
use crate::cache::Cache;
use crate::env::Environment;
use crate::error::Result;
use crate::run::session::{Place, Stream};
use crate::runtime::releases::Network;
use crate::source::{self, Source, SourceRequest};
use crate::testing::TestResult;

/// The status that says that there was no test.
pub(super) const EXIT_NO_TESTS: u8 = 5;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide test rpds-py==2026.9.1                       builds it, and runs the tests of its sdist
  cargo pyodide test . --pyodide 0.29,314 --in node --in worker
  cargo pyodide test dist/x-1.0-*.whl --tests tests --requires hypothesis
  cargo pyodide test . --native -- -k parser -x              and what differs from this machine; pytest's arguments

The tests see the installed wheel, never the source tree. micropip installs it, as users do. A test that kills the
interpreter, or does nothing for the time of --timeout, has failed; the others go on in a fresh one.

Exit codes:
  0  the tests passed
  1  tests failed
  2  they could not be run
  5  there are no tests";

/// Run a package's own tests inside Pyodide
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct TestArguments {
    /// A wheel, a folder, an sdist, NAME, NAME==VERSION or git+URL@REV
    #[arg(value_name = "WHEEL|SOURCE", default_value = ".")]
    package: String,
    /// The Pyodide releases or lines; repeatable [default: the newest stable line]
    #[arg(long, value_name = "VERSION", value_parser = runtime_list)]
    pyodide: Vec<RuntimeList>,
    /// Where they run; repeatable [default: node]
    #[arg(long = "in", value_enum, value_name = "PLACE")]
    places: Vec<Place>,
    #[command(flatten)]
    choices: TestChoices,
    /// Run the tests on this machine's Python, too, and tell what differs
    #[arg(long)]
    native: bool,
    /// Write the results as JUnit's XML
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// Print one JSON document about each test at the end; pytest's output goes to stderr
    #[arg(long)]
    pub(super) json: bool,
    /// Use only what is in the cache
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    voice: Voice,
}

/// What is tested, and with what.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct TestChoices {
    /// The tests: a file or folder of the source, or one of yours [default: as the package's pytest table says, or `tests`]
    #[arg(long, value_name = "PATH")]
    pub(super) tests: Option<PathBuf>,
    /// A wheel that is installed with it; repeatable
    #[arg(long = "with", value_name = "WHEEL")]
    pub(super) wheels: Vec<PathBuf>,
    /// What the tests require beyond what is found out; repeatable
    #[arg(long, value_name = "REQUIREMENT")]
    pub(super) requires: Vec<String>,
    /// A folder with packages of the Pyodide release, asked before its content delivery network
    #[arg(long, value_name = "FOLDER")]
    pub(super) packages_dir: Option<PathBuf>,
    /// After how many seconds without any news a test hangs
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(super) timeout: u64,
    /// Give each file of tests an interpreter of its own
    #[arg(long)]
    pub(super) forked_each: bool,
    #[command(flatten)]
    pub(super) cargo: CargoArguments,
    #[command(flatten)]
    pub(super) overlays: OverlayArguments,
    /// Arguments of pytest
    #[arg(last = true, value_name = "PYTEST ARGS")]
    pub(super) pytest: Vec<String>,
}

/// What the tests of one runtime and place came to.
#[derive(Debug, Serialize)]
pub(super) struct Suite {
    pub(super) pyodide: String,
    pub(super) place: Place,
    pub(super) seconds: f64,
    pub(super) results: Vec<TestResult>,
}

/// The package under test.
pub(super) enum Package {
    /// A wheel alone.
    Wheel(PathBuf),
    /// A source, which is built.
    Source(Source),
    /// A source and the wheel that was built of it.
    Built(Source, PathBuf),
}

/// Runs the command.
pub(super) fn run(environment: &Environment, cache: &Cache, arguments: &TestArguments) -> Result<u8> {
    let network = if arguments.offline { Network::Forbidden } else { Network::Allowed };
    let ui = arguments.voice.ui();
    let session = Session { ui, environment, cache, network };
    let python = HostPython::find((ui, environment), None)?;
    let workshop = session.workshop(&python);
    let package = if arguments.package.ends_with(".whl") {
        Package::Wheel(std::path::absolute(&arguments.package)?)
    } else {
        let request: SourceRequest = arguments.package.parse()?;
        Package::Source(source::find(&request, workshop.access())?)
    };
    if arguments.native && matches!(package, Package::Wheel(_)) {
        bail!("`--native` builds the same source for this machine: name a source, not a wheel");
    }
    let runtimes = runtimes(session, &arguments.pyodide)?;
    let mut places = arguments.places.clone();
    if places.is_empty() {
        places.push(Place::Node);
    }
    let stdout = if arguments.json { Stream::Stderr } else { Stream::Stdout };
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut suites = Vec::new();
    let mut native_results = None;
    for runtime in &runtimes {
        let prepared = Prepared::new(workshop, (&package, &arguments.choices), runtime, work.path())?;
        if arguments.native && native_results.is_none() {
            // What fails here says nothing of Pyodide: it is told, and the tests there go on.
            let native = prepared.native(workshop, &package);
            let told = |error: &anyhow::Error| ui.warn(format!("nothing can be compared: {error:#}"));
            native_results = Some(native.inspect_err(told).unwrap_or_default());
        }
        for place in &places {
            suites.push(prepared.run(workshop, (runtime, *place), (&arguments.choices, stdout))?);
        }
    }
    if let Some(native) = native_results.as_ref().filter(|native| !native.is_empty()) {
        show_differences(ui, native, &suites);
    }
    conclude(ui, arguments, &suites)
}
