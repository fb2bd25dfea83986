//! `ci`: writes a pipeline that builds, audits, tests and publishes.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use cargo_pyodide::error::{Result, hinted};
use cargo_pyodide::files::write_whole;
use cargo_pyodide::releases::request::RuntimeList;
use clap::Args;

use super::repository::Repository;
use super::subject::Subject;
use super::{Pages, Pipeline, Service, Tags, Toolchains};
use crate::commands::Session;
use crate::terminal::{Terminal, Verbosity};

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide ci github --write                      for the package in this folder
  cargo pyodide ci github crates/py --pages --write    for one in another, with a site on the repository's pages
  cargo pyodide ci github packages.txt --shards 4      for a list, on four machines
  cargo pyodide ci gitlab --pyodide '>=0.29'
  cargo pyodide ci slurm packages.txt --write          for a list, on machines of yours

Without --write the pipeline goes to stdout. For one package it builds, audits, and tests on Node and in a page, and keeps
wheels and reports; comments in it say how to publish. For a list it sweeps, and a tag `v…` publishes the wheels whose tags
the package index takes: that needs a trusted publisher. The files for GNU parallel, Slurm, Snakemake and Kubernetes sweep a
list; comments in them say how they are started.

Exit codes:
  0  written
  2  it could not be written";

/// Write a pipeline for continuous integration: wheels, tests, reports, a release
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CiArguments {
    /// The service or the engine that runs it
    service: Service,
    /// The folder of a package, or a list of packages as `sweep` takes it
    #[arg(value_name = "FOLDER|LIST", default_value = ".")]
    subject: PathBuf,
    /// The Pyodide releases or lines
    #[arg(long, value_name = "VERSION", default_value = super::USUAL_RELEASES)]
    pyodide: String,
    /// How many machines share the work on a list
    #[arg(long, value_name = "N", default_value_t = 1)]
    shards: usize,
    /// Also write a site with the wheels and a playground, and deploy it as the repository's pages
    #[arg(long)]
    pages: bool,
    /// Write it where the service looks for it, from the root of the repository
    #[arg(long)]
    write: bool,
    /// Replace a file that is there
    #[arg(long, requires = "write")]
    force: bool,
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &CiArguments) -> Result<u8> {
    let terminal = Terminal::new(Verbosity::Normal);
    let repository = Repository::around(Path::new("."), &terminal.ui(), session.environment())?;
    let text = super::render(arguments.service, &pipeline(arguments, &repository)?);
    if !arguments.write {
        terminal.document(text.trim_end())?;
        return Ok(0);
    }
    let path = repository.root.join(arguments.service.usual_path());
    if path.exists() && !arguments.force {
        return Err(hinted(
            anyhow!("`{}` already exists", path.display()),
            "replace it with `--force`, or leave out `--write` and copy what you need",
        ));
    }
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    write_whole(&path, text.as_bytes())?;
    terminal.ui().phase("Written", path.display());
    Ok(0)
}

fn pipeline(arguments: &CiArguments, repository: &Repository) -> Result<Pipeline> {
    let CiArguments { service, shards, .. } = *arguments;
    let releases: RuntimeList = arguments.pyodide.parse().map_err(anyhow::Error::msg)?;
    let most = service.most_shards();
    if shards > 1 && most == 1 {
        let error = anyhow!("`--shards` shares out a list, and this engine takes each cell of it");
        return Err(hinted(error, "leave it out"));
    }
    if !(1..=most).contains(&shards) {
        bail!("`--shards` takes a number from 1 to {most}");
    }
    let subject = Subject::find(&arguments.subject, repository)?;
    if service.takes_lists_alone() && matches!(subject, Subject::Package(_)) {
        let error =
            anyhow!("`{}` is one package, and this engine sweeps a list", arguments.subject.display());
        return Err(hinted(error, "name a list: a file of NAME==VERSION, one a line"));
    }
    if service == Service::Kubernetes && arguments.subject.is_dir() {
        let error = anyhow!("`{}` is a folder, and the job's list is a file", arguments.subject.display());
        return Err(hinted(error, "name a file of NAME==VERSION, one a line"));
    }
    if service.takes_lists_alone() && arguments.pages {
        bail!("`--pages` is for GitHub and GitLab: `cargo pyodide site` makes a site of a sweep's folder");
    }
    if shards > 1 && matches!(subject, Subject::Package(_)) {
        return Err(hinted(anyhow!("`--shards` shares out a list, and this is one package"), "leave it out"));
    }
    Ok(Pipeline {
        subject,
        toolchains: toolchains(&releases)?,
        tags: tags(&releases)?,
        releases: arguments.pyodide.clone(),
        branch: repository.branch.clone(),
        shards,
        pages: if arguments.pages { Pages::Deployed } else { Pages::None },
    })
}

/// The first line whose exceptions every newer compiler handles.
const FIRST_WITHOUT_OLDER_RUST: &str = "0.28";

fn toolchains(releases: &RuntimeList) -> Result<Toolchains> {
    let needs_older = releases.reaches_before(FIRST_WITHOUT_OLDER_RUST.parse()?);
    Ok(if needs_older { Toolchains::StableAndOlder } else { Toolchains::Stable })
}

/// The first line for whose newest release the package index takes wheels.
const FIRST_OF_INDEX: &str = "0.29";

fn tags(releases: &RuntimeList) -> Result<Tags> {
    Ok(if releases.reaches_before(FIRST_OF_INDEX.parse()?) { Tags::Line } else { Tags::Index })
}
