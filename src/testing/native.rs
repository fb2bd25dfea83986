//! Runs the same tests on the host's own Python, with a native build of the same source, and finds the differences.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use pep508_rs::ExtraName;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{HARNESS, TestResult};
use crate::backend::environment::{self, BackEndEnvironment};
use crate::backend::own_crates::forget_other_copies;
use crate::backend::setuptools_variables;
use crate::cache::Kind;
use crate::context::Context;
use crate::error::Result;
use crate::process::{self, Invocation};
use crate::project::{PyProject, lock_file, manifest};
use crate::run::host::run_on_host;
use crate::source::Source;
use crate::source::limits::UnpackLimits;
use crate::toolchain::rust::without_rust_settings;
use crate::wheel::OpenedWheel;

/// What the tests on this machine ran against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NativeOrigin {
    /// A build of the same source.
    Source,
    /// The package index's own wheel of the same version.
    Index,
}

/// The results of tests on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NativeResults {
    /// What they ran against.
    pub origin: NativeOrigin,
    /// One result a test.
    pub results: Vec<TestResult>,
}

/// What is built and run natively.
#[derive(Debug, Clone, Copy)]
pub struct NativeRun<'a> {
    /// The source.
    pub source: &'a Source,
    /// The wheel for Pyodide, which says name and version.
    pub wheel: &'a OpenedWheel,
    /// The archive of the tests.
    pub archive: &'a Path,
    /// The folder in it that becomes the current one.
    pub folder: &'a Path,
    /// What they require.
    pub requirements: &'a [String],
    /// What they may require beside that.
    pub guesses: &'a [String],
    /// What pytest is given.
    pub arguments: &'a [String],
}

/// What a wheel requires on this machine, for one who asks for these extras. Extras that ask for others of the wheel's are
/// followed: an index may have somebody else's package of its name.
///
/// # Errors
/// When there is no Python.
pub(crate) fn requirements_of(
    context: &Context,
    wheel: &OpenedWheel,
    extras: &[ExtraName],
) -> Result<Vec<String>> {
    let markers = context.python()?.markers()?;
    let (own, mut extras) = (wheel.name(), extras.to_vec());
    loop {
        let requires = wheel.metadata().requires.iter().filter(|one| one.applies(&markers, &extras));
        let (of_own, others): (Vec<_>, Vec<_>) = requires.partition(|one| one.name() == own);
        let more = of_own.iter().flat_map(|one| one.extras().to_vec());
        let more: Vec<_> = more.filter(|extra| !extras.contains(extra)).collect();
        if more.is_empty() {
            return Ok(others.into_iter().map(ToString::to_string).collect());
        }
        extras.extend(more);
    }
}

/// Runs the tests natively. The back end's and pytest's output is shown only if they fail.
///
/// # Errors
/// When the package cannot be had for this machine, or pytest cannot run.
pub fn run(context: &Context, native: NativeRun<'_>) -> Result<NativeResults> {
    let ui = &context.ui;
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let prepared = prepare_environment(context, &native)?;
    // The package itself goes into a folder of its own: the environment is shared.
    let site = work.path().join("site");
    let origin = install(context, native.source, native.wheel, &prepared.python(), &site)?;
    let tests = work.path().join("tests");
    // The staged files, not the tree: a native run that sees the source would import that instead of the wheel.
    let file = std::io::BufReader::new(fs_err::File::open(native.archive)?);
    zip::ZipArchive::new(file)?.extract(&tests).context("cannot unpack the tests")?;
    let request = json!({
        "folder": tests.join(native.folder), "variables": {}, "arguments": native.arguments, "done": [],
        "excused": {},
    });
    ui.phase("Testing", format!("{} on this machine", native.source.origin()));
    let ran = run_on_host(context, &prepared.python(), &site, HARNESS, &request)
        .context("pytest could not run on this machine")?;
    let status = status(&ran.events);
    // 2: interrupted by errors while collecting, each of which is a result.
    let results = results(&ran.events)?;
    if status == 2 && !results.is_empty() {
        ui.warn("pytest was stopped on this machine: tests after that are not compared");
    } else if !matches!(status, 0 | 1 | 5) {
        let said = last_lines(&ran.output.stdout);
        bail!("pytest could not run the tests on this machine (its status is {status}):\n{said}");
    }
    Ok(NativeResults { origin, results })
}

/// An environment with what the tests require. Of what they may require, that is left out which cannot be had: nothing else
/// is to be lost for it.
fn prepare_environment(context: &Context, native: &NativeRun<'_>) -> Result<BackEndEnvironment> {
    let certain = [native.requirements, &["pip".to_owned()]].concat();
    let with = |more: &[String]| environment::prepare(context, &[&certain, more].concat());
    // All at once first: versions are chosen together. One by one only to find out which cannot be had.
    with(native.guesses).or_else(|error| {
        if native.guesses.is_empty() {
            return Err(error);
        }
        let mut had = Vec::new();
        for guess in native.guesses {
            match with(&[&had[..], std::slice::from_ref(guess)].concat()) {
                Ok(_) => had.push(guess.clone()),
                Err(error) => context
                    .ui
                    .warn(format!("on this machine the tests run without `{guess}`: {}", error.root_cause())),
            }
        }
        with(&had)
    })
}

/// Installs the package for this machine: built from the same source, or, if that does not build here, the package index's
/// own wheel of the same version.
///
/// # Errors
/// When it does not build here, and the package index has no wheel for this machine.
pub(crate) fn install(
    context: &Context,
    source: &Source,
    wheel: &OpenedWheel,
    python: &Path,
    site: &Path,
) -> Result<NativeOrigin> {
    let ui = &context.ui;
    let work = site.parent().unwrap_or(site);
    let _lock = context.cache.lock(ui, Kind::Builds, "native")?;
    // One for all packages: the source may be a folder of the user's, which is not written to.
    let target = context.cache.folder(Kind::Builds).join("native/target");
    let place = prepare_source(context, source, &work.join("source"), &target)?;
    let pip = || {
        let pip =
            Invocation::new(python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip.args(["--no-deps", "--target"]).arg(site)
    };
    ui.phase("Compiling", format!("{} for this machine", source.origin()));
    // A `CARGO_BUILD_TARGET` of the user's shell would make a wheel for another machine.
    let mut build = without_rust_settings(pip());
    if let Some(default) = default_toolchain(context) {
        // A toolchain that the package names may not be there; the build for Pyodide asks for none either.
        build = build.env("RUSTUP_TOOLCHAIN", default);
    }
    for (name, value) in setuptools_variables(work)? {
        build = build.env(name, value);
    }
    let built = build
        .arg(place)
        .env("CARGO_TARGET_DIR", target)
        .output(ui)
        .context("the package does not build for this machine");
    let Err(error) = built else { return Ok(NativeOrigin::Source) };
    // A folder's version may be on the index with other code.
    if matches!(source, Source::Folder(_)) {
        return Err(error);
    }
    let own = format!("{}=={}", wheel.metadata().name, wheel.metadata().version);
    if pip().args(["--only-binary", ":all:"]).arg(&own).output(ui).is_err() {
        return Err(error);
    }
    ui.warn(format!(
        "{own} does not build for this machine: the package index's own wheel takes its place ({})",
        error.root_cause().to_string().lines().next().unwrap_or_default()
    ));
    Ok(NativeOrigin::Index)
}

/// The package's folder: the user's, or one unpacked into `unpacked`. What cargo compiled of another copy of it is
/// forgotten.
fn prepare_source(context: &Context, source: &Source, unpacked: &Path, target: &Path) -> Result<PathBuf> {
    match source {
        Source::Folder(folder) => {
            let manifest =
                PyProject::read(folder).ok().and_then(|pyproject| manifest::find(folder, &pyproject));
            let lock = manifest.as_deref().and_then(lock_file::find);
            let workspace = lock.as_deref().and_then(Path::parent).unwrap_or(folder);
            forget_other_copies(target, workspace, &workspace.to_string_lossy())?;
            Ok(folder.clone())
        }
        Source::Archive(archive) => {
            fs_err::create_dir_all(unpacked)?;
            let package = archive.unpack(unpacked, UnpackLimits::of(&context.environment)?)?;
            forget_other_copies(target, unpacked, &archive.sha256.to_string())?;
            Ok(package)
        }
    }
}

/// The default toolchain, where rustup rules.
fn default_toolchain(context: &Context) -> Option<String> {
    let rustup = process::look_up(&context.environment, "rustup")?;
    let printed = Invocation::new(rustup).arg("default").output(&context.ui).ok()?.stdout;
    printed.split_whitespace().next().map(str::to_owned)
}

/// pytest's status. 3 is its own number for an internal error: it stands for a status that nobody told.
fn status(events: &str) -> i64 {
    let events = events.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let done = events.into_iter().find(|event| event["event"] == "done");
    done.and_then(|event| event["status"].as_i64()).unwrap_or(3)
}

/// The end of what a program printed.
fn last_lines(printed: &str) -> String {
    const SHOWN: usize = 20;
    let lines: Vec<&str> = printed.trim_end().lines().collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}

fn results(events: &str) -> Result<Vec<TestResult>> {
    let ends = events.lines().filter(|line| line.contains("\"event\": \"end\""));
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
