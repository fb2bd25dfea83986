//! `ci`: writes a pipeline that builds, audits, tests and publishes.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use cargo_pyodide::abi::{LAST_LINE_WITH_JAVASCRIPT, LAST_RUST_WITH_JAVASCRIPT, line_facts};
use cargo_pyodide::error::{Result, hinted};
use cargo_pyodide::files::write_whole;
use cargo_pyodide::project;
use cargo_pyodide::releases::request::RuntimeList;
use cargo_pyodide::sweep::list;
use clap::Args;

use super::{Package, Pipeline, Service};
use crate::terminal::{Terminal, Verbosity};

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide ci github --write                      for the package in this repository
  cargo pyodide ci github packages.txt --shards 4      for a list in it, on four machines
  cargo pyodide ci gitlab --pyodide '>=0.29'

Without --write the pipeline goes to stdout. A tag `v…` publishes the wheels whose tags the package index takes; that needs
a trusted publisher, or a token that is configured in the service.

Exit codes:
  0  written
  2  it could not be written";

/// Write a pipeline for continuous integration: wheels, tests, a report, a release
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CiArguments {
    /// The service that runs the pipeline
    service: Service,
    /// A list of packages in the repository, as `sweep` takes it [default: the package in the current folder]
    list: Option<PathBuf>,
    /// The Pyodide releases or lines
    #[arg(long, value_name = "VERSION", default_value = "0.29,314")]
    pyodide: String,
    /// How many machines share the work
    #[arg(long, value_name = "N", default_value_t = 1)]
    shards: usize,
    /// Write it where the service looks for it: in the root of the repository around the current folder
    #[arg(long)]
    write: bool,
    /// Replace a file that is there
    #[arg(long, requires = "write")]
    force: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &CiArguments) -> Result<u8> {
    let terminal = Terminal::new(Verbosity::Normal);
    let lines = arguments.pyodide.parse::<RuntimeList>().map_err(anyhow::Error::msg)?;
    if arguments.shards == 0 {
        bail!("`--shards` takes a number from 1 on");
    }
    let here = std::path::absolute(".")?;
    let root = find_repository(&here);
    // Where the command runs, as the pipeline sees it from the repository's root.
    let folder = here.strip_prefix(root).unwrap_or(Path::new(""));
    let package = match &arguments.list {
        Some(list) => Package::Listed(name_in_repository(folder, list)?),
        None => {
            check_project(&here)?;
            Package::Folder(spell(folder)?)
        }
    };
    let pipeline = Pipeline {
        package,
        lines: arguments.pyodide.clone(),
        toolchains: toolchains_for(&lines),
        shards: arguments.shards,
    };
    let text = super::render(arguments.service, &pipeline);
    if !arguments.write {
        terminal.document(text.trim_end())?;
        return Ok(0);
    }
    let path = root.join(arguments.service.usual_path());
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

/// The root of the repository around a folder: services look for pipelines there. The folder itself where there is none.
fn find_repository(folder: &Path) -> &Path {
    folder.ancestors().find(|parent| parent.join(".git").exists()).unwrap_or(folder)
}

/// Refuses a folder that holds no Python project: the pipeline would fail.
fn check_project(folder: &Path) -> Result<()> {
    if folder.join("pyproject.toml").is_file() || folder.join("setup.py").is_file() {
        return Ok(());
    }
    let error = anyhow!(
        "`{}` holds no Python project for the pipeline to build, and no list was named",
        folder.display()
    );
    let below = project::advise_members(folder);
    Err(hinted(
        error,
        below.map_or_else(
            || "run it in the package's folder, or name a list of packages".to_owned(),
            |advice| format!("{advice}: `cd` there, the pipeline is still written for the whole repository"),
        ),
    ))
}

/// The toolchains that rustup installs for these releases.
fn toolchains_for(lines: &RuntimeList) -> String {
    let needs_older = line_facts()
        .into_iter()
        .map(|(line, _)| line)
        .any(|line| LAST_LINE_WITH_JAVASCRIPT.parse().is_ok_and(|last| line <= last) && lines.may_mean(line));
    if needs_older { format!("stable {LAST_RUST_WITH_JAVASCRIPT}") } else { "stable".to_owned() }
}

/// A list that is there, by its path from the repository's root: the pipeline runs on another machine.
fn name_in_repository(folder: &Path, list: &Path) -> Result<String> {
    list::read(list)?;
    if list.is_absolute() {
        bail!("`{}` is a path of this machine: name it from the current folder", list.display());
    }
    spell(&folder.join(list))
}

fn spell(path: &Path) -> Result<String> {
    path.to_str()
        .map(|text| text.replace('\\', "/"))
        .ok_or_else(|| anyhow!("`{}` is not UTF-8", path.display()))
}
