//! The verdict on a cell: its status, and if it failed, the class, the cause, the line that shows it and advice.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::record::{FailureKind, Record, Step};
use crate::causes::{self, When};
use crate::testing::{TestOutcome, TestResult};

/// How a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was not done yet.
    Waiting,
    /// A step failed.
    Failed,
    /// All steps succeeded.
    Ok,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Waiting => "waiting",
            Status::Failed => "failed",
            Status::Ok => "ok",
        })
    }
}

/// Why a cell failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The step.
    pub step: Step,
    /// Where it went wrong: `resolve`, `cargo`, `c-compiler`, `rust`, `link`, `audit`, `import`, `tests`, `timeout`, …
    pub class: String,
    /// The cause's name; none if it is not a known one.
    pub cause: Option<String>,
    /// The first line that tells it.
    pub line: String,
    /// What to do.
    pub advice: Option<String>,
    /// How many tests failed for which cause.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tests: BTreeMap<String, usize>,
}

/// The verdict on a record; none if every step succeeded. `results` are those of its tests, if there are some.
pub(crate) fn verdict(record: &Record, results: &[TestResult]) -> Option<Verdict> {
    let failure = record.failure.as_ref()?;
    // What the tool itself knows comes first; the words of other tools tell the rest.
    let named = failure.cause.as_deref().and_then(causes::by_id);
    let found = match named {
        Some(cause) => {
            let message = failure.message.as_ref().unwrap_or(&failure.text);
            Some(causes::Found { cause, line: first_line_of(message) })
        }
        None => causes::find(&failure.text, when(failure.step)),
    };
    let mut verdict = Verdict {
        step: failure.step,
        class: match failure.kind {
            FailureKind::Timeout => "timeout".to_owned(),
            FailureKind::Memory => "memory".to_owned(),
            FailureKind::Crash => "crash".to_owned(),
            FailureKind::Tests => "tests".to_owned(),
            FailureKind::Error => found.map_or(failure.step.to_string(), |found| found.cause.class.clone()),
        },
        cause: None,
        line: first_line_of(&failure.text).to_owned(),
        advice: None,
        tests: BTreeMap::new(),
    };
    if failure.kind == FailureKind::Tests {
        let failed = results.iter().filter(|result| result.outcome.is_failure());
        for result in failed {
            let told = causes::find(&result.message, When::Run).map(|found| found.cause);
            let known =
                told.or_else(|| causes::by_id("died").filter(|_| result.outcome == TestOutcome::Died));
            let cause = known.map_or("unknown", |cause| &cause.id);
            *verdict.tests.entry(cause.to_owned()).or_default() += 1;
        }
        // The first line only counts the failed tests; the second names one.
        if let Some(line) = failure.text.lines().nth(1) {
            line.clone_into(&mut verdict.line);
        }
        let most = verdict.tests.iter().max_by_key(|(_, count)| **count);
        verdict.cause = most.map(|(cause, _)| cause.clone());
        let known = verdict.cause.as_deref().and_then(causes::by_id);
        verdict.advice = known.and_then(|cause| cause.advice.clone());
    } else if let (Some(found), FailureKind::Error) = (found, failure.kind) {
        verdict.cause = Some(found.cause.id.clone());
        found.line.clone_into(&mut verdict.line);
        verdict.advice.clone_from(&found.cause.advice);
    }
    Some(verdict)
}

fn when(step: Step) -> When {
    match step {
        Step::Build | Step::Audit => When::Build,
        Step::Import | Step::Test => When::Run,
    }
}

fn first_line_of(text: &str) -> &str {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim().trim_start_matches("error: ")
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use crate::error::{hinted, with_cause};
    use crate::sweep::record::{Cell, Failure};

    fn record(step: Step, kind: FailureKind, text: &str) -> Record {
        let package = "x==1".parse().unwrap();
        let cell = Cell { package, line: "0.29".into(), pyodide: "0.29.5".into() };
        Record { failure: Some(Failure::new(step, kind, text.into())), ..Record::new(cell) }
    }

    fn check(step: Step, kind: FailureKind, text: &str) -> String {
        let verdict = verdict(&record(step, kind, text), &[]).unwrap();
        format!("{} {}: {}", verdict.class, verdict.cause.unwrap_or_default(), verdict.line)
    }

    #[test]
    fn causes_say_the_class_and_else_the_step() {
        let text = "error: it failed\n  error: no such command: `cbuild`";
        assert_eq!(
            check(Step::Build, FailureKind::Error, text),
            "cargo no-such-cargo-command: error: no such command: `cbuild`"
        );
        assert_eq!(check(Step::Audit, FailureKind::Error, "error: odd"), "audit : odd");
        assert_eq!(
            check(Step::Test, FailureKind::Timeout, "the cell did not end within its 5 s"),
            "timeout : the cell did not end within its 5 s"
        );
    }

    /// The verdict of an error that names its cause, without its line.
    fn judge(error: &anyhow::Error) -> (String, Option<String>, Option<String>) {
        let failure = Failure::of(Step::Build, FailureKind::Error, error);
        let kept: Failure = serde_json::from_str(&serde_json::to_string(&failure).unwrap()).unwrap();
        let record = Record { failure: Some(kept), ..record(Step::Build, FailureKind::Error, "") };
        let verdict = verdict(&record, &[]).unwrap();
        (verdict.class, verdict.cause, verdict.advice)
    }

    #[test]
    fn a_reworded_error_keeps_its_verdict() {
        for cause in causes::all() {
            let id: &'static str = &cause.id;
            let worded = |words: &'static str| with_cause(id, anyhow!(words));
            let verdict = judge(&worded("it went wrong"));
            assert_eq!(verdict, (cause.class.clone(), Some(cause.id.clone()), cause.advice.clone()));
            // Not even the words of another cause change it, nor what stands around the error.
            assert_eq!(judge(&worded("No space left on device")), verdict);
            assert_eq!(judge(&hinted(worded("cannot go on").context("no wheel"), "do this")), verdict);
        }
    }

    #[test]
    fn the_line_is_that_of_the_error_that_names_the_cause() {
        let error =
            with_cause("not-rust", anyhow!("these are ELF:\n    a\n    b")).context("no wheel of `x`");
        let failure = Some(Failure::of(Step::Build, FailureKind::Error, &error));
        let record = Record { failure, ..record(Step::Build, FailureKind::Error, "") };
        assert_eq!(verdict(&record, &[]).unwrap().line, "these are ELF: a");
    }

    #[test]
    fn records_from_before_causes_were_named_are_read() {
        let old = r#"{ "step": "build", "kind": "error", "text": "error: no such command: `x`" }"#;
        let record = Record {
            failure: Some(serde_json::from_str(old).unwrap()),
            ..record(Step::Build, FailureKind::Error, "")
        };
        assert_eq!(verdict(&record, &[]).unwrap().cause.as_deref(), Some("no-such-cargo-command"));
    }

    #[test]
    fn failed_tests_are_counted_by_cause() {
        let result = |message: &str| TestResult {
            id: "t".into(),
            outcome: TestOutcome::Failed,
            seconds: 0.0,
            message: message.into(),
        };
        let results = [
            result("RuntimeError: can't start new thread"),
            result("RuntimeError: can't start new thread"),
            result("odd"),
            TestResult { outcome: TestOutcome::Died, ..result("it is gone") },
            TestResult {
                outcome: TestOutcome::Died,
                ..result("it is gone: unreachable, on non-wasm targets")
            },
        ];
        let record = record(Step::Test, FailureKind::Tests, "error: 5 tests failed");
        let verdict = verdict(&record, &results).unwrap();
        assert_eq!((verdict.cause.as_deref(), verdict.class.as_str()), (Some("thread"), "tests"));
        let expected = [("died", 1), ("thread", 2), ("unknown", 1), ("wasm-bindgen", 1)];
        assert_eq!(verdict.tests, expected.map(|(cause, count)| (cause.to_owned(), count)).into());
    }
}
