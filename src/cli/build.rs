//! `build`: from a package's name, archive, folder or repository to wheels.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::anyhow;
use clap::Args;

use super::order::{CargoArguments, Order};
use super::overlays::OverlayArguments;
use super::report::{self, Outcome, Report};
use super::{RuntimeList, Session, Voice, runtime_list, runtimes};
use crate::build::{Clock, HostPython};
use crate::cache::Cache;
use crate::dependencies::missing::Missing;
use crate::dependencies::{Node, Origin, Resolver};
use crate::env::Environment;
use crate::error::Result;
use crate::runtime::releases::Network;
use crate::runtime::{Runtime, TagChoice};
use crate::source::{self, SourceRequest};
use crate::wasm::strip::Names;
use crate::wheel::WheelContents;
use crate::wheel::metadata::Metadata;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide build                                 the package in this folder
  cargo pyodide build tiktoken                        the newest tiktoken that has an sdist
  cargo pyodide build tiktoken==0.14.0 --pyodide 0.29,314
  cargo pyodide build ./rpds_py-2026.9.1.tar.gz --out-dir wheels
  cargo pyodide build git+https://example.org/me/package@v1.2

  cargo pyodide build . --pyodide '>=0.26'             one wheel for each line from 0.26 on
  cargo pyodide build . --pyodide 0.29 --for-index    tagged for the Python package index
  cargo pyodide build . --with-deps                    and what it requires that has a Rust core
  cargo pyodide build . --overlay changes.toml         with what the file changes (docs/overlays.md)

Prints the path of each finished wheel on stdout. With several releases a table closes the run, and whether each
extension module loads in its release is tried on Node.

Exit codes:
  0  every wheel was built and will load
  1  a wheel was built that would not load; it is not kept
  2  a wheel could not be built";

/// Build wheels for Pyodide
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct BuildArguments {
    /// A folder, an sdist, NAME, NAME==VERSION or git+URL@REV
    #[arg(default_value = ".")]
    source: SourceRequest,
    /// The Pyodide releases or lines to build for: `0.29`, `0.29.4`, `0.29,314`, `>=0.26`, `all`, or the folder of one; repeatable [default: the newest stable line]
    #[arg(long, value_name = "VERSION", value_parser = runtime_list)]
    pyodide: Vec<RuntimeList>,
    /// Where the wheels go
    #[arg(long, value_name = "FOLDER", default_value = "dist")]
    out_dir: PathBuf,
    /// The host's Python that runs the build back end [default: python3]
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    #[command(flatten)]
    cargo: CargoArguments,
    #[command(flatten)]
    overlays: OverlayArguments,
    /// The platform tag of the wheels, if not the one that the whole line installs
    #[arg(long, value_name = "TAG", conflicts_with = "for_index")]
    tag: Option<String>,
    /// Give the wheels the tag that the Python package index takes
    #[arg(long)]
    for_index: bool,
    /// Build what the package requires, too, if it is missing from the release and has a Rust core
    #[arg(long, conflicts_with = "offline")]
    with_deps: bool,
    /// Leave the names of functions in the modules, for `audit --size` and for traces
    #[arg(long)]
    keep_names: bool,
    /// Use only what is in the cache
    #[arg(long)]
    offline: bool,
    /// Print one JSON document instead of paths
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    voice: Voice,
}

impl BuildArguments {
    fn tag_choice(&self) -> TagChoice {
        match (&self.tag, self.for_index) {
            (Some(tag), _) => TagChoice::Named(tag.clone()),
            (None, true) => TagChoice::Index,
            (None, false) => TagChoice::Line,
        }
    }
}

/// Builds one package for one runtime, and prints the wheel's path.
fn built<'a>(order: &Order<'_>, runtime: &'a Runtime, arguments: &BuildArguments) -> Result<Outcome<'a>> {
    let started = Instant::now();
    let built = order.build(runtime);
    if let (Ok(Ok(wheel)), false) = (&built, arguments.json) {
        order.workshop.ui.data(wheel.summary.wheel.display())?;
    }
    Ok(Outcome { runtime, built, seconds: started.elapsed().as_secs_f64() })
}

/// Builds what a wheel requires, is missing and has a Rust core; and what that requires.
fn add_dependencies<'a>(
    order: &Order<'_>,
    (runtime, arguments): (&'a Runtime, &BuildArguments),
    (outcomes, first): (&mut Vec<Outcome<'a>>, usize),
) -> Result<()> {
    let (ui, access) = (order.workshop.ui, order.workshop.access());
    let mut tried: Vec<String> = Vec::new();
    loop {
        let wheels =
            outcomes[first..].iter().filter_map(|outcome| outcome.built.as_ref().ok()?.as_ref().ok());
        let paths: Vec<PathBuf> = wheels.map(|wheel| wheel.summary.wheel.clone()).collect();
        let Some(package) = paths.first() else { return Ok(()) };
        let package = Metadata::of(&WheelContents::open(package)?)?;
        let tree = Resolver::new(runtime, &paths, access)?.tree(&package)?;
        let mut next = None;
        for node in tree.iter().flat_map(Node::all) {
            let Origin::Missing(missing) = &node.origin else { continue };
            if tried.contains(&node.name) {
                continue;
            }
            tried.push(node.name.clone());
            if let Missing::Rust { source, .. } = missing {
                next = Some(source.clone());
                break;
            }
            ui.warn(format!("`{}` is not built: {missing}", node.requirement));
        }
        let Some(source) = next else { return Ok(()) };
        let request: SourceRequest = source.parse().map_err(|error| anyhow!("`{source}`: {error}"))?;
        let source = source::find(&request, access)?;
        let (cargo, overlays) = (CargoArguments::default(), order.overlays.recipes_alone());
        let tag = order.tag.clone();
        let dependency = Order { source: &source, cargo: &cargo, overlays: &overlays, tag, ..*order };
        outcomes.push(built(&dependency, runtime, arguments)?);
    }
}

/// Runs the command.
pub(super) fn run(environment: &Environment, cache: &Cache, arguments: &BuildArguments) -> Result<u8> {
    let network = if arguments.offline { Network::Forbidden } else { Network::Allowed };
    let ui = arguments.voice.ui();
    let session = Session { ui, environment, cache, network };
    let mut clock = Clock::default();
    let python = HostPython::find((ui, environment), arguments.python.as_deref())?;
    let runtimes = runtimes(session, &arguments.pyodide)?;
    let tag = arguments.tag_choice();
    for runtime in &runtimes {
        runtime.platform_tag(&tag)?;
    }
    clock.step("runtime");
    let workshop = session.workshop(&python);
    let source = source::find(&arguments.source, workshop.access())?;
    clock.step("source");
    let names = if arguments.keep_names { Names::Kept } else { Names::Dropped };
    let order = Order {
        workshop,
        source: &source,
        cargo: &arguments.cargo,
        overlays: &arguments.overlays,
        tag,
        names,
        out: &arguments.out_dir,
    };
    let mut outcomes = Vec::new();
    for runtime in &runtimes {
        let first = outcomes.len();
        outcomes.push(built(&order, runtime, arguments)?);
        if arguments.with_deps {
            add_dependencies(&order, (runtime, arguments), (&mut outcomes, first))?;
        }
    }
    // With one wheel its error is the command's own; with several the others are still built.
    if let [Outcome { built: Err(_), .. }] = &outcomes[..]
        && let Some(Outcome { built: Err(error), .. }) = outcomes.pop()
    {
        return Err(error);
    }
    let status = report::conclude((ui, environment), &outcomes);
    if arguments.json {
        let wheels = outcomes.into_iter().filter_map(|outcome| outcome.built.ok()?.ok());
        ui.data(serde_json::to_string_pretty(&Report::new(&source, clock, wheels.collect()))?)?;
    }
    Ok(status)
}
