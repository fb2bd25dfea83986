//! One cell of a sweep, in a process of its own: if it fails, hangs or dies, the other cells go on.
//!
//! The cell writes its record after each step, so that little is lost when the process is killed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::record::{
    Comparison, Failure, FailureKind, FindingCounts, Lacks, Record, Step, StepRecord, WheelRecord,
};
use super::state;
use crate::audit::{Finding, Severity};
use crate::backend::CrateStore;
use crate::backend::failure::BackendFailed;
use crate::building::{BuildRequest, Built, CargoRequest, OpenedSource, OverlayRequest, Recipes};
use crate::causes::{self, When};
use crate::context::Context;
use crate::dependencies::wheels::{self, WheelSources};
use crate::error::{Result, cause, render};
use crate::files::write_whole;
use crate::process::limits::end_with_parent;
use crate::releases::request::{RuntimeRequest, runtimes_of};
use crate::run::import::{self, ImportCheck};
use crate::run::session::Place;
use crate::runtime::{Runtime, TagChoice};
use crate::source::{self, Source, SourceRequest};
use crate::testing::discovery::NoTests;
use crate::testing::native::NativeResults;
use crate::testing::prepare;
use crate::testing::prepared::PreparedTests;
use crate::testing::request::{TestRequest, TestedPackage};
use crate::testing::{self, TestOutcome, TestResult};
use crate::ui::Stream;
use crate::wheel::OpenedWheel;

/// The request that a sweep hands to a cell's process.
#[derive(Debug, Serialize, Deserialize)]
pub struct CellRequest {
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

impl CellRequest {
    /// Reads what a sweep wrote.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        state::read(path)
    }

    /// Whether the network may not be asked.
    pub fn is_offline(&self) -> bool {
        self.offline
    }
}

/// Runs a cell, and writes its record, which also says how the cell failed.
///
/// # Errors
/// When the record cannot be written.
pub fn run(context: &Context, request: CellRequest) -> Result<()> {
    // Whatever ends the sweep, a signal included, ends its cells: nobody else would stop them.
    end_with_parent();
    let mut record = request.record.clone();
    let answer = request.answer.clone();
    if let Err(error) = do_steps(context, request, &mut record) {
        let text = render(&error);
        context.ui.aside(&text);
        // The build's log is overwritten by the package's next cell: this cell's log keeps a copy.
        if let Some(failed) = cause::<BackendFailed>(&error) {
            let log = fs_err::read_to_string(&failed.log).unwrap_or_default();
            context.ui.aside(format!("\nthe log of the build:\n{log}"));
        }
        // The tests' step writes its counts before it fails: counts tell failed tests from tests that could not run.
        let kind = if record.tests.is_some() { FailureKind::Tests } else { FailureKind::Error };
        record.failure = Some(Failure::of(record.next_step(), kind, &error));
    }
    write_whole(&answer, &serde_json::to_vec(&record)?)
}

/// A cell that is being done.
struct CellRun<'a> {
    context: &'a Context,
    runtime: Runtime,
    request: CellRequest,
    source: Source,
    tests: TestRequest,
    folder: tempfile::TempDir,
    /// The source, open, and what was built of it.
    built: RefCell<Option<(OpenedSource, Box<Built>)>>,
}

fn do_steps(context: &Context, request: CellRequest, record: &mut Record) -> Result<()> {
    let named: RuntimeRequest = request.pyodide.parse().map_err(anyhow::Error::msg)?;
    let runtime = runtimes_of(context, &named)?.pop().context("no release")?;
    let package = &record.cell.package;
    let named: SourceRequest = match &package.archive {
        Some(path) => SourceRequest::Archive(path.clone()),
        None => package.to_string().parse().map_err(|error| anyhow!("{error}"))?,
    };
    let tests = TestRequest {
        packages_dir: request.packages_dir.clone(),
        timeout: Duration::from_secs(request.test_timeout),
        // Packages of one line use the same crates: a sweep compiles each of them once.
        cargo: CargoRequest { crate_store: CrateStore::Shared, ..CargoRequest::default() },
        overlays: OverlayRequest {
            recipes: if request.no_recipes { Recipes::Ignored } else { Recipes::Applied },
            ..OverlayRequest::default()
        },
        ..TestRequest::default()
    };
    let cell = CellRun {
        context,
        runtime,
        source: source::find(&named, context)?,
        request,
        tests,
        folder: tempfile::tempdir().context("cannot make a temporary folder")?,
        built: RefCell::new(None),
    };
    for step in cell.request.steps.clone() {
        let started = Instant::now();
        let note = match step {
            Step::Build => cell.build(record).map(|()| None),
            Step::Audit => cell.audit(record),
            Step::Import => cell.import(),
            Step::Test => cell.test(record),
        }?;
        record.steps.push(StepRecord { step, seconds: started.elapsed().as_secs_f64(), note });
        // Written after each step: a cell that is killed keeps the steps that it has done.
        write_whole(&cell.request.answer, &serde_json::to_vec(record)?)?;
    }
    Ok(())
}

impl CellRun<'_> {
    fn build(&self, record: &mut Record) -> Result<()> {
        let request = BuildRequest {
            cargo: self.tests.cargo.clone(),
            overlays: self.tests.overlays.clone(),
            tag: if self.request.for_index { TagChoice::Index } else { TagChoice::Line },
            ..BuildRequest::new(self.source.clone(), &self.request.wheels)
        };
        let opened = OpenedSource::open(self.context, &self.source)?;
        let built = opened.build(&request, &self.runtime, self.context)?.accept()?;
        record.wheel = Some(WheelRecord {
            file: built.wheel.filename().to_string(),
            size: built.summary.size,
            modules: built.summary.modules.iter().map(|module| module.raw).sum(),
        });
        *self.built.borrow_mut() = Some((opened, Box::new(built)));
        Ok(())
    }

    /// The wheel that was built.
    fn wheel(&self) -> Result<OpenedWheel> {
        let built = self.built.borrow();
        let (_, built) = built.as_ref().context("nothing was built")?;
        Ok(built.wheel.clone())
    }

    /// What the build's own audit found. It refused what would not load; requirements that cannot be had do not fail a cell.
    fn audit(&self, record: &mut Record) -> Result<Option<String>> {
        let built = self.built.borrow();
        let findings = built.as_ref().map(|(_, built)| &built.findings[..]).context("nothing was built")?;
        let count = |wanted| findings.iter().filter(|finding| finding.severity == wanted).count();
        record.findings = Some(FindingCounts {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
        });
        let lines: Vec<String> = findings
            .iter()
            .filter(|finding| finding.severity != Severity::Note)
            .map(Finding::place_message_and_code)
            .collect();
        Ok((!lines.is_empty()).then(|| lines.join("; ")))
    }

    /// Imports what the wheel brings, beside what it requires. If that cannot be had, its extension modules are loaded alone.
    fn import(&self) -> Result<Option<String>> {
        let (context, runtime, wheel) = (self.context, &self.runtime, self.wheel()?);
        let packages = self.request.packages_dir.as_deref();
        let sources = WheelSources { runtime, wheels: std::slice::from_ref(&wheel), packages };
        let own = format!("{}=={}", wheel.metadata().name, wheel.metadata().version);
        // A requirement that cannot be had says nothing of this wheel: its modules are then loaded alone.
        let (mut wheels, missing) = match wheels::find(context, sources, &[own]) {
            Ok(found) => (found.all_wheels(), None),
            Err(error) => (Vec::new(), Some(error)),
        };
        wheels.push(wheel.path().to_owned());
        let printed = import::import_packages(context, runtime, &wheels, &wheel.importable_names())?;
        if printed.status == 0 {
            return Ok(None);
        }
        let said = printed.stderr.trim();
        let refuse = |error| Err(causes::name_unless_told("cannot-import", When::Run, error));
        let Some(missing) = missing else { return refuse(anyhow!("it cannot be imported:\n{said}")) };
        match import::check_modules(context, runtime, &wheel) {
            ImportCheck::Loaded => Ok(Some(format!(
                "its modules alone: {} ({})",
                said.lines().last().unwrap_or_default(),
                missing.root_cause().to_string().split_whitespace().collect::<Vec<_>>().join(" ")
            ))),
            other => refuse(anyhow!("its modules cannot be loaded: {other}")),
        }
    }

    fn test(&self, record: &mut Record) -> Result<Option<String>> {
        // Taken, not borrowed: the source's lock is released as soon as the tests are staged.
        let (opened, built) = self.built.borrow_mut().take().context("nothing was built")?;
        let package = TestedPackage::Built { source: self.source.clone(), opened, built };
        let (context, runtime) = (self.context, &self.runtime);
        let staged = prepare::stage(context, &package, &self.tests, runtime, self.folder.path());
        // The tests are staged: other cells of the package may go on.
        drop(package);
        let staged = match staged {
            Ok(staged) => staged,
            Err(error) if cause::<NoTests>(&error).is_some() => {
                return Ok(Some("no tests were found in the source".to_owned()));
            }
            Err(error) => return Err(error),
        };
        let prepared = prepare::prepare(context, &staged, &self.tests, runtime);
        let run = |prepared: &PreparedTests<'_>| {
            prepared
                .run(context, &self.tests, runtime, Place::Node, Stream::Stderr)
                .map(|suite| suite.results)
        };
        // The error of what the tests require is that of the tests in Pyodide alone: on this machine they may run.
        let (results, native) = match &prepared {
            Ok(prepared) => (run(prepared), self.native(&|| prepared.run_native(context))),
            Err(_) => (Ok(Vec::new()), self.native(&|| staged.run_native(context))),
        };
        let results = prepared.and(results);
        record.comparison = native.map(|native| compare(native, results.as_deref()));
        let results = results?;
        write_whole(&self.request.tests, &serde_json::to_vec(&results)?)?;
        record.tests = Some(testing::counts(&results));
        let failed: Vec<String> = results
            .iter()
            .filter(|result| result.outcome.is_failure())
            .map(|result| format!("{}: {}", result.id, result.message.lines().next().unwrap_or_default()))
            .collect();
        if failed.is_empty() {
            Ok(None)
        } else {
            let tests = if failed.len() == 1 { "test" } else { "tests" };
            bail!("{} {tests} failed:\n{}", failed.len(), failed.join("\n"))
        }
    }

    /// The results of the same tests on this machine, or why there are none: run once for all lines. None if they were not
    /// asked for.
    fn native(&self, run: &dyn Fn() -> Result<NativeResults>) -> Option<Result<Vec<TestResult>, String>> {
        let path = self.request.native.as_ref()?;
        let kept: Option<Result<Vec<TestResult>, String>> =
            path.is_file().then(|| state::read(path).unwrap_or_else(|error| Err(render(&error))));
        Some(kept.unwrap_or_else(|| {
            let results = run().map(|native| native.results).map_err(|error| render(&error));
            let bytes = serde_json::to_vec(&results).map_err(anyhow::Error::from);
            // A file that cannot be written costs the next line a run of its own, and no result.
            if let Err(error) = bytes.and_then(|bytes| write_whole(path, &bytes)) {
                self.context.ui.warn(format!("the results on this machine are not kept: {error:#}"));
            }
            results
        }))
    }
}

/// What two runs of the same tests have in common, or which of them there is not.
fn compare(
    native: Result<Vec<TestResult>, String>,
    wasm: Result<&[TestResult], &anyhow::Error>,
) -> Comparison {
    let failed = |lacks, why| Comparison { lacks: Some(lacks), failed: Some(why), ..Comparison::default() };
    match (native, wasm) {
        (Ok(native), Ok(wasm)) => {
            let (here, there) = (names_of_passed(&native), names_of_passed(wasm));
            Comparison {
                native: here.len(),
                both: here.intersection(&there).count(),
                ..Comparison::default()
            }
        }
        (Ok(native), Err(error)) => {
            Comparison { native: names_of_passed(&native).len(), ..failed(Lacks::Wasm, render(error)) }
        }
        (Err(why), Ok(_)) => failed(Lacks::Native, why),
        (Err(why), Err(_)) => failed(Lacks::Both, why),
    }
}

/// The names of the tests that passed.
fn names_of_passed(results: &[TestResult]) -> BTreeSet<&str> {
    let passed = results.iter().filter(|result| result.outcome == TestOutcome::Passed);
    passed.map(|result| result.id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(passed: &[&str]) -> Vec<TestResult> {
        let one = |id: &&str| TestResult {
            id: (*id).to_owned(),
            outcome: TestOutcome::Passed,
            seconds: 0.0,
            message: String::new(),
        };
        passed.iter().map(one).collect()
    }

    #[test]
    fn a_comparison_says_which_side_there_is_not() {
        let (here, there) = (results(&["a", "b", "c"]), results(&["b", "c", "d"]));
        let error = anyhow!("no wheel");
        let check = |native: Result<Vec<TestResult>, String>, wasm: Result<&[TestResult], &anyhow::Error>| {
            let Comparison { native, both, lacks, failed } = compare(native, wasm);
            format!("{native} {both} {lacks:?} {}", failed.unwrap_or_default())
        };
        assert_eq!(check(Ok(here.clone()), Ok(&there)), "3 2 None ");
        assert_eq!(check(Ok(here), Err(&error)), "3 0 Some(Wasm) error: no wheel");
        assert_eq!(check(Err("no compiler".to_owned()), Ok(&there)), "0 0 Some(Native) no compiler");
        assert_eq!(check(Err("no compiler".to_owned()), Err(&error)), "0 0 Some(Both) no compiler");
    }
}
