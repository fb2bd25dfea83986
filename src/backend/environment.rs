//! Isolated Python environments for build back ends, made with uv if it is there, else with venv and pip.
//!
//! An environment is kept by the set of its requirements and the Python that runs it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::Deserialize;

use crate::cache::Kind;
use crate::causes::{self, When};
use crate::context::{Context, Network};
use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::process::{self, Invocation};

/// An environment with a back end in it.
#[derive(Debug, Clone)]
pub(crate) struct BackEndEnvironment {
    folder: PathBuf,
}

impl BackEndEnvironment {
    fn scripts(&self) -> PathBuf {
        self.folder.join(if cfg!(windows) { "Scripts" } else { "bin" })
    }

    /// The environment's Python.
    pub(crate) fn python(&self) -> PathBuf {
        self.scripts().join(format!("python{}", std::env::consts::EXE_SUFFIX))
    }

    /// A program that a requirement installed.
    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.scripts().join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// A `PATH` with folders in front, then the environment's scripts, then the rest.
    pub(crate) fn path(&self, front: &[PathBuf], environment: &Environment) -> OsString {
        let folders = front.iter().cloned().chain([self.scripts()]).chain(environment.path_folders());
        std::env::join_paths(folders).unwrap_or_default()
    }
}

/// The environment with these requirements, made if it is not in the cache.
///
/// # Errors
/// When it cannot be made or a requirement cannot be installed.
pub(crate) fn prepare(context: &Context, requirements: &[String]) -> Result<BackEndEnvironment> {
    let Context { ui, cache, .. } = context;
    let python = context.python()?;
    let mut sorted: Vec<&str> = requirements.iter().map(|requirement| requirement.trim()).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let interpreter = python.program.to_string_lossy();
    // By requirements, not by package: most packages ask for the same few back ends.
    let mut parts = vec!["environment", &python.full_version, &*interpreter];
    parts.extend(&sorted);
    let key = crate::digest::key(&parts);
    if context.network == Network::Forbidden && !cache.has(Kind::Environments, &key) {
        return Err(hinted(
            anyhow!(
                "the build needs {}, which are not in the cache, and the network may not be used (`--offline`)",
                sorted.join(", ")
            ),
            "build this package once without `--offline`",
        ));
    }
    let folder = cache.get_or_make(ui, Kind::Environments, &key, |folder| {
        ui.phase("Preparing", format!("a build environment with {}", sorted.join(", ")));
        let task = ui.task("installing the build back end");
        let made = make(context, folder, &sorted);
        drop(task);
        made
    })?;
    ui.detail(format!("the build environment is `{}`", folder.display()));
    Ok(BackEndEnvironment { folder })
}

fn make(context: &Context, folder: &Path, requirements: &[&str]) -> Result<()> {
    let Context { ui, environment, .. } = context;
    let python = context.python()?;
    let made = BackEndEnvironment { folder: folder.to_owned() };
    let failed = |error: anyhow::Error| {
        let error =
            error.context(format!("cannot install what the build needs: {}", requirements.join(", ")));
        hinted(
            causes::name_unless_told("backend-requirement", When::Build, error),
            "check the network and pip's configuration (`pip config list`)",
        )
    };
    if let Some(uv) = process::look_up(environment, "uv") {
        Invocation::new(&uv)
            // The folder is there: it is the cache's entry in the making.
            .args(["venv", "--quiet", "--allow-existing", "--python"])
            .arg(&python.program)
            .arg(folder)
            .output(ui)?;
        if requirements.is_empty() {
            return Ok(());
        }
        let install = Invocation::new(&uv)
            .with_our_temporary_folder()
            .args(["pip", "install", "--quiet", "--python"])
            .arg(made.python());
        return install.args(requirements).output(ui).map(drop).map_err(failed);
    }
    // A pip of its own would cost seconds for each environment: the host's installs into it.
    Invocation::new(&python.program).args(["-m", "venv", "--without-pip"]).arg(folder).output(ui).map_err(
        |error| hinted(error, "install Python's `venv` (Debian: `apt-get install python3-venv`), or uv"),
    )?;
    // A package may need nothing at all: its back end lies in its own tree.
    if requirements.is_empty() {
        return Ok(());
    }
    pip_into(context, &made)?
        .with_our_temporary_folder()
        .args(["install", "--quiet"])
        .args(requirements)
        .output(ui)
        .map(drop)
        .map_err(failed)
}

/// A call of the host's pip that works in the environment: since pip 22.3 it need not be installed there.
fn pip_into(context: &Context, made: &BackEndEnvironment) -> Result<Invocation> {
    let host = Invocation::new(&context.python()?.program)
        .args(["-m", "pip", "--disable-pip-version-check", "--python"])
        .arg(made.python());
    // Asked, not read from a version: distributions patch pip and leave parts of it out.
    if host.clone().arg("--version").output(&context.ui).is_ok() {
        return Ok(host);
    }
    Invocation::new(made.python())
        .args(["-m", "ensurepip", "--default-pip"])
        .output(&context.ui)
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
