//! The package's dependency graph, as `cargo metadata` prints it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use semver::Version;
use serde::Deserialize;

/// The crates that are compiled, as far as features that the back end turns on are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// Each crate once a version.
    pub crates: Vec<Crate>,
    /// The folder of the lock file.
    pub workspace: PathBuf,
}

/// A crate of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The features that are on.
    pub features: Vec<String>,
    /// Its manifest.
    pub manifest: PathBuf,
    /// The names of the crates that it calls, without those of its build script and its tests.
    pub dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct CargoMetadata {
    packages: Vec<ResolvedPackage>,
    resolve: Option<Resolve>,
    #[serde(default)]
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct ResolvedPackage {
    id: String,
    name: String,
    version: Version,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    features: Vec<String>,
    #[serde(default)]
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    #[serde(default)]
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl Graph {
    /// Reads what `cargo metadata` printed. None if that is not a graph.
    pub fn parse(metadata: &str) -> Option<Self> {
        let CargoMetadata { packages, resolve, workspace_root } = serde_json::from_str(metadata).ok()?;
        let mut nodes = resolve.map(|resolve| resolve.nodes).unwrap_or_default();
        let names: BTreeMap<String, String> =
            packages.iter().map(|package| (package.id.clone(), package.name.clone())).collect();
        let crates = packages.into_iter().map(|package| {
            let node = nodes.iter_mut().find(|node| node.id == package.id);
            let called = node.iter().flat_map(|node| &node.deps);
            // Only what runs in the module: a build script may call whatever the host has.
            let called = called.filter(|one| one.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            Crate {
                dependencies: called.filter_map(|one| names.get(&one.pkg).cloned()).collect(),
                name: package.name,
                version: package.version,
                features: node.map(|node| std::mem::take(&mut node.features)).unwrap_or_default(),
                manifest: package.manifest_path,
            }
        });
        Some(Self { crates: crates.collect(), workspace: workspace_root })
    }

    /// The first crate of a name.
    pub fn find(&self, name: &str) -> Option<&Crate> {
        self.crates.iter().find(|found| found.name == name)
    }
}

/// The arguments with which cargo prints the graph of a manifest for a target.
pub fn metadata_arguments(manifest: &Path, target: &str, features: &[String]) -> Vec<String> {
    let fixed = ["metadata", "--format-version", "1", "--filter-platform", target, "--manifest-path"];
    let manifest = manifest.to_string_lossy().into_owned();
    fixed.map(str::to_owned).into_iter().chain([manifest]).chain(features.iter().cloned()).collect()
}
