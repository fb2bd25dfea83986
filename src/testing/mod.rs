//! Runs a package's own tests inside Pyodide, one result a test.
//!
//! pytest runs in a session ([`crate::run::session`]) and reports when a test starts and how it ended. If the interpreter
//! dies, or sends nothing for too long, the test that was running has failed, and the rest run in a fresh interpreter.

pub mod conformance;
pub mod discovery;
pub mod junit;
pub mod native;
mod needs;
pub mod prepare;
pub mod prepared;
mod pytest_settings;
pub mod report;
mod repository;
pub mod request;
pub(crate) mod staging;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::causes::{self, When};
use crate::context::Context;
use crate::error::{Result, hinted};
use crate::run::session::{Installation, Next, Place, Session};
use crate::runtime::Runtime;
use crate::ui::Stream;

/// How long the runtime may take to start and pytest to find the tests, whatever the user gives a test: starting loads and
/// installs everything, on machines of every kind.
const START: Duration = Duration::from_mins(5);

/// The folder of the tests inside the runtime.
const FOLDER: &str = "/home/pyodide/tests-of-package";

/// The program that runs pytest.
pub(crate) const HARNESS: &str = include_str!("pytest_harness.py");

/// What is run, and where.
#[derive(Debug, Clone)]
pub struct TestPlan<'a> {
    /// The release.
    pub runtime: &'a Runtime,
    /// Where it runs.
    pub place: Place,
    /// The wheels of micropip and of what it needs.
    pub micropip: &'a [PathBuf],
    /// The wheels that are installed.
    pub wheels: &'a [PathBuf],
    /// Packages of the release that it loads itself, by its own names.
    pub loaded: &'a [String],
    /// The files from which it does, by the names that its lock file gives them.
    pub release_files: &'a BTreeMap<String, PathBuf>,
    /// The archive of the tests.
    pub archive: &'a Path,
    /// The folder in it that becomes the current one.
    pub folder: &'a Path,
    /// What pytest is given.
    pub arguments: Vec<String>,
    /// Tests that cannot work, and why.
    pub excused: &'a BTreeMap<String, String>,
    /// How long nothing may happen.
    pub timeout: Duration,
    /// Where pytest's output goes.
    pub stdout: Stream,
}

/// The outcome of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TestOutcome {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// Its set-up or tear-down failed, or its file could not be read.
    Error,
    /// It killed the interpreter, or hung.
    Died,
    /// It was skipped.
    Skipped,
    /// It failed as expected.
    Xfailed,
    /// It passed unexpectedly.
    Xpassed,
    /// The overlay says that it cannot work.
    Excused,
}

impl TestOutcome {
    /// Whether it counts as a failure.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Error | Self::Died)
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Died => "died",
            Self::Skipped => "skipped",
            Self::Xfailed => "xfailed",
            Self::Xpassed => "xpassed",
            Self::Excused => "excused",
        }
    }
}

/// One test's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestResult {
    /// pytest's name for it.
    pub id: String,
    /// Its outcome.
    pub outcome: TestOutcome,
    /// Seconds.
    pub seconds: f64,
    /// Why it failed or was skipped.
    pub message: String,
}

/// How often tests may stop pytest before the remaining ones are given up: each time costs an interpreter.
const MOST_STOPS: usize = 3;

/// How a session ended.
enum Ended {
    /// pytest ended with this status.
    Done(i64),
    /// The interpreter died, and how.
    Died(String),
    /// A test stopped pytest, which ended with this status.
    Stopped(i64),
}

/// Runs the tests of a plan that have no result yet.
///
/// # Errors
/// When they cannot be run: no runtime, a wheel that does not install, a package that cannot be imported by pytest at all.
pub fn run(context: &Context, plan: &TestPlan<'_>, mut results: Vec<TestResult>) -> Result<Vec<TestResult>> {
    let mut stops = 0;
    loop {
        let before = results.len();
        let mut run = Attempt { plan, results: &mut results, current: None, has_collected: false };
        match run.go(context)? {
            // pytest's statuses: all passed, some failed, none was collected. Each is a result.
            Ended::Done(0 | 1 | 5) => return Ok(results),
            // 2: interrupted by errors while collecting, each of which is a result.
            Ended::Done(2) if results.len() > before => return Ok(results),
            Ended::Done(status) => {
                return Err(hinted(
                    anyhow!("pytest could not run the tests (its status is {status})"),
                    "pytest's output says why; arguments after `--` go to pytest",
                ));
            }
            Ended::Stopped(status) => {
                stops += 1;
                if stops == MOST_STOPS {
                    context.ui.warn(format!(
                        "tests stopped pytest {stops} times (its status is {status}): the remaining ones were not run"
                    ));
                    return Ok(results);
                }
            }
            Ended::Died(how) => {
                // No test is to blame, and a fresh interpreter would end in the same way, again and again.
                if results.len() == before {
                    let error = anyhow!(
                        "Pyodide {} on {} ended while no test was running: {how}",
                        plan.runtime.version,
                        plan.place
                    );
                    return Err(causes::name_unless_told("died", When::Run, error));
                }
                context
                    .ui
                    .warn(format!("the interpreter ended ({how}): the remaining tests run in a fresh one"));
            }
        }
    }
}

/// A folder of the tests' archive as the runtime names it.
fn folder_inside(folder: &Path) -> String {
    let parts = folder.components().map(|part| part.as_os_str().to_string_lossy());
    std::iter::once(FOLDER.into()).chain(parts).collect::<Vec<_>>().join("/")
}

struct Attempt<'a> {
    plan: &'a TestPlan<'a>,
    results: &'a mut Vec<TestResult>,
    current: Option<(String, Instant)>,
    /// Whether pytest has found the tests.
    has_collected: bool,
}

impl Attempt<'_> {
    fn go(&mut self, context: &Context) -> Result<Ended> {
        let plan = self.plan;
        // A fresh interpreter skips the tests that have a result, the one that ended the last interpreter among
        // them.
        let done: Vec<&str> = self.results.iter().map(|result| result.id.as_str()).collect();
        let mut arguments = plan.arguments.clone();
        // Up to 0.27 a file that was unlinked while it is open has no status, which pytest's capture asks for.
        if !plan.runtime.keeps_unlinked_files() {
            arguments.insert(0, "--capture=sys".to_owned());
        }
        let program = json!({
            "folder": folder_inside(plan.folder),
            "variables": {},
            "arguments": arguments,
            "done": done,
            "excused": plan.excused,
        });
        let archives = [plan.archive.to_owned()];
        let session = Session {
            runtime: plan.runtime,
            place: plan.place,
            foundation: plan.micropip,
            wheels: plan.wheels,
            installation: Installation::Usual,
            loaded: plan.loaded,
            release_files: plan.release_files,
            archives: &archives,
            folder: FOLDER,
            harness: HARNESS,
            program,
            stdout: plan.stdout,
        };
        let mut open = session.open(context)?;
        loop {
            let patience = if self.has_collected { plan.timeout } else { plan.timeout.max(START) };
            let ended = match open.next(patience)? {
                Next::Event(event) => self.take(&event)?,
                Next::TimedOut => Some(Ended::Died(format!("nothing happened for {} s", patience.as_secs()))),
                Next::Ended(how) => Some(Ended::Died(how)),
            };
            match ended {
                Some(Ended::Died(how)) => {
                    self.blame(TestOutcome::Died, format!("the interpreter ended while it ran: {how}"));
                    return Ok(Ended::Died(how));
                }
                Some(Ended::Stopped(status)) => {
                    self.blame(TestOutcome::Failed, format!("it stopped pytest (its status is {status})"));
                    return Ok(Ended::Stopped(status));
                }
                Some(done) => return Ok(done),
                None => {}
            }
        }
    }

    /// The test that was running has failed.
    fn blame(&mut self, outcome: TestOutcome, message: String) {
        if let Some((id, started)) = self.current.take() {
            let seconds = started.elapsed().as_secs_f64();
            self.results.push(TestResult { id, outcome, seconds, message });
        }
    }

    fn take(&mut self, event: &Value) -> Result<Option<Ended>> {
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        match event["event"].as_str().unwrap_or_default() {
            "collected" => self.has_collected = true,
            "start" => self.current = Some((text("id"), Instant::now())),
            "end" => {
                self.current = None;
                self.results.push(serde_json::from_value(event.clone())?);
            }
            // 3 is pytest's own number for an internal error: it stands for a status that is not a number.
            "done" => {
                let status = event["status"].as_i64().unwrap_or(3);
                let is_stopped = self.current.is_some();
                return Ok(Some(if is_stopped { Ended::Stopped(status) } else { Ended::Done(status) }));
            }
            "died" => return Ok(Some(Ended::Died(text("message")))),
            "fatal" => bail!("{}", text("message")),
            _ => {}
        }
        Ok(None)
    }
}

/// The tests that killed the interpreter or hung, which pytest's own summary does not name.
pub fn died(results: &[TestResult]) -> Vec<&TestResult> {
    results.iter().filter(|result| result.outcome == TestOutcome::Died).collect()
}

/// How many results there are of each outcome.
pub fn counts(results: &[TestResult]) -> BTreeMap<TestOutcome, usize> {
    let mut counts = BTreeMap::new();
    for result in results {
        *counts.entry(result.outcome).or_default() += 1;
    }
    counts
}

/// The same in words: `3 passed, 1 failed`.
pub fn summary(results: &[TestResult]) -> String {
    let counts = counts(results);
    if counts.is_empty() {
        return "no tests".to_owned();
    }
    counts.iter().map(|(outcome, count)| format!("{count} {}", outcome.word())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
