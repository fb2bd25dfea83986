//! What got better and what worse between two reports. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::record::Step;
use super::report::{CellReport, Report};
use super::verdict::Status;

/// What differs between two reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// Cells that get further, or in which more tests pass.
    pub better: Vec<Difference>,
    /// Cells that get less far, or in which fewer tests pass.
    pub worse: Vec<Difference>,
    /// Cells that fail for another reason, as far.
    pub other: Vec<Difference>,
    /// Cells of the new report alone.
    pub new: Vec<String>,
    /// Cells of the old report alone.
    pub gone: Vec<String>,
}

/// A cell that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `package on line`.
    pub cell: String,
    /// What it was.
    pub old: String,
    /// What it is.
    pub new: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.cell, self.old, self.new)
    }
}

/// Compares two reports. A package is the same whatever its version; if a report has several, each stands for itself.
pub fn compare(old: &Report, new: &Report) -> Differences {
    let (before, after) = (by_name(old), by_name(new));
    let mut found = Differences {
        gone: before.keys().filter(|key| !after.contains_key(*key)).cloned().collect(),
        ..Differences::default()
    };
    for (key, cell) in &after {
        let Some(known) = before.get(key) else {
            found.new.push(format!("{key}: {}", cell.words()));
            continue;
        };
        let difference =
            || Difference { cell: key.clone(), old: describe(known, cell), new: describe(cell, known) };
        match rank(known).cmp(&rank(cell)) {
            std::cmp::Ordering::Less => found.better.push(difference()),
            std::cmp::Ordering::Greater => found.worse.push(difference()),
            std::cmp::Ordering::Equal if known.words() != cell.words() => found.other.push(difference()),
            std::cmp::Ordering::Equal => {}
        }
    }
    found
}

/// The words of a cell, with its version where that is another one.
fn describe(cell: &CellReport, other: &CellReport) -> String {
    if cell.package == other.package {
        return cell.words();
    }
    let version = cell.package.split_once("==").map_or("?", |(_, version)| version);
    format!("{} ({version})", cell.words())
}

fn by_name(report: &Report) -> BTreeMap<String, &CellReport> {
    let name = |cell: &CellReport| cell.package.split("==").next().unwrap_or_default().to_owned();
    let mut versions: BTreeMap<String, std::collections::BTreeSet<&str>> = BTreeMap::new();
    for cell in &report.cells {
        versions.entry(name(cell)).or_default().insert(&cell.package);
    }
    let key = |cell: &CellReport| {
        let name = name(cell);
        // Lists name other versions as time goes on; the package is still the same row.
        let is_only = versions.get(&name).is_none_or(|versions| versions.len() == 1);
        format!("{} on {}", if is_only { &name } else { &cell.package }, cell.line)
    };
    report.cells.iter().map(|cell| (key(cell), cell)).collect()
}

/// How far a cell got: not run, steps that succeeded, tests that pass.
fn rank(cell: &CellReport) -> (Status, usize, usize) {
    // A failed cell that got further is better than one that stopped early: the steps decide, not the status.
    let status = if cell.status == Status::Waiting { Status::Waiting } else { Status::Failed };
    let steps = Step::ALL.iter().filter(|step| cell.steps.contains_key(step)).count();
    let passed = cell.tests.as_ref().and_then(|tests| tests.get(&crate::testing::TestOutcome::Passed));
    (status, steps, passed.copied().unwrap_or_default())
}

impl Differences {
    /// Whether anything got worse.
    pub fn has_worse(&self) -> bool {
        !self.worse.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(cells: &str) -> Report {
        let cells: Vec<serde_json::Value> = cells
            .split_whitespace()
            .map(|text| {
                let parts: Vec<&str> = text.split(',').collect();
                let steps = &["build", "audit", "import", "test"][..parts[1].parse().unwrap()];
                let steps: BTreeMap<_, _> = steps.iter().map(|step| (*step, 1.0)).collect();
                let passed: usize = parts[2].parse().unwrap();
                serde_json::json!({
                    "package": parts[0], "line": "1", "pyodide": "1.0", "steps": steps, "seconds": 1, "memory": 1,
                    "status": if steps.len() == 4 { "ok" } else { "failed" },
                    "tests": (passed > 0).then(|| serde_json::json!({ "passed": passed })),
                    "ratio": (passed > 0).then(|| format!("{passed}/9")),
                })
            })
            .collect();
        serde_json::from_value(serde_json::json!({
            "format": 1, "version": "", "steps": [], "lines": [], "cells": cells,
            "totals": {
                "cells": 0, "ok": 0, "failed": 0, "waiting": 0, "steps": {}, "classes": {}, "causes": {},
                "native": 0, "both": 0,
            },
        }))
        .unwrap()
    }

    #[test]
    fn better_and_worse_are_told_apart() {
        let old = report("a==1,4,9 b==1,1,0 c==1,3,5 d==1,4,9 gone==1,1,0 two==1,4,1 two==2,4,1");
        let new = report("a==1,2,0 b==2,4,0 c==1,3,6 d==1,4,9 new==1,4,1 two==1,4,1 two==2,1,0");
        let found = compare(&old, &new);
        let texts = |list: &[Difference]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(texts(&found.better), ["b on 1: ok (1) -> ok, no tests (2)", "c on 1: ok 5/9 -> ok 6/9"]);
        assert_eq!(texts(&found.worse), ["a on 1: ok 9/9 -> ok", "two==2 on 1: ok 1/9 -> ok"]);
        assert_eq!((found.new, found.gone), (vec!["new on 1: ok 1/9".into()], vec!["gone on 1".into()]));
    }
}
