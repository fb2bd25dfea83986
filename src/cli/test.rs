//! `test`: a package's own tests, inside Pyodide, on Node and in a browser.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde::Serialize;

use super::order::{CargoArguments, Order};
use super::overlays::{self, OverlayArguments};
use super::{RuntimeList, Session, Voice, runtime_list, runtimes};
use crate::build::{BuildFolder, HostPython, Workshop};
use crate::cache::Cache;
use crate::env::Environment;
use crate::error::{EXIT_FAILED, Result, hinted};
use crate::overlay::values::RequirementText;
use crate::run::session::{Place, Stream};
use crate::runtime::releases::Network;
use crate::runtime::{Runtime, TagChoice};
use crate::source::{self, Source, SourceRequest};
use crate::testing::native::{self, NativeRun};
use crate::testing::requirements::{self, Shelf};
use crate::testing::staging::{self, Staged};
use crate::testing::{self, Outcome, Plan, TestResult, junit};
use crate::ui::Ui;
use crate::wasm::strip::Names;
use crate::wheel::WheelContents;
use crate::wheel::metadata::Metadata;

/// The status that says that there was no test.
const EXIT_NO_TESTS: u8 = 5;

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
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
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
    /// The tests: a file or folder of the source, or one of yours [default: as the package's pytest table says, or `tests`]
    #[arg(long, value_name = "PATH")]
    tests: Option<PathBuf>,
    /// A wheel that is installed with it; repeatable
    #[arg(long = "with", value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    /// What the tests require beyond what is found out; repeatable
    #[arg(long, value_name = "REQUIREMENT")]
    requires: Vec<String>,
    /// A folder with packages of the Pyodide release, asked before its content delivery network
    #[arg(long, value_name = "FOLDER")]
    packages_dir: Option<PathBuf>,
    /// After how many seconds without any news a test hangs
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Give each file of tests an interpreter of its own
    #[arg(long)]
    forked_each: bool,
    /// Run the tests on this machine's Python, too, and tell what differs
    #[arg(long)]
    native: bool,
    /// Write the results as JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print one JSON document about each test at the end; pytest's output goes to stderr
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cargo: CargoArguments,
    #[command(flatten)]
    overlays: OverlayArguments,
    /// Use only what is in the cache
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    voice: Voice,
    /// Arguments of pytest
    #[arg(last = true, value_name = "PYTEST ARGS")]
    pytest: Vec<String>,
}

/// What the tests of one runtime and place came to.
#[derive(Debug, Serialize)]
struct Suite {
    pyodide: String,
    place: Place,
    seconds: f64,
    results: Vec<TestResult>,
}

/// The package under test.
enum Package {
    Wheel(PathBuf),
    Source(Source),
}

/// Runs the command.
pub(super) fn run(environment: &Environment, cache: &Cache, arguments: &TestArguments) -> Result<u8> {
    let network = if arguments.offline { Network::Forbidden } else { Network::Allowed };
    let ui = arguments.voice.ui();
    let session = Session { ui, environment, cache, network };
    let python = HostPython::find((ui, environment), None)?;
    let workshop = Workshop { ui, cache, environment, network, python: &python };
    let package = if arguments.package.ends_with(".whl") {
        Package::Wheel(std::path::absolute(&arguments.package)?)
    } else {
        let request: SourceRequest = arguments.package.parse()?;
        Package::Source(source::find(&request, workshop.access())?)
    };
    let runtimes = runtimes(session, &arguments.pyodide)?;
    let mut places = arguments.places.clone();
    if places.is_empty() {
        places.push(Place::Node);
    }
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut suites = Vec::new();
    let mut native_results = None;
    for runtime in &runtimes {
        let prepared = Prepared::new(workshop, (&package, arguments), runtime, work.path())?;
        if arguments.native && native_results.is_none() {
            native_results = Some(prepared.native(workshop, &package)?);
        }
        for place in &places {
            suites.push(prepared.run(workshop, (runtime, *place), arguments)?);
        }
    }
    if let Some(native) = &native_results {
        show_differences(ui, native, &suites);
    }
    conclude(ui, arguments, &suites)
}

/// All that the tests of one runtime need.
struct Prepared {
    foundation: Vec<PathBuf>,
    wheels: Vec<PathBuf>,
    archive: PathBuf,
    staged: Staged,
    requirements: Vec<String>,
    arguments: Vec<String>,
    excused: std::collections::BTreeMap<String, String>,
}

impl Prepared {
    fn new(
        workshop: Workshop<'_>,
        (package, arguments): (&Package, &TestArguments),
        runtime: &Runtime,
        work: &Path,
    ) -> Result<Self> {
        let (wheel, tree, changes) = match package {
            Package::Wheel(wheel) => {
                let tests = arguments.tests.as_ref().ok_or_else(|| {
                    hinted(
                        anyhow!("a wheel does not say where its tests are"),
                        "name them with `--tests PATH`",
                    )
                })?;
                let tests = std::path::absolute(tests)?;
                (wheel.clone(), tests, crate::overlay::Changes::default())
            }
            Package::Source(source) => {
                let wheel = built(workshop, (source, arguments), runtime, work)?;
                let folder = BuildFolder::open(workshop, source)?;
                // The tree as it came: the build's own may be changed for the wheel.
                let tree = match source {
                    Source::Folder(folder) => folder.clone(),
                    Source::Archive(_) => copied(&folder.tree(source)?, work, runtime)?,
                };
                let quiet = Workshop { ui: workshop.ui.quieter(), ..workshop };
                let changes = overlays::changes(quiet, (&arguments.overlays, &tree), runtime)?;
                (wheel, tree, changes)
            }
        };
        let contents = WheelContents::read(&wheel)?;
        runtime.accepts(&contents.filename).map_err(|reason| {
            hinted(
                anyhow!("`{}` is not for Pyodide {}: {reason}", wheel.display(), runtime.version),
                "build it for this release, or name another with `--pyodide`",
            )
        })?;
        let staged = staging::find(&tree, arguments.tests.as_deref(), &contents)?;
        let archive = work.join(format!("tests-{}.zip", runtime.version));
        staged.pack(&archive)?;

        let mut at_hand = vec![wheel];
        for path in &arguments.wheels {
            at_hand.push(std::path::absolute(path)?);
        }
        refuse_doubles(&at_hand)?;
        let metadata = Metadata::of(&contents)?;
        let mut requirements = arguments.requires.clone();
        requirements.extend(changes.test.requires.iter().map(|requirement| requirement.text.clone()));
        let mut found = staged.requirements(&tree);
        if !requirements.iter().chain(&found).any(|text| is_of("pytest", text)) {
            requirements.push("pytest".to_owned());
        }
        found.retain(|text| !requirements.iter().any(|known| same_name(known, text)));
        workshop.ui.detail(format!("the package says that its tests need: {}", found.join(", ")));
        let shelf = Shelf {
            runtime,
            wheels: &at_hand,
            packages: arguments.packages_dir.as_deref(),
            access: workshop.access(),
        };
        let own = format!("{}=={}", metadata.name, metadata.version);
        // What is only found out may be unreachable without harm: the tests that need it say so.
        let mut all = [std::slice::from_ref(&own), &requirements[..], &found[..]].concat();
        let wheels = requirements::wheels(shelf, &all).or_else(|_| {
            for text in &found {
                let alone = requirements::wheels(shelf, std::slice::from_ref(text));
                if let Err(error) = alone {
                    workshop.ui.warn(format!("the tests may need `{text}`: {}", error.root_cause()));
                    all.retain(|known| known != text);
                }
            }
            requirements::wheels(shelf, &all)
        })?;
        let requirements = all.split_off(1);
        Ok(Self {
            foundation: requirements::foundation(shelf)?,
            // What a wheel requires comes before it, for those that look when they are installed.
            wheels: wheels.into_iter().chain(at_hand).collect(),
            archive,
            requirements,
            arguments: [&changes.test.args[..], &arguments.pytest[..]].concat(),
            excused: changes.test.deselect.clone(),
            staged,
        })
    }

    fn run(
        &self,
        workshop: Workshop<'_>,
        (runtime, place): (&Runtime, Place),
        arguments: &TestArguments,
    ) -> Result<Suite> {
        let ui = workshop.ui;
        let started = Instant::now();
        ui.phase("Testing", format!("in Pyodide {} on {place}", runtime.version));
        let files = self.staged.test_files();
        let parts: Vec<Vec<String>> = if arguments.forked_each {
            files.into_iter().map(|file| vec![file]).collect()
        } else {
            vec![self.staged.paths.clone()]
        };
        let mut results = Vec::new();
        for part in parts {
            let mut given = self.arguments.clone();
            if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
                given.push("--color=yes".to_owned());
            }
            given.extend(part);
            let plan = Plan {
                runtime,
                place,
                foundation: self.foundation.clone(),
                wheels: self.wheels.clone(),
                archive: self.archive.clone(),
                arguments: given,
                excused: self.excused.clone(),
                timeout: Duration::from_secs(arguments.timeout),
                stdout: if arguments.json { Stream::Stderr } else { Stream::Stdout },
            };
            let run = testing::run(&plan, (ui, workshop.environment));
            results.extend(run.with_context(|| {
                format!("the tests could not be run in Pyodide {} on {place}", runtime.version)
            })?);
        }
        let seconds = started.elapsed().as_secs_f64();
        ui.phase("Tested", format!("{} in {seconds:.1} s", testing::summary(&results)));
        Ok(Suite { pyodide: runtime.version.to_string(), place, seconds, results })
    }

    fn native(&self, workshop: Workshop<'_>, package: &Package) -> Result<Vec<TestResult>> {
        let Package::Source(source) = package else {
            bail!("`--native` builds the same source for this machine: name a source, not a wheel");
        };
        let arguments = [&self.arguments[..], &self.staged.paths[..]].concat();
        native::run(NativeRun {
            workshop,
            source,
            staged: &self.staged,
            requirements: &self.requirements,
            arguments: &arguments,
        })
    }
}

/// The wheel of a source, in a folder of ours.
fn built(
    workshop: Workshop<'_>,
    (source, arguments): (&Source, &TestArguments),
    runtime: &Runtime,
    work: &Path,
) -> Result<PathBuf> {
    let out = work.join(format!("wheels-{}", runtime.version));
    let order = Order {
        workshop,
        source,
        cargo: &arguments.cargo,
        overlays: &arguments.overlays,
        tag: TagChoice::Line,
        names: Names::Dropped,
        out: &out,
    };
    Ok(order.build(runtime)??.summary.wheel)
}

/// A copy of an unpacked tree, which the next build would remove.
fn copied(tree: &Path, work: &Path, runtime: &Runtime) -> Result<PathBuf> {
    let target = work.join(format!("tree-{}", runtime.version));
    fs_err::create_dir_all(&target)?;
    let target = target.join(tree.file_name().unwrap_or_default());
    crate::build::copy_folder(tree, &target)?;
    Ok(target)
}

/// Whether a requirement is of this normalised name.
fn is_of(name: &str, requirement: &str) -> bool {
    requirement.parse().is_ok_and(|parsed: RequirementText| parsed.name == name)
}

fn same_name(one: &str, other: &str) -> bool {
    one.parse().is_ok_and(|one: RequirementText| is_of(&one.name, other))
}

fn refuse_doubles(wheels: &[PathBuf]) -> Result<()> {
    let mut names = std::collections::BTreeMap::new();
    for path in wheels {
        let name = crate::wheel::filename::normalised(&Metadata::of(&WheelContents::open(path)?)?.name);
        if let Some(other) = names.insert(name.clone(), path) {
            return Err(hinted(
                anyhow!("two wheels of `{name}`: `{}` and `{}`", other.display(), path.display()),
                "name one of them",
            ));
        }
    }
    Ok(())
}

/// The tests that came to something else on this machine.
fn show_differences(ui: Ui, native: &[TestResult], suites: &[Suite]) {
    for suite in suites {
        let differences = native::differences(native, &suite.results);
        let head = format!("Pyodide {} on {}", suite.pyodide, suite.place);
        if differences.is_empty() {
            ui.phase("Compared", format!("{head}: every test came to the same as on this machine"));
            continue;
        }
        ui.phase("Compared", format!("{head}: {} tests differ from this machine", differences.len()));
        for (native, other) in differences {
            let here = native.outcome.word();
            let (there, why) = other.map_or(("not run", ""), |other| {
                (other.outcome.word(), other.message.lines().next().unwrap_or_default())
            });
            ui.aside(format!("  {}: {here} here, {there} there: {why}", native.id));
        }
    }
    ui.phase("Compared", format!("on this machine: {}", testing::summary(native)));
}

fn conclude(ui: Ui, arguments: &TestArguments, suites: &[Suite]) -> Result<u8> {
    for suite in suites {
        for result in suite.results.iter().filter(|result| result.outcome == Outcome::Excused) {
            ui.aside(format!("  not run: {}: {}", result.id, result.message));
        }
    }
    if suites.len() > 1 {
        let head = ["line", "place", "results", "seconds"].map(str::to_owned);
        let rows = suites.iter().map(|suite| {
            let seconds = format!("{:.1}", suite.seconds);
            [suite.pyodide.clone(), suite.place.to_string(), testing::summary(&suite.results), seconds]
        });
        ui.table_aside(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    }
    if let Some(path) = &arguments.junit {
        let named: Vec<(String, &[TestResult])> = suites
            .iter()
            .map(|suite| (format!("pyodide {} {:?}", suite.pyodide, suite.place), &suite.results[..]))
            .collect();
        junit::write(path, &named)?;
    }
    if arguments.json {
        ui.data(serde_json::to_string_pretty(suites)?)?;
    }
    let failed = suites.iter().flat_map(|suite| &suite.results).any(|result| result.outcome.is_failure());
    let ran = suites.iter().flat_map(|suite| &suite.results).any(|result| result.outcome != Outcome::Excused);
    Ok(match (failed, ran) {
        (true, _) => EXIT_FAILED,
        (false, true) => 0,
        (false, false) => EXIT_NO_TESTS,
    })
}
