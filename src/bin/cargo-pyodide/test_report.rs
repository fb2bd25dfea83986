//! What `test` prints at its end: differences from this machine, a table, files for machines.

use std::collections::BTreeMap;

use cargo_pyodide::context::Context;
use cargo_pyodide::error::{EXIT_FAILED, Result, cause, render};
use cargo_pyodide::run::session::Place;
use cargo_pyodide::testing::discovery::NoTests;
use cargo_pyodide::testing::native::{self, NativeOrigin};
use cargo_pyodide::testing::report::TestReport;
use cargo_pyodide::testing::request::Suite;
use cargo_pyodide::testing::{self, TestOutcome, TestResult, junit};

use crate::terminal::Terminal;
use crate::test::{Results, TestArguments};

/// What tests of asyncio need: `needs` of `facts/causes.toml`.
const STACK_SWITCHING: &str = "stack switching";

/// The status that says that there was no test.
const EXIT_NO_TESTS: u8 = 5;

/// Prints the tests whose outcome on this machine differs, or which side of the comparison there is.
fn show_differences(context: &Context, results: &Results) {
    let Some(native) = &results.native else { return };
    let ui = &context.ui;
    let native = match native {
        Ok(native) => native,
        Err(error) => {
            let side = if results.suites.is_empty() {
                "could be run neither in Pyodide nor on this machine"
            } else {
                "could not be run on this machine"
            };
            ui.warn(format!("nothing can be compared: the tests {side}: {error:#}"));
            return;
        }
    };
    if results.suites.is_empty() {
        ui.warn("nothing can be compared: the tests could not be run in Pyodide");
    }
    for suite in &results.suites {
        let differences = native::differences(&native.results, &suite.results);
        let head = format!("Pyodide {} on {}", suite.pyodide, suite.place);
        if differences.is_empty() {
            ui.phase("Compared", format!("{head}: every test came to the same as on this machine"));
            continue;
        }
        ui.phase("Compared", format!("{head}: {} from this machine", differ(differences.len())));
        for line in difference_lines(&differences, &suite.results) {
            ui.aside(format!("  {line}"));
        }
    }
    let origin = match native.origin {
        NativeOrigin::Source => "",
        NativeOrigin::Index => ", with the package index's own wheel",
    };
    ui.phase("Compared", format!("on this machine{origin}: {}", testing::summary(&native.results)));
}

/// Differences as lines. Tests that did not run in Pyodide are told by their files, whose import may have failed.
fn difference_lines(differences: &[(&TestResult, Option<&TestResult>)], there: &[TestResult]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut not_run: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (native, other) in differences {
        let here = native.outcome.word();
        if let Some(other) = other {
            let why = other.message.lines().next().unwrap_or_default();
            lines.push(format!("{}: {here} here, {} there: {why}", native.id, other.outcome.word()));
        } else {
            let file = native.id.split("::").next().unwrap_or(&native.id);
            *not_run.entry((file, here)).or_default() += 1;
        }
    }
    for ((file, here), count) in not_run {
        let tests = if count == 1 { "test" } else { "tests" };
        let of_file = there.iter().find(|result| result.id == file);
        // pytest marks what went wrong: above it stands where.
        let why =
            of_file.and_then(|result| result.message.lines().rev().find_map(|line| line.strip_prefix("E ")));
        let why = why.map(|why| format!(": {}", why.trim())).unwrap_or_default();
        lines.push(format!("{file}: {count} {tests} {here} here, not run there{why}"));
    }
    lines
}

fn differ(tests: usize) -> String {
    if tests == 1 { "1 test differs".to_owned() } else { format!("{tests} tests differ") }
}

/// Names the tests that pytest's own output does not name, and says how much of what a browser can do works.
fn show_suite(terminal: &Terminal, suite: &Suite) {
    let ui = terminal.ui();
    for result in suite.results.iter().filter(|result| result.outcome == TestOutcome::Excused) {
        ui.aside(format!("  not run: {}: {}", result.id, result.message));
    }
    for result in testing::died(&suite.results) {
        ui.aside(format!("  died: {}: {}", result.id, result.message));
    }
    if !suite.conformance.needs.is_empty()
        && let Some(words) = suite.conformance.words()
    {
        ui.phase("Conformance", words);
    }
    if suite.place == Place::Node && suite.conformance.needs.contains_key(STACK_SWITCHING) {
        ui.aside("hint: tests that need stack switching run with `--in page`, from Pyodide 0.28 on, or on Node 24 or newer");
    }
}

/// Shows and writes the results, whatever ended the tests. Returns the exit status.
pub(crate) fn conclude(
    context: &Context,
    terminal: &Terminal,
    arguments: &TestArguments,
    results: &Results,
    ended: Option<anyhow::Error>,
) -> Result<u8> {
    let Results { suites, native } = results;
    show_differences(context, results);
    for suite in suites {
        show_suite(terminal, suite);
    }
    if suites.len() > 1 {
        let head = ["line", "place", "results", "seconds"].map(str::to_owned);
        let rows = suites.iter().map(|suite| {
            let seconds = format!("{:.1}", suite.seconds);
            [suite.pyodide.clone(), suite.place.to_string(), testing::summary(&suite.results), seconds]
        });
        terminal.table_aside(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    }
    if let Some(path) = arguments.junit.as_ref().filter(|_| ended.is_none()) {
        let named: Vec<(String, &[TestResult])> = suites
            .iter()
            .map(|suite| (format!("pyodide {} {:?}", suite.pyodide, suite.place), &suite.results[..]))
            .collect();
        junit::write(path, &named)?;
    }
    if arguments.json {
        terminal.json(&TestReport::new(suites, native.as_ref(), ended.as_ref()))?;
    }
    match ended {
        Some(error) if cause::<NoTests>(&error).is_some() => {
            terminal.failure(&render(&error));
            Ok(EXIT_NO_TESTS)
        }
        Some(error) => Err(error),
        None => Ok(status_of(suites)),
    }
}

fn status_of(suites: &[Suite]) -> u8 {
    let results = || suites.iter().flat_map(|suite| &suite.results);
    let failed = results().any(|result| result.outcome.is_failure());
    let ran = results().any(|result| result.outcome != TestOutcome::Excused);
    match (failed, ran) {
        (true, _) => EXIT_FAILED,
        (false, true) => 0,
        (false, false) => EXIT_NO_TESTS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_imported_are_told_once() {
        let result = |id: &str, outcome, message: &str| TestResult {
            id: id.to_owned(),
            outcome,
            seconds: 0.0,
            message: message.to_owned(),
        };
        let passed = |id| result(id, TestOutcome::Passed, "");
        let here = [
            passed("a.py::x"),
            passed("b.py::y"),
            passed("b.py::z[1]"),
            passed("c.py::w"),
            passed("d.py::v"),
        ];
        let import =
            "ImportError while importing\na.py:1: in <module>\nE   ModuleNotFoundError: No module named 'm'";
        let there = [
            result("a.py::x", TestOutcome::Failed, "AssertionError: 1\nmore"),
            result("b.py", TestOutcome::Error, import),
            passed("d.py::v"),
        ];
        let lines = difference_lines(&native::differences(&here, &there), &there);
        insta::assert_snapshot!(lines.join("\n"), @r"
        a.py::x: passed here, failed there: AssertionError: 1
        b.py: 2 tests passed here, not run there: ModuleNotFoundError: No module named 'm'
        c.py: 1 test passed here, not run there
        ");
    }
}
