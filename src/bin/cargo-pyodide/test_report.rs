//! What `test` prints at its end: differences from this machine, a table, files for machines.

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
        for (native, other) in differences {
            let here = native.outcome.word();
            let (there, why) = other.map_or(("not run", ""), |other| {
                (other.outcome.word(), other.message.lines().next().unwrap_or_default())
            });
            ui.aside(format!("  {}: {here} here, {there} there: {why}", native.id));
        }
    }
    let origin = match native.origin {
        NativeOrigin::Source => "",
        NativeOrigin::Index => ", with the package index's own wheel",
    };
    ui.phase("Compared", format!("on this machine{origin}: {}", testing::summary(&native.results)));
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
