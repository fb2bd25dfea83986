//! The record of one cell: a package on a line.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::list::ListedPackage;
use crate::error;
use crate::testing::TestOutcome;

/// A step of a cell. Each needs the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// From source to wheel.
    Build,
    /// The wheel is checked against the release.
    Audit,
    /// The wheel is imported, on Node.
    Import,
    /// Its own tests run, on Node.
    Test,
}

impl Step {
    /// All steps, in their order.
    pub const ALL: [Step; 4] = [Step::Build, Step::Audit, Step::Import, Step::Test];
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Build => "build",
            Step::Audit => "audit",
            Step::Import => "import",
            Step::Test => "test",
        })
    }
}

/// A package on a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// The package.
    pub package: ListedPackage,
    /// The line: `0.29`.
    pub line: String,
    /// The release: `0.29.5`.
    pub pyodide: String,
}

impl Cell {
    /// What names it in files.
    pub fn key(&self) -> String {
        format!("{}@{}", self.package.key(), self.line)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.package, self.line)
    }
}

/// The record of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step.
    pub step: Step,
    /// Seconds that it took.
    pub seconds: f64,
    /// A remark on a step that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A wheel that was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WheelRecord {
    /// Its file name.
    pub file: String,
    /// Its bytes.
    pub size: u64,
    /// The bytes of its extension modules, unpacked.
    pub modules: u64,
}

/// How many findings of each severity an audit had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingCounts {
    /// What keeps it from loading, or from being installed.
    pub errors: usize,
    /// What may not work.
    pub warnings: usize,
    /// What is worth knowing.
    pub notes: usize,
}

/// How many tests came to each outcome.
pub type TestCounts = BTreeMap<TestOutcome, usize>;

/// How the tests compare to those on the machine itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// How many pass on the machine itself.
    pub native: usize,
    /// How many of those pass in Pyodide.
    pub both: usize,
    /// Which side there is not, if nothing can be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<Lacks>,
    /// Why nothing can be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// Which side of a comparison there is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lacks {
    /// The tests could not be run on the machine itself.
    Native,
    /// They could not be run in Pyodide.
    Wasm,
    /// They could be run in neither.
    Both,
}

impl fmt::Display for Lacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lacks::Native => "the tests could not be run on this machine",
            Lacks::Wasm => "the tests could not be run in Pyodide",
            Lacks::Both => "the tests could be run neither on this machine nor in Pyodide",
        })
    }
}

/// Where a cell failed, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In which step.
    pub step: Step,
    /// What ended it.
    pub kind: FailureKind,
    /// The error as the user reads it.
    pub text: String,
    /// The cause, where the tool itself knows it: an entry of `facts/causes.toml`. Older records have none, and then only the
    /// words of other programs tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What the error says that names the cause, on one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Failure {
    /// A failure whose cause can be found only in its text.
    pub fn new(step: Step, kind: FailureKind, text: String) -> Self {
        Self { step, kind, text, cause: None, message: None }
    }

    /// A step's error.
    pub fn of(step: Step, kind: FailureKind, error: &anyhow::Error) -> Self {
        let cause = error::cause_id(error).map(str::to_owned);
        let message = error::cause_message(error).map(|message| first_lines_of(&message));
        Self { cause, message, ..Self::new(step, kind, error::render(error)) }
    }
}

/// The first line of a message, with the one after it if that is what it announces: `these do not fit:`.
fn first_lines_of(message: &str) -> String {
    let mut lines = message.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    match lines.next() {
        Some(second) if first.ends_with(':') => format!("{first} {second}"),
        _ => first.to_owned(),
    }
}

/// What ended a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The step said why.
    Error,
    /// Tests failed.
    Tests,
    /// The cell ran out of time.
    Timeout,
    /// The cell used too much memory.
    Memory,
    /// Its process died.
    Crash,
}

/// The record of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The cell.
    #[serde(flatten)]
    pub cell: Cell,
    /// The steps that succeeded.
    pub steps: Vec<StepRecord>,
    /// Seconds for all.
    pub seconds: f64,
    /// The most bytes of memory that were seen held.
    pub memory: u64,
    /// The wheel.
    pub wheel: Option<WheelRecord>,
    /// What the audit found.
    pub findings: Option<FindingCounts>,
    /// What the tests came to.
    pub tests: Option<TestCounts>,
    /// How that compares to the machine itself.
    pub comparison: Option<Comparison>,
    /// Where it failed.
    pub failure: Option<Failure>,
    /// The log, below the sweep's folder.
    pub log: String,
}

impl Record {
    /// A record with nothing in it.
    pub fn new(cell: Cell) -> Self {
        Self {
            log: format!("logs/{}.log", cell.key()),
            cell,
            steps: Vec::new(),
            seconds: 0.0,
            memory: 0,
            wheel: None,
            findings: None,
            tests: None,
            comparison: None,
            failure: None,
        }
    }

    /// Whether a step succeeded.
    pub fn has(&self, step: Step) -> bool {
        self.steps.iter().any(|done| done.step == step)
    }

    /// The step that failed, or would have been next.
    pub fn next_step(&self) -> Step {
        Step::ALL.into_iter().find(|step| !self.has(*step)).unwrap_or(Step::Test)
    }

    /// `132/132` for tests: those that passed, of those that ran.
    pub fn test_ratio(&self) -> Option<String> {
        let counts = self.tests.as_ref()?;
        let sum = |outcomes: &[TestOutcome]| -> usize { outcomes.iter().filter_map(|o| counts.get(o)).sum() };
        let passed = sum(&[TestOutcome::Passed, TestOutcome::Xfailed, TestOutcome::Xpassed]);
        Some(format!(
            "{passed}/{}",
            passed + sum(&[TestOutcome::Failed, TestOutcome::Error, TestOutcome::Died])
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let package = "Some_Name==1.0".parse().unwrap();
        Record::new(Cell { package, line: "0.29".into(), pyodide: "0.29.5".into() })
    }

    fn done(steps: &[Step]) -> Record {
        let steps = steps.iter().map(|step| StepRecord { step: *step, seconds: 1.0, note: None }).collect();
        Record { steps, ..record() }
    }

    #[test]
    fn the_step_that_failed_is_the_first_that_was_not_done() {
        let check = |steps: &[Step]| done(steps).next_step();
        assert_eq!(check(&[]), Step::Build);
        assert_eq!(check(&[Step::Build]), Step::Audit);
        assert_eq!(check(&[Step::Build, Step::Import]), Step::Audit);
        assert_eq!(check(&Step::ALL), Step::Test);
        assert!(done(&[Step::Build]).has(Step::Build) && !done(&[Step::Build]).has(Step::Test));
    }

    #[test]
    fn tests_that_did_not_run_are_in_no_ratio() {
        let check = |counts: &[(TestOutcome, usize)]| {
            Record { tests: Some(counts.iter().copied().collect()), ..record() }.test_ratio().unwrap()
        };
        let passing = [(TestOutcome::Passed, 5), (TestOutcome::Xfailed, 2), (TestOutcome::Xpassed, 1)];
        assert_eq!(check(&passing), "8/8");
        let failing = [
            (TestOutcome::Failed, 1),
            (TestOutcome::Error, 1),
            (TestOutcome::Died, 1),
            (TestOutcome::Passed, 4),
        ];
        assert_eq!(check(&failing), "4/7");
        assert_eq!(check(&[(TestOutcome::Skipped, 3), (TestOutcome::Excused, 2)]), "0/0");
        assert_eq!(record().test_ratio(), None);
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let mut record = done(&[Step::Build, Step::Audit]);
        record.steps[1].note = Some("odd".into());
        record.wheel = Some(WheelRecord { file: "a.whl".into(), size: 1, modules: 2 });
        record.tests = Some([(TestOutcome::Passed, 3)].into());
        record.comparison = Some(Comparison { native: 3, both: 2, ..Comparison::default() });
        record.failure = Some(Failure::new(Step::Import, FailureKind::Timeout, "late".into()));
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        assert!(text.contains(r#""kind":"timeout""#) && text.contains(r#""line":"0.29""#), "{text}");
    }

    #[test]
    fn a_cell_is_called_by_its_package_and_line() {
        let record = record();
        assert_eq!(record.cell.to_string(), "some-name==1.0 on 0.29");
        assert_eq!(
            (record.cell.key(), record.log),
            ("some-name-1.0@0.29".into(), "logs/some-name-1.0@0.29.log".into())
        );
    }

    #[test]
    fn a_failure_keeps_the_cause_that_the_error_names() {
        let error = crate::error::with_cause("no-route", anyhow::anyhow!("inside").context("outside"));
        let failure = Failure::of(Step::Build, FailureKind::Error, &error);
        assert_eq!(failure.cause.as_deref(), Some("no-route"));
        assert_eq!(failure.text, "error: outside\n  caused by: inside");
    }
}
