//! Says why a back end failed: the telling lines of its log first, advice where the cause is known.

use std::path::{Path, PathBuf};

use crate::causes::{self, When};
use crate::error::hinted;

/// How many lines of a log are shown.
const SHOWN: usize = 40;

/// A build back end failed.
#[derive(Debug, thiserror::Error)]
#[error("the build back end failed in `{}`:\n{telling}\n    the full log is `{}`", .project.display(), .log.display())]
pub struct BackendFailed {
    project: PathBuf,
    /// The lines that tell why.
    telling: String,
    /// Its log.
    pub log: PathBuf,
}

/// An error made of a failed build's log.
pub(super) fn explain(log: &str, path: &Path, project: &Path) -> anyhow::Error {
    let lines: Vec<&str> = log.lines().map(str::trim_end).collect();
    // What a C compiler says comes as a warning of cargo's: `warning: zlib-sys@1.0.0: a.c:1: error: …`.
    let tells = |line: &&str| {
        line.starts_with("error") || (line.starts_with("warning: ") && line.contains(": error: "))
    };
    let first = lines.iter().position(tells).unwrap_or(lines.len().saturating_sub(SHOWN));
    // What a build script tells cargo is no news to anybody else.
    let told = lines[first..].iter().filter(|line| !line.trim_start().starts_with("cargo:"));
    let shown: Vec<String> = told.take(SHOWN).map(|line| format!("    {line}")).collect();
    let error =
        BackendFailed { project: project.to_owned(), telling: shown.join("\n"), log: path.to_owned() };
    match causes::find(log, When::Build).and_then(|found| found.cause.advice.as_ref()) {
        Some(advice) => hinted(error, advice),
        None => error.into(),
    }
}
