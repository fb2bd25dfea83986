//! The package's build back end: its environment and its hooks (PEP 517).

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::environment::{self, Answer, BackEndEnvironment};
use super::failure;
use super::rustc_errors::Roots;
use super::steering::Steering;
use crate::context::Context;
use crate::env::USER_TEMPORARY_FOLDER;
use crate::error::{Result, hinted};
use crate::files::remove_folder;
use crate::plain_name::PlainName;
use crate::process::{Invocation, show_progress};
use crate::project::Project;
use crate::toolchain::rust::without_rust_settings;

/// One build's back end.
#[derive(Debug)]
pub(super) struct BackEnd<'a> {
    /// What every build shares.
    pub(super) context: &'a Context,
    /// The project.
    pub(super) project: &'a Project,
    /// The root of its Cargo workspace.
    pub(super) workspace: &'a Path,
    /// How cargo is steered.
    pub(super) steering: &'a Steering,
    /// Where the output goes.
    pub(super) log: &'a Path,
}

impl BackEnd<'_> {
    /// The environment with all that the build needs: what `build-system.requires` says, what the build itself
    /// needs, and what the hook `get_requires_for_build_wheel` adds.
    pub(super) fn environment(&self) -> Result<BackEndEnvironment> {
        let stated = self.project.build_system.requires.iter().chain(&self.steering.requirements);
        let mut requirements: Vec<String> = stated.cloned().collect();
        // Twice, since only the back end itself can say what else it needs, and it must be installed to be asked
        // (PEP 517).
        let environment = environment::prepare(self.context, &requirements)?;
        let more: Option<Vec<String>> =
            self.call(&environment, "get_requires_for_build_wheel", &json!([]))?;
        let more: Vec<String> =
            more.unwrap_or_default().into_iter().filter(|name| !requirements.contains(name)).collect();
        if more.is_empty() {
            return Ok(environment);
        }
        requirements.extend(more);
        environment::prepare(self.context, &requirements)
    }

    /// The wheel that the back end makes, in an empty folder.
    pub(super) fn build_wheel(&self, environment: &BackEndEnvironment, folder: &Path) -> Result<PathBuf> {
        remove_folder(folder)?;
        fs_err::create_dir_all(folder)?;
        let name: Option<PlainName> = self.call(environment, "build_wheel", &json!([folder]))?;
        let name = name.ok_or_else(|| {
            anyhow!(
                "the build back end `{}` has no hook `build_wheel`",
                self.project.build_system.build_backend
            )
        })?;
        let wheel = folder.join(&name);
        if !wheel.is_file() {
            return Err(anyhow!("the build back end says that it built `{name}`, but it is not there"));
        }
        Ok(wheel)
    }

    pub(super) fn call<T: DeserializeOwned>(
        &self,
        environment: &BackEndEnvironment,
        hook: &str,
        arguments: &serde_json::Value,
    ) -> Result<T> {
        let work = tempfile::tempdir().context("cannot make a temporary folder")?;
        // The answer goes into a file: back ends print to stdout what they like.
        let (script, request, answer) = (
            work.path().join("pep517.py"),
            work.path().join("request.json"),
            work.path().join("answer.json"),
        );
        fs_err::write(&script, include_str!("pep517.py"))?;
        let asked = json!({
            "backend": self.project.build_system.build_backend,
            "backend_path": self.project.build_system.backend_path,
            "hook": hook,
            "arguments": arguments,
            "answer": answer,
        });
        fs_err::write(&request, asked.to_string())?;
        let command = self.command(environment).arg(&script).arg(&request);
        let task = self.context.ui.task(format!("running the build back end's {hook}"));
        let ui = &self.context.ui;
        let status = command.run_logged(ui, self.log, |line| show_progress(ui, &*task, line))?;
        drop(task);
        if !status.success() {
            let printed = fs_err::read_to_string(self.log).unwrap_or_default();
            return Err({
                let home = self.context.environment.cargo_home()?;
                let roots =
                    Roots { project: &self.project.root, workspace: self.workspace, cargo_home: &home };
                failure::explain(&printed, self.log, roots)
            });
        }
        let bytes = fs_err::read(&answer).map_err(|error| {
            hinted(error, format!("the build back end ended early; its log is `{}`", self.log.display()))
        })?;
        let answer: Answer<T> = serde_json::from_slice(&bytes).with_context(|| {
            format!("the build back end's hook `{hook}` did not return what PEP 517 asks for")
        })?;
        Ok(answer.value)
    }

    fn command(&self, environment: &BackEndEnvironment) -> Invocation {
        // The user's flags are in our configuration already; as variables they would hide it.
        let command = without_rust_settings(Invocation::new(environment.python()))
            .current_dir(&self.project.root)
            // maturin makes a folder there, and leaves it when it is killed.
            .with_our_temporary_folder()
            .env(USER_TEMPORARY_FOLDER, std::env::temp_dir())
            .env("PATH", environment.path(&self.steering.path_folders, &self.context.environment))
            .env_remove("PYTHONPATH")
            .env_remove("PYTHONHOME")
            // The environment alone counts: the user's own packages may be older than what the build requires.
            .env("PYTHONNOUSERSITE", "1")
            .env("PYTHONUNBUFFERED", "1");
        self.steering.variables.iter().fold(command, |command, (name, value)| command.env(name, value))
    }
}
