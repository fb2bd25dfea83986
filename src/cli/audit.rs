//! `audit`: holds wheels and modules against Pyodide releases, without running anything.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use pep440_rs::Version;

use super::audit_report::{self, Audited};
use super::{RuntimeList, RuntimeRequest, Session, Voice, runtime_list, runtimes};
use crate::abi::{self, ReleaseRequest};
use crate::audit::catalogue::{self, Code};
use crate::audit::{self, Availability, Companions, Finding, PureWheels, Severity, Subject};
use crate::build::HostPython;
use crate::cache::Cache;
use crate::env::Environment;
use crate::error::{EXIT_FAILED, Hinted, Result, hinted};
use crate::runtime::releases::Network;
use crate::source::pure::{PureIndex, PureWheel};
use crate::ui::Ui;
use crate::wheel::WheelContents;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide audit dist/*.whl                     against every line that the tags claim
  cargo pyodide audit x-1.0-*.whl --pyodide 0.29,314
  cargo pyodide audit x-1.0-*.whl --with y-2.0-*.whl --online
  cargo pyodide audit x-1.0-*.whl --format sarif > audit.sarif
  cargo pyodide audit x-1.0-*.whl --size             where the bytes are
  cargo pyodide audit --explain CP101                what a finding means; `all` for all

Exit codes:
  0  no errors
  1  errors were found
  2  something could not be audited";

/// Prove by reading that a wheel will load
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct AuditArguments {
    /// Wheels, or single modules
    #[arg(value_name = "WHEEL|MODULE", required_unless_present = "explain")]
    files: Vec<PathBuf>,
    /// The Pyodide releases or lines to hold them against; repeatable [default: the lines that the tags claim]
    #[arg(long, value_name = "VERSION", value_parser = runtime_list)]
    pyodide: Vec<RuntimeList>,
    /// A wheel that is installed with them; repeatable
    #[arg(long = "with", value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    /// How findings are written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Make an error of a finding: its code or name, or `warnings` for all of them; repeatable
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    deny: Vec<Denied>,
    /// Drop a finding: its code or name; repeatable
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = code)]
    allow: Vec<Code>,
    /// Ask the package index for dependencies
    #[arg(long, conflicts_with = "offline")]
    online: bool,
    /// Show where the bytes of the modules are, instead of findings
    #[arg(long, conflicts_with_all = ["deny", "allow", "online"])]
    size: bool,
    /// Explain a finding and do nothing else; `all` for docs/findings.md
    #[arg(long, value_name = "CODE")]
    explain: Option<String>,
    /// Use only what is in the cache
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    voice: Voice,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For reading
    Human,
    /// One JSON document
    Json,
    /// SARIF 2.1.0, which code hosts show beside the code
    Sarif,
}

/// What `--deny` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denied {
    Warnings,
    Code(Code),
}

impl std::str::FromStr for Denied {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "warnings" { Ok(Self::Warnings) } else { code(text).map(Self::Code) }
    }
}

fn code(text: &str) -> Result<Code, String> {
    Code::find(text)
        .ok_or_else(|| format!("`{text}` is no finding: `cargo pyodide audit --explain all` lists them"))
}

/// Runs the command.
pub(super) fn run(environment: &Environment, cache: &Cache, arguments: &AuditArguments) -> Result<u8> {
    let ui = arguments.voice.ui();
    if let Some(text) = &arguments.explain {
        return explain(ui, text);
    }
    let network = if arguments.offline { Network::Forbidden } else { Network::Allowed };
    let session = Session { ui, environment, cache, network };
    if arguments.size {
        return audit_report::sizes(ui, &arguments.files, arguments.format);
    }
    let mates: Vec<WheelContents> =
        arguments.wheels.iter().map(|path| WheelContents::open(path)).collect::<Result<_>>()?;
    let index = arguments.online.then(|| Index::open(session)).transpose()?;
    let index = index.as_ref().map(|index| index as &dyn PureWheels);
    let companions = Companions { wheels: &mates, index, with_names: None };
    let mut audited = Vec::new();
    for path in &arguments.files {
        audited.extend(one(path, session, (arguments, &companions))?);
    }
    audit_report::show(ui, &audited, arguments.format)?;
    let is_error = |finding: &Finding| finding.severity == Severity::Error;
    Ok(if audited.iter().any(|audited| audited.findings.iter().any(is_error)) { EXIT_FAILED } else { 0 })
}

fn explain(ui: Ui, text: &str) -> Result<u8> {
    if text == "all" {
        ui.data(catalogue::document().trim_end())?;
        return Ok(0);
    }
    let code = code(text).map_err(|message| anyhow!(message))?;
    ui.data(catalogue::explain(code.entry()).trim_end())?;
    Ok(0)
}

/// A file that was read for the audit.
enum Opened {
    Wheel(WheelContents),
    Module(String, Vec<u8>),
}

impl Opened {
    fn read(path: &Path) -> Result<Self> {
        if path.extension().is_some_and(|ending| ending == "whl") {
            let advice = "name a wheel by the name that its build gave it, whole and unencrypted";
            return WheelContents::open(path).map(Self::Wheel).hint(advice);
        }
        let advice = "name a wheel (`.whl`) or a module (`.so`, `.wasm`)";
        let bytes = fs_err::read(path).map_err(|error| hinted(error, advice))?;
        if bytes.starts_with(b"PK\x03\x04") {
            return Err(hinted(
                anyhow!("`{}` is a zip archive, and its name is not that of a wheel", path.display()),
                "a wheel is called `NAME-VERSION-PYTHON-ABI-PLATFORM.whl`",
            ));
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Self::Module(name.unwrap_or_default(), bytes))
    }

    fn subject(&self) -> Subject<'_> {
        match self {
            Self::Wheel(contents) => Subject::Wheel(contents),
            Self::Module(name, bytes) => Subject::Module(name, bytes),
        }
    }

    /// The lines that the platform tags claim; the newest stable one where they claim none.
    fn claimed(&self) -> Vec<RuntimeList> {
        let Self::Wheel(wheel) = self else { return Vec::new() };
        let lines = wheel.filename.platform.split('.').flat_map(abi::lines_of_tag);
        let requests: Vec<RuntimeRequest> =
            lines.map(|line| RuntimeRequest::Release(ReleaseRequest::Line(line))).collect();
        if requests.is_empty() { Vec::new() } else { vec![RuntimeList(requests)] }
    }
}

fn one(
    path: &Path,
    session: Session<'_>,
    (arguments, companions): (&AuditArguments, &Companions<'_>),
) -> Result<Vec<Audited>> {
    let opened = Opened::read(path)?;
    let claimed = if arguments.pyodide.is_empty() { opened.claimed() } else { Vec::new() };
    let lists = if claimed.is_empty() { &arguments.pyodide } else { &claimed };
    let runtimes = runtimes(session, lists).with_context(|| format!("cannot audit `{}`", path.display()))?;
    Ok(runtimes
        .iter()
        .map(|runtime| {
            session.ui.phase("Auditing", format!("{} for Pyodide {}", path.display(), runtime.version));
            let findings = audit::audit(opened.subject(), runtime, companions);
            Audited {
                path: path.to_owned(),
                version: runtime.version.clone(),
                findings: judged(findings, arguments),
            }
        })
        .collect())
}

/// What `--allow` and `--deny` make of the findings.
fn judged(mut findings: Vec<Finding>, arguments: &AuditArguments) -> Vec<Finding> {
    findings.retain(|finding| !arguments.allow.contains(&finding.code));
    for finding in &mut findings {
        let is_denied = |denied: &Denied| match denied {
            Denied::Warnings => finding.severity == Severity::Warning,
            Denied::Code(code) => finding.code == *code,
        };
        if arguments.deny.iter().any(is_denied) {
            finding.severity = Severity::Error;
        }
    }
    findings
}

/// The package index, asked through the user's own configuration.
struct Index(PureIndex);

impl Index {
    fn open(session: Session<'_>) -> Result<Self> {
        let python = HostPython::find((session.ui, session.environment), None)?;
        PureIndex::open(session.workshop(&python).access()).map(Self)
    }
}

impl PureWheels for Index {
    fn find(&self, name: &str, fits: &dyn Fn(&Version) -> bool, python: &Version) -> Availability {
        match self.0.find(name, fits, python) {
            Ok(PureWheel::Found(file)) => Availability::Pure(file.version),
            Ok(PureWheel::None) => Availability::NotPure,
            Ok(PureWheel::NoProject) => Availability::Unknown,
            Err(error) => Availability::NotAsked(format!("{error:#}")),
        }
    }
}
