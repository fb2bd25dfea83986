//! The package's dependency graph, as `cargo metadata` prints it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use semver::Version;
use serde::Deserialize;

/// The crates that are compiled for a package, as far as features that the back end turns on are known.
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
    /// Where it comes from, in cargo's words; none for a folder.
    pub source: Option<String>,
    /// The names of the crates that it calls, without those of its build script and its tests.
    pub dependencies: Vec<String>,
    /// The names of crates that it would call on another target.
    pub elsewhere: Vec<String>,
    /// Whether it ends up in the module: build scripts, procedural macros and what they call run on this machine.
    pub is_linked: bool,
}

impl Crate {
    /// Whether it comes from a git repository.
    pub fn is_from_git(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.starts_with("git+"))
    }
}

#[derive(Deserialize)]
struct CargoMetadata {
    packages: Vec<ResolvedPackage>,
    resolve: Option<Resolve>,
    #[serde(default)]
    workspace_root: PathBuf,
    #[serde(default)]
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct ResolvedPackage {
    id: String,
    name: String,
    version: Version,
    manifest_path: PathBuf,
    source: Option<String>,
    #[serde(default)]
    dependencies: Vec<StatedDependency>,
    #[serde(default)]
    targets: Vec<CrateTarget>,
}

/// What a manifest states, for all targets.
#[derive(Deserialize)]
struct StatedDependency {
    name: String,
    kind: Option<String>,
    target: Option<String>,
}

#[derive(Deserialize)]
struct CrateTarget {
    kind: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
    root: Option<String>,
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
        let CargoMetadata { packages, resolve, workspace_root, workspace_members } =
            serde_json::from_str(metadata).ok()?;
        let resolve = resolve.unwrap_or_default();
        let reached = Reached::from(&packages, &resolve, workspace_members);
        let mut nodes = resolve.nodes;
        let names: BTreeMap<String, String> =
            packages.iter().map(|package| (package.id.clone(), package.name.clone())).collect();
        // What only tests and benchmarks call is not compiled.
        let compiled = packages.into_iter().filter(|package| reached.has(&package.id));
        let crates = compiled.map(|package| {
            let node = nodes.iter_mut().find(|node| node.id == package.id);
            let called = node.iter().flat_map(|node| &node.deps);
            // Only what runs in the module: a build script may call whatever the host has.
            let called = called.filter(|one| one.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            let dependencies: Vec<String> = called.filter_map(|one| names.get(&one.pkg).cloned()).collect();
            let elsewhere = package.dependencies.into_iter().filter(|stated| {
                stated.kind.is_none() && stated.target.is_some() && !dependencies.contains(&stated.name)
            });
            Crate {
                elsewhere: elsewhere.map(|stated| stated.name).collect(),
                dependencies,
                is_linked: reached.linked.contains(&package.id),
                name: package.name,
                version: package.version,
                features: node.map(|node| std::mem::take(&mut node.features)).unwrap_or_default(),
                manifest: package.manifest_path,
                source: package.source,
            }
        });
        Some(Self { crates: crates.collect(), workspace: workspace_root })
    }

    /// Adds the crates of another graph that this one does not have.
    pub fn add(&mut self, other: Self) {
        for added in other.crates {
            if !self.crates.iter().any(|known| known.name == added.name && known.version == added.version) {
                self.crates.push(added);
            }
        }
    }

    /// The first crate of a name.
    pub fn find(&self, name: &str) -> Option<&Crate> {
        self.crates.iter().find(|found| found.name == name)
    }
}

/// The crates that a package needs, by cargo's names for them.
#[derive(Default)]
struct Reached {
    /// Those in the module.
    linked: BTreeSet<String>,
    /// Those that run on this machine while it is built.
    host: BTreeSet<String>,
}

impl Reached {
    /// Follows the graph from the package itself; from all members where a workspace has no package of its own.
    fn from(packages: &[ResolvedPackage], resolve: &Resolve, members: Vec<String>) -> Self {
        let is_macro = |package: &&ResolvedPackage| {
            package.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "proc-macro"))
        };
        let macros: BTreeSet<&str> =
            packages.iter().filter(is_macro).map(|package| package.id.as_str()).collect();
        let nodes: BTreeMap<&str, &Node> =
            resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let roots = resolve.root.clone().map_or(members, |root| vec![root]);
        let mut reached = Self::default();
        let mut waiting: Vec<Step> = roots.into_iter().map(|id| Step { id, is_linked: true }).collect();
        while let Some(Step { id, is_linked }) = waiting.pop() {
            let node = nodes.get(id.as_str());
            let seen = if is_linked { &mut reached.linked } else { &mut reached.host };
            if !seen.insert(id) {
                continue;
            }
            for dependency in node.iter().flat_map(|node| &node.deps) {
                for DependencyKind { kind } in &dependency.dep_kinds {
                    let is_linked = match kind.as_deref() {
                        None => is_linked && !macros.contains(dependency.pkg.as_str()),
                        Some("build") => false,
                        Some(_) => continue,
                    };
                    waiting.push(Step { id: dependency.pkg.clone(), is_linked });
                }
            }
        }
        reached
    }

    fn has(&self, id: &str) -> bool {
        self.linked.contains(id) || self.host.contains(id)
    }
}

/// A crate that is to be looked at.
struct Step {
    id: String,
    is_linked: bool,
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
        {"id": "a 1", "name": "a", "version": "1.0.0", "manifest_path": "/a-1/Cargo.toml", "dependencies": [
          {"name": "b", "kind": null, "target": null},
          {"name": "c", "kind": null, "target": "cfg(unix)"},
          {"name": "d", "kind": "dev", "target": "cfg(unix)"}
        ]},
        {"id": "a 2", "name": "a", "version": "2.0.0", "manifest_path": "/a-2/Cargo.toml"},
        {"id": "b 1", "name": "b", "version": "0.1.0-rc.1", "manifest_path": "/b/Cargo.toml"},
        {"id": "m 1", "name": "m", "version": "1.0.0", "manifest_path": "/m/Cargo.toml",
         "targets": [{"kind": ["proc-macro"]}]},
        {"id": "n 1", "name": "n", "version": "1.0.0", "manifest_path": "/n/Cargo.toml"},
        {"id": "t 1", "name": "t", "version": "1.0.0", "manifest_path": "/t/Cargo.toml"},
        {"id": "u 1", "name": "u", "version": "1.0.0", "manifest_path": "/u/Cargo.toml"}
      ],
      "resolve": {"root": "own 1", "nodes": [
        {"id": "own 1", "features": ["default"], "deps": [
          {"pkg": "a 1", "dep_kinds": [{"kind": null}]},
          {"pkg": "a 2", "dep_kinds": [{"kind": "build"}, {"kind": "dev"}]},
          {"pkg": "b 1", "dep_kinds": [{"kind": "build"}, {"kind": null}]},
          {"pkg": "m 1", "dep_kinds": [{"kind": null}]},
          {"pkg": "t 1", "dep_kinds": [{"kind": "dev"}]},
          {"pkg": "gone 1", "dep_kinds": [{"kind": null}]}
        ]},
        {"id": "a 2", "features": ["x", "y"]},
        {"id": "m 1", "features": [], "deps": [{"pkg": "n 1", "dep_kinds": [{"kind": null}]}]},
        {"id": "t 1", "features": [], "deps": [{"pkg": "u 1", "dep_kinds": [{"kind": null}]}]}
      ]},
      "workspace_root": "/w"
    }"#;

    #[test]
    fn the_graph_has_each_version_of_a_crate_with_its_features_and_none_of_tests_alone() {
        let graph = Graph::parse(METADATA).unwrap();
        let lines = graph.crates.iter().map(|one| {
            let [features, calls, elsewhere] =
                [&one.features, &one.dependencies, &one.elsewhere].map(|list| list.join(","));
            let place = if one.is_linked { "linked" } else { "host" };
            let path = one.manifest.display();
            format!(
                "{} {} {place} [{features}] calls [{calls}] elsewhere [{elsewhere}] {path}",
                one.name, one.version
            )
        });
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @"
        own 1.0.0 linked [default] calls [a,b,m] elsewhere [] /w/own/Cargo.toml
        a 1.0.0 linked [] calls [] elsewhere [c] /a-1/Cargo.toml
        a 2.0.0 host [x,y] calls [] elsewhere [] /a-2/Cargo.toml
        b 0.1.0-rc.1 linked [] calls [] elsewhere [] /b/Cargo.toml
        m 1.0.0 host [] calls [n] elsewhere [] /m/Cargo.toml
        n 1.0.0 host [] calls [] elsewhere [] /n/Cargo.toml
        ");
        assert_eq!(graph.workspace, Path::new("/w"));
        assert_eq!(graph.find("a").unwrap().version, Version::new(1, 0, 0));
        assert!(graph.find("gone").is_none());
    }

    #[test]
    fn a_workspace_without_a_package_of_its_own_has_what_its_members_need() {
        let members = METADATA
            .replace(r#""root": "own 1""#, r#""root": null"#)
            .replace(r#""workspace_root""#, r#""workspace_members": ["own 1", "t 1"], "workspace_root""#);
        let graph = Graph::parse(&members).unwrap();
        assert!(["own", "t", "u"].iter().all(|name| graph.find(name).is_some_and(|found| found.is_linked)));
    }

    #[test]
    fn crates_of_another_graph_are_added_once_a_version() {
        let mut graph = Graph::parse(METADATA).unwrap();
        let known = graph.crates.len();
        let other = METADATA.replace(r#""b", "version": "0.1.0-rc.1""#, r#""b", "version": "0.2.0""#);
        graph.add(Graph::parse(&other).unwrap());
        let added: Vec<String> =
            graph.crates[known..].iter().map(|one| format!("{} {}", one.name, one.version)).collect();
        assert_eq!(added, ["b 0.2.0"]);
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
