//! Cargo's manifests, as far as they matter before anything is built.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use semver::Version;
use toml::Value;

use super::pyproject::PyProject;
use crate::error::Result;
use crate::files;

/// The package's Cargo manifest: where maturin's table says, in the root, or the one that lies least deep below it.
pub(super) fn find(root: &Path, pyproject: &PyProject) -> Option<PathBuf> {
    let named = pyproject.tool("maturin").and_then(|maturin| maturin.get("manifest-path")?.as_str());
    let candidates = named.into_iter().chain(["Cargo.toml", "rust/Cargo.toml", "src/rust/Cargo.toml"]);
    candidates.map(|path| root.join(path)).find(|path| path.is_file()).or_else(|| find_below(root))
}

fn find_below(root: &Path) -> Option<PathBuf> {
    const DEPTH: usize = 4;
    let wanted = |name: &std::ffi::OsStr| name != "target" && !name.to_string_lossy().starts_with('.');
    let manifests = files::walk(root, DEPTH, wanted)
        .filter(|entry| entry.file_name() == "Cargo.toml" && entry.file_type().is_file());
    // The least deep: members of a workspace lie below its root.
    manifests.min_by_key(walkdir::DirEntry::depth).map(walkdir::DirEntry::into_path)
}

/// Reads a TOML file.
pub(super) fn read_toml(path: &Path) -> Result<toml::Table> {
    let text = fs_err::read_to_string(path)?;
    text.parse().with_context(|| format!("cannot read `{}`", path.display()))
}

/// Whether the release profile, which stands in the manifest or its workspace's, aborts on panic.
pub(super) fn aborts_on_panic(manifest: &Path) -> bool {
    let aborts = |table: &toml::Table| {
        let panic = table.get("profile").and_then(|profile| profile.get("release")?.get("panic")?.as_str());
        panic == Some("abort")
    };
    let folders = manifest.ancestors().skip(1);
    folders.filter_map(|folder| read_toml(&folder.join("Cargo.toml")).ok()).any(|table| aborts(&table))
}

/// `rust-version` of a manifest, or of the workspace it inherits from.
pub(super) fn rust_version(manifest: &Path) -> Option<Version> {
    let own = read_toml(manifest).ok()?;
    let of_workspace = |table: &toml::Table| {
        parse_rust_version(table.get("workspace")?.get("package")?.get("rust-version")?.as_str()?)
    };
    let Some(package) = own.get("package") else { return of_workspace(&own) };
    match package.get("rust-version")? {
        Value::String(text) => parse_rust_version(text),
        _ => manifest
            .ancestors()
            .skip(1)
            .find_map(|folder| of_workspace(&read_toml(&folder.join("Cargo.toml")).ok()?)),
    }
}

/// `1.83` or `1.83.0`.
fn parse_rust_version(text: &str) -> Option<Version> {
    let dots = text.matches('.').count();
    Version::parse(&format!("{text}{}", ".0".repeat(2usize.saturating_sub(dots)))).ok()
}
