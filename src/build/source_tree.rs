//! Changes the source tree as overlays say: patches, and the lock file of cargo.
//!
//! A folder of the user's is never written to: what changes it is done to a copy of the whole workspace.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};

use super::cargo_config::workspace_root;
use super::{BuildFolder, Workshop};
use crate::error::{Result, hinted};
use crate::overlay::values::{CrateUpdate, Wanted};
use crate::overlay::{Changes, patches};
use crate::project::Project;
use crate::runtime::releases::Network;
use crate::source::Source;
use crate::toolchain::RustToolchain;

/// Folders that no build reads.
const NOT_COPIED: [&str; 5] = ["target", ".venv", "node_modules", "__pycache__", ".tox"];

/// The tree with the changes that are made before anything is asked of it: where it is then.
///
/// # Errors
/// When it cannot be copied, or a patch does not fit.
pub fn edited(
    folder: &BuildFolder,
    (source, tree): (&Source, PathBuf),
    changes: &Changes,
) -> Result<PathBuf> {
    let tree = match source {
        Source::Folder(_) if changes.edit_the_tree() => copy(&tree, &folder.root.join("tree"))?,
        _ => tree,
    };
    patches::apply(&tree, &changes.patches)?;
    Ok(tree)
}

/// Copies the workspace around a project. Returns where the project is in the copy.
fn copy(project: &Path, target: &Path) -> Result<PathBuf> {
    let workspace = workspace_root(project);
    crate::cache::remove_folder(target)?;
    // The folder's name stays: tools show it.
    let target = &target.join(workspace.file_name().unwrap_or("package".as_ref()));
    let copied = super::target_folder::copy(&workspace, target, &|name| {
        !NOT_COPIED.iter().any(|excluded| name == *excluded)
    });
    copied
        .with_context(|| format!("cannot copy `{}`", workspace.display()))
        .map_err(|error| crate::cache::with_disk_hint(error, target))?;
    Ok(target.join(project.strip_prefix(&workspace).unwrap_or(Path::new(""))))
}

/// Updates crates in the lock file of a project. The result is kept in the build's folder, so that it is the same the next
/// time, and needs no network then.
///
/// # Errors
/// When cargo cannot update one: then in its own words.
pub fn update_lock(
    workshop: Workshop<'_>,
    (project, rust): (&Project, &RustToolchain),
    updates: &[CrateUpdate],
    folder: &Path,
) -> Result<()> {
    if updates.is_empty() {
        return Ok(());
    }
    let manifest = project.manifest.as_ref().ok_or_else(|| {
        anyhow!("crates should be updated, but no `Cargo.toml` was found in `{}`", project.root.display())
    })?;
    let cargo = || {
        let cargo = rust.cargo_in(&project.root);
        if workshop.network == Network::Forbidden { cargo.arg("--offline") } else { cargo }
    };
    let lock = lock_file(workshop, (project, rust), manifest)?;
    let before = fs_err::read_to_string(&lock).unwrap_or_default();
    let kept = folder.join("locks").join(crate::digest::key(&[&before, &format!("{updates:?}")]));
    if kept.is_file() {
        fs_err::copy(&kept, &lock)?;
        return Ok(());
    }
    for update in updates {
        let mut command =
            cargo().arg("update").arg("--manifest-path").arg(manifest).args(["--package", &update.name]);
        if let Wanted::Exact(version) = &update.version {
            command = command.args(["--precise", &version.to_string()]);
        }
        command.output(workshop.ui).with_context(|| format!("cannot update the crate `{update}`")).map_err(
            |error| {
                hinted(error, "the manifests of the package allow no such version, or it is not used at all")
            },
        )?;
        check(&lock, update)?;
    }
    if let Some(parent) = kept.parent() {
        fs_err::create_dir_all(parent)?;
    }
    fs_err::copy(&lock, &kept)?;
    Ok(())
}

fn lock_file(
    workshop: Workshop<'_>,
    (project, rust): (&Project, &RustToolchain),
    manifest: &Path,
) -> Result<PathBuf> {
    let located = rust
        .cargo_in(&project.root)
        .args(["locate-project", "--workspace", "--message-format=plain", "--manifest-path"])
        .arg(manifest)
        .output(workshop.ui)?;
    Ok(Path::new(located.stdout.trim()).with_file_name("Cargo.lock"))
}

/// Takes a version of a crate out of the lock file of a project, so that cargo chooses another.
///
/// # Errors
/// When there is no lock file.
pub fn forget_locked(
    workshop: Workshop<'_>,
    (project, rust): (&Project, &RustToolchain),
    (name, version): (&str, &str),
) -> Result<()> {
    let Some(manifest) = &project.manifest else { return Ok(()) };
    let lock = lock_file(workshop, (project, rust), manifest)?;
    Ok(fs_err::write(&lock, without_entry(&fs_err::read_to_string(&lock)?, (name, version)))?)
}

fn without_entry(lock: &str, (name, version): (&str, &str)) -> String {
    const HEAD: &str = "[[package]]\n";
    let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
    let parts: Vec<&str> = lock.split(HEAD).filter(|part| !part.starts_with(&entry)).collect();
    parts.join(HEAD)
}

/// Whether the lock file now has what was wanted.
fn check(lock: &Path, update: &CrateUpdate) -> Result<()> {
    let Wanted::Compatible(wanted) = &update.version else { return Ok(()) };
    let table: toml::Table = fs_err::read_to_string(lock)?.parse().context("cannot read the lock file")?;
    let packages = table.get("package").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let versions: Vec<semver::Version> = packages
        .iter()
        .filter(|package| package.get("name").and_then(toml::Value::as_str) == Some(&update.name))
        .filter_map(|package| package.get("version")?.as_str()?.parse().ok())
        .collect();
    if versions.iter().any(|version| wanted.matches(version)) {
        return Ok(());
    }
    let found: Vec<String> = versions.iter().map(ToString::to_string).collect();
    bail!("the crate `{update}` is wanted, but cargo can only have {} {}", update.name, found.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_of_a_crate_is_forgotten() {
        let entry = |name: &str, version: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n")
        };
        let lock =
            ["version = 4\n\n".to_owned(), entry("a", "1.0.0"), entry("b", "1.0.0"), entry("b", "2.0.0")];
        let left = without_entry(&lock.concat(), ("b", "1.0.0"));
        assert_eq!(left, [&lock[0][..], &lock[1], &lock[3]].concat());
    }
}
