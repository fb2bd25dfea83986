//! The report of a sweep: a value made of its folder, and its forms: JSON, Markdown, one HTML page.

mod document;
mod html;
mod markdown;

use std::path::Path;

pub use document::{CellReport, Report, Totals};
pub use html::page;
pub use markdown::document;

use crate::error::Result;
use crate::files::write_whole;

/// Writes all forms of a report into a folder.
///
/// # Errors
/// When they cannot be written.
pub fn write(report: &Report, folder: &Path) -> Result<()> {
    write_whole(&folder.join("report.json"), &serde_json::to_vec_pretty(report)?)?;
    write_whole(&folder.join("report.md"), document(report).as_bytes())?;
    write_whole(&folder.join("report.html"), page(report)?.as_bytes())
}
