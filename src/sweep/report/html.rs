//! The report as one page that needs nothing beside it.

use super::document::Report;
use crate::error::Result;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page.
///
/// # Errors
/// When the report cannot be written as JSON.
pub fn page(report: &Report) -> Result<String> {
    // The one thing that may not stand inside a script is the end of it, or what begins a comment.
    let data = serde_json::to_string(report)?.replace('<', "\\u003c");
    let mut page = PAGE.to_owned();
    for (mark, text) in [("/*style*/", STYLE), ("/*script*/", SCRIPT), ("/*data*/", &data)] {
        if let Some(at) = page.find(mark) {
            page.replace_range(at..at + mark.len(), text);
        }
    }
    Ok(page)
}
