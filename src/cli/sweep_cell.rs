//! One cell of a sweep, in a process of its own: whatever it does to itself, the others go on.
//!
//! What came of each step is written as soon as it is known, so that little is lost when the process is killed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::order::{CargoArguments, Order};
use super::overlays::OverlayArguments;
use super::test::{Package, TestChoices};
use super::test_plan::Prepared;
use super::{Session, import, runtime_request, runtimes_of};
use crate::audit::{self, Severity};
use crate::build::failure::BackendFailed;
use crate::build::{HostPython, Workshop};
use crate::cache::{Cache, write_whole};
use crate::env::Environment;
use crate::error::{Result, cause, render};
use crate::process::limits::end_with_parent;
use crate::run::session::{Place, Stream};
use crate::run::{self, Script};
use crate::runtime::releases::Network;
use crate::runtime::{Runtime, TagChoice};
use crate::source::{self, Source, SourceRequest};
use crate::sweep::record::{
    Comparison, Failure, FailureKind, FindingCounts, Record, Step, StepRecord, WheelRecord,
};
use crate::sweep::state;
use crate::testing::requirements::{self, Shelf};
use crate::testing::staging::NoTests;
use crate::testing::{self, Outcome, TestResult};
use crate::ui::{Ui, Verbosity};
use crate::wasm::strip::Names;
use crate::wheel::WheelContents;
use crate::wheel::metadata::Metadata;

/// Do one cell of a sweep
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct SweepCellArguments {
    /// What is done, as `sweep` wrote it
    request: PathBuf,
}

/// What a cell's process is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CellRequest {
    /// Nothing but the cell in it.
    pub(super) record: Record,
    pub(super) steps: Vec<Step>,
    /// The release, or the folder of one.
    pub(super) pyodide: String,
    /// Where the record is written.
    pub(super) answer: PathBuf,
    pub(super) wheels: PathBuf,
    /// Where the results of the tests go.
    pub(super) tests: PathBuf,
    /// Where those of this machine are, if they are to be compared.
    pub(super) native: Option<PathBuf>,
    pub(super) packages_dir: Option<PathBuf>,
    /// Seconds without news after which a test hangs.
    pub(super) test_timeout: u64,
    pub(super) no_recipes: bool,
    /// Whether the wheel gets the tag that the package index takes.
    pub(super) for_index: bool,
    pub(super) offline: bool,
}

struct Work<'a> {
    workshop: Workshop<'a>,
    runtime: Runtime,
    request: CellRequest,
    source: Source,
    choices: TestChoices,
    folder: tempfile::TempDir,
}

/// Runs the command. Its status is 0 whatever came of the cell: the record says it.
pub(super) fn run(environment: &Environment, cache: &Cache, arguments: &SweepCellArguments) -> Result<u8> {
    end_with_parent();
    let request: CellRequest = state::read(&arguments.request)?;
    let mut record = request.record.clone();
    let answer = request.answer.clone();
    if let Err(error) = steps(environment, cache, request, &mut record) {
        let text = render(&error);
        let ui = Ui::new(Verbosity::Normal);
        ui.failure(&text);
        if let Some(failed) = cause::<BackendFailed>(&error) {
            ui.aside(format!(
                "\nthe log of the build:\n{}",
                fs_err::read_to_string(&failed.log).unwrap_or_default()
            ));
        }
        let kind = if record.tests.is_some() { FailureKind::Tests } else { FailureKind::Error };
        record.failure = Some(Failure { step: record.next_step(), kind, text });
    }
    write_whole(&answer, &serde_json::to_vec(&record)?)?;
    Ok(0)
}

fn steps(environment: &Environment, cache: &Cache, request: CellRequest, record: &mut Record) -> Result<()> {
    let ui = Ui::new(Verbosity::Normal);
    let network = if request.offline { Network::Forbidden } else { Network::Allowed };
    let session = Session { ui, environment, cache, network };
    let python = HostPython::find((ui, environment), None)?;
    let workshop = session.workshop(&python);
    let named = runtime_request(&request.pyodide).map_err(anyhow::Error::msg)?;
    let runtime = runtimes_of(session, &named)?.pop().context("no release")?;
    let package = &record.cell.package;
    let named: SourceRequest = match &package.archive {
        Some(path) => SourceRequest::Archive(path.clone()),
        None => package.to_string().parse().map_err(|error| anyhow!("{error}"))?,
    };
    let source = source::find(&named, workshop.access())?;
    let choices = TestChoices {
        packages_dir: request.packages_dir.clone(),
        timeout: request.test_timeout,
        cargo: CargoArguments { share_crates: true, ..CargoArguments::default() },
        overlays: OverlayArguments { no_recipes: request.no_recipes, ..OverlayArguments::default() },
        ..TestChoices::default()
    };
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let work = Work { workshop, runtime, request, source, choices, folder };
    let mut wheel = PathBuf::new();
    for step in work.request.steps.clone() {
        let started = Instant::now();
        let note = match step {
            Step::Build => {
                wheel = work.build(record)?;
                None
            }
            Step::Audit => work.audit(&wheel, record)?,
            Step::Import => work.import(&wheel)?,
            Step::Test => work.test(&wheel, record)?,
        };
        record.steps.push(StepRecord { step, seconds: started.elapsed().as_secs_f64(), note });
        write_whole(&work.request.answer, &serde_json::to_vec(record)?)?;
    }
    Ok(())
}

impl Work<'_> {
    fn build(&self, record: &mut Record) -> Result<PathBuf> {
        let order = Order {
            workshop: self.workshop,
            source: &self.source,
            cargo: &self.choices.cargo,
            overlays: &self.choices.overlays,
            tag: if self.request.for_index { TagChoice::Index } else { TagChoice::Line },
            names: Names::Dropped,
            out: &self.request.wheels,
        };
        let summary = order.build(&self.runtime)??.summary;
        record.wheel = Some(WheelRecord {
            file: summary.wheel.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            size: summary.size,
            modules: summary.modules.iter().map(|module| module.raw).sum(),
        });
        Ok(summary.wheel)
    }

    /// Reads the wheel anew, as `audit` does: what is on disk counts. Requirements that cannot be had do not fail it.
    fn audit(&self, wheel: &Path, record: &mut Record) -> Result<Option<String>> {
        let contents = WheelContents::read(wheel)?;
        let findings =
            audit::audit(audit::Subject::Wheel(&contents), &self.runtime, &audit::Companions::default());
        let count = |wanted| findings.iter().filter(|finding| finding.severity == wanted).count();
        record.findings = Some(FindingCounts {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
        });
        let told = |finding: &&audit::Finding| finding.severity != Severity::Note;
        let lines: Vec<String> = findings
            .iter()
            .filter(told)
            .map(|finding| format!("{} [{}]", finding.place_and_message(), finding.code))
            .collect();
        if findings.iter().any(super::order::is_fatal) {
            bail!("the wheel would not load:\n    {}", lines.join("\n    "));
        }
        Ok((!lines.is_empty()).then(|| lines.join("; ")))
    }

    /// Imports what the wheel brings, beside what it requires. If that cannot be had, its extension modules are loaded alone.
    fn import(&self, wheel: &Path) -> Result<Option<String>> {
        let contents = WheelContents::read(wheel)?;
        let metadata = Metadata::of(&contents)?;
        let at_hand = [wheel.to_owned()];
        let access = self.workshop.access();
        let packages = self.request.packages_dir.as_deref();
        let shelf = Shelf { runtime: &self.runtime, wheels: &at_hand, packages, access };
        let own = format!("{}=={}", metadata.name, metadata.version);
        let (mut wheels, missing) = match requirements::wheels(shelf, &[own]) {
            Ok(wheels) => (wheels, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        wheels.push(wheel.to_owned());
        let script = Script {
            name: "import".into(),
            file: None,
            path: String::new(),
            source: include_str!("import_packages.py").into(),
            arguments: top_level(&contents).into_iter().collect(),
        };
        let ui = self.workshop.ui;
        let printed = run::capture((ui, self.workshop.environment), &self.runtime, &wheels, &script)?;
        if printed.status == 0 {
            return Ok(None);
        }
        let said = printed.stderr.trim();
        let Some(missing) = missing else { bail!("it cannot be imported:\n{said}") };
        let modules: Vec<String> =
            contents.files.keys().filter(|path| path.ends_with(".so")).cloned().collect();
        match import::tried((ui, self.workshop.environment), &self.runtime, (wheel, &modules)).as_str() {
            "ok" => Ok(Some(format!(
                "its modules alone: {} ({})",
                said.lines().last().unwrap_or_default(),
                missing.root_cause().to_string().split_whitespace().collect::<Vec<_>>().join(" ")
            ))),
            why => bail!("its modules cannot be loaded: {why}"),
        }
    }

    fn test(&self, wheel: &Path, record: &mut Record) -> Result<Option<String>> {
        let package = Package::Built(self.source.clone(), wheel.to_owned());
        let prepared =
            Prepared::new(self.workshop, (&package, &self.choices), &self.runtime, self.folder.path());
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(error) if cause::<NoTests>(&error).is_some() => {
                return Ok(Some("it has no tests".to_owned()));
            }
            Err(error) => return Err(error),
        };
        let suite =
            prepared.run(self.workshop, (&self.runtime, Place::Node), (&self.choices, Stream::Stderr))?;
        let results = suite.results;
        write_whole(&self.request.tests, &serde_json::to_vec(&results)?)?;
        record.tests = Some(testing::counts(&results));
        record.comparison = self.compared(&prepared, (&package, &results));
        let failed: Vec<String> = results
            .iter()
            .filter(|result| result.outcome.is_failure())
            .map(|result| format!("{}: {}", result.id, result.message.lines().next().unwrap_or_default()))
            .collect();
        if failed.is_empty() {
            Ok(None)
        } else {
            bail!("{} tests failed:\n{}", failed.len(), failed.join("\n"))
        }
    }

    /// The same tests on this machine: run once for all lines.
    fn compared(
        &self,
        prepared: &Prepared,
        (package, results): (&Package, &[TestResult]),
    ) -> Option<Comparison> {
        let path = self.request.native.as_ref()?;
        let native = if path.is_file() {
            state::read(path)
        } else {
            let run = prepared.native(self.workshop, package);
            let run: Result<Vec<TestResult>, String> = run.map_err(|error| render(&error));
            serde_json::to_vec(&run)
                .map_err(Into::into)
                .and_then(|bytes| write_whole(path, &bytes))
                .map(|()| run)
        };
        Some(match native.unwrap_or_else(|error: anyhow::Error| Err(render(&error))) {
            Err(why) => Comparison { failed: Some(why), ..Comparison::default() },
            Ok(native) => {
                let passed = |results: &[TestResult]| -> BTreeSet<String> {
                    let passed = results.iter().filter(|result| result.outcome == Outcome::Passed);
                    passed.map(|result| result.id.clone()).collect()
                };
                let (here, there) = (passed(&native), passed(results));
                Comparison { native: here.len(), both: here.intersection(&there).count(), failed: None }
            }
        })
    }
}

/// What can be imported of a wheel: the packages and modules at its top.
fn top_level(wheel: &WheelContents) -> BTreeSet<String> {
    let is_code = |path: &&String| path.ends_with(".py") || path.ends_with(".so");
    let names = wheel.files.keys().filter(is_code).filter_map(|path| {
        let (first, is_package) = match path.split_once('/') {
            Some((folder, _)) => (folder, true),
            None => (path.as_str(), false),
        };
        if is_package && first.contains('.') {
            return None;
        }
        let name = first.split('.').next()?;
        let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with("__");
        (is_name && !["tests", "test"].contains(&name)).then(|| name.to_owned())
    });
    names.collect()
}
