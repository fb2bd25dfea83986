//! `build`: from a package's name, archive, folder or repository to wheels.

use std::path::{Path, PathBuf};

use cargo_pyodide::audit::budget::{self, Budget, Excess};
use cargo_pyodide::building::report::Report;
use cargo_pyodide::building::{BuildRequest, Built, CargoRequest, GitCrates};
use cargo_pyodide::context::Context;
use cargo_pyodide::error::{EXIT_FAILED, Result};
use cargo_pyodide::process::Invocation;
use cargo_pyodide::releases::request::{RuntimeList, runtimes};
use cargo_pyodide::runtime::{Runtime, TagChoice};
use cargo_pyodide::source::{self, SourceRequest};
use cargo_pyodide::ui::Clock;
use cargo_pyodide::wasm::strip::Strip;
use clap::Args;

use crate::build_release::{CrateVersions, Imports, Job, Paths, Requirements, list_built};
use crate::build_report::{Build, conclude};
use crate::commands::Session;
use crate::options::{
    CargoOptions, FinishOptions, HashOptions, MemberOptions, NetworkOptions, OverlayOptions,
    VerbosityOptions, defaults_of, take_values,
};
use crate::terminal::Terminal;

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
  cargo pyodide build -p mypackage                     the member of that name of the workspace in this folder
  cargo pyodide build widget --try-versions            if a crate does not compile, with another version of it
  cargo pyodide build . --budget 900kB                 an error if the wheel is larger

Prints the path of each finished wheel on stdout; on a terminal the line `Finished` has it. Loads each extension module in its release, if there is a Node, and
ends with a table when there are several releases.

Exit codes:
  0  every wheel was built and will load
  1  a wheel would not load: the audit found an error, and the wheel is not kept, or loading a module failed; or
     something is larger than its budget
  2  a wheel could not be built";

/// Build wheels for Pyodide
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BuildArguments {
    /// A folder, an sdist, NAME, NAME==VERSION or git+URL@REV
    #[arg(default_value = ".")]
    source: SourceRequest,
    #[command(flatten)]
    member: MemberOptions,
    /// The Pyodide releases or lines to build for: `0.29`, `0.29.4`, `0.29,314`, `>=0.26`, `latest`, `all`, a Python (`3.13`), a platform tag, or the folder of one; repeatable [default: the newest stable line]
    #[arg(long, value_name = "VERSION")]
    pyodide: Vec<RuntimeList>,
    /// Where the wheels go
    #[arg(short = 'o', long, visible_alias = "out", value_name = "FOLDER", default_value = "dist")]
    out_dir: PathBuf,
    /// The host's Python that runs the build back end [default: python3]
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    #[command(flatten)]
    cargo: CargoOptions,
    #[command(flatten)]
    overlays: OverlayOptions,
    /// The platform tag of the wheels, if not the one that the whole line installs
    #[arg(long, value_name = "TAG", conflicts_with = "for_index")]
    tag: Option<String>,
    /// Give the wheels the tag that the Python package index takes
    #[arg(long)]
    for_index: bool,
    /// If a crate does not compile, try newer and older versions of it, and write the overlay that worked beside the wheel; if
    /// a git repository of crates cannot be reached, take the registry's of the same versions
    #[arg(long, conflicts_with = "offline")]
    try_versions: bool,
    /// Also build requirements that the release lacks and that have a Rust core
    #[arg(long, conflicts_with_all = ["offline", "frozen"])]
    with_deps: bool,
    /// Do not try whether the modules load
    #[arg(long)]
    no_import: bool,
    /// Keep function names in the modules, for `audit --size` and for stack traces
    #[arg(long)]
    keep_names: bool,
    /// Keep debug information (DWARF), for debuggers and for stack traces in the playground; modules are many times as large
    #[arg(long, conflicts_with_all = ["keep_names", "optimize"])]
    debug: bool,
    #[command(flatten)]
    finish: FinishOptions,
    /// Fail if a wheel is larger, or one of its modules with `raw:`, `gzip:` or `brotli:` before the size; repeatable
    #[arg(long, value_name = "[WHAT:]SIZE")]
    budget: Vec<Budget>,
    #[command(flatten)]
    hashes: HashOptions,
    #[command(flatten)]
    network: NetworkOptions,
    /// Print one JSON document instead of paths
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

impl BuildArguments {
    /// Takes what the package's own file states, where the command line says nothing.
    pub(crate) fn take_defaults(&mut self) -> Result<()> {
        let defaults = defaults_of(&self.member.choose(&self.source)?)?;
        self.cargo.take_profile(&defaults);
        take_values(&mut self.pyodide, "pyodide", &defaults.pyodide, str::parse)
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

impl BuildArguments {
    fn strip(&self) -> Strip {
        match (self.debug, self.keep_names) {
            (true, _) => Strip::Nothing,
            (false, true) => Strip::DebugInfo,
            (false, false) => Strip::Symbols,
        }
    }

    fn request(&self, source: source::Source) -> BuildRequest {
        let git_crates = if self.try_versions { GitCrates::FromRegistry } else { GitCrates::Required };
        BuildRequest {
            cargo: CargoRequest { git_crates, ..self.cargo.request() },
            overlays: self.overlays.request(),
            tag: self.tag_choice(),
            strip: self.strip(),
            finish: self.finish.request(),
            ..BuildRequest::new(source, &self.out_dir)
        }
    }
}

/// What is built, and for which releases.
struct Work {
    named: SourceRequest,
    runtimes: Vec<Runtime>,
    request: BuildRequest,
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &BuildArguments) -> Result<u8> {
    let terminal = arguments.verbosity.terminal();
    let context = session
        .context(&terminal, arguments.cargo.network(&arguments.network))
        .with_python(arguments.python.clone())
        .with_hashes(arguments.hashes.hashes());
    let mut clock = Clock::default();
    let work = match find_work(&context, arguments, &mut clock) {
        Ok(work) => work,
        Err(error) => {
            if arguments.json {
                terminal.json(&Report::new(None, clock).ended_by(Some(&error)))?;
            }
            return Err(error);
        }
    };
    let mut builds = Vec::new();
    let mut ended = build_all(&context, &terminal, &work, arguments, &mut builds).err();
    // With one wheel its error is the command's own; with several the others are still built.
    if let [Build { outcome: Err(_), .. }] = &builds[..]
        && let Some(Build { outcome: Err(error), .. }) = builds.pop()
    {
        ended = Some(error);
    }
    let mut status = conclude(&terminal, &builds);
    let exceeded = match &ended {
        None => find_exceeded(&builds, &arguments.budget)?,
        Some(_) => Vec::new(),
    };
    for excess in &exceeded {
        status = status.max(EXIT_FAILED);
        terminal.failure(&format!("error: {excess}"));
    }
    if status == 0 && ended.is_none() && !arguments.json {
        advise_next(&context, &work.named, &list_built(&builds));
    }
    if arguments.json {
        let mut report = Report::new(Some(&work.request.source), clock);
        for build in builds {
            report.add(build.runtime, build.outcome, build.import.map(|import| import.to_string()));
        }
        report.add_exceeded(exceeded);
        terminal.json(&report.ended_by(ended.as_ref()))?;
    }
    ended.map_or(Ok(status), Err)
}

/// Finds the source and the releases.
fn find_work(context: &Context, arguments: &BuildArguments, clock: &mut Clock) -> Result<Work> {
    let named = arguments.member.choose(&arguments.source)?;
    source::refuse_namesake(&named, Path::new("."))?;
    // Fails before anything is fetched if no Python can run the build back end.
    context.python()?;
    let runtimes = runtimes(context, &arguments.pyodide)?;
    for runtime in &runtimes {
        // Fails before the first build if one of the releases does not install the tag.
        runtime.platform_tag(&arguments.tag_choice())?;
    }
    clock.step("runtime");
    let request = arguments.request(source::find(&named, context)?);
    clock.step("source");
    Ok(Work { named, runtimes, request })
}

/// Builds for all releases, with requirements if they were asked for.
fn build_all<'a>(
    context: &Context,
    terminal: &Terminal,
    work: &'a Work,
    arguments: &BuildArguments,
    builds: &mut Vec<Build<'a>>,
) -> Result<()> {
    let job = Job {
        context,
        terminal,
        named: &work.named,
        request: &work.request,
        requirements: if arguments.with_deps { Requirements::Built } else { Requirements::Left },
        versions: if arguments.try_versions { CrateVersions::Tried } else { CrateVersions::Locked },
        imports: if arguments.no_import { Imports::Skipped } else { Imports::Tried },
        paths: if arguments.json { Paths::Silent } else { Paths::Printed },
    };
    work.runtimes.iter().try_for_each(|runtime| job.build_for(runtime, builds))
}

/// What is larger than its budget.
fn find_exceeded(builds: &[Build<'_>], budgets: &[Budget]) -> Result<Vec<Excess>> {
    let wheels = list_built(builds).into_iter().map(|built| budget::check(&built.summary.wheel, budgets));
    Ok(wheels.collect::<Result<Vec<_>>>()?.concat())
}

/// Says what can be done with the wheels.
fn advise_next(context: &Context, named: &SourceRequest, built: &[&Built]) {
    let Some(first) = built.first() else { return };
    let wheel = first.summary.wheel.display().to_string();
    let folder = first.summary.wheel.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    let wheels = if built.len() == 1 { &wheel } else { &folder };
    let command = |name: &str, word: &str| Invocation::new("cargo").args(["pyodide", name, word]).copyable();
    let (test, serve) = (command("test", &named.to_string()), command("serve", wheels));
    context.ui.phase("Next", format!("`{test}` runs the package's tests, `{serve}` shows it in a page"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use cargo_pyodide::building::Recipes;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        build: BuildArguments,
    }

    fn parse(words: &str) -> Result<BuildArguments, clap::Error> {
        let line = Line::try_parse_from(std::iter::once("x").chain(words.split_whitespace()));
        line.map(|line| line.build)
    }

    fn check(words: &str) -> BuildRequest {
        parse(words).unwrap().request(source::Source::Folder("source".into()))
    }

    #[test]
    fn a_build_without_options_is_the_librarys_usual_one() {
        let usual = BuildRequest::new(source::Source::Folder("source".into()), "dist");
        assert_eq!(format!("{:?}", check("")), format!("{usual:?}"));
        assert_eq!(parse("").unwrap().source, SourceRequest::Folder(".".into()));
    }

    #[test]
    fn options_of_a_build_reach_its_request() {
        let request =
            check("a==1 --out-dir out --features f --overlay o.toml --no-recipes --keep-names --for-index");
        assert_eq!(request.out_dir, PathBuf::from("out"));
        assert_eq!(request.cargo.features, ["f"]);
        assert_eq!(request.overlays.files, [PathBuf::from("o.toml")]);
        assert_eq!(request.overlays.recipes, Recipes::Ignored);
        assert_eq!((request.strip, request.tag), (Strip::DebugInfo, TagChoice::Index));
        assert_eq!(check("--debug").strip, Strip::Nothing);
        assert_eq!(check("--tag some_tag").tag, TagChoice::Named("some_tag".into()));
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        let kind = |words: &str| parse(words).unwrap_err().kind();
        let conflicts =
            ["--tag a --for-index", "--with-deps --offline", "--quiet --verbose", "--debug --optimize speed"];
        assert_eq!(conflicts.map(kind), [clap::error::ErrorKind::ArgumentConflict; 4]);
        assert_eq!(kind("a.whl"), clap::error::ErrorKind::ValueValidation);
        assert_eq!(kind("--pyodide nightly"), clap::error::ErrorKind::ValueValidation);
    }
}
