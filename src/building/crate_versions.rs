//! Which versions of a crate a registry has: cargo is asked, with a package of ours that depends on nothing else.
//!
//! Cargo lists no versions. It resolves a requirement to the newest version that meets it; asked again for older ones, it
//! walks down.

use anyhow::Context as _;
use semver::{Version, VersionReq};

use super::package::Package;
use crate::context::{Context, Network};
use crate::error::Result;
use crate::project::lock_file::{LockedVersion, locked_crates};

/// The newest version of a crate that meets a requirement and, if one is named, is older than another version. None if the
/// registry has none.
///
/// # Errors
/// When no folder can be made, or cargo writes a lock file that cannot be read.
pub(super) fn newest(
    context: &Context,
    package: &Package<'_>,
    locked: &LockedCrate<'_>,
    wanted: &VersionReq,
    below: Option<&Version>,
) -> Result<Option<Version>> {
    let LockedCrate { name, registry } = locked;
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let requirement = match below {
        Some(version) => format!("{wanted}, <{version}").trim_start_matches("*, ").to_owned(),
        None => wanted.to_string(),
    };
    let manifest = work.path().join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"versions-of-a-crate\"\nversion = \"0.0.0\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n\
         [dependencies.{name}]\nversion = {}\n{}",
        toml::Value::from(requirement),
        registry
            .as_ref()
            .map(|address| format!("registry-index = {}\n", toml::Value::from(address.as_str())))
            .unwrap_or_default()
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

/// A crate of a lock file.
#[derive(Debug)]
pub(super) struct LockedCrate<'a> {
    /// Its name.
    name: &'a str,
    /// The address of its registry's index, if that is not cargo's own.
    registry: Option<String>,
}

impl<'a> LockedCrate<'a> {
    /// The crate of this name.
    pub(super) fn find(lock: &str, name: &'a str) -> Result<Self> {
        let source = locked_entries(lock, name)?.find_map(|entry| entry.source);
        // Git's address is how cargo notes its own registry, whatever protocol it speaks.
        Ok(Self { name, registry: source.filter(|source| source.starts_with("sparse+")) })
    }
}

/// The versions that a lock file has of a crate.
pub(super) fn locked_versions(lock: &str, name: &str) -> Result<Vec<Version>> {
    Ok(locked_entries(lock, name)?.map(|entry| entry.version).collect())
}

fn locked_entries(lock: &str, name: &str) -> Result<impl Iterator<Item = LockedVersion>> {
    Ok(locked_crates(lock)?.into_iter().filter(move |entry| entry.name == name))
}
