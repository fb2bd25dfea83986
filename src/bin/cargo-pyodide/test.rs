//! `test`: a package's own tests, inside Pyodide, on Node and in a browser.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use cargo_pyodide::context::Context;
use cargo_pyodide::error::Result;
use cargo_pyodide::releases::request::{RuntimeList, runtimes};
use cargo_pyodide::run::session::Place;
use cargo_pyodide::runtime::Runtime;
use cargo_pyodide::source;
use cargo_pyodide::testing::native::NativeResults;
use cargo_pyodide::testing::prepare;
use cargo_pyodide::testing::request::{Colors, Isolation, Suite, TestRequest, TestedPackage};
use cargo_pyodide::ui::Stream;
use cargo_pyodide::wheel::OpenedWheel;
use clap::{Args, ValueEnum};

use crate::commands::Session;
use crate::options::{
    CargoOptions, HashOptions, IndexOptions, MemberOptions, NetworkOptions, OverlayOptions, VerbosityOptions,
    defaults_of, take_values,
};
use crate::test_report::conclude;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide test rpds-py==2026.9.1                       builds it, and runs the tests of its sdist
  cargo pyodide test . --pyodide 0.29,314 --in node --in worker
  cargo pyodide test dist/x-1.0-*.whl --tests tests --requires hypothesis
  cargo pyodide test . --native -- -k parser -x              and what differs from this machine; pytest's arguments
  cargo pyodide test . --index https://example.org/site/     what it requires comes from this site first

The tests see the installed wheel, and the files of the sdist or repository without the package's own modules. micropip
installs the wheel, as users do. A test that kills the interpreter, or gives no sign of life for --timeout seconds, fails;
the remaining tests run in a fresh interpreter. The start of the interpreter does not count.

Exit codes:
  0  the tests passed
  1  tests failed
  2  they could not be run
  5  there are no tests: none were found, or none ran";

/// Run a package's own tests inside Pyodide
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct TestArguments {
    /// A wheel, a folder, an sdist, NAME, NAME==VERSION or git+URL@REV
    #[arg(id = "tested", value_name = "WHEEL|SOURCE", default_value = ".")]
    package: String,
    #[command(flatten)]
    member: MemberOptions,
    /// The Pyodide releases or lines; repeatable [default: the newest stable line]
    #[arg(long, value_name = "VERSION")]
    pyodide: Vec<RuntimeList>,
    /// Where they run; repeatable [default: node]
    #[arg(long = "in", value_enum, value_name = "PLACE")]
    places: Vec<Place>,
    #[command(flatten)]
    choices: TestOptions,
    /// Also run the tests on this machine's Python, and report what differs
    #[arg(long)]
    native: bool,
    /// Write the results as JUnit's XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Print one JSON document about each test at the end; pytest's output goes to stderr
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    index: IndexOptions,
    #[command(flatten)]
    hashes: HashOptions,
    #[command(flatten)]
    network: NetworkOptions,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

impl TestArguments {
    /// Takes what the package's own file states, where the command line says nothing.
    pub(crate) fn take_defaults(&mut self) -> Result<()> {
        if self.package.ends_with(".whl") {
            return Ok(());
        }
        let defaults = defaults_of(&self.member.choose(&self.package.parse()?)?)?;
        self.choices.cargo.take_profile(&defaults);
        take_values(&mut self.places, "test-in", &defaults.test_in, |text| Place::from_str(text, false))?;
        take_values(&mut self.pyodide, "pyodide", &defaults.pyodide, str::parse)
    }
}

/// What is tested, and with what.
#[derive(Debug, Clone, Args)]
struct TestOptions {
    /// The tests: a file or folder of the source, or one of yours [default: as the package's pytest table says, or `tests`]
    #[arg(long, value_name = "PATH")]
    tests: Option<PathBuf>,
    /// A wheel that is installed with it; repeatable
    #[arg(long = "with", value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    /// What the tests require beyond what the tool finds; repeatable
    #[arg(long, value_name = "REQUIREMENT")]
    requires: Vec<String>,
    /// A folder with packages of the Pyodide release, asked before its content delivery network
    #[arg(long, value_name = "FOLDER")]
    packages_dir: Option<PathBuf>,
    /// Seconds without any event after which a test counts as hung
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Give each file of tests an interpreter of its own
    #[arg(long)]
    forked_each: bool,
    #[command(flatten)]
    cargo: CargoOptions,
    #[command(flatten)]
    overlays: OverlayOptions,
    /// Arguments of pytest
    #[arg(last = true, value_name = "PYTEST ARGS")]
    pytest: Vec<String>,
}

impl TestOptions {
    fn request(&self) -> TestRequest {
        TestRequest {
            tests: self.tests.clone(),
            wheels: self.wheels.clone(),
            requires: self.requires.clone(),
            packages_dir: self.packages_dir.clone(),
            timeout: Duration::from_secs(self.timeout),
            isolation: if self.forked_each { Isolation::PerFile } else { Isolation::Shared },
            cargo: self.cargo.request(),
            overlays: self.overlays.request(),
            pytest: self.pytest.clone(),
            colors: if std::io::stdout().is_terminal() { Colors::Always } else { Colors::Auto },
        }
    }
}

/// What the tests of all releases and places came to.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) suites: Vec<Suite>,
    /// Those of this machine, if they were asked for, or why there are none.
    pub(crate) native: Option<Result<NativeResults>>,
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &TestArguments) -> Result<u8> {
    let terminal = arguments.verbosity.terminal();
    let context = session
        .context(&terminal, arguments.choices.cargo.network(&arguments.network))
        .with_hashes(arguments.hashes.hashes())
        .with_first_indexes(arguments.index.addresses());
    let mut results = Results::default();
    let ended = run_tests(&context, arguments, &mut results).err();
    conclude(&context, &terminal, arguments, &results, ended)
}

/// Runs the tests of all releases. What was done before an error stays in the results.
fn run_tests(context: &Context, arguments: &TestArguments, results: &mut Results) -> Result<()> {
    let package = find_package(context, arguments)?;
    if arguments.native && matches!(package, TestedPackage::Wheel(_)) {
        bail!("`--native` builds the same source for this machine: name a source, not a wheel");
    }
    let runtimes = runtimes(context, &arguments.pyodide)?;
    // For all releases: the staged tests and wheels must live as long as the last of them runs.
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    for runtime in &runtimes {
        test_release(context, arguments, &package, runtime, work.path(), results)?;
    }
    Ok(())
}

fn find_package(context: &Context, arguments: &TestArguments) -> Result<TestedPackage> {
    let named = arguments.package.as_str();
    if named.ends_with(".whl") {
        return Ok(TestedPackage::Wheel(OpenedWheel::open(Path::new(named))?));
    }
    let request = arguments.member.choose(&named.parse()?)?;
    source::refuse_namesake(&request, Path::new("."))?;
    source::find(&request, context).map(TestedPackage::Source)
}

/// Runs the tests in all places of one release, and on this machine if that was not done before.
fn test_release(
    context: &Context,
    arguments: &TestArguments,
    package: &TestedPackage,
    runtime: &Runtime,
    work: &Path,
    results: &mut Results,
) -> Result<()> {
    let request = arguments.choices.request();
    let staged = prepare::stage(context, package, &request, runtime, work)?;
    let prepared = prepare::prepare(context, &staged, &request, runtime);
    if arguments.native && results.native.is_none() {
        // Each side stands for itself: what keeps one from running says nothing about the other.
        results.native = Some(match &prepared {
            Ok(prepared) => prepared.run_native(context),
            Err(_) => staged.run_native(context),
        });
    }
    let prepared = prepared?;
    let stdout = if arguments.json { Stream::Stderr } else { Stream::Stdout };
    let places = if arguments.places.is_empty() { &[Place::Node][..] } else { &arguments.places };
    for place in places {
        results.suites.push(prepared.run(context, &request, runtime, *place, stdout)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cargo_pyodide::building::Recipes;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        test: TestArguments,
    }

    fn parse(words: &str) -> TestArguments {
        Line::parse_from(std::iter::once("x").chain(words.split_whitespace())).test
    }

    /// Colours depend on where the tests of the tool run.
    fn check(words: &str) -> TestRequest {
        TestRequest { colors: Colors::Auto, ..parse(words).choices.request() }
    }

    #[test]
    fn tests_without_options_are_the_librarys_usual_ones() {
        assert_eq!(format!("{:?}", check("")), format!("{:?}", TestRequest::default()));
        let arguments = parse("");
        assert_eq!((arguments.package.as_str(), arguments.places.len()), (".", 0));
    }

    #[test]
    fn options_of_tests_reach_their_request() {
        let request = check(
            "a.whl --tests t --with b.whl --with c.whl --requires d --requires e>=1 --packages-dir p --timeout 7 \
             --forked-each --features f --no-recipes -- -k name -x",
        );
        assert_eq!(request.tests, Some(PathBuf::from("t")));
        assert_eq!(request.wheels, ["b.whl", "c.whl"].map(PathBuf::from));
        assert_eq!(request.requires, ["d", "e>=1"]);
        assert_eq!(request.packages_dir, Some(PathBuf::from("p")));
        assert_eq!((request.timeout, request.isolation), (Duration::from_secs(7), Isolation::PerFile));
        assert_eq!(
            (&request.cargo.features[..], request.overlays.recipes),
            (&["f".to_owned()][..], Recipes::Ignored)
        );
        assert_eq!(request.pytest, ["-k", "name", "-x"]);
    }

    #[test]
    fn places_are_taken_in_their_order() {
        assert_eq!(parse("--in worker --in node").places, [Place::Worker, Place::Node]);
        assert!(Line::try_parse_from(["x", "--in", "moon"]).is_err());
    }
}
