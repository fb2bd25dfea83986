//! Isolated Python environments for build back ends, made with uv if it is there, else with venv and pip.
//!
//! An environment is kept by the set of its requirements and the Python that runs it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::Deserialize;

use super::Workshop;
use crate::abi::PythonVersion;
use crate::cache::Kind;
use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::process::{self, Invocation};
use crate::runtime::releases::Network;
use crate::ui::Ui;

/// The oldest Python of the host that serves.
pub const OLDEST: PythonVersion = PythonVersion { major: 3, minor: 9 };

/// The host's Python.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPython {
    /// The program.
    pub program: PathBuf,
    /// Its version.
    pub version: PythonVersion,
    /// The full version, `3.11.7`.
    pub full_version: String,
}

impl HostPython {
    /// The Python named by `--python`, else `python3` or `python` on the `PATH`.
    ///
    /// # Errors
    /// When there is none, it cannot run, or it is too old.
    pub fn find((ui, environment): (Ui, &Environment), named: Option<&Path>) -> Result<Self> {
        let program = match named {
            Some(path) if path.components().count() > 1 => path.to_owned(),
            Some(name) => process::find(environment, &[&name.to_string_lossy()], ADVICE)?,
            None => process::find(environment, &["python3", "python"], ADVICE)?,
        };
        let question = "import sys; print('.'.join(map(str, sys.version_info[:3])), sys.executable)";
        let printed = Invocation::new(&program)
            .args(["-c", question])
            .output(ui)
            .with_context(|| format!("`{}` is no Python that runs", program.display()))
            .map_err(|error| hinted(error, ADVICE))?;
        let (full_version, executable) = printed
            .stdout
            .trim()
            .split_once(' ')
            .ok_or_else(|| anyhow!("`{}` does not say its version", program.display()))?;
        let version: PythonVersion = full_version.parse()?;
        if version < OLDEST {
            return Err(hinted(
                anyhow!("`{}` is Python {full_version}, older than {OLDEST}", program.display()),
                ADVICE,
            ));
        }
        // The executable itself, not a version manager's stand-in for it.
        Ok(Self { program: PathBuf::from(executable), version, full_version: full_version.to_owned() })
    }
}

/// How to get a Python.
pub const ADVICE: &str = "install Python 3.9 or newer, or name one with `--python PATH`";

/// An environment with a back end in it.
#[derive(Debug, Clone)]
pub struct BackendEnvironment {
    folder: PathBuf,
}

impl BackendEnvironment {
    fn scripts(&self) -> PathBuf {
        self.folder.join(if cfg!(windows) { "Scripts" } else { "bin" })
    }

    /// The environment's Python.
    pub fn python(&self) -> PathBuf {
        self.scripts().join(format!("python{}", std::env::consts::EXE_SUFFIX))
    }

    /// A `PATH` with folders in front, then the environment's scripts, then the rest.
    pub fn path(&self, front: &[PathBuf], environment: &Environment) -> OsString {
        let folders = front.iter().cloned().chain([self.scripts()]).chain(environment.path_folders());
        std::env::join_paths(folders).unwrap_or_default()
    }
}

/// The environment with these requirements, made if it is not in the cache.
///
/// # Errors
/// When it cannot be made or a requirement cannot be installed.
pub fn with_requirements(workshop: Workshop<'_>, requirements: &[String]) -> Result<BackendEnvironment> {
    let Workshop { ui, cache, python, .. } = workshop;
    let mut sorted: Vec<&str> = requirements.iter().map(|requirement| requirement.trim()).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let interpreter = python.program.to_string_lossy();
    let mut parts = vec!["environment", &python.full_version, &*interpreter];
    parts.extend(&sorted);
    let key = crate::digest::key(&parts);
    if workshop.network == Network::Forbidden && !cache.has(Kind::Environments, &key) {
        return Err(hinted(
            anyhow!(
                "the build needs {}, which are not in the cache, and the network may not be used (`--offline`)",
                sorted.join(", ")
            ),
            "build this package once without `--offline`",
        ));
    }
    let folder = cache.get_or_make(ui, (Kind::Environments, &key), |folder| {
        ui.phase("Preparing", format!("a build environment with {}", sorted.join(", ")));
        let spinner = ui.spinner("installing the build back end");
        let made = make(workshop, folder, &sorted);
        drop(spinner);
        made
    })?;
    ui.detail(format!("the build environment is `{}`", folder.display()));
    Ok(BackendEnvironment { folder })
}

fn make(workshop: Workshop<'_>, folder: &Path, requirements: &[&str]) -> Result<()> {
    let Workshop { ui, environment, python, .. } = workshop;
    let made = BackendEnvironment { folder: folder.to_owned() };
    let failed = |error: anyhow::Error| {
        hinted(
            error.context(format!("cannot install what the build needs: {}", requirements.join(", "))),
            "check the network and pip's configuration (`pip config list`)",
        )
    };
    if let Some(uv) = process::look_up(environment, "uv") {
        Invocation::new(&uv)
            .args(["venv", "--quiet", "--allow-existing", "--python"])
            .arg(&python.program)
            .arg(folder)
            .output(ui)?;
        let install = Invocation::new(&uv).args(["pip", "install", "--quiet", "--python"]).arg(made.python());
        return install.args(requirements).output(ui).map(drop).map_err(failed);
    }
    Invocation::new(&python.program).args(["-m", "venv", "--without-pip"]).arg(folder).output(ui).map_err(
        |error| hinted(error, "install Python's `venv` (Debian: `apt-get install python3-venv`), or uv"),
    )?;
    // A package may need nothing at all: its back end lies in its own tree.
    if requirements.is_empty() {
        return Ok(());
    }
    pip_into(workshop, &made)?
        .args(["install", "--quiet"])
        .args(requirements)
        .output(ui)
        .map(drop)
        .map_err(failed)
}

/// A call of the host's pip that works in the environment: since pip 22.3 it need not be installed there.
fn pip_into(workshop: Workshop<'_>, made: &BackendEnvironment) -> Result<Invocation> {
    let host = Invocation::new(&workshop.python.program)
        .args(["-m", "pip", "--disable-pip-version-check", "--python"])
        .arg(made.python());
    if host.clone().arg("--version").output(workshop.ui).is_ok() {
        return Ok(host);
    }
    Invocation::new(made.python())
        .args(["-m", "ensurepip", "--default-pip"])
        .output(workshop.ui)
        .context("the host's Python has no usable pip")
        .map_err(|error| hinted(error, "install pip (Debian: `apt-get install python3-pip`), or uv"))?;
    Ok(Invocation::new(made.python()).args(["-m", "pip", "--disable-pip-version-check"]))
}

/// What a hook of the back end answered.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<T> {
    /// The hook's return value.
    pub(super) value: T,
}
