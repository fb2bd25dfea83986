//! Runs the harness of a session in a Python of this machine, for comparison with Pyodide.

use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use crate::context::Context;
use crate::error::Result;
use crate::process::{Invocation, Output};

/// What a harness did.
#[derive(Debug)]
pub(crate) struct HostRun {
    /// What it printed.
    pub(crate) output: Output,
    /// Its events, one JSON document a line.
    pub(crate) events: String,
}

/// Runs a harness with its program. It sees the packages in `site`.
///
/// # Errors
/// When the files cannot be written, or Python fails.
pub(crate) fn run_on_host(
    context: &Context,
    python: &Path,
    site: &Path,
    harness: &str,
    program: &Value,
) -> Result<HostRun> {
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let path = |name: &str| work.path().join(name);
    fs_err::write(path("host_main.py"), include_str!("host_main.py"))?;
    fs_err::write(path("harness.py"), harness)?;
    fs_err::write(path("request.json"), program.to_string())?;
    fs_err::write(path("events.jsonl"), "")?;
    let output = Invocation::new(python)
        .args(["host_main.py", "harness.py", "request.json", "events.jsonl"].map(path))
        .env("PYTHONPATH", site)
        .output(&context.ui)?;
    Ok(HostRun { output, events: fs_err::read_to_string(path("events.jsonl"))? })
}
