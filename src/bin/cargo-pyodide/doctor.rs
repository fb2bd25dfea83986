//! `doctor`: which of the tools that a build needs are installed, and how to get the others.

use std::path::{Path, PathBuf};

use cargo_pyodide::abi::{Contract, ExceptionModel, LAST_LINE_WITH_JAVASCRIPT, TARGET, facts_of, line_facts};
use cargo_pyodide::cache::Kind;
use cargo_pyodide::context::{Context, Network};
use cargo_pyodide::error::{EXIT_FAILED, Result, hint_of};
use cargo_pyodide::files::size_of_folder;
use cargo_pyodide::host_python;
use cargo_pyodide::process::{Invocation, find, look_up};
use cargo_pyodide::run::{BROWSER_ADVICE, NODE_ADVICE, find_browser, node_version};
use cargo_pyodide::toolchain::{self, Candidate, LibrarySource, c_compiler, linker, rust, wasm_opt};
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
    /// The tool, or how to get it.
    found: Result<FoundTool, String>,
}

/// A tool that was found.
struct FoundTool {
    version: String,
    path: PathBuf,
    /// Why this one, where there is a choice.
    reason: Option<String>,
}

impl FoundTool {
    fn new(version: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { version: version.into(), path: path.into(), reason: None }
    }
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &DoctorArguments) -> Result<u8> {
    let terminal = arguments.verbosity.terminal();
    let context = session.context(&terminal, Network::Allowed);
    let rows = rows(&context);
    let widest = rows.iter().filter_map(|row| row.found.as_ref().ok()).map(|found| found.version.len()).max();
    let width = widest.unwrap_or_default();
    for row in &rows {
        match &row.found {
            Ok(FoundTool { version, path, reason }) => {
                let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                terminal.data(format!("{:<10} {version:<width$}  {}{reason}", row.tool, path.display()))?;
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
    let wasm_ld = linker::find(context, &rust::find_all(context))
        .map(|found| FoundTool::new(format!("LLVM {}", found.llvm), found.program))
        .map_err(|_| linker::ADVICE.to_owned());
    let node = find(environment, &["node", "nodejs"], NODE_ADVICE)
        .and_then(|path| Ok(FoundTool::new(node_version(ui, &path)?.to_string(), path)))
        .map_err(|_| NODE_ADVICE.to_owned());
    let python = context
        .python()
        .map(|python| FoundTool::new(&*python.full_version, &python.program))
        .map_err(|_| host_python::ADVICE.to_owned());
    let pip = python.as_ref().map_err(Clone::clone).and_then(|python| pip(ui, &python.path));
    let clang = c_compiler::find(ui, environment)
        .map(|found| FoundTool::new(format!("LLVM {}", found.llvm), found.clang))
        .map_err(|_| format!("for packages that compile C: {}", c_compiler::ADVICE));
    let optimizer = wasm_opt::find(context)
        .map(|found| FoundTool::new(format!("Binaryen {}", found.version), found.program))
        .map_err(|error| format!("for smaller and faster modules; {error:#}: {}", wasm_opt::ADVICE));
    let browser = find_browser(environment)
        .map_err(|_| BROWSER_ADVICE.to_owned())
        .and_then(|path| version_of(context, &path));
    let row = |tool, need, found| ToolRow { tool, need, found };
    let mut rows = rust_rows(context);
    rows.extend([
        row("wasm-ld", Need::Required, wasm_ld),
        row("wasm-opt", Need::Optional, optimizer),
        row("clang", Need::Optional, clang),
        row("cmake", Need::Optional, program(context, "cmake", CMAKE_ADVICE)),
        row("make", Need::Optional, program(context, "make", MAKE_ADVICE)),
        row("python", Need::Required, python),
        // uv makes environments without pip.
        row("pip", if look_up(environment, "uv").is_some() { Need::Optional } else { Need::Required }, pip),
        row("uv", Need::Optional, program(context, "uv", UV_ADVICE)),
        row("npm", Need::Required, program(context, "npm", "install npm (Debian: `apt-get install npm`)")),
        row("node", Need::Optional, node),
        row("browser", Need::Optional, browser),
        row("git", Need::Optional, program(context, "git", "install git, to build `git+URL`")),
    ]);
    rows
}

const CMAKE_ADVICE: &str = "for crates that build C with CMake: install it (Debian: `apt-get install cmake`)";
const MAKE_ADVICE: &str = "for crates that build C with make: install it (Debian: `apt-get install make`)";
const UV_ADVICE: &str = "faster build environments: https://docs.astral.sh/uv";

/// What compiles Rust: for the newest line, and for those whose exceptions go through JavaScript, which other compilers may
/// serve.
fn rust_rows(context: &Context) -> Vec<ToolRow> {
    let newest = line_facts().into_iter().filter_map(|(_, facts)| facts.emscripten).next_back();
    let older = LAST_LINE_WITH_JAVASCRIPT.parse().ok().and_then(facts_of).and_then(|facts| facts.emscripten);
    let find = |emscripten: Option<String>, exceptions| {
        let emscripten =
            emscripten.and_then(|version| version.parse().ok()).ok_or_else(|| rust::ADVICE.to_owned())?;
        let found = toolchain::find(context, Contract { exceptions, emscripten });
        found.map_err(|error| hint_of(&error).unwrap_or(rust::ADVICE).to_owned())
    };
    let compiler = |found: &Candidate| FoundTool {
        reason: Some(found.reason()),
        ..FoundTool::new(found.rust.version.to_string(), &found.rust.rustc)
    };
    let newest = find(newest, ExceptionModel::WasmLegacy);
    let older = find(older, ExceptionModel::JavaScript);
    let cargo = newest.as_ref().map_err(Clone::clone).and_then(|found| {
        let tool = version_of(context, &found.rust.cargo)?;
        let is_own = rust::find_own_cargo(&context.environment).is_some();
        let reason = if is_own { "the variable `CARGO` names it" } else { "found beside the compiler" };
        Ok(FoundTool { reason: Some(reason.to_owned()), ..tool })
    });
    let library = newest.as_ref().map(|found| match &found.library {
        LibrarySource::Prebuilt => {
            FoundTool::new(format!("prebuilt {}", found.rust.version), found.rust.target_libraries(TARGET))
        }
        LibrarySource::Sources(sources) => {
            FoundTool::new(format!("rust-src {}", found.rust.version), sources)
        }
    });
    let older = older.as_ref().map(compiler).map_err(|advice| format!("for Pyodide 0.21 to 0.27: {advice}"));
    let row = |tool, need, found| ToolRow { tool, need, found };
    vec![
        row("rustc", Need::Required, newest.as_ref().map(compiler).map_err(Clone::clone)),
        row("cargo", Need::Required, cargo),
        row("std", Need::Required, library.map_err(Clone::clone)),
        row("rustc 0.27", Need::Optional, older),
    ]
}

fn program(context: &Context, name: &str, advice: &str) -> Result<FoundTool, String> {
    version_of(context, &look_up(&context.environment, name).ok_or_else(|| advice.to_owned())?)
}

/// The version that a program prints.
fn version_of(context: &Context, path: &Path) -> Result<FoundTool, String> {
    let printed =
        Invocation::new(path).arg("--version").output(&context.ui).map_err(|error| format!("{error:#}"))?;
    let first = printed.stdout.lines().next().unwrap_or_default();
    let version =
        first.split(' ').find(|word| word.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(first);
    Ok(FoundTool::new(version, path))
}

fn pip(ui: &Ui, python: &Path) -> Result<FoundTool, String> {
    let printed = Invocation::new(python).args(["-m", "pip", "--version"]).output(ui);
    let printed =
        printed.map_err(|_| "install pip (Debian: `apt-get install python3-pip`), or uv".to_owned())?;
    Ok(FoundTool::new(printed.stdout.split(' ').nth(1).unwrap_or("?"), python))
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
    let total = size_of_folder(context.cache.root()) / 1_000_000;
    let sizes =
        if sizes.is_empty() { "empty".to_owned() } else { format!("{total} MB: {}", sizes.join(", ")) };
    let limit = context.environment.size(CACHE_LIMIT)?;
    Ok(limit.map_or(sizes.clone(), |limit| format!("{sizes} (at most {} MB)", limit / 1_000_000)))
}
