//! `site`: from wheels and packages to a folder that any static host can serve.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Error, anyhow};
use cargo_pyodide::building::pack::kilobytes;
use cargo_pyodide::building::{self, BuildRequest, FinishRequest};
use cargo_pyodide::context::Context;
use cargo_pyodide::error::{EXIT_FAILED, Result, cause_id, hinted, render};
use cargo_pyodide::project::is_project_or_crate;
use cargo_pyodide::releases::request::{RuntimeList, runtimes};
use cargo_pyodide::runtime::Runtime;
use cargo_pyodide::site::{self, AuditRule, News, Notebooks, ReleasePackages, SiteReport, SiteRequest};
use cargo_pyodide::source::{self, Source, SourceRequest};
use cargo_pyodide::sweep::state::State;
use cargo_pyodide::wasm::strip::Strip;
use cargo_pyodide::wheel::WheelFilename;
use clap::Args;

use crate::commands::Session;
use crate::options::{CargoOptions, HashOptions, NetworkOptions, OverlayOptions, VerbosityOptions};
use crate::terminal::Terminal;

/// The title of a page without another.
pub(crate) const TITLE: &str = "Python packages for Pyodide";

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide site dist                              the wheels in this folder, for the lines of their tags
  cargo pyodide site dist/x-1.0-*.whl --pyodide 0.29,314
  cargo pyodide site tiktoken==0.14.0 --pyodide 314 --out public
  cargo pyodide site sweep                             the wheels of a sweep, and what works where
  cargo pyodide site dist --jupyterlite --vendor       with notebooks, and asking no other host
  cargo pyodide site dist --base-url https://example.org/wheels/ --examples examples.toml

Writes a package index, Pyodide with a lock file that knows the wheels, and a page to try them on (docs/site.md). What
the wheels require and the release lacks is taken from the package index, if it has a wheel. The same wheels give the
same bytes. An older site in the folder is replaced; a folder that holds anything else is left as it is.

Exit codes:
  0  the site was written
  1  a wheel would not load: the audit found an error
  2  the site could not be written";

/// Write a site that serves wheels for Pyodide, with a playground
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct SiteArguments {
    /// Wheels, folders of wheels, the folder of a sweep, and what `build` takes
    #[arg(value_name = "WHEEL|FOLDER|SWEEP|SOURCE", required = true)]
    packages: Vec<String>,
    /// The folder of the site
    #[arg(short, long, visible_alias = "out-dir", value_name = "FOLDER", default_value = "site")]
    out: PathBuf,
    #[command(flatten)]
    content: ContentOptions,
    /// Copy the packages of the release that are needed, instead of naming the release's network
    #[arg(long)]
    vendor: bool,
    /// Add a JupyterLite with the same Pyodide and wheels, and a notebook of the examples
    #[arg(long)]
    jupyterlite: bool,
    /// The address at which the site will stand, for links that name it
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The title of the page
    #[arg(long, value_name = "TEXT", default_value = TITLE)]
    title: String,
    /// A file of examples for the page, in TOML (docs/site.md)
    #[arg(long, value_name = "FILE")]
    examples: Option<PathBuf>,
    /// A page of your own that goes beside the playground; repeatable
    #[arg(long = "page", value_name = "FILE")]
    pages: Vec<PathBuf>,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

/// Which wheels a site has, and for which releases.
#[derive(Debug, Args)]
pub(crate) struct ContentOptions {
    /// The Pyodide releases or lines; repeatable [default: the lines that the wheels' tags claim]
    #[arg(long, value_name = "VERSION")]
    pub(crate) pyodide: Vec<RuntimeList>,
    /// Publish wheels that the audit refuses, too
    #[arg(long)]
    pub(crate) no_audit: bool,
    /// The host's Python that runs the build back end [default: python3]
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cargo: CargoOptions,
    #[command(flatten)]
    pub(crate) overlays: OverlayOptions,
    #[command(flatten)]
    pub(crate) hashes: HashOptions,
    #[command(flatten)]
    pub(crate) network: NetworkOptions,
}

impl ContentOptions {
    /// What the command works with.
    pub(crate) fn context(&self, session: &Session, terminal: &Terminal) -> Context {
        let context = session.context(terminal, self.cargo.network(&self.network));
        context.with_python(self.python.clone()).with_hashes(self.hashes.hashes())
    }

    /// What is done with a wheel that the audit refuses.
    pub(crate) fn audit_rule(&self) -> AuditRule {
        if self.no_audit { AuditRule::Ignored } else { AuditRule::Enforced }
    }
}

/// What a site is made of.
pub(crate) struct SiteInput {
    /// Wheels and folders of wheels.
    pub(crate) wheels: Vec<PathBuf>,
    /// Packages that are built.
    pub(crate) sources: Vec<Source>,
    pub(crate) runtimes: Vec<Runtime>,
    /// A sweep, whose wheels are published.
    pub(crate) sweep: Option<State>,
}

/// How much work is put into wheels that are built for a site, and what stays in them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quality {
    pub(crate) finish: FinishRequest,
    pub(crate) strip: Strip,
}

/// The wheels of a site.
pub(crate) struct SiteWheels {
    pub(crate) paths: Vec<PathBuf>,
    /// Holds those that were built for the site.
    _built: tempfile::TempDir,
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &SiteArguments) -> Result<u8> {
    let terminal = arguments.verbosity.terminal();
    let options = &arguments.content;
    let context = options.context(session, &terminal);
    let made = SiteInput::find(&context, &arguments.packages, options).and_then(|input| {
        let wheels = input.build(&context, options, Quality::default())?;
        site::write(&arguments.request(&wheels, &input), &context)
    });
    match made {
        Ok(report) => {
            tell(&context, &report);
            terminal.data(report.folder.display())?;
            Ok(0)
        }
        Err(error) => conclude_failure(&terminal, error),
    }
}

/// The exit status of a site that was not written: a wheel that would not load is what was checked and failed.
pub(crate) fn conclude_failure(terminal: &Terminal, error: Error) -> Result<u8> {
    if cause_id(&error) == Some("would-not-load") {
        terminal.failure(&render(&error));
        return Ok(EXIT_FAILED);
    }
    Err(error)
}

impl SiteArguments {
    fn request<'a>(&self, wheels: &SiteWheels, input: &'a SiteInput) -> SiteRequest<'a> {
        SiteRequest {
            wheels: wheels.paths.clone(),
            runtimes: &input.runtimes,
            title: self.title.clone(),
            examples: self.examples.clone(),
            pages: self.pages.clone(),
            base_url: self.base_url.clone(),
            release_packages: if self.vendor { ReleasePackages::Copied } else { ReleasePackages::Linked },
            audit: self.content.audit_rule(),
            notebooks: if self.jupyterlite { Notebooks::JupyterLite } else { Notebooks::None },
            sweep: input.sweep.clone(),
            news: News::Unasked,
            out: self.out.clone(),
        }
    }
}

/// Says what came of it.
pub(crate) fn tell(context: &Context, report: &SiteReport) {
    for warning in &report.warnings {
        context.ui.warn(warning);
    }
    let SiteReport { packages, wheels, bytes, .. } = report;
    context.ui.phase(
        "Finished",
        format!(
            "a site of {packages} package{}, {wheels} wheel{}, Pyodide {}, {:.1} MB",
            if *packages == 1 { "" } else { "s" },
            if *wheels == 1 { "" } else { "s" },
            report.releases.join(" and "),
            kilobytes(*bytes) / 1000.0
        ),
    );
}

impl SiteInput {
    /// Finds what was named, and the releases for it.
    pub(crate) fn find(context: &Context, packages: &[String], options: &ContentOptions) -> Result<Self> {
        let mut wheels = Vec::new();
        let mut names = Vec::new();
        let mut sources = Vec::new();
        let mut sweep = None;
        for package in packages {
            if State::is_at(package.as_ref()) {
                if sweep.replace(State::open(package.as_ref())?).is_some() {
                    let error = anyhow!("`{package}` is a second sweep, and a page has one matrix");
                    return Err(hinted(error, "join them with `cargo pyodide sweep merge`"));
                }
            } else if let Some(found) = wheels_in(Path::new(package))? {
                wheels.push(PathBuf::from(package));
                for path in found {
                    names.push(read_name(&path)?);
                }
            } else {
                let request = package.parse::<SourceRequest>()?;
                source::refuse_namesake(&request, Path::new("."))?;
                sources.push(source::find(&request, context)?);
            }
        }
        let runtimes = match &sweep {
            Some(sweep) if options.pyodide.is_empty() => {
                let lines = sweep.plan()?.lines;
                let releases =
                    lines.iter().map(|line| line.pyodide.parse::<RuntimeList>().map_err(Error::msg));
                runtimes(context, &releases.collect::<Result<Vec<_>>>()?)?
            }
            _ => choose_runtimes(context, &names, options)?,
        };
        Ok(Self { wheels, sources, runtimes, sweep })
    }

    /// The wheels that are there now, and those of the packages, built.
    pub(crate) fn build(
        &self,
        context: &Context,
        options: &ContentOptions,
        quality: Quality,
    ) -> Result<SiteWheels> {
        let mut paths = Vec::new();
        for path in &self.wheels {
            paths.extend(wheels_in(path)?.unwrap_or_default());
        }
        if let Some(sweep) = &self.sweep {
            paths.extend(site::swept_wheels(sweep)?);
        }
        let built = tempfile::tempdir()?;
        for source in &self.sources {
            let request = BuildRequest {
                cargo: options.cargo.request(),
                overlays: options.overlays.request(),
                finish: quality.finish,
                strip: quality.strip,
                ..BuildRequest::new(source.clone(), built.path())
            };
            for runtime in &self.runtimes {
                let wheel = building::build(&request, runtime, context)?.accept()?;
                paths.push(wheel.wheel.path().to_owned());
            }
        }
        Ok(SiteWheels { paths, _built: built })
    }
}

/// The releases that were named, else the newest of each line that a wheel is for, else the newest.
fn choose_runtimes(
    context: &Context,
    wheels: &[WheelFilename],
    options: &ContentOptions,
) -> Result<Vec<Runtime>> {
    if !options.pyodide.is_empty() {
        return runtimes(context, &options.pyodide);
    }
    let claimed = RuntimeList::of_lines(site::claimed_lines(wheels));
    if claimed.is_empty() {
        return runtimes(context, &[]);
    }
    let mut found = runtimes(context, &[claimed])?;
    // Lines share platform tags and differ in their Python.
    found.retain(|runtime| wheels.iter().any(|wheel| !wheel.is_pure() && runtime.accepts(wheel).is_ok()));
    Ok(found)
}

fn read_name(path: &Path) -> Result<WheelFilename> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.parse().with_context(|| format!("cannot use the wheel `{}`", path.display()))
}

/// The wheels that a path names; none if it is something to build.
fn wheels_in(path: &Path) -> Result<Option<Vec<PathBuf>>> {
    if path.extension().is_some_and(|ending| ending == "whl") {
        return Ok(Some(vec![path.to_owned()]));
    }
    if !path.is_dir() || is_project_or_crate(path) {
        return Ok(None);
    }
    let mut found = Vec::new();
    for entry in fs_err::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "whl") {
            found.push(path);
        }
    }
    if found.is_empty() {
        let error = anyhow!("there is no wheel in `{}`, and it is not a package to build", path.display());
        return Err(hinted(error, "`cargo pyodide build` puts wheels into `dist`"));
    }
    found.sort();
    Ok(Some(found))
}
