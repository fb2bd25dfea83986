//! `overlay init`: a commented overlay for a package, from what is known of it.

use std::fmt::Write as _;
use std::path::Path;

use cargo_pyodide::building::{self, OpenedSource, OverlayRequest, crates};
use cargo_pyodide::context::Context;
use cargo_pyodide::dependencies::{Node, Origin, Resolver, substitutes};
use cargo_pyodide::error::Result;
use cargo_pyodide::project::Project;
use cargo_pyodide::releases::request::{RuntimeList, runtimes};
use cargo_pyodide::runtime::Runtime;
use cargo_pyodide::source::{self, SourceRequest};
use cargo_pyodide::wheel::metadata::Metadata;
use clap::{Args, Subcommand};

use crate::commands::Session;
use crate::options::{NetworkOptions, VerbosityOptions};

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide overlay init tiktoken==0.14.0 > tiktoken.toml
  cargo pyodide build tiktoken==0.14.0 --overlay tiktoken.toml
  cargo pyodide overlay init . >> pyproject.toml       after changing `[x]` to `[tool.cargo-pyodide.x]`

The overlay lists what the tool finds: requirements that are missing, crates that need something on this target, whether
a panic ends the interpreter. Settings that may help are comments. docs/overlays.md has all keys.

Exit codes:
  0  done
  2  the package could not be examined";

/// Write overlays
#[derive(Debug, Args)]
pub(crate) struct OverlayCommand {
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
    /// The Pyodide release or line to check against [default: the newest stable line]
    #[arg(long, value_name = "VERSION")]
    pyodide: Option<RuntimeList>,
    #[command(flatten)]
    network: NetworkOptions,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

/// Runs the command.
pub(crate) fn run(session: &Session, command: &OverlayCommand) -> Result<u8> {
    let Action::Init(arguments) = &command.action;
    source::refuse_namesake(&arguments.source, Path::new("."))?;
    let terminal = arguments.verbosity.terminal();
    let context = session.context(&terminal, arguments.network.network());
    let lists: Vec<RuntimeList> = arguments.pyodide.iter().cloned().collect();
    for runtime in runtimes(&context, &lists)?.iter().take(1) {
        terminal.document(overlay(&context, arguments, runtime)?.trim_end())?;
    }
    Ok(0)
}

fn overlay(context: &Context, arguments: &InitArguments, runtime: &Runtime) -> Result<String> {
    let source = source::find(&arguments.source, context)?;
    let opened = OpenedSource::open(context, &source)?;
    let project = Project::read(&opened.tree().path, &opened.tree().pyproject)?;
    let package: Metadata = opened.metadata_text(context)?.parse()?;
    let requires = Resolver::new(context, runtime, &[])?.tree(&package)?;
    let mut text = format!(
        "# What is changed in {} {} for Pyodide, as seen from {}. Lines are comments until you want them.\n",
        package.name, package.version, runtime.version
    );
    text += &dependencies(&requires, runtime);
    text += &cargo(context, &project, runtime)?;
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
        text += "# Every requirement is available in this release.\n";
    }
    let shown = if names.is_empty() { "\"requests\"".to_owned() } else { names.join(", ") };
    let _ = writeln!(text, "# optional = {{ extra-name = [{shown}] }}\n# remove = [{shown}]");
    text
}

fn cargo(context: &Context, project: &Project, runtime: &Runtime) -> Result<String> {
    let mut text = "\n[cargo]\n".to_owned();
    let toolchain = building::choose_toolchain(context, project, runtime)?;
    // A graph that cannot be read is no error here: the build reports it.
    let features = project.features.arguments(runtime.python);
    if let Ok(Some(graph)) = crates::ask_graph(context, project, &toolchain.rust, &features) {
        let recipes = crates::crate_recipes(&OverlayRequest::default())?;
        for matched in crates::match_rules(&graph, &recipes) {
            let _ = writeln!(text, "# Applied without your doing: {}", matched.line());
        }
        if crates::aborts_on_panic(context, project, &graph) {
            text += "# The release profile aborts on panic: a Rust panic would end the whole interpreter.\n# profile = { panic = \"unwind\" }\n";
        }
    }
    text += "# no-default-features = true\n# features = [\"python\"]\n# update = [\"mio\"]\n# rustflags = [\"--cfg\", \"small\"]\n";
    Ok(text)
}
