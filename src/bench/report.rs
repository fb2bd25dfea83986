//! What was measured, as one document for machines.

use std::collections::BTreeMap;

use serde::Serialize;

use super::measure::InterpreterRun;
use super::statistics::{Ratio, Spread, median};

/// The document. Times are seconds of one call.
#[derive(Debug, Serialize)]
pub struct BenchReport {
    /// The release of Pyodide.
    pub pyodide: String,
    /// Where it ran: `node`, `page` or `worker`.
    pub place: crate::run::session::Place,
    /// How many interpreters each side had.
    pub rounds: u32,
    /// What was measured: the package first.
    pub sides: Vec<MeasuredSide>,
    /// One entry a function, in the order of the script.
    pub benchmarks: Vec<Benchmark>,
}

/// One of the things that were measured.
#[derive(Debug, Clone, Serialize)]
pub struct MeasuredSide {
    /// The wheel's path, or `native`.
    pub name: String,
    /// The version of Python that ran it.
    pub python: String,
}

/// One function on every side.
#[derive(Debug, Serialize)]
pub struct Benchmark {
    /// The function, or a part of the start-up.
    pub name: String,
    /// How many calls a value is the mean of.
    pub loops: u64,
    /// One entry a side, in the order of [`BenchReport::sides`].
    pub results: Vec<Measurement>,
}

/// One function on one side.
#[derive(Debug, Serialize)]
pub struct Measurement {
    /// The middle of all values and their spread; none if the side has no values.
    #[serde(flatten)]
    pub summary: Option<Spread>,
    /// How many times as fast the package is as this side; none for the package itself.
    #[serde(rename = "package_is_times_as_fast", skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,
    /// The values of each round.
    pub values: Vec<Vec<f64>>,
}

impl Benchmark {
    /// The function of a name, from the runs of each side.
    pub(super) fn of(name: &str, sides: &[Vec<InterpreterRun>]) -> Self {
        let found = |run: &InterpreterRun| run.benchmarks.iter().find(|one| one.name == name).cloned();
        let loops = sides.iter().flatten().find_map(found).map_or(1, |one| one.loops);
        let values_of = |runs: &Vec<InterpreterRun>| -> Vec<Vec<f64>> {
            runs.iter().map(|run| found(run).map(|one| one.values).unwrap_or_default()).collect()
        };
        let values: Vec<Vec<Vec<f64>>> = sides.iter().map(values_of).collect();
        let results = values.iter().enumerate().map(|(side, own)| Measurement {
            summary: Spread::of(&own.concat()),
            ratio: (side > 0).then(|| Ratio::of(&values[0], own)).flatten(),
            values: own.clone(),
        });
        Self { name: name.to_owned(), loops, results: results.collect() }
    }
}

impl BenchReport {
    /// The median over the functions of how many times as fast the package is, by side; nothing for a single function.
    pub fn overall(&self) -> BTreeMap<usize, f64> {
        let of_side = |side: usize| {
            let ratios = self.benchmarks.iter().filter_map(|one| Some(one.results.get(side)?.ratio?.median));
            let ratios: Vec<f64> = ratios.collect();
            median(&ratios).filter(|_| ratios.len() > 1)
        };
        (1..self.sides.len()).filter_map(|side| Some((side, of_side(side)?))).collect()
    }
}
