//! Which versions of a crate a registry has: cargo is asked, with a package of ours that depends on nothing else.
//!
//! Cargo lists no versions. It resolves a requirement to the newest version that meets it; asked again for older ones, it
//! walks down.

use anyhow::{Context as _, anyhow};
use semver::{Version, VersionReq};

use super::package::Package;
use crate::context::{Context, Network};
use crate::error::Result;

/// The newest version of a crate that meets a requirement and, if one is named, is older than another version. None if the
/// registry has none.
///
/// # Errors
/// When no folder can be made, or cargo writes a lock file that cannot be read.
pub(super) fn newest(
    context: &Context,
    package: &Package<'_>,
    name: &str,
    wanted: &VersionReq,
    below: Option<&Version>,
) -> Result<Option<Version>> {
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let requirement = match below {
        Some(version) => format!("{wanted}, <{version}").trim_start_matches("*, ").to_owned(),
        None => wanted.to_string(),
    };
    let manifest = work.path().join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"versions-of-a-crate\"\nversion = \"0.0.0\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n\
         [dependencies]\n{name} = {}\n",
        toml::Value::from(requirement)
    );
    fs_err::write(&manifest, text)?;
    fs_err::write(work.path().join("lib.rs"), "")?;
    // In the package's folder: its configuration may name another registry.
    let mut cargo = package.rust.cargo_in(&package.project.root);
    if context.network == Network::Forbidden {
        cargo = cargo.arg("--offline");
    }
    let resolved = cargo.arg("generate-lockfile").arg("--manifest-path").arg(&manifest).output(&context.ui);
    if resolved.is_err() {
        return Ok(None);
    }
    let lock = fs_err::read_to_string(work.path().join("Cargo.lock"))?;
    let versions = locked_versions(&lock, name)?.into_iter();
    Ok(versions
        .filter(|version| wanted.matches(version))
        .filter(|version| below.is_none_or(|below| version < below))
        .max())
}

/// The versions that a lock file has of a crate.
pub(super) fn locked_versions(lock: &str, name: &str) -> Result<Vec<Version>> {
    let table: toml::Table = lock.parse().map_err(|error| anyhow!("cannot read the lock file: {error}"))?;
    let packages = table.get("package").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let named =
        packages.iter().filter(|package| package.get("name").and_then(toml::Value::as_str) == Some(name));
    Ok(named.filter_map(|package| package.get("version")?.as_str()?.parse().ok()).collect())
}
