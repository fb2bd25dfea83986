//! Steers cargo, maturin and setuptools-rust to our toolchain, through the environment and one configuration file.
//!
//! No path of this machine is among the compiler's flags: our stand-in for rustc adds those.

use std::path::{Path, PathBuf};

use super::cargo_config::{self, LINKER};
use super::driver_plan;
use super::own_crates::forget_other_copies;
use super::request::BackEndBuild;
use super::target_folder::TargetFolder;
use super::variables;
use crate::abi::TARGET;
use crate::context::Context;
use crate::error::Result;
use crate::files::write_if_changed;
use crate::plan::stand_in;
use crate::process::PROGRESS_VARIABLES;

/// What a back end's process is given.
#[derive(Debug, Default)]
pub(super) struct Steering {
    /// Environment variables.
    pub(super) variables: Vec<(String, String)>,
    /// What it imports that no hook asks for.
    pub(super) requirements: Vec<String>,
    /// Folders at the front of `PATH`.
    pub(super) path_folders: Vec<PathBuf>,
    /// Local folders, and what the wheel must say instead; the shortest comes first.
    pub(super) hidden: Vec<(PathBuf, &'static str)>,
    /// Cargo's target folder, locked as long as this lives.
    _target: Option<TargetFolder>,
}

/// Writes the plan and the configuration of a build into its folder.
///
/// # Errors
/// When they cannot be written.
pub(super) fn steer(context: &Context, build: BackEndBuild<'_>) -> Result<Steering> {
    let BackEndBuild { runtime, toolchain, choices, .. } = build;
    let folder = &build.folder.root;
    let drivers = stand_in::find_folder(context)?;
    let config = folder.join("cargo-config.toml");
    let key = driver_plan::plan_key(runtime, toolchain, choices)?;
    // 0.24 and 0.25, 0.26 and 0.27, 0.28 and 0.29 have the same key and share what is compiled; each wheel is still
    // audited against its own release.
    let target_key = format!("{}-{}-{key}", runtime.python, runtime.exceptions);
    let target = TargetFolder::prepare(context, choices.crate_store, folder, &target_key)?;
    let workspace = build.workspace_root();
    forget_other_copies(&target.path, workspace, &workspace.to_string_lossy())?;
    let flags = cargo_config::rust_flags(context, build, &key)?;
    write_if_changed(&config, &cargo_config::cargo_config(&flags, choices))?;
    let pyo3 = cargo_config::write_pyo3_config(target.all(), runtime, choices.stable_abi)?;
    let hidden = hidden_folders(context, build, &target)?;
    let plan = driver_plan::driver_plan(context, build, config, &hidden)?;
    let plan_path = folder.join("plan.json");
    write_if_changed(&plan_path, &serde_json::to_string_pretty(&plan)?)?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut variables = vec![
        (crate::env::DRIVER_PLAN.to_owned(), text(&plan_path)),
        // Back ends call what these variables name, else what is first on the `PATH`: both are ours.
        ("CARGO".to_owned(), text(&drivers.program("cargo"))),
        ("RUSTC".to_owned(), text(&drivers.program("rustc"))),
        ("CARGO_BUILD_TARGET".to_owned(), TARGET.to_owned()),
        ("CARGO_TARGET_DIR".to_owned(), text(&target.path)),
        // Causes of failures are found in the log by patterns, which know no colours.
        ("CARGO_TERM_COLOR".to_owned(), "never".to_owned()),
        ("PYO3_CONFIG_FILE".to_owned(), text(&pyo3)),
        // 1980, the earliest time of a zip file: the user's own value counts when the wheel is finished.
        ("SOURCE_DATE_EPOCH".to_owned(), "315532800".to_owned()),
    ];
    variables.extend(PROGRESS_VARIABLES.map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables.extend(variables::of_build(context, build, &key)?);
    let path_folders = drivers.program(LINKER).parent().map(Path::to_owned).into_iter().collect();
    // maturin, which finds no bindings by itself, writes those of cffi with it, and asks for it only where it was told.
    let requirements = if choices.links_library { vec!["cffi".to_owned()] } else { Vec::new() };
    Ok(Steering { variables, requirements, path_folders, hidden, _target: Some(target) })
}

/// Local folders and what a wheel says instead, so that it tells nothing of the machine and is the same bytes
/// everywhere; the shortest comes first, since rustc takes the last that fits.
fn hidden_folders(
    context: &Context,
    build: BackEndBuild<'_>,
    target: &TargetFolder,
) -> Result<Vec<(PathBuf, &'static str)>> {
    let root = &build.project.root;
    let mut hidden = vec![
        (root.clone(), "/source"),
        (build.folder.root.clone(), "/build"),
        (target.all().to_owned(), "/build/targets"),
        (context.cache.root().to_owned(), "/cargo-pyodide"),
        (context.environment.cargo_home()?, "/cargo"),
    ];
    // A workspace inside the project is named below the project's own name.
    hidden.extend(
        build
            .workspace
            .filter(|folder| root.starts_with(folder))
            .map(|folder| (folder.to_owned(), "/source")),
    );
    hidden.extend(build.choices.overlay.patch.values().map(|folder| (folder.clone(), "/overlay")));
    if let Ok(home) = etcetera::home_dir() {
        hidden.push((home, "/home"));
    }
    hidden.sort_by_key(|(path, _)| path.as_os_str().len());
    hidden.dedup();
    Ok(hidden)
}
