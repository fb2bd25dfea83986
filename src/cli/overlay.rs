//! `overlay init`: a commented overlay for a package, from what is known of it.

use std::fmt::Write as _;

use clap::{Args, Subcommand};

use super::compatibility::{self, CargoLock};
use super::overlays::{self, OverlayArguments};
use super::{RuntimeList, Session, Voice, runtime_list, runtimes};
use crate::build::{self, BuildFolder, HostPython, Workshop, metadata};
use crate::cache::Cache;
use crate::dependencies::{Node, Origin, Resolver, substitutes};
use crate::env::Environment;
use crate::error::Result;
use crate::project::Project;
use crate::runtime::Runtime;
use crate::runtime::releases::Network;
use crate::source::{self, SourceRequest};
use crate::wheel::metadata::Metadata;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide overlay init tiktoken==0.14.0 > tiktoken.toml
  cargo pyodide build tiktoken==0.14.0 --overlay tiktoken.toml
  cargo pyodide overlay init . >> pyproject.toml       after changing `[x]` to `[tool.cargo-pyodide.x]`

The overlay says what was found: requirements that are missing, crates that need something on this target, whether
a panic ends the interpreter. What may help is there as a comment. docs/overlays.md has all keys.

Exit codes:
  0  done
  2  it could not be found out";

/// Write overlays
#[derive(Debug, Args)]
pub(super) struct OverlayCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Init(InitArguments),
}

/// Print a commented overlay for a package
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
struct InitArguments {
    /// A folder, an sdist, NAME, NAME==VERSION or git+URL@REV
    #[arg(default_value = ".")]
    source: SourceRequest,
    /// The Pyodide release or line that is asked [default: the newest stable line]
    #[arg(long, value_name = "VERSION", value_parser = runtime_list)]
    pyodide: Option<RuntimeList>,
    /// Use only what is in the cache
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    voice: Voice,
}

/// Runs the command.
pub(super) fn run(environment: &Environment, cache: &Cache, command: &OverlayCommand) -> Result<u8> {
    let Action::Init(arguments) = &command.action;
    let network = if arguments.offline { Network::Forbidden } else { Network::Allowed };
    let ui = arguments.voice.ui();
    let python = HostPython::find((ui, environment), None)?;
    let session = Session { ui, environment, cache, network };
    let workshop = session.workshop(&python);
    let lists: Vec<RuntimeList> = arguments.pyodide.iter().cloned().collect();
    for runtime in runtimes(session, &lists)?.iter().take(1) {
        ui.data(overlay(workshop, arguments, runtime)?.trim_end())?;
    }
    Ok(0)
}

fn overlay(workshop: Workshop<'_>, arguments: &InitArguments, runtime: &Runtime) -> Result<String> {
    let source = source::find(&arguments.source, workshop.access())?;
    let folder = BuildFolder::open(workshop, &source)?;
    let tree = folder.tree(&source)?;
    let project = Project::read(&tree)?;
    let package: Metadata = metadata::of_tree(workshop, &tree, &folder)?.parse()?;
    let requires = Resolver::new(runtime, &[] as &[&str], workshop.access())?.tree(&package)?;
    let mut text = format!(
        "# What is changed in {} {} for Pyodide, as seen from {}. Lines are comments until you want them.\n",
        package.name, package.version, runtime.version
    );
    text += &dependencies(&requires, runtime);
    text += &cargo(workshop, &project, runtime)?;
    text += "\n[test]\n# requires = [\"hypothesis\"]\n# deselect = { \"tests/test_x.py::test_threads\" = \"needs threads\" }\n";
    Ok(text)
}

fn dependencies(requires: &[Node], runtime: &Runtime) -> String {
    let mut text = "\n[dependencies]\n".to_owned();
    let mut names = Vec::new();
    for node in requires {
        let note = substitutes::note(&node.name, runtime);
        let missing = match &node.origin {
            Origin::Missing(missing) => Some(missing.to_string()),
            _ => node.all().iter().find_map(|below| match &below.origin {
                Origin::Missing(missing) => {
                    Some(format!("it requires `{}`, which is {missing}", below.requirement))
                }
                _ => None,
            }),
        };
        for said in missing.iter().chain(&note) {
            let _ = writeln!(text, "# `{}`: {said}", node.requirement);
        }
        if missing.is_some() || note.is_some() {
            names.push(format!("\"{}\"", node.name));
        }
    }
    if names.is_empty() {
        text += "# Every requirement can be had in this release.\n";
    }
    let shown = if names.is_empty() { "\"requests\"".to_owned() } else { names.join(", ") };
    let _ = writeln!(text, "# optional = {{ extra-name = [{shown}] }}\n# remove = [{shown}]");
    text
}

fn cargo(workshop: Workshop<'_>, project: &Project, runtime: &Runtime) -> Result<String> {
    let mut text = "\n[cargo]\n".to_owned();
    let toolchain = build::toolchain_for(workshop, project, runtime)?;
    let lock = CargoLock::OfTheUser;
    if let Some(graph) = compatibility::graph(workshop, project, (&toolchain.rust, &[]), lock)? {
        let recipes = overlays::crate_recipes(&OverlayArguments::default())?;
        for fitting in overlays::fitting(&graph, &recipes) {
            let _ = writeln!(text, "# Applied without your doing: {}", fitting.line());
        }
    }
    if project.aborts_on_panic() {
        text += "# The release profile aborts on panic: a Rust panic would end the whole interpreter.\n# profile = { panic = \"unwind\" }\n";
    }
    text += "# no-default-features = true\n# features = [\"python\"]\n# update = [\"mio\"]\n# rustflags = [\"--cfg\", \"small\"]\n";
    Ok(text)
}
