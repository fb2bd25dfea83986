//! `build`: from a package's name, archive, folder or repository to wheels.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow};
use clap::Args;

use super::compatibility;
use super::report::{self, BuiltWheel, Outcome, Report};
use super::{RuntimeList, Session, Voice, runtime_list, runtimes};
use crate::audit::{self, Code, Companions, Finding, Severity, Subject};
use crate::build::{self, BuildFolder, CargoChoices, Clock, HostPython, RawBuild, Workshop};
use crate::cache::{Cache, with_disk_hint};
use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::project::Project;
use crate::runtime::releases::Network;
use crate::runtime::{Runtime, TagChoice};
use crate::source::{self, Access, Source, SourceRequest};
use crate::wasm::strip::Names;
use crate::wheel::WheelContents;
use crate::wheel::finish::{self, FinishedWheel, Target};

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide build                                 the package in this folder
  cargo pyodide build tiktoken                        the newest tiktoken that has an sdist
  cargo pyodide build tiktoken==0.14.0 --pyodide 0.29,314
  cargo pyodide build ./rpds_py-2026.9.1.tar.gz --out-dir wheels
  cargo pyodide build git+https://example.org/me/package@v1.2

  cargo pyodide build . --pyodide '>=0.26'             one wheel for each line from 0.26 on
  cargo pyodide build . --pyodide 0.29 --for-index    tagged for the Python package index

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
    /// The platform tag of the wheels, if not the one that the whole line installs
    #[arg(long, value_name = "TAG", conflicts_with = "for_index")]
    tag: Option<String>,
    /// Give the wheels the tag that the Python package index takes
    #[arg(long)]
    for_index: bool,
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

/// What is handed to cargo.
#[derive(Debug, Args)]
struct CargoArguments {
    /// The cargo profile [default: release]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Cargo features to turn on; repeatable
    #[arg(long, value_name = "FEATURES", value_delimiter = ',')]
    features: Vec<String>,
    /// Turn cargo's default features off
    #[arg(long)]
    no_default_features: bool,
}

impl CargoArguments {
    fn choices(self) -> CargoChoices {
        let mut features = Vec::new();
        if self.no_default_features {
            features.push("--no-default-features".to_owned());
        }
        if !self.features.is_empty() {
            features.push(format!("--features={}", self.features.join(",")));
        }
        CargoChoices { profile: self.profile, features }
    }
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

/// What all builds of one call share.
struct Order<'a> {
    workshop: Workshop<'a>,
    source: &'a Source,
    choices: CargoChoices,
    tag: TagChoice,
    names: Names,
    out: &'a Path,
}

/// Runs the command.
pub(super) fn run(environment: &Environment, cache: &Cache, arguments: BuildArguments) -> Result<u8> {
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
    let access = Access { ui, cache, environment, network, python: &python.program };
    let source = source::find(&arguments.source, access)?;
    clock.step("source");
    let workshop = Workshop { ui, cache, environment, network, python: &python };
    let choices = arguments.cargo.choices();
    let names = if arguments.keep_names { Names::Kept } else { Names::Dropped };
    let order = Order { workshop, source: &source, choices, tag, names, out: &arguments.out_dir };
    let mut outcomes = Vec::new();
    for runtime in &runtimes {
        let started = Instant::now();
        let built = one(&order, runtime);
        if let (Ok(Ok(wheel)), false) = (&built, arguments.json) {
            ui.data(wheel.summary.wheel.display())?;
        }
        outcomes.push(Outcome { runtime, built, seconds: started.elapsed().as_secs_f64() });
        // With one release its error is the command's own; with several the others are still built.
        if runtimes.len() == 1 {
            break;
        }
    }
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

/// Builds for one runtime. The inner error is a wheel that would not load.
fn one(order: &Order<'_>, runtime: &Runtime) -> Result<Result<BuiltWheel>> {
    let Order { workshop, source, choices, tag, names, out } = order;
    let mut clock = Clock::default();
    let folder = BuildFolder::open(*workshop, source)?;
    let project = Project::read(&folder.tree(source)?)?;
    compatibility::check_python(&project, runtime)?;
    compatibility::warn_of_abort(*workshop, &project);
    clock.step("unpack");
    let toolchain = build::toolchain_for(*workshop, &project, runtime)?;
    clock.step("toolchain");
    compatibility::check_bindings(*workshop, &project, (runtime, &toolchain.rust))?;
    clock.step("metadata");
    let raw = build::build(*workshop, &project, (runtime, toolchain, choices), folder)?;
    let mut seconds = clock.into_steps();
    seconds.extend(raw.seconds.iter().copied());
    let mut clock = Clock::default();
    let platform = runtime.platform_tag(tag)?;
    let target = Target { runtime, platform: &platform, names: *names };
    let finished = finish::finish(&raw.wheel, target, &raw.hidden).with_context(|| {
        format!("no wheel of `{}`; the log of its build is `{}`", source.origin(), raw.log.display())
    })?;
    clock.step("finish");
    let findings = audited(&finished, runtime, &raw);
    clock.step("audit");
    if findings.iter().any(is_fatal) {
        return Ok(Err(refused(&finished, runtime, (&findings, &raw.log))));
    }
    for finding in &findings {
        match finding.severity {
            Severity::Note => workshop.ui.detail(finding),
            _ => workshop.ui.warn(format!("{} [{}]", finding.place_and_message(), finding.code)),
        }
    }
    let path = finished
        .contents
        .write(out, finish::entry_time(workshop.environment)?)
        .map_err(|error| with_disk_hint(error, out))?;
    let summary = finish::summarise(&finished, &path)?;
    clock.step("write");
    seconds.extend(clock.into_steps());
    let size = kilobytes(summary.size);
    workshop.ui.phase("Finished", format!("{} ({size:.1} kB)", finished.contents.filename));
    Ok(Ok(BuiltWheel::new(summary, runtime, &raw, seconds)))
}

/// Holds a finished wheel against its release. The raw wheel still has the names that tell which crate does what.
fn audited(finished: &FinishedWheel, runtime: &Runtime, raw: &RawBuild) -> Vec<Finding> {
    let with_names = |path: &str| {
        let at = finished.modules.iter().position(|module| module == path)?;
        WheelContents::open(&raw.wheel).ok()?.files.remove(finished.raw_modules.get(at)?)
    };
    let companions = Companions { with_names: Some(&with_names), ..Companions::default() };
    let mut findings = audit::audit(Subject::Wheel(&finished.contents), runtime, &companions);
    // Names that were asked for are no news.
    let names_are_kept = |finding: &Finding| finding.code == Code::DEBUG_SECTIONS;
    findings.retain(|finding| !names_are_kept(finding));
    findings
}

/// Whether a finding keeps the wheel from being kept: what is wrong with the wheel itself does. What it requires can be
/// had otherwise, or made optional.
fn is_fatal(finding: &Finding) -> bool {
    let is_about_dependencies = [Code::MISSING_DEPENDENCY, Code::DEPENDENCY_VERSION].contains(&finding.code);
    finding.severity == Severity::Error && !is_about_dependencies
}

/// The error for a wheel that would not load.
fn refused(wheel: &FinishedWheel, runtime: &Runtime, (findings, log): (&[Finding], &Path)) -> anyhow::Error {
    let fatal = findings.iter().filter(|finding| is_fatal(finding));
    let lines: Vec<String> =
        fatal.map(|finding| format!("\n    {} [{}]", finding.place_and_message(), finding.code)).collect();
    let (name, version) = (&wheel.contents.filename, &runtime.version);
    hinted(
        anyhow!("the wheel `{name}` would not load in Pyodide {version}:{}", lines.concat()),
        format!("the wheel was not kept; the log of the build is `{}`", log.display()),
    )
}

#[expect(clippy::cast_precision_loss, reason = "a size for reading")]
pub(super) fn kilobytes(bytes: u64) -> f64 {
    bytes as f64 / 1000.0
}
