//! Test results in the form of JUnit, which build services show.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{TestOutcome, TestResult};
use crate::error::Result;

/// Writes the results: one suite a runtime and place.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, suites: &[(String, &[TestResult])]) -> Result<()> {
    let mut report = Report::new("cargo-pyodide");
    for (name, results) in suites {
        let mut suite = TestSuite::new(name.as_str());
        suite.add_test_cases(results.iter().map(case));
        report.add_test_suite(suite);
    }
    let text = report.to_string().context("cannot write the results as XML")?;
    Ok(fs_err::write(path, text)?)
}

fn case(result: &TestResult) -> TestCase {
    let (class, name) = result.id.split_once("::").unwrap_or(("", &result.id));
    let mut status = match result.outcome {
        TestOutcome::Passed | TestOutcome::Xpassed => TestCaseStatus::success(),
        TestOutcome::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        TestOutcome::Error | TestOutcome::Died => TestCaseStatus::non_success(NonSuccessKind::Error),
        // JUnit has no word for an expected failure; build services count a skipped test as no failure.
        TestOutcome::Skipped | TestOutcome::Xfailed | TestOutcome::Excused => TestCaseStatus::skipped(),
    };
    if !result.message.is_empty() {
        status.set_message(result.message.lines().next().unwrap_or_default());
        status.set_description(result.message.as_str());
    }
    let mut case = TestCase::new(name, status);
    case.set_classname(class).set_time(Duration::from_secs_f64(result.seconds.max(0.0)));
    case
}
