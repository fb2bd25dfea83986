//! Sweeps: many packages times many lines, each cell in a process of its own, and a report of the results.
//!
//! A sweep's state is a folder: one file a finished cell, written whole, so that it can go on after anything. Reports are
//! made of that folder, and causes of failures are found when a report is made, not when the cell fails.

pub mod cell;
pub mod comparison;
pub mod list;
pub mod merge;
pub mod planned;
pub mod record;
pub mod report;
pub mod run;
pub(crate) mod schedule;
pub mod shards;
pub mod state;
pub(crate) mod verdict;

use anyhow::anyhow;

use crate::error::{Result, hinted};

/// Refuses what another version of the tool wrote: `name` is what it is called.
fn check_format(name: &str, value: &serde_json::Value, read: u32, advice: &str) -> Result<()> {
    let format = value["format"].as_u64();
    if format == Some(u64::from(read)) {
        return Ok(());
    }
    let found = format.map_or("no format".to_owned(), |format| format!("format {format}"));
    Err(hinted(anyhow!("{name} has {found}, but this version reads format {read}"), advice))
}
