//! The results of tests as one document for machines: `docs/schemas/test.json`.

use serde::Serialize;

use super::native::NativeResults;
use super::request::Suite;
use crate::document::{ErrorDocument, VERSION};

/// The document.
#[derive(Debug, Serialize)]
pub struct TestReport<'a> {
    version: u32,
    /// One entry a release and place.
    suites: &'a [Suite],
    /// The same tests on this machine, if they were asked for.
    native: Option<NativeReport<'a>>,
    /// What ended the command before its end.
    error: Option<ErrorDocument>,
}

/// The tests on this machine.
#[derive(Debug, Serialize)]
struct NativeReport<'a> {
    #[serde(flatten)]
    results: Option<&'a NativeResults>,
    /// Why they could not be run.
    error: Option<ErrorDocument>,
}

impl<'a> TestReport<'a> {
    /// The report of what there is, and of what ended the command.
    pub fn new(
        suites: &'a [Suite],
        native: Option<&'a anyhow::Result<NativeResults>>,
        error: Option<&anyhow::Error>,
    ) -> Self {
        let native = native.map(|native| NativeReport {
            results: native.as_ref().ok(),
            error: native.as_ref().err().map(ErrorDocument::of),
        });
        Self { version: VERSION, suites, native, error: error.map(ErrorDocument::of) }
    }
}
