//! What `test` prints at its end: differences from this machine, a table, files for machines.

use cargo_pyodide::context::Context;
use cargo_pyodide::error::{EXIT_FAILED, Result};
use cargo_pyodide::testing::request::Suite;
use cargo_pyodide::testing::{self, TestOutcome, TestResult, junit, native};

use crate::terminal::Terminal;
use crate::test::TestArguments;

/// The status that says that there was no test.
const EXIT_NO_TESTS: u8 = 5;

/// Prints the tests whose outcome on this machine differs.
pub(crate) fn show_differences(context: &Context, native: &[TestResult], suites: &[Suite]) {
    for suite in suites {
        let differences = native::differences(native, &suite.results);
        let head = format!("Pyodide {} on {}", suite.pyodide, suite.place);
        if differences.is_empty() {
            context.ui.phase("Compared", format!("{head}: every test came to the same as on this machine"));
            continue;
        }
        context.ui.phase("Compared", format!("{head}: {} tests differ from this machine", differences.len()));
        for (native, other) in differences {
            let here = native.outcome.word();
            let (there, why) = other.map_or(("not run", ""), |other| {
                (other.outcome.word(), other.message.lines().next().unwrap_or_default())
            });
            context.ui.aside(format!("  {}: {here} here, {there} there: {why}", native.id));
        }
    }
    context.ui.phase("Compared", format!("on this machine: {}", testing::summary(native)));
}

/// Shows and writes the results. Returns the exit status.
pub(crate) fn conclude(terminal: &Terminal, arguments: &TestArguments, suites: &[Suite]) -> Result<u8> {
    for suite in suites {
        for result in suite.results.iter().filter(|result| result.outcome == TestOutcome::Excused) {
            terminal.ui().aside(format!("  not run: {}: {}", result.id, result.message));
        }
    }
    if suites.len() > 1 {
        let head = ["line", "place", "results", "seconds"].map(str::to_owned);
        let rows = suites.iter().map(|suite| {
            let seconds = format!("{:.1}", suite.seconds);
            [suite.pyodide.clone(), suite.place.to_string(), testing::summary(&suite.results), seconds]
        });
        terminal.table_aside(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    }
    if let Some(path) = &arguments.junit {
        let named: Vec<(String, &[TestResult])> = suites
            .iter()
            .map(|suite| (format!("pyodide {} {:?}", suite.pyodide, suite.place), &suite.results[..]))
            .collect();
        junit::write(path, &named)?;
    }
    if arguments.json {
        terminal.json(&suites)?;
    }
    let failed = suites.iter().flat_map(|suite| &suite.results).any(|result| result.outcome.is_failure());
    let ran =
        suites.iter().flat_map(|suite| &suite.results).any(|result| result.outcome != TestOutcome::Excused);
    Ok(match (failed, ran) {
        (true, _) => EXIT_FAILED,
        (false, true) => 0,
        (false, false) => EXIT_NO_TESTS,
    })
}
