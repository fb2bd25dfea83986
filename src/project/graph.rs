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
pub(crate) fn metadata_arguments(manifest: &Path, target: &str, features: &[String]) -> Vec<String> {
    let fixed = ["metadata", "--format-version", "1", "--filter-platform", target, "--manifest-path"];
    let manifest = manifest.to_string_lossy().into_owned();
    fixed.map(str::to_owned).into_iter().chain([manifest]).chain(features.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
      "packages": [
        {"id": "own 1", "name": "own", "version": "1.0.0", "manifest_path": "/w/own/Cargo.toml"},
        {"id": "a 1", "name": "a", "version": "1.0.0", "manifest_path": "/a-1/Cargo.toml"},
        {"id": "a 2", "name": "a", "version": "2.0.0", "manifest_path": "/a-2/Cargo.toml"},
        {"id": "b 1", "name": "b", "version": "0.1.0-rc.1", "manifest_path": "/b/Cargo.toml"}
      ],
      "resolve": {"nodes": [
        {"id": "own 1", "features": ["default"], "deps": [
          {"pkg": "a 1", "dep_kinds": [{"kind": null}]},
          {"pkg": "a 2", "dep_kinds": [{"kind": "build"}, {"kind": "dev"}]},
          {"pkg": "b 1", "dep_kinds": [{"kind": "build"}, {"kind": null}]},
          {"pkg": "gone 1", "dep_kinds": [{"kind": null}]}
        ]},
        {"id": "a 2", "features": ["x", "y"]}
      ]},
      "workspace_root": "/w"
    }"#;

    #[test]
    fn the_graph_has_each_version_of_a_crate_with_its_features() {
        let graph = Graph::parse(METADATA).unwrap();
        let lines = graph.crates.iter().map(|one| {
            let (features, calls) = (one.features.join(","), one.dependencies.join(","));
            format!("{} {} [{features}] calls [{calls}] {}", one.name, one.version, one.manifest.display())
        });
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @"
        own 1.0.0 [default] calls [a,b] /w/own/Cargo.toml
        a 1.0.0 [] calls [] /a-1/Cargo.toml
        a 2.0.0 [x,y] calls [] /a-2/Cargo.toml
        b 0.1.0-rc.1 [] calls [] /b/Cargo.toml
        ");
        assert_eq!(graph.workspace, Path::new("/w"));
        assert_eq!(graph.find("a").unwrap().version, Version::new(1, 0, 0));
        assert!(graph.find("gone").is_none());
    }

    #[test]
    fn what_is_no_graph_is_none() {
        assert_eq!(Graph::parse("error: no"), None);
        assert_eq!(Graph::parse("{}"), None);
        assert_eq!(Graph::parse(r#"{"packages": []}"#), Some(Graph::default()));
    }

    #[test]
    fn cargo_is_asked_for_the_graph_of_a_target_with_features() {
        let features = ["--no-default-features".to_owned(), "--features=a".to_owned()];
        let arguments = metadata_arguments(Path::new("a b/Cargo.toml"), "wasm32-x", &features);
        assert_eq!(
            arguments.join("|"),
            "metadata|--format-version|1|--filter-platform|wasm32-x|--manifest-path|a b/Cargo.toml|--no-default-features|\
             --features=a"
        );
    }
}
