//! `doctor`: which of the tools that a build needs are installed, and how to get the others.

use std::path::{Path, PathBuf};

use cargo_pyodide::abi::TARGET;
use cargo_pyodide::cache::Kind;
use cargo_pyodide::context::{Context, Network};
use cargo_pyodide::error::{EXIT_FAILED, Result};
use cargo_pyodide::files::size_of_folder;
use cargo_pyodide::host_python;
use cargo_pyodide::process::{Invocation, find, look_up};
use cargo_pyodide::run::{NODE_ADVICE, node_version};
use cargo_pyodide::toolchain::{RustToolchain, c_compiler, linker, rust, sysroot, wasm_opt};
use cargo_pyodide::ui::Ui;
use clap::Args;

use crate::commands::{CACHE_LIMIT, Session};
use crate::options::VerbosityOptions;

const AFTER_HELP: &str = "\
Exit codes:
  0  `build` can work
  1  something that `build` needs is missing";

/// Show which tools were found, and how to get what is missing
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

/// Whether `build` works without a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

/// One row of the table.
struct ToolRow {
    tool: &'static str,
    need: Need,
    found: Result<(String, PathBuf), String>,
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &DoctorArguments) -> Result<u8> {
    let terminal = arguments.verbosity.terminal();
    let context = session.context(&terminal, Network::Allowed);
    let rows = rows(&context);
    let widest =
        rows.iter().filter_map(|row| row.found.as_ref().ok()).map(|(version, _)| version.len()).max();
    let width = widest.unwrap_or_default();
    for row in &rows {
        match &row.found {
            Ok((version, path)) => {
                terminal.data(format!("{:<10} {version:<width$}  {}", row.tool, path.display()))?;
            }
            Err(advice) => {
                let missing = if row.need == Need::Required { "missing" } else { "missing (optional)" };
                terminal.data(format!("{:<10} {missing}: {advice}", row.tool))?;
            }
        }
    }
    terminal.data(format!(
        "{:<10} {:<width$}  {}",
        "cache",
        cache_sizes(&context)?,
        context.cache.root().display()
    ))?;
    let is_lacking = rows.iter().any(|row| row.need == Need::Required && row.found.is_err());
    Ok(if is_lacking { EXIT_FAILED } else { 0 })
}

fn rows(context: &Context) -> Vec<ToolRow> {
    let Context { ui, environment, .. } = context;
    let toolchains = rust::find_all(context);
    let compiler = toolchains.first().map(|found| (found.version.to_string(), found.rustc.clone()));
    let wasm_ld = linker::find(context, &toolchains)
        .map(|found| (format!("LLVM {}", found.llvm), found.program))
        .map_err(|_| linker::ADVICE.to_owned());
    let node = find(environment, &["node", "nodejs"], NODE_ADVICE)
        .and_then(|path| Ok((node_version(ui, &path)?.to_string(), path)))
        .map_err(|_| NODE_ADVICE.to_owned());
    let python = context
        .python()
        .map(|python| (python.full_version.clone(), python.program.clone()))
        .map_err(|_| host_python::ADVICE.to_owned());
    let pip = python.as_ref().map_err(Clone::clone).and_then(|(_, program)| pip(ui, program));
    let clang = c_compiler::find(ui, environment)
        .map(|found| (format!("LLVM {}", found.llvm), found.clang))
        .map_err(|_| format!("for packages that compile C: {}", c_compiler::ADVICE));
    let optimizer = wasm_opt::find(context)
        .map(|found| (format!("Binaryen {}", found.version), found.program))
        .map_err(|error| format!("for smaller and faster modules; {error:#}: {}", wasm_opt::ADVICE));
    let row = |tool, need, found| ToolRow { tool, need, found };
    vec![
        row("rustc", Need::Required, compiler.ok_or_else(|| rust::ADVICE.to_owned())),
        row("std", Need::Required, standard_library(&toolchains)),
        row("wasm-ld", Need::Required, wasm_ld),
        row("wasm-opt", Need::Optional, optimizer),
        row("clang", Need::Optional, clang),
        row("python", Need::Required, python),
        // uv makes environments without pip.
        row("pip", if look_up(environment, "uv").is_some() { Need::Optional } else { Need::Required }, pip),
        row(
            "uv",
            Need::Optional,
            program(context, "uv", "faster build environments: https://docs.astral.sh/uv"),
        ),
        row("npm", Need::Required, program(context, "npm", "install npm (Debian: `apt-get install npm`)")),
        row("node", Need::Optional, node),
        row("git", Need::Optional, program(context, "git", "install git, to build `git+URL`")),
    ]
}

/// The first toolchain with a standard library for the target, or with the sources of one.
fn standard_library(toolchains: &[RustToolchain]) -> Result<(String, PathBuf), String> {
    let usable = |found: &&RustToolchain| found.has_prebuilt_std() || found.sources.is_some();
    let found = toolchains.iter().find(usable).ok_or_else(|| sysroot::ADVICE.to_owned())?;
    Ok(if found.has_prebuilt_std() {
        (format!("prebuilt {}", found.version), found.target_libraries(TARGET))
    } else {
        (format!("rust-src {}", found.version), found.sources.clone().unwrap_or_default())
    })
}

fn program(context: &Context, name: &str, advice: &str) -> Result<(String, PathBuf), String> {
    let path = look_up(&context.environment, name).ok_or_else(|| advice.to_owned())?;
    let printed =
        Invocation::new(&path).arg("--version").output(&context.ui).map_err(|error| format!("{error:#}"))?;
    let first = printed.stdout.lines().next().unwrap_or_default();
    let version =
        first.split(' ').find(|word| word.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(first);
    Ok((version.to_owned(), path))
}

fn pip(ui: &Ui, python: &Path) -> Result<(String, PathBuf), String> {
    let printed = Invocation::new(python).args(["-m", "pip", "--version"]).output(ui);
    let printed =
        printed.map_err(|_| "install pip (Debian: `apt-get install python3-pip`), or uv".to_owned())?;
    Ok((printed.stdout.split(' ').nth(1).unwrap_or("?").to_owned(), python.to_owned()))
}

/// What the cache holds, and what it may hold.
fn cache_sizes(context: &Context) -> Result<String> {
    let cache = &context.cache;
    let sizes: Vec<String> = Kind::ALL
        .into_iter()
        .map(|kind| (kind.name(), size_of_folder(&cache.folder(kind)) / 1_000_000))
        .filter(|(_, megabytes)| *megabytes > 0)
        .map(|(name, megabytes)| format!("{name} {megabytes} MB"))
        .collect();
    let sizes = if sizes.is_empty() { "empty".to_owned() } else { sizes.join(", ") };
    let limit = context.environment.size(CACHE_LIMIT)?;
    Ok(limit.map_or(sizes.clone(), |limit| format!("{sizes} (at most {} MB)", limit / 1_000_000)))
}
