//! The configuration file that our stand-in for cargo adds with `--config`, and the one that PyO3 reads.
//!
//! Cargo joins the target flags in it with the package's own. Flags in `build.rustflags` and `RUSTFLAGS`, which cargo would
//! ignore beside target flags, are read and joined too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::choices::CargoChoices;
use super::request::BackEndBuild;
use crate::abi::TARGET;
use crate::context::Context;
use crate::env::Environment;
use crate::error::Result;
use crate::files::write_if_changed;
use crate::overlay::changes::CargoChanges;
use crate::project::bindings::StableAbi;
use crate::runtime::Runtime;
use crate::source::TreeOwner;

/// The driver, found on the `PATH` by the name under which it links.
// rustc takes the style of its arguments from the linker's name. A name and not a path, which would tell machines
// apart.
pub(super) const LINKER: &str = "emcc";

/// The text of the configuration file.
pub(super) fn cargo_config(flags: &[String], choices: &CargoChoices) -> String {
    let mut target = toml::Table::new();
    target.insert("linker".into(), LINKER.into());
    target.insert("rustflags".into(), flags.to_vec().into());
    let mut targets = toml::Table::new();
    targets.insert(TARGET.into(), target.into());
    let mut config = toml::Table::new();
    config.insert("target".into(), targets.into());
    if let Some(jobs) = choices.jobs {
        config
            .insert("build".into(), toml::Table::from_iter([("jobs".to_owned(), jobs.get().into())]).into());
    }
    let CargoChanges { profile, patch, .. } = &choices.overlay;
    let settings = profile.table();
    if !settings.is_empty() {
        let name = choices.profile.clone().unwrap_or_else(|| "release".to_owned());
        // Here and not in the manifest, which is the package's; cargo lets configuration win over it.
        config.insert("profile".into(), toml::Table::from_iter([(name, settings.into())]).into());
    }
    if !patch.is_empty() {
        let crates = patches(patch);
        let crates = crates.map(|(name, entry)| (name, entry.into()));
        let registry =
            toml::Table::from_iter([("crates-io".to_owned(), crates.collect::<toml::Table>().into())]);
        config.insert("patch".into(), registry.into());
    }
    toml::to_string(&config).unwrap_or_default()
}

/// Crates in folders that take the place of the registry's, as cargo's table `patch` names them.
fn patches(crates: &BTreeMap<String, PathBuf>) -> impl Iterator<Item = (String, toml::Table)> {
    crates.iter().map(|(name, folder)| {
        let path = ("path".to_owned(), folder.to_string_lossy().into_owned().into());
        match name.split_once('@') {
            // Another version of a crate has a name of its own here.
            Some((package, version)) => {
                let package = ("package".to_owned(), package.into());
                (
                    format!("{name}-{version}").replace(['@', '.', '+'], "-"),
                    toml::Table::from_iter([path, package]),
                )
            }
            None => (name.clone(), toml::Table::from_iter([path])),
        }
    })
}

/// The same as arguments of cargo.
pub(crate) fn patch_arguments(crates: &BTreeMap<String, PathBuf>) -> Vec<String> {
    let settings = patches(crates).flat_map(|(name, entry)| {
        let of = move |(key, value): (String, toml::Value)| format!("patch.crates-io.{name}.{key}={value}");
        entry.into_iter().map(of)
    });
    settings.flat_map(|setting| ["--config".to_owned(), setting]).collect()
}

/// The compiler flags of the target. `key` is that of the driver's plan.
///
/// # Errors
/// When there is no home folder.
pub(super) fn rust_flags(context: &Context, build: BackEndBuild<'_>, key: &str) -> Result<Vec<String>> {
    // First, so that the flags of the user and of overlays win.
    let mut flags: Vec<String> = Vec::new();
    for feature in &build.choices.target_features {
        flags.extend(["-C".to_owned(), format!("target-feature=+{feature}")]);
    }
    flags.extend(other_flags(&context.environment, &build.project.root)?);
    flags.extend(build.choices.overlay.rustflags.iter().cloned());
    // Else rustc looks for a linker and start-up objects of its own beside the target's libraries.
    flags.extend(["-C".to_owned(), "link-self-contained=no".to_owned()]);
    if build.owner == TreeOwner::Tool {
        // Lints that newer compilers deny are the author's affair: cargo, too, caps lints of dependencies.
        flags.push("--cap-lints=warn".to_owned());
    }
    // Cargo does not see that the plan changed: an argument that the driver ignores tells it.
    flags.extend(["-C".to_owned(), format!("link-arg=--cargo-pyodide-plan={key}")]);
    Ok(flags)
}

/// `RUSTFLAGS` and `build.rustflags` of the configuration files that cargo would read, which target flags would hide.
fn other_flags(environment: &Environment, root: &Path) -> Result<Vec<String>> {
    // Cargo's own order: the first of these that is set counts alone.
    if let Some(encoded) = environment.text("CARGO_ENCODED_RUSTFLAGS") {
        return Ok(encoded.split('\u{1f}').map(str::to_owned).collect());
    }
    if let Some(flags) = environment.text("RUSTFLAGS").or_else(|| environment.text("CARGO_BUILD_RUSTFLAGS")) {
        return Ok(flags.split_whitespace().map(str::to_owned).collect());
    }
    let folders = config_folders(root, environment.cargo_home()?);
    let files = folders.iter().filter_map(|folder| config_file(folder));
    Ok(files.filter_map(|file| build_flags(&file)).flatten().collect())
}

/// The folders in which cargo looks for its configuration: what comes later counts more.
pub(super) fn config_folders(root: &Path, home: PathBuf) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = root.ancestors().map(|folder| folder.join(".cargo")).collect();
    if !folders.contains(&home) {
        folders.push(home);
    }
    // The nearest folder comes last, as in cargo, which appends its flags.
    folders.reverse();
    folders
}

/// The configuration in a folder: of two, cargo reads the one without an ending.
pub(super) fn config_file(folder: &Path) -> Option<PathBuf> {
    ["config", "config.toml"].map(|name| folder.join(name)).into_iter().find(|file| file.is_file())
}

fn build_flags(file: &Path) -> Option<Vec<String>> {
    let table: toml::Table = fs_err::read_to_string(file).ok()?.parse().ok()?;
    match serde_json::to_value(table.get("build")?.get("rustflags")?).ok()? {
        Value::Array(flags) => {
            Some(flags.iter().filter_map(|flag| flag.as_str().map(str::to_owned)).collect())
        }
        Value::String(flags) => Some(flags.split_whitespace().map(str::to_owned).collect()),
        _ => None,
    }
}

/// What pyo3 would otherwise ask a Python of the target: <https://pyo3.rs/main/building-and-distribution>.
pub(super) fn write_pyo3_config(
    folder: &Path,
    runtime: &Runtime,
    stable: Option<StableAbi>,
) -> Result<PathBuf> {
    let is_stable = stable.is_some();
    let version = stable.and_then(|stable| stable.floor).unwrap_or(runtime.python);
    let path = folder.join(format!("pyo3-{version}{}.txt", if is_stable { "-abi3" } else { "" }));
    // No link lines: libpython is part of the runtime, and a side module imports from it by name.
    let content = format!(
        "implementation=CPython\nversion={version}\nshared=true\nabi3={is_stable}\npointer_width=32\nsuppress_build_script_link_lines=true\n"
    );
    write_if_changed(&path, &content)?;
    Ok(path)
}

#[cfg(test)]
mod tests;
