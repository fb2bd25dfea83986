//! Joins the folders of sweeps that were done on several machines.

use std::path::Path;

use super::state::{State, SweepPlan};
use crate::error::Result;

/// Copies the finished cells of sweeps into one, which may exist. Where several sweeps have a cell, one that succeeded
/// counts, else the last. Results on the machine come along, for the lines that are still to be done. What was to be swept is
/// in the joined sweep even where nobody did it.
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
            copy_if_there(&state.path(&record.log), &joined.path(&record.log))?;
            let tests = format!("tests/{}.json", record.cell.key());
            copy_if_there(&state.path(&tests), &joined.path(&tests))?;
            let package = &record.cell.package;
            copy_if_there(&state.native(package), &joined.native(package))?;
            if let Some(wheel) = &record.wheel {
                let path = |state: &State| state.wheels(&record.cell.line).join(&wheel.file);
                copy_if_there(&path(state), &path(&joined))?;
            }
            joined.keep(&record)?;
        }
    }
    Ok(joined)
}

fn copy_if_there(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        fs_err::create_dir_all(to.parent().unwrap_or(to))?;
        fs_err::copy(from, to)?;
    }
    Ok(())
}
