//! Joins the folders of sweeps that were done on several machines.

use std::path::Path;

use super::state::{State, SweepPlan};
use crate::error::Result;

/// Copies the finished cells of sweeps into one, which may exist. Where several sweeps have a cell, one that succeeded
/// counts, else the last. Results on the machine come along, for the lines that are still to be done. What was to be swept is in the joined sweep even where nobody did it.
///
/// # Errors
/// When one cannot be read, or the other not written.
pub fn merge(folders: &[State], wanted: &SweepPlan, out: &Path) -> Result<State> {
    let plans = folders.iter().map(State::plan).collect::<Result<Vec<SweepPlan>>>()?;
    let mut plan = wanted.clone();
    for other in &plans {
        plan.join(other);
    }
    let (joined, _) = State::resume(out, &plan)?;
    for (state, plan) in folders.iter().zip(&plans) {
        for record in state.records(plan)?.into_values() {
            let known = joined.record(&record.cell)?;
            // A machine that was broken for a while does not undo what another one has seen work.
            if known.is_some_and(|known| known.failure.is_none()) && record.failure.is_some() {
                continue;
            }
            let key = record.cell.key();
            for file in [record.log.clone(), format!("tests/{key}.json")] {
                let from = state.path(&file);
                if from.is_file() {
                    fs_err::copy(from, joined.path(&file))?;
                }
            }
            let native = state.native(&record.cell.package);
            if native.is_file() {
                fs_err::copy(native, joined.native(&record.cell.package))?;
            }
            if let Some(wheel) = &record.wheel {
                let file = format!("wheels/{}/{}", record.cell.line, wheel.file);
                let from = state.path(&file);
                if from.is_file() {
                    fs_err::create_dir_all(joined.path(&format!("wheels/{}", record.cell.line)))?;
                    fs_err::copy(from, joined.path(&file))?;
                }
            }
            joined.keep(&record)?;
        }
    }
    Ok(joined)
}
