//! `audit`: checks wheels and modules against Pyodide releases, without running anything.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use cargo_pyodide::audit::budget::Budget;
use cargo_pyodide::audit::catalogue::{self, Code};
use cargo_pyodide::audit::policy::{Denied, Policy, parse_code};
use cargo_pyodide::audit::report::Audited;
use cargo_pyodide::audit::subject::OpenedFile;
use cargo_pyodide::audit::{self, AuditContext, Finding, Severity, WheelIndex};
use cargo_pyodide::context::Context;
use cargo_pyodide::dependencies::index::OnlineIndex;
use cargo_pyodide::error::{EXIT_FAILED, Result};
use cargo_pyodide::releases::request::{RuntimeList, runtimes};
use cargo_pyodide::wheel::WheelContents;
use clap::{Args, ValueEnum};

use crate::audit_files::{self, FileToAudit};
use crate::audit_report;
use crate::commands::Session;
use crate::options::{NetworkOptions, VerbosityOptions};
use crate::terminal::Terminal;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide audit dist/*.whl                     against every line that the tags claim
  cargo pyodide audit dist                           all wheels in the folder
  cargo pyodide audit jiter==0.19.0 --pyodide 314    the wheel that the package index has for this release
  cargo pyodide audit x-1.0-*.whl --pyodide 0.29,314
  cargo pyodide audit x-1.0-*.whl --with y-2.0-*.whl --online
  cargo pyodide audit x-1.0-*.whl --format sarif > audit.sarif
  cargo pyodide audit x-1.0-*.whl --size             where the bytes are
  cargo pyodide audit x-1.0-*.whl --size --budget 900kB --budget brotli:600kB
  cargo pyodide audit --explain CP101                what a finding means; `all` for all

Exit codes:
  0  no errors
  1  errors were found, or something is larger than its budget
  2  something could not be audited";

/// Verify statically that a wheel will load
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct AuditArguments {
    /// Wheels, folders of wheels, single modules, or NAME or NAME==VERSION for a wheel of the package index
    #[arg(value_name = "WHEEL|FOLDER|MODULE|NAME", required_unless_present = "explain")]
    files: Vec<PathBuf>,
    /// The Pyodide releases or lines to check them against; repeatable [default: the lines that the tags claim]
    #[arg(long, value_name = "VERSION")]
    pyodide: Vec<RuntimeList>,
    /// A wheel that is installed with them; repeatable
    #[arg(long = "with", value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    /// How findings are written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Turn a finding into an error: its code or name, or `warnings` for all warnings; repeatable
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    deny: Vec<Denied>,
    /// Ignore a finding: its code or name; repeatable
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = parse_code)]
    allow: Vec<Code>,
    /// Ask the package index for dependencies
    #[arg(long, conflicts_with = "offline")]
    online: bool,
    /// Show where the bytes of the modules are, instead of findings
    #[arg(long, conflicts_with_all = ["deny", "allow", "online"])]
    size: bool,
    /// With --size: fail if the wheel is larger, or a module with `raw:`, `gzip:` or `brotli:` before the size; repeatable
    #[arg(long, value_name = "[WHAT:]SIZE", requires = "size")]
    budget: Vec<Budget>,
    /// Explain a finding and do nothing else; `all` for docs/findings.md
    #[arg(long, value_name = "CODE")]
    pub(crate) explain: Option<String>,
    #[command(flatten)]
    network: NetworkOptions,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For reading
    Human,
    /// One JSON document
    Json,
    /// SARIF 2.1.0, which code hosts show beside the code
    Sarif,
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &AuditArguments) -> Result<u8> {
    let terminal = arguments.verbosity.terminal();
    if let Some(text) = &arguments.explain {
        return explain(&terminal, text);
    }
    let context = session.context(&terminal, arguments.network.network());
    if arguments.size {
        let files = audit_files::find(&context, &arguments.files, &arguments.pyodide)?;
        let paths: Vec<PathBuf> = files.into_iter().map(|file| file.path).collect();
        return audit_report::sizes(&terminal, &paths, arguments.format, &arguments.budget);
    }
    let mut audited = Vec::new();
    let ended = audit_all(&context, arguments, &mut audited).err();
    audit_report::show(&context, &terminal, &audited, ended.as_ref(), arguments.format)?;
    if let Some(error) = ended {
        return Err(error);
    }
    let is_error = |finding: &Finding| finding.severity == Severity::Error;
    Ok(if audited.iter().any(|audited| audited.findings.iter().any(is_error)) { EXIT_FAILED } else { 0 })
}

/// Audits all files.
fn audit_all(context: &Context, arguments: &AuditArguments, audited: &mut Vec<Audited>) -> Result<()> {
    let neighbours: Vec<WheelContents> =
        arguments.wheels.iter().map(|path| WheelContents::open(path)).collect::<Result<_>>()?;
    let index = arguments.online.then(|| OnlineIndex::open(context)).transpose()?;
    let index = index.as_ref().map(|index| index as &dyn WheelIndex);
    let beside = AuditContext { wheels: &neighbours, index, raw_modules: None };
    for file in &audit_files::find(context, &arguments.files, &arguments.pyodide)? {
        audited.extend(audit_file(file, context, arguments, &beside)?);
    }
    Ok(())
}

fn explain(terminal: &Terminal, text: &str) -> Result<u8> {
    if text == "all" {
        terminal.document(catalogue::document().trim_end())?;
        return Ok(0);
    }
    let code = parse_code(text).map_err(|message| anyhow!(message))?;
    terminal.document(catalogue::explain(code.entry()).trim_end())?;
    Ok(0)
}

fn audit_file(
    FileToAudit { path, release }: &FileToAudit,
    context: &Context,
    arguments: &AuditArguments,
    beside: &AuditContext<'_>,
) -> Result<Vec<Audited>> {
    let opened = OpenedFile::read(path)?;
    let found;
    let runtimes = if let Some(release) = release {
        std::slice::from_ref(release)
    } else {
        let claimed = RuntimeList::of_lines(opened.claimed_lines());
        let is_claimed = arguments.pyodide.is_empty() && !claimed.is_empty();
        let lists = if is_claimed { std::slice::from_ref(&claimed) } else { &arguments.pyodide[..] };
        found = runtimes(context, lists).with_context(|| format!("cannot audit `{}`", path.display()))?;
        &found
    };
    let policy = Policy { allow: arguments.allow.clone(), deny: arguments.deny.clone() };
    let audited = runtimes.iter().map(|runtime| {
        context.ui.phase("Auditing", format!("{} for Pyodide {}", path.display(), runtime.version));
        let findings = policy.apply(audit::audit(opened.subject(), runtime, beside));
        Audited { path: path.to_owned(), version: runtime.version.clone(), findings }
    });
    Ok(audited.collect())
}
