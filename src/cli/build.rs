//! `build`: from a package's name, archive, folder or repository to wheels.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use super::report::{BuiltWheel, Report};
use super::{RuntimeRequest, Session, Voice, runtime_request, runtimes};
use crate::audit;
use crate::build::{self, BuildFolder, CargoChoices, Clock, HostPython, Workshop};
use crate::cache::{Cache, with_disk_hint};
use crate::env::Environment;
use crate::error::{EXIT_FAILED, Result, hinted, render};
use crate::project::Project;
use crate::runtime::Runtime;
use crate::runtime::releases::Network;
use crate::source::{self, Access, Source, SourceRequest};
use crate::wheel::finish;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide build                                 the package in this folder
  cargo pyodide build tiktoken                        the newest tiktoken that has an sdist
  cargo pyodide build tiktoken==0.14.0 --pyodide 0.29,314
  cargo pyodide build ./rpds_py-2026.9.1.tar.gz --out-dir wheels
  cargo pyodide build git+https://example.org/me/package@v1.2

Prints the path of each finished wheel on stdout.

Exit codes:
  0  every wheel was built and will load
  1  a wheel was built that would not load; it is not kept
  2  a wheel could not be built";

/// Build wheels for Pyodide
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct BuildArguments {
    /// A folder, an sdist, NAME, NAME==VERSION or git+URL@REV
    #[arg(default_value = ".")]
    source: SourceRequest,
    /// The Pyodide release or line to build for, or the folder of one; repeatable [default: the newest stable line]
    #[arg(long, value_name = "VERSION", value_delimiter = ',', value_parser = runtime_request)]
    pyodide: Vec<RuntimeRequest>,
    /// Where the wheels go
    #[arg(long, value_name = "FOLDER", default_value = "dist")]
    out_dir: PathBuf,
    /// The host's Python that runs the build back end [default: python3]
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    #[command(flatten)]
    cargo: CargoArguments,
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

/// Runs the command.
pub(super) fn run(environment: &Environment, cache: &Cache, arguments: BuildArguments) -> Result<u8> {
    let network = if arguments.offline { Network::Forbidden } else { Network::Allowed };
    let session = Session { ui: arguments.voice.ui(), environment, cache, network };
    let mut clock = Clock::default();
    let python = HostPython::find((session.ui, environment), arguments.python.as_deref())?;
    let runtimes = runtimes(session, &arguments.pyodide)?;
    clock.step("runtime");
    let access = Access { ui: session.ui, cache, environment, network, python: &python.program };
    let source = source::find(&arguments.source, access)?;
    clock.step("source");
    let workshop = Workshop { ui: session.ui, cache, environment, network, python: &python };
    let mut report = Report::new(&source, clock);
    let choices = arguments.cargo.choices();
    let mut status = 0;
    for runtime in &runtimes {
        match one(workshop, &source, (runtime, &choices), &arguments.out_dir)? {
            Ok(wheel) => {
                if !arguments.json {
                    session.ui.data(wheel.summary.wheel.display())?;
                }
                report.wheels.push(wheel);
            }
            Err(refused) => {
                session.ui.failure(&render(&refused));
                status = EXIT_FAILED;
            }
        }
    }
    if arguments.json {
        session.ui.data(serde_json::to_string_pretty(&report)?)?;
    }
    Ok(status)
}

/// Builds for one runtime. The inner error is a wheel that would not load.
fn one(
    workshop: Workshop<'_>,
    source: &Source,
    (runtime, choices): (&Runtime, &CargoChoices),
    out: &Path,
) -> Result<Result<BuiltWheel>> {
    let ui = workshop.ui;
    let mut clock = Clock::default();
    let folder = BuildFolder::open(workshop, source)?;
    let project = Project::read(&folder.tree(source)?)?;
    check_python(&project, runtime)?;
    clock.step("unpack");
    let raw = build::build(workshop, &project, (runtime, choices), folder)?;
    let mut seconds = clock.into_steps();
    seconds.extend(raw.seconds.iter().copied());
    let mut clock = Clock::default();
    let finished =
        finish::finish(&raw.wheel, (runtime, &runtime.facts.tag), &raw.hidden).with_context(|| {
            format!("no wheel of `{}`; the log of its build is `{}`", source.origin(), raw.log.display())
        })?;
    clock.step("finish");
    let findings = audit::audit(&finished, runtime);
    clock.step("audit");
    if !findings.is_empty() {
        let lines: Vec<String> = findings.iter().map(|finding| format!("\n    {finding}")).collect();
        return Ok(Err(hinted(
            anyhow!(
                "the wheel `{}` would not load in Pyodide {}:{}",
                finished.contents.filename,
                runtime.version,
                lines.concat()
            ),
            format!("the wheel was not kept; the log of the build is `{}`", raw.log.display()),
        )));
    }
    let path = finished
        .contents
        .write(out, finish::entry_time(workshop.environment)?)
        .map_err(|error| with_disk_hint(error, out))?;
    let summary = finish::summarise(&finished, &path)?;
    clock.step("write");
    seconds.extend(clock.into_steps());
    ui.phase("Finished", format!("{} ({:.1} kB)", finished.contents.filename, kilobytes(summary.size)));
    Ok(Ok(BuiltWheel::new(summary, runtime, &raw, seconds)))
}

#[expect(clippy::cast_precision_loss, reason = "a size for reading")]
fn kilobytes(bytes: u64) -> f64 {
    bytes as f64 / 1000.0
}

/// Refuses, before anything is compiled, a package that does not run on the runtime's Python.
fn check_python(project: &Project, runtime: &Runtime) -> Result<()> {
    let Some(text) = &project.requires_python else { return Ok(()) };
    let Ok(specifiers) = text.parse::<pep440_rs::VersionSpecifiers>() else { return Ok(()) };
    let python = pep440_rs::Version::new([
        u64::from(runtime.python.major),
        u64::from(runtime.python.minor),
        u64::MAX >> 32,
    ]);
    if specifiers.contains(&python) {
        return Ok(());
    }
    Err(hinted(
        anyhow!(
            "`{}` requires Python {text}, but Pyodide {} has Python {}",
            project.root.display(),
            runtime.version,
            runtime.python
        ),
        "name a Pyodide release with another Python, or another version of the package",
    ))
}
