//! Runs the same tests on the host's own Python, with a native build of the same source, and finds the differences.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;

use super::staging::Staged;
use super::{HARNESS, TestResult};
use crate::backend::environment;
use crate::cache::Kind;
use crate::context::Context;
use crate::error::Result;
use crate::process::{self, Invocation};
use crate::source::Source;
use crate::toolchain::rust::without_rust_settings;

/// What is built and run natively.
#[derive(Debug, Clone, Copy)]
pub struct NativeRun<'a> {
    /// The source.
    pub source: &'a Source,
    /// The tests.
    pub staged: &'a Staged,
    /// What they require.
    pub requirements: &'a [String],
    /// What pytest is given.
    pub arguments: &'a [String],
}

/// Runs the tests natively. The back end's and pytest's output is shown only if they fail.
///
/// # Errors
/// When the package does not build natively, or pytest cannot run.
pub fn run(context: &Context, native: NativeRun<'_>) -> Result<Vec<TestResult>> {
    let NativeRun { source, staged, requirements, arguments } = native;
    let ui = &context.ui;
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let site = work.path().join("site");
    let python = install(context, source, requirements, &site)?;
    let tests = work.path().join("tests");
    // The staged files, not the tree: a native run that sees the source would import that instead of the wheel.
    for file in &staged.files {
        let target = tests.join(file);
        if let Some(folder) = target.parent() {
            fs_err::create_dir_all(folder)?;
        }
        fs_err::copy(staged.root.join(file), target)?;
    }
    let path = |name: &str| work.path().join(name);
    let request = json!({
        "folder": tests, "variables": {}, "arguments": arguments, "done": [], "excused": {},
    });
    fs_err::write(path("request.json"), request.to_string())?;
    fs_err::write(path("harness.py"), HARNESS)?;
    fs_err::write(path("events.jsonl"), "")?;
    ui.phase("Testing", format!("{} on this machine", source.origin()));
    Invocation::new(python)
        .args([path("harness.py"), path("request.json"), path("events.jsonl")])
        .arg("cargo_pyodide_native")
        .env("PYTHONPATH", &site)
        .output(ui)
        .context("pytest could not run on this machine")?;
    results(&path("events.jsonl"))
}

/// Builds the source for this machine and installs it into a folder, and what it requires into an environment. Returns the
/// Python of that environment.
///
/// # Errors
/// When the package does not build natively, or a requirement cannot be installed.
pub(crate) fn install(
    context: &Context,
    source: &Source,
    requirements: &[String],
    site: &Path,
) -> Result<PathBuf> {
    let ui = &context.ui;
    let place: PathBuf = match source {
        Source::Folder(folder) => folder.clone(),
        Source::Archive(archive) => archive.path.clone(),
    };
    ui.phase("Compiling", format!("{} for this machine", source.origin()));
    let prepared = environment::prepare(context, &[requirements, &["pip".to_owned()]].concat())?;
    // A `CARGO_BUILD_TARGET` of the user's shell would make a wheel for another machine.
    let mut pip = without_rust_settings(Invocation::new(prepared.python()));
    if let Some(default) = default_toolchain(context) {
        // A toolchain that the package names may not be there; the build for Pyodide asks for none either.
        pip = pip.env("RUSTUP_TOOLCHAIN", default);
    }
    // The package itself goes into a folder of its own: the environment is shared.
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"])
        .arg(site)
        .arg(&place)
        // One target folder for all packages: the source may be a folder of the user's, which is not written to.
        .env("CARGO_TARGET_DIR", context.cache.folder(Kind::Builds).join("native"))
        .output(ui)
        .context("the package does not build for this machine")?;
    Ok(prepared.python())
}

/// The default toolchain, where rustup rules.
fn default_toolchain(context: &Context) -> Option<String> {
    let rustup = process::look_up(&context.environment, "rustup")?;
    let printed = Invocation::new(rustup).arg("default").output(&context.ui).ok()?.stdout;
    printed.split_whitespace().next().map(str::to_owned)
}

fn results(events: &Path) -> Result<Vec<TestResult>> {
    let text = fs_err::read_to_string(events)?;
    let ends = text.lines().filter(|line| line.contains("\"event\": \"end\""));
    ends.map(|line| serde_json::from_str(line).context("an event that is none")).collect()
}

/// The tests whose outcome differs: name, native outcome, outcome in Pyodide.
pub fn differences<'a>(
    native: &'a [TestResult],
    pyodide: &'a [TestResult],
) -> Vec<(&'a TestResult, Option<&'a TestResult>)> {
    let by_id: BTreeMap<&str, &TestResult> =
        pyodide.iter().map(|result| (result.id.as_str(), result)).collect();
    let pairs = native.iter().map(|result| (result, by_id.get(result.id.as_str()).copied()));
    pairs.filter(|(native, other)| other.is_none_or(|other| other.outcome != native.outcome)).collect()
}
