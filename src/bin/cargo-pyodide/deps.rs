//! `deps`: what a package requires inside a release, and where it comes from there.

use std::path::{Path, PathBuf};

use cargo_pyodide::building::metadata;
use cargo_pyodide::context::Context;
use cargo_pyodide::dependencies::report::{DependencyReport, DependencyTree};
use cargo_pyodide::dependencies::{Node, Origin, Resolver, substitutes};
use cargo_pyodide::error::{EXIT_FAILED, Result};
use cargo_pyodide::releases::request::{RuntimeList, runtimes};
use cargo_pyodide::runtime::Runtime;
use cargo_pyodide::source::{self, SourceRequest};
use cargo_pyodide::wheel::OpenedWheel;
use cargo_pyodide::wheel::metadata::Metadata;
use clap::Args;

use crate::commands::Session;
use crate::options::{HashOptions, IndexOptions, NetworkOptions, OverlayOptions, VerbosityOptions};
use crate::terminal::Terminal;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide deps dist/x-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl
  cargo pyodide deps tiktoken==0.14.0 --pyodide 0.29,314
  cargo pyodide deps . --index https://example.org/site/
  cargo pyodide deps . --with dist/y-2.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl

Each requirement that applies in the release is looked for as micropip does: among the wheels of `--with`, in the release,
then as a wheel on the package index, pure or for Pyodide. For what is missing it shows whether `cargo pyodide build`
can build it.

Exit codes:
  0  every requirement is available
  1  something is missing
  2  the package could not be examined";

/// Show where a package's requirements come from inside Pyodide
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DepsArguments {
    /// A wheel, a folder, an sdist, NAME, NAME==VERSION or git+URL@REV
    #[arg(value_name = "WHEEL|SOURCE", default_value = ".")]
    package: String,
    /// The Pyodide releases or lines; repeatable [default: the newest stable line]
    #[arg(long, value_name = "VERSION")]
    pyodide: Vec<RuntimeList>,
    /// A wheel that is installed with it; repeatable
    #[arg(long = "with", value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    #[command(flatten)]
    overlays: OverlayOptions,
    #[command(flatten)]
    index: IndexOptions,
    #[command(flatten)]
    hashes: HashOptions,
    #[command(flatten)]
    network: NetworkOptions,
    /// Print one JSON document instead of trees
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

/// A package's requirements inside a release.
struct PackageRequirements {
    runtime: Runtime,
    package: Metadata,
    requires: Vec<Node>,
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &DepsArguments) -> Result<u8> {
    let terminal = arguments.verbosity.terminal();
    let context = session
        .context(&terminal, arguments.network.network())
        .with_hashes(arguments.hashes.hashes())
        .with_first_indexes(arguments.index.addresses());
    let mut trees = Vec::new();
    let ended = resolve(&context, arguments, &mut trees).err();
    if arguments.json {
        let documents =
            trees.iter().map(|tree| DependencyTree::new(&tree.runtime, &tree.package, &tree.requires));
        terminal.json(&DependencyReport::new(documents.collect(), ended.as_ref()))?;
    } else if ended.is_none() {
        for PackageRequirements { runtime, package, requires } in &trees {
            terminal.data(format!("{} {} in Pyodide {}", package.name, package.version, runtime.version))?;
            show(&terminal, runtime, requires, "")?;
        }
    }
    let is_missing = |node: &Node| matches!(node.origin, Origin::Missing(_));
    let misses = trees.iter().flat_map(|tree| &tree.requires).flat_map(Node::all).any(is_missing);
    match ended {
        Some(error) => Err(error),
        None => Ok(if misses { EXIT_FAILED } else { 0 }),
    }
}

/// Resolves the package's requirements in all releases.
fn resolve(context: &Context, arguments: &DepsArguments, trees: &mut Vec<PackageRequirements>) -> Result<()> {
    let wheels: Vec<OpenedWheel> =
        arguments.wheels.iter().map(|path| OpenedWheel::open(path)).collect::<Result<_>>()?;
    for runtime in runtimes(context, &arguments.pyodide)? {
        let package = read_package(context, arguments, &runtime)?;
        let task = context.ui.task("asking the package index");
        let requires = Resolver::new(context, &runtime, &wheels)?.tree(&package)?;
        drop(task);
        trees.push(PackageRequirements { runtime, package, requires });
    }
    Ok(())
}

/// The package's metadata, as overlays leave it.
fn read_package(context: &Context, arguments: &DepsArguments, runtime: &Runtime) -> Result<Metadata> {
    // A wheel's metadata is final: overlays change what is built.
    if arguments.package.ends_with(".whl") {
        return Ok(OpenedWheel::open(arguments.package.as_ref())?.metadata().clone());
    }
    let request: SourceRequest = arguments.package.parse()?;
    source::refuse_namesake(&request, Path::new("."))?;
    let source = source::find(&request, context)?;
    metadata::read(context, &source, &arguments.overlays.request(), runtime)
}

fn show(terminal: &Terminal, runtime: &Runtime, nodes: &[Node], indent: &str) -> Result<()> {
    for (number, node) in nodes.iter().enumerate() {
        let is_last = number + 1 == nodes.len();
        let (branch, below) = if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
        let mut line = format!("{indent}{branch}{}: {}", node.requirement, describe(&node.origin));
        if node.is_repeated {
            line += " (see above)";
        }
        if let Some(note) = substitutes::note(&node.name, runtime) {
            line.push_str("; ");
            line.push_str(&note);
        }
        terminal.data(line)?;
        show(terminal, runtime, &node.requires, &format!("{indent}{below}"))?;
    }
    Ok(())
}

fn describe(origin: &Origin) -> String {
    match origin {
        Origin::AtHand(version) => format!("{version}, a given wheel"),
        Origin::Release(version) => format!("{version}, part of the release"),
        Origin::Index(file, _) if file.is_pure => format!("{}, pure on the package index", file.version),
        Origin::Index(file, _) => format!("{}, for Pyodide on the package index", file.version),
        Origin::Missing(missing) => missing.to_string(),
    }
}
