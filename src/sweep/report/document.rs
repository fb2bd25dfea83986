//! The report of a sweep as a value, made of the sweep's folder.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::sweep::record::FindingCounts;
use crate::sweep::record::{Comparison, Record, Step, TestCounts, WheelRecord};
use crate::sweep::state::{self, ReleaseOfLine, State};
use crate::sweep::verdict::{Status, Verdict, verdict};
use crate::testing::conformance::Conformance;

/// The form of the JSON document.
const FORMAT: u32 = 1;

/// The report of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The form of this document.
    pub format: u32,
    /// The version of the tool that wrote it.
    pub version: String,
    /// What was done in each cell.
    pub steps: Vec<Step>,
    /// The lines.
    pub lines: Vec<ReleaseOfLine>,
    /// The numbers.
    pub totals: Totals,
    /// The cells, package by package.
    pub cells: Vec<CellReport>,
}

/// What came of a cell, for a reader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellReport {
    /// `name==version`.
    pub package: String,
    /// The line.
    pub line: String,
    /// The release.
    pub pyodide: String,
    /// How it stands.
    pub status: Status,
    /// Why it failed.
    pub failure: Option<Verdict>,
    /// Seconds of each step that succeeded.
    pub steps: BTreeMap<Step, f64>,
    /// Remarks on steps that succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
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
    /// Those that passed of those that ran: `131/132`.
    pub ratio: Option<String>,
    /// How much of what a browser can do works.
    #[serde(default)]
    pub conformance: Conformance,
    /// How they compare to the machine itself.
    pub comparison: Option<Comparison>,
    /// The end of what was said, if it failed.
    pub excerpt: Option<String>,
    /// The log, below the sweep's folder.
    pub log: Option<String>,
}

/// The numbers of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Cells.
    pub cells: usize,
    /// Cells in which every step succeeded.
    pub ok: usize,
    /// Those in which a step failed.
    pub failed: usize,
    /// Those that were not done.
    pub waiting: usize,
    /// In how many cells each step succeeded.
    pub steps: BTreeMap<Step, usize>,
    /// Failed cells by class.
    pub classes: BTreeMap<String, usize>,
    /// Failed cells by cause.
    pub causes: BTreeMap<String, usize>,
    /// Tests that pass on the machine itself, where they were run there.
    pub native: usize,
    /// Those of them that pass in Pyodide.
    pub both: usize,
    /// How much of what a browser can do works in all cells.
    #[serde(default)]
    pub conformance: Conformance,
}

/// How many lines of what was said are in the report itself.
const EXCERPT: usize = 60;

impl Report {
    /// The report of a sweep's folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(state: &State) -> Result<Self> {
        let plan = state.plan()?;
        let mut cells = Vec::new();
        for cell in plan.cells() {
            let report = match state.record(&cell)? {
                Some(record) => {
                    // Causes are looked up now, not when the cell failed: a better table makes old reports better.
                    let results = state.path(&format!("tests/{}.json", cell.key()));
                    // An earlier attempt may have left some, though this one came to no tests.
                    let has_results = record.tests.is_some() && results.is_file();
                    let results = if has_results { state::read(&results)? } else { Vec::new() };
                    let verdict = verdict(&record, &results);
                    CellReport::new(record, verdict, Conformance::of(&results))
                }
                None => CellReport::new(Record::new(cell), None, Conformance::default()).waiting(),
            };
            cells.push(report);
        }
        Ok(Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            steps: plan.steps,
            lines: plan.lines,
            totals: Totals::of(&cells),
            cells,
        })
    }

    /// Reads a report that was written as JSON, or makes that of a sweep's folder.
    ///
    /// # Errors
    /// When it is neither.
    pub fn read(path: &Path) -> Result<Self> {
        if path.is_dir() { Self::of(&State::open(path)?) } else { state::read(path) }
    }

    /// The packages, in their order, with their cells by line.
    pub fn rows(&self) -> Vec<(&str, BTreeMap<&str, &CellReport>)> {
        let mut rows: Vec<(&str, BTreeMap<&str, &CellReport>)> = Vec::new();
        for cell in &self.cells {
            if rows.last().is_none_or(|(package, _)| *package != cell.package) {
                rows.push((&cell.package, BTreeMap::new()));
            }
            if let Some((_, cells)) = rows.last_mut() {
                cells.insert(&cell.line, cell);
            }
        }
        rows
    }
}

impl CellReport {
    fn new(record: Record, failure: Option<Verdict>, conformance: Conformance) -> Self {
        let excerpt = record
            .failure
            .as_ref()
            .map(|failure| failure.text.lines().take(EXCERPT).collect::<Vec<_>>().join("\n"));
        Self {
            package: record.cell.package.to_string(),
            status: if failure.is_some() { Status::Failed } else { Status::Ok },
            failure,
            steps: record.steps.iter().map(|done| (done.step, done.seconds)).collect(),
            notes: record
                .steps
                .iter()
                .filter_map(|done| Some(format!("{}: {}", done.step, done.note.as_ref()?)))
                .collect(),
            seconds: record.seconds,
            memory: record.memory,
            ratio: record.test_ratio(),
            wheel: record.wheel,
            findings: record.findings,
            tests: record.tests,
            conformance,
            comparison: record.comparison,
            excerpt,
            log: Some(record.log),
            line: record.cell.line,
            pyodide: record.cell.pyodide,
        }
    }

    fn waiting(self) -> Self {
        Self { status: Status::Waiting, log: None, ..self }
    }

    /// The cell in a few words: `ok 132/132`, `rust: target-refused`.
    pub fn words(&self) -> String {
        let ratio = self.ratio.as_ref().map(|ratio| format!(" {ratio}")).unwrap_or_default();
        match (&self.failure, self.status) {
            (_, Status::Waiting) => "-".to_owned(),
            (None, _) if self.tests.is_none() && self.steps.contains_key(&Step::Test) => {
                "ok, no tests".to_owned()
            }
            (None, _) => format!("ok{ratio}"),
            (Some(failure), _) if failure.class == "tests" => format!("tests{ratio}"),
            (Some(Verdict { step, class, cause: Some(cause), .. }), _) => format!("{step}: {class}, {cause}"),
            (Some(Verdict { step, class, .. }), _) => format!("{step}: {class}"),
        }
    }
}

impl Totals {
    fn of(cells: &[CellReport]) -> Self {
        let mut totals = Totals { cells: cells.len(), ..Totals::default() };
        for cell in cells {
            match cell.status {
                Status::Ok => totals.ok += 1,
                Status::Failed => totals.failed += 1,
                Status::Waiting => totals.waiting += 1,
            }
            for step in cell.steps.keys() {
                *totals.steps.entry(*step).or_default() += 1;
            }
            if let Some(failure) = &cell.failure {
                *totals.classes.entry(failure.class.clone()).or_default() += 1;
                let cause = failure.cause.clone().unwrap_or_else(|| "unknown".to_owned());
                *totals.causes.entry(cause).or_default() += 1;
            }
            totals.conformance.add(&cell.conformance);
            if let Some(comparison) = cell.comparison.as_ref().filter(|comparison| comparison.lacks.is_none())
            {
                totals.native += comparison.native;
                totals.both += comparison.both;
            }
        }
        totals
    }
}
