//! Changes of a project's lock file: crates that overlays and recipes update, and versions that the registry does not have.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use semver::Version;

use super::crate_versions::{self, LockedCrate};
use super::package::Package;
use crate::context::{Context, Network};
use crate::error::{Result, hinted, with_cause};
use crate::overlay::values::{CrateUpdate, Wanted};

/// Updates crates in the lock file of a project. The result is kept in the build's folder, so that it is the same the next
/// time, and needs no network then.
///
/// # Errors
/// When cargo cannot update one: then in its own words.
pub(super) fn update(context: &Context, package: &Package<'_>, updates: &[CrateUpdate]) -> Result<()> {
    if updates.is_empty() {
        return Ok(());
    }
    let Package { project, folder, .. } = package;
    let manifest = project.manifest.as_ref().ok_or_else(|| {
        anyhow!("crates should be updated, but no `Cargo.toml` was found in `{}`", project.root.display())
    })?;
    let lock = find(context, package, manifest)?;
    let before = fs_err::read_to_string(&lock).unwrap_or_default();
    // The registry moves on: an update that was done once must give the same versions the next time.
    let kept = folder.root.join("locks").join(crate::digest::key(&[&before, &format!("{updates:?}")]));
    if kept.is_file() {
        fs_err::copy(&kept, &lock)?;
        return Ok(());
    }
    for update in updates {
        update_one(context, package, &lock, update)?;
    }
    if let Some(parent) = kept.parent() {
        fs_err::create_dir_all(parent)?;
    }
    fs_err::copy(&lock, &kept)?;
    Ok(())
}

/// How many versions of a range are tried.
// Each that the manifests do not allow costs a run of cargo.
const MOST_TRIED: usize = 12;

/// Updates one crate.
fn update_one(context: &Context, package: &Package<'_>, lock: &Path, update: &CrateUpdate) -> Result<()> {
    let refused = |error: anyhow::Error| {
        hinted(
            error.context(format!("cannot update the crate `{update}`")),
            "the package's manifests do not allow this version, or the package does not use the crate",
        )
    };
    let precise = match &update.version {
        Wanted::Exact(version) => Some(version),
        Wanted::Newest | Wanted::Compatible(_) => None,
    };
    let before = fs_err::read_to_string(lock).unwrap_or_default();
    let known = crate_versions::locked_versions(&before, &update.name)?;
    let meant = meant_version(&known, &update.version);
    let spec_before = spec(&update.name, &known, meant);
    run_cargo_update(context, package, &spec_before, precise).map_err(refused)?;
    let checked = check(lock, update, meant);
    let (Err(_), Wanted::Compatible(wanted)) = (&checked, &update.version) else { return checked };
    // Cargo took the newest that the manifests allow, which is too new: the newest of the range that they allow is wanted.
    let locked = LockedCrate::find(&fs_err::read_to_string(lock)?, &update.name)?;
    let mut below = None;
    for _ in 0..MOST_TRIED {
        let next = crate_versions::newest(context, package, &locked, wanted, below.as_ref())?;
        let Some(version) = next else { break };
        let known = crate_versions::locked_versions(&fs_err::read_to_string(lock)?, &update.name)?;
        let spec = spec(&update.name, &known, meant);
        if run_cargo_update(context, package, &spec, Some(&version)).is_ok()
            && check(lock, update, meant).is_ok()
        {
            return Ok(());
        }
        below = Some(version);
    }
    checked
}

/// The version of a crate that an update means, where a lock file has several: one that does not meet what is wanted and that
/// a compatible one can replace which does, else one that meets it, else the newest.
fn meant_version<'a>(known: &'a [Version], wanted: &Wanted) -> Option<&'a Version> {
    let newest = |meant: &dyn Fn(&&Version) -> bool| known.iter().filter(meant).max();
    match wanted {
        Wanted::Newest => newest(&|_| true),
        Wanted::Exact(exact) => newest(&|version| are_compatible(version, exact)).or(newest(&|_| true)),
        Wanted::Compatible(range) => {
            let of_range = |version: &Version| {
                let (zero, minor) = (version.major == 0, version.minor);
                let oldest = Version::new(version.major, if zero { minor } else { 0 }, 0);
                let bounds = range.comparators.iter().flat_map(|one| {
                    let patch = one.patch.unwrap_or(0);
                    [patch, patch + 1].map(|patch| Version::new(one.major, one.minor.unwrap_or(0), patch))
                });
                bounds.chain([oldest]).any(|one| are_compatible(&one, version) && range.matches(&one))
            };
            newest(&|version| of_range(version) && !range.matches(version))
                .or(newest(&|version| range.matches(version)))
                .or(newest(&|_| true))
        }
    }
}

/// Whether cargo takes two versions for compatible: a lock file has one of them.
fn are_compatible(one: &Version, other: &Version) -> bool {
    let leading = |version: &Version| match (version.major, version.minor) {
        (0, 0) => (0, 0, version.patch),
        (0, minor) => (0, minor, 0),
        (major, _) => (major, 0, 0),
    };
    leading(one) == leading(other)
}

/// How cargo is told which of several versions in a lock file is meant: the one that was, or what took its place.
fn spec(name: &str, known: &[Version], meant: Option<&Version>) -> String {
    match known.iter().find(|version| meant.is_some_and(|meant| are_compatible(version, meant))) {
        Some(version) if known.len() > 1 => format!("{name}@{version}"),
        _ => name.to_owned(),
    }
}

/// Runs `cargo update` for a crate: to this version, or to the newest.
fn run_cargo_update(
    context: &Context,
    package: &Package<'_>,
    name: &str,
    precise: Option<&Version>,
) -> Result<()> {
    let Package { project, rust, .. } = package;
    let manifest = project.manifest.as_ref().context("there is no `Cargo.toml`")?;
    let mut command = rust.cargo_in(&project.root);
    if context.network == Network::Forbidden {
        command = command.arg("--offline");
    }
    command = command.arg("update").arg("--manifest-path").arg(manifest).args(["--package", name]);
    if let Some(version) = precise {
        command = command.args(["--precise", &version.to_string()]);
    }
    command.output(&context.ui).map(drop)
}

/// The lock file of a project's workspace: cargo is asked which one that is, once.
pub(super) fn find(context: &Context, package: &Package<'_>, manifest: &Path) -> Result<PathBuf> {
    let workspace = package.tree.workspace.get_or_try_ask(|| {
        let cargo = package.rust.cargo_in(&package.project.root);
        super::tree::locate_workspace(context, cargo, manifest)
    })?;
    Ok(workspace.join("Cargo.lock"))
}

/// Takes a version of a crate out of the lock file of a project, so that cargo chooses another.
///
/// # Errors
/// When there is no lock file.
pub(super) fn forget(context: &Context, package: &Package<'_>, name: &str, version: &str) -> Result<()> {
    let Some(manifest) = &package.project.manifest else { return Ok(()) };
    let lock = find(context, package, manifest)?;
    Ok(fs_err::write(&lock, without_entry(&fs_err::read_to_string(&lock)?, name, version))?)
}

// The entry alone, as text: cargo mends the rest, and no other version moves.
fn without_entry(lock: &str, name: &str, version: &str) -> String {
    const HEAD: &str = "[[package]]\n";
    let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
    let parts: Vec<&str> = lock.split(HEAD).filter(|part| !part.starts_with(&entry)).collect();
    parts.join(HEAD)
}

/// Whether the lock file now has what was wanted, in the place of the version that was meant.
fn check(lock: &Path, update: &CrateUpdate, meant: Option<&Version>) -> Result<()> {
    // Cargo takes the newest version that the manifests allow and says nothing if that is not a wanted one.
    let Wanted::Compatible(wanted) = &update.version else { return Ok(()) };
    let versions = crate_versions::locked_versions(&fs_err::read_to_string(lock)?, &update.name)?;
    // What cannot be compatible with it took its place, or another version is there as before.
    let is_left = |version: &Version| meant.is_some_and(|meant| are_compatible(version, meant));
    let is_met = match versions.iter().find(|version| is_left(version)) {
        Some(left) => wanted.matches(left),
        None => versions.iter().any(|version| wanted.matches(version)),
    };
    if is_met {
        return Ok(());
    }
    let found: Vec<String> = versions.iter().map(ToString::to_string).collect();
    let error = anyhow!(
        "the crate `{update}` is wanted, but cargo can only have {} {}",
        update.name,
        found.join(", ")
    );
    Err(with_cause("crate-version-missing", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_of_a_crate_is_forgotten() {
        let lock =
            ["version = 4\n\n".to_owned(), entry("a", "1.0.0"), entry("b", "1.0.0"), entry("b", "2.0.0")];
        let left = without_entry(&lock.concat(), "b", "1.0.0");
        assert_eq!(left, [&lock[0][..], &lock[1], &lock[3]].concat());
    }

    fn entry(name: &str, version: &str) -> String {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n")
    }

    /// What is said of a lock file in which `a` has two versions and `a-b` has one.
    fn check_update(update: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("Cargo.lock");
        let text =
            ["version = 4\n\n".to_owned(), entry("a", "1.0.3"), entry("a", "2.1.0"), entry("a-b", "3.0.0")];
        fs_err::write(&lock, text.concat()).unwrap();
        let update: CrateUpdate = update.parse().unwrap();
        let known = crate_versions::locked_versions(&text.concat(), &update.name).unwrap();
        match check(&lock, &update, meant_version(&known, &update.version)) {
            Ok(()) => "there".to_owned(),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_compatible_version_must_be_there_after_an_update() {
        assert_eq!(check_update("a@1.0"), "there");
        assert_eq!(check_update("a@2"), "there");
        assert_eq!(
            check_update("a@1.1"),
            "the crate `a@1.1` is wanted, but cargo can only have a 1.0.3, 2.1.0"
        );
        assert_eq!(check_update("a@3"), "the crate `a@3` is wanted, but cargo can only have a 1.0.3, 2.1.0");
        // Cargo itself refuses an exact version that it cannot have, and any version is the newest.
        assert_eq!(check_update("a@9.9.9"), "there");
        assert_eq!(check_update("c"), "there");
    }

    #[test]
    fn of_several_versions_the_one_that_is_to_change_is_meant() {
        let known = ["0.14.5", "0.15.2", "1.0.0"].map(|text| Version::parse(text).unwrap());
        let check = |text: &str| {
            let update: CrateUpdate = text.parse().unwrap();
            meant_version(&known, &update.version).map(ToString::to_string).unwrap_or_default()
        };
        assert_eq!(check("a"), "1.0.0");
        assert_eq!(check("a@0.15"), "0.15.2");
        assert_eq!(check("a@0.14.6"), "0.14.5");
        assert_eq!(check("a@<0.15.2"), "0.15.2");
        assert_eq!(check("a@>=0.14.6, <0.15"), "0.14.5");
        assert_eq!(check("a@3"), "1.0.0");
    }

    #[test]
    fn a_version_that_is_not_there_is_forgotten_without_a_trace() {
        let lock = ["version = 4\n\n".to_owned(), entry("a-b", "1.0.0"), entry("b", "1.0.0")].concat();
        assert_eq!(without_entry(&lock, "b", "1.0.1"), lock);
        assert_eq!(without_entry(&lock, "a", "1.0.0"), lock);
    }
}
