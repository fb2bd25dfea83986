//! How much of what a browser can do a package's tests find working: failures that come from what Pyodide has not are
//! counted by what they need. Pure.
//!
//! What a failure needs stands with its cause in `facts/causes.toml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{TestOutcome, TestResult};
use crate::causes::{self, When};

/// Test results by what a browser can do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conformance {
    /// Tests that ran and need nothing that Pyodide has not.
    pub able: usize,
    /// Those of them that passed.
    pub passed: usize,
    /// How many of the others need what: `threads`, `sockets` and so on.
    pub needs: BTreeMap<String, usize>,
}

impl Conformance {
    /// Counts results. Tests that did not run count for nothing.
    pub fn of(results: &[TestResult]) -> Self {
        let mut counted = Self::default();
        for result in results {
            match result.outcome {
                TestOutcome::Skipped | TestOutcome::Excused => {}
                TestOutcome::Passed | TestOutcome::Xfailed | TestOutcome::Xpassed => {
                    counted.able += 1;
                    counted.passed += 1;
                }
                TestOutcome::Failed | TestOutcome::Error | TestOutcome::Died => match need_of(result) {
                    Some(need) => *counted.needs.entry(need.to_owned()).or_default() += 1,
                    None => counted.able += 1,
                },
            }
        }
        counted
    }

    /// The same for several.
    pub fn add(&mut self, other: &Self) {
        self.able += other.able;
        self.passed += other.passed;
        for (need, count) in &other.needs {
            *self.needs.entry(need.clone()).or_default() += count;
        }
    }

    /// `100 % of what a browser can do (12 of 12); 7 % need threads`; none if no test ran.
    pub fn words(&self) -> Option<String> {
        let all = self.able + self.needs.values().sum::<usize>();
        if all == 0 {
            return None;
        }
        let mut parts = Vec::new();
        if self.able > 0 {
            let share = percent(self.passed, self.able);
            parts.push(format!("{share} of what a browser can do ({} of {})", self.passed, self.able));
        }
        let mut needs: Vec<_> = self.needs.iter().collect();
        needs.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        parts.extend(needs.iter().map(|(need, count)| format!("{} need {need}", percent(**count, all))));
        Some(parts.join("; "))
    }
}

/// What a test that failed needs and Pyodide has not.
fn need_of(result: &TestResult) -> Option<&'static str> {
    let found = causes::find(&result.message, When::Run)?;
    found.cause.needs.as_deref()
}

/// Whole percents, of which 0 and 100 are said only where they are true.
fn percent(part: usize, whole: usize) -> String {
    let rounded = (part * 100 + whole / 2) / whole;
    let shown = match rounded {
        0 if part > 0 => return "under 1 %".to_owned(),
        100 if part < whole => 99,
        rounded => rounded,
    };
    format!("{shown} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(outcomes: &[(TestOutcome, &str, usize)]) -> Vec<TestResult> {
        let one = |outcome, message: &str| TestResult {
            id: String::new(),
            outcome,
            seconds: 0.0,
            message: message.to_owned(),
        };
        outcomes
            .iter()
            .flat_map(|(outcome, message, count)| std::iter::repeat_n(one(*outcome, message), *count))
            .collect()
    }

    fn check(outcomes: &[(TestOutcome, &str, usize)]) -> String {
        Conformance::of(&results(outcomes)).words().unwrap_or_default()
    }

    const THREAD: &str = "RuntimeError: can't start new thread";
    const PROCESS: &str = "OSError: [Errno 138] emscripten does not support processes.";

    #[test]
    fn what_pyodide_has_not_is_told_apart() {
        let threads = [(TestOutcome::Passed, "", 12), (TestOutcome::Failed, THREAD, 1)];
        assert_eq!(check(&threads), "100 % of what a browser can do (12 of 12); 8 % need threads");
        let more = [
            (TestOutcome::Passed, "", 150),
            (TestOutcome::Xfailed, "known", 1),
            (TestOutcome::Failed, "AssertionError: 1 != 2", 1),
            (TestOutcome::Died, THREAD, 1),
            (TestOutcome::Error, PROCESS, 3),
            (TestOutcome::Skipped, THREAD, 5),
            (TestOutcome::Excused, "needs threads", 5),
        ];
        assert_eq!(
            check(&more),
            "99 % of what a browser can do (151 of 152); 2 % need processes; 1 % need threads"
        );
        assert_eq!(check(&[(TestOutcome::Error, PROCESS, 1)]), "100 % need processes");
        let server = "self.socket.listen(5)\nOSError: [Errno 138] Not supported";
        assert_eq!(check(&[(TestOutcome::Error, server, 1)]), "100 % need sockets");
        // Beside the package in its source, and so beside no installed one.
        let beside = "FileNotFoundError: [Errno 44] No such file or directory: \
                      '/lib/python3.14/site-packages/widget/tests/../../testdata/a'";
        assert_eq!(check(&[(TestOutcome::Error, beside, 1)]), "100 % need files that the source lacks");
        let own = beside.replace("tests/../../testdata", "data");
        assert_eq!(check(&[(TestOutcome::Error, &own, 1)]), "0 % of what a browser can do (0 of 1)");
        assert_eq!(check(&[(TestOutcome::Skipped, "", 1)]), "");
    }

    #[test]
    fn several_suites_are_one() {
        let mut sum =
            Conformance::of(&results(&[(TestOutcome::Passed, "", 1), (TestOutcome::Failed, THREAD, 1)]));
        sum.add(&Conformance::of(&results(&[
            (TestOutcome::Failed, "odd", 1),
            (TestOutcome::Failed, THREAD, 2),
        ])));
        assert_eq!((sum.able, sum.passed, sum.needs["threads"]), (2, 1, 3));
    }
}
