//! Calls the package's own build back end in an isolated environment, with cargo steered to our toolchain.
//!
//! The back end is not told about Pyodide: it builds for its host with cargo's target set, and the wheel that it
//! returns is finished later ([`crate::building`]). So any Python of the host serves, whatever the target's version.

pub(crate) mod cargo_config;
pub(crate) mod choices;
mod driver_plan;
pub(crate) mod environment;
pub(crate) mod failure;
pub(crate) mod folder;
mod hooks;
pub(crate) mod metadata;
pub(crate) mod own_crates;
mod request;
mod rustc_errors;
mod shell;
pub(crate) mod stated_profile;
mod steering;
mod target_folder;
mod variables;

use std::path::PathBuf;

pub use choices::{CargoChoices, LockUse};
pub use folder::BuildFolder;
pub use request::BackEndBuild;
pub use shell::{ShellSettings, shell_settings};
pub use target_folder::CrateStore;
pub(crate) use variables::setuptools_variables;

use crate::context::Context;
use crate::error::Result;
use crate::plan::C_TOOLS;
use crate::ui::{Clock, StepTime};
use hooks::BackEnd;

/// What a build back end returned.
#[derive(Debug)]
pub struct RawBuild {
    /// The wheel.
    pub wheel: PathBuf,
    /// The steps and their seconds.
    pub seconds: Vec<StepTime>,
    /// The log of the back end and cargo.
    pub log: PathBuf,
    /// Local folders, and what the wheel says instead.
    pub hidden: Vec<(PathBuf, &'static str)>,
}

/// Builds a project for a runtime.
///
/// # Errors
/// When the environment cannot be made, or the package does not build.
pub fn build(context: &Context, build: BackEndBuild<'_>) -> Result<RawBuild> {
    let BackEndBuild { project, label, runtime, folder, .. } = build;
    let mut clock = Clock::default();
    let log = folder.root.join("build.log");
    // Hooks append to one log: lines of an earlier build would be taken for this one's. The C tools are looked for
    // anew, since the user may have installed some.
    for stale in [&log, &folder.root.join("driver.log"), &folder.root.join(C_TOOLS)] {
        let _ = fs_err::remove_file(stale);
    }
    let steering = steering::steer(context, build)?;
    clock.step("plan");
    let workspace = build.workspace_root();
    let back_end = BackEnd { context, project, workspace, steering: &steering, log: &log };
    let environment = back_end.environment()?;
    clock.step("environment");
    context.ui.phase("Compiling", format!("{label} for Pyodide {}", runtime.version));
    let wheel = back_end.build_wheel(&environment, &folder.root.join("raw"))?;
    clock.step("compile");
    Ok(RawBuild { wheel, seconds: clock.into_steps(), log, hidden: steering.hidden })
}
