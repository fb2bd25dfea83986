//! `deps`: what a package requires inside a release, and where it comes from there.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::overlays::{self, OverlayArguments};
use super::{RuntimeList, Session, Voice, runtime_list, runtimes};
use crate::build::{BuildFolder, HostPython, Workshop, metadata};
use crate::cache::Cache;
use crate::dependencies::{Node, Origin, Resolver, substitutes};
use crate::env::Environment;
use crate::error::{EXIT_FAILED, Result};
use crate::runtime::Runtime;
use crate::runtime::releases::Network;
use crate::source::{self, SourceRequest};
use crate::ui::Ui;
use crate::wheel::metadata::Metadata;
use crate::wheel::{WheelContents, requirements};

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide deps dist/x-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl
  cargo pyodide deps tiktoken==0.14.0 --pyodide 0.29,314
  cargo pyodide deps . --with dist/y-2.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl

Each requirement that applies in the release is looked for as micropip does: among the wheels at hand, in the release,
then as a pure wheel on the package index. What is missing is looked into: whether `cargo pyodide build` can build it.

Exit codes:
  0  everything can be had
  1  something is missing
  2  it could not be found out";

/// Show where a package's requirements come from inside Pyodide
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct DepsArguments {
    /// A wheel, a folder, an sdist, NAME, NAME==VERSION or git+URL@REV
    #[arg(value_name = "WHEEL|SOURCE", default_value = ".")]
    package: String,
    /// The Pyodide releases or lines; repeatable [default: the newest stable line]
    #[arg(long, value_name = "VERSION", value_parser = runtime_list)]
    pyodide: Vec<RuntimeList>,
    /// A wheel that is at hand; repeatable
    #[arg(long = "with", value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    #[command(flatten)]
    overlays: OverlayArguments,
    /// Use only what is in the cache
    #[arg(long)]
    offline: bool,
    /// Print one JSON document instead of trees
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    voice: Voice,
}

/// Runs the command.
pub(super) fn run(environment: &Environment, cache: &Cache, arguments: &DepsArguments) -> Result<u8> {
    let network = if arguments.offline { Network::Forbidden } else { Network::Allowed };
    let ui = arguments.voice.ui();
    let session = Session { ui, environment, cache, network };
    let python = HostPython::find((ui, environment), None)?;
    let workshop = session.workshop(&python);
    let mut trees = Vec::new();
    for runtime in runtimes(session, &arguments.pyodide)? {
        let package = package(workshop, arguments, &runtime)?;
        let spinner = ui.spinner("asking the package index");
        let requires = Resolver::new(&runtime, &arguments.wheels, workshop.access())?.tree(&package)?;
        drop(spinner);
        trees.push((runtime, package, requires));
    }
    let is_missing = |node: &&Node| matches!(node.origin, Origin::Missing(_));
    let missing = trees.iter().flat_map(|(_, _, nodes)| nodes).flat_map(Node::all).filter(is_missing).count();
    if arguments.json {
        let entries = trees.iter().map(|(runtime, package, requires)| Entry::new(runtime, package, requires));
        ui.data(serde_json::to_string_pretty(&entries.collect::<Vec<_>>())?)?;
    } else {
        for (runtime, package, requires) in &trees {
            ui.data(format!("{} {} in Pyodide {}", package.name, package.version, runtime.version))?;
            show((ui, runtime), requires, "")?;
        }
    }
    Ok(if missing == 0 { 0 } else { EXIT_FAILED })
}

/// The package's metadata, as overlays leave it.
fn package(workshop: Workshop<'_>, arguments: &DepsArguments, runtime: &Runtime) -> Result<Metadata> {
    if arguments.package.ends_with(".whl") {
        return Metadata::of(&WheelContents::open(arguments.package.as_ref())?);
    }
    let request: SourceRequest = arguments.package.parse()?;
    let source = source::find(&request, workshop.access())?;
    let folder = BuildFolder::open(workshop, &source)?;
    let tree = folder.tree(&source)?;
    let changes = overlays::changes(workshop, (&arguments.overlays, &tree), runtime)?;
    let text = metadata::of_tree(workshop, &tree, &folder)?;
    let (text, _) = requirements::rewrite(&text, &changes.dependencies)?;
    if text.trim().is_empty() {
        bail!("`{}` has no metadata", source.origin());
    }
    text.parse()
}

fn show((ui, runtime): (Ui, &Runtime), nodes: &[Node], indent: &str) -> Result<()> {
    for (number, node) in nodes.iter().enumerate() {
        let is_last = number + 1 == nodes.len();
        let (branch, below) = if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
        let mut line = format!("{indent}{branch}{}: {}", node.requirement, said(&node.origin));
        if node.is_repeated {
            line += " (see above)";
        }
        if let Some(note) = substitutes::note(&node.name, runtime) {
            line.push_str("; ");
            line.push_str(&note);
        }
        ui.data(line)?;
        show((ui, runtime), &node.requires, &format!("{indent}{below}"))?;
    }
    Ok(())
}

fn said(origin: &Origin) -> String {
    match origin {
        Origin::AtHand(version) => format!("{version}, a wheel at hand"),
        Origin::Release(version) => format!("{version}, part of the release"),
        Origin::Pure(file, _) => format!("{}, pure on the package index", file.version),
        Origin::Missing(missing) => missing.to_string(),
    }
}

/// One release's tree in the JSON document.
#[derive(Serialize)]
struct Entry {
    package: String,
    version: String,
    pyodide: String,
    requires: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    requirement: String,
    name: String,
    /// `at hand`, `release`, `pure` or `missing`.
    origin: &'static str,
    /// The version, or why it is missing.
    detail: String,
    note: Option<String>,
    requires: Vec<Shown>,
}

impl Entry {
    fn new(runtime: &Runtime, package: &Metadata, requires: &[Node]) -> Self {
        Self {
            package: package.name.clone(),
            version: package.version.to_string(),
            pyodide: runtime.version.to_string(),
            requires: requires.iter().map(|node| Shown::new(runtime, node)).collect(),
        }
    }
}

impl Shown {
    fn new(runtime: &Runtime, node: &Node) -> Self {
        let (origin, detail) = match &node.origin {
            Origin::AtHand(version) => ("at hand", version.to_string()),
            Origin::Release(version) => ("release", version.clone()),
            Origin::Pure(file, _) => ("pure", file.version.to_string()),
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
