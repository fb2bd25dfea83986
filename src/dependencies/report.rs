//! Trees of requirements as one document for machines: `docs/schemas/deps.json`.

use serde::Serialize;

use super::{Node, Origin, substitutes};
use crate::document::{ErrorDocument, VERSION};
use crate::runtime::Runtime;
use crate::wheel::metadata::Metadata;

/// The document.
#[derive(Debug, Serialize)]
pub struct DependencyReport {
    version: u32,
    /// One tree a release.
    packages: Vec<DependencyTree>,
    /// What ended the command before its end.
    error: Option<ErrorDocument>,
}

impl DependencyReport {
    /// The report of what there is, and of what ended the command.
    pub fn new(packages: Vec<DependencyTree>, error: Option<&anyhow::Error>) -> Self {
        Self { version: VERSION, packages, error: error.map(ErrorDocument::of) }
    }
}

/// One release's tree in the JSON document.
#[derive(Debug, Serialize)]
pub struct DependencyTree {
    package: String,
    version: String,
    pyodide: String,
    requires: Vec<Branch>,
}

#[derive(Debug, Serialize)]
struct Branch {
    requirement: String,
    name: String,
    /// `at hand`, `release`, `pure`, `index` (a wheel for Pyodide on the package index) or `missing`.
    origin: &'static str,
    /// The version, or why it is missing.
    detail: String,
    note: Option<String>,
    requires: Vec<Branch>,
}

impl DependencyTree {
    /// The document of one tree.
    pub fn new(runtime: &Runtime, package: &Metadata, requires: &[Node]) -> Self {
        Self {
            package: package.name.clone(),
            version: package.version.to_string(),
            pyodide: runtime.version.to_string(),
            requires: requires.iter().map(|node| Branch::new(runtime, node)).collect(),
        }
    }
}

impl Branch {
    fn new(runtime: &Runtime, node: &Node) -> Self {
        let (origin, detail) = match &node.origin {
            Origin::AtHand(version) => ("at hand", version.to_string()),
            Origin::Release(version) => ("release", version.clone()),
            Origin::Index(file, _) if file.is_pure => ("pure", file.version.to_string()),
            Origin::Index(file, _) => ("index", file.version.to_string()),
            Origin::Missing(missing) => ("missing", missing.to_string()),
        };
        Self {
            requirement: node.requirement.clone(),
            name: node.name.clone(),
            origin,
            detail,
            note: substitutes::note(&node.name, runtime),
            requires: node.requires.iter().map(|node| Self::new(runtime, node)).collect(),
        }
    }
}
