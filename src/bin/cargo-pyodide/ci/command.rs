//! `ci`: writes a pipeline that builds, audits, tests and publishes.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use cargo_pyodide::error::{Result, hinted};
use cargo_pyodide::releases::request::RuntimeList;
use cargo_pyodide::sweep::list;
use clap::Args;

use super::{Pipeline, Service};
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
    /// A list of packages in the repository, as `sweep` takes it [default: the package that the repository holds]
    list: Option<PathBuf>,
    /// The Pyodide releases or lines
    #[arg(long, value_name = "VERSION", default_value = "0.29,314")]
    pyodide: String,
    /// How many machines share the work
    #[arg(long, value_name = "N", default_value_t = 1)]
    shards: usize,
    /// Write it where the service looks for it, below the current folder
    #[arg(long)]
    write: bool,
    /// Replace a file that is there
    #[arg(long, requires = "write")]
    force: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &CiArguments) -> Result<u8> {
    let terminal = Terminal::new(Verbosity::Normal);
    arguments.pyodide.parse::<RuntimeList>().map_err(anyhow::Error::msg)?;
    if arguments.shards == 0 {
        bail!("`--shards` takes a number from 1 on");
    }
    let list = arguments.list.as_deref().map(check_list).transpose()?;
    let pipeline = Pipeline { list, lines: arguments.pyodide.clone(), shards: arguments.shards };
    let text = super::render(arguments.service, &pipeline);
    if !arguments.write {
        terminal.document(text.trim_end())?;
        return Ok(0);
    }
    let path = Path::new(arguments.service.usual_path());
    if path.exists() && !arguments.force {
        return Err(hinted(
            anyhow!("`{}` already exists", path.display()),
            "replace it with `--force`, or leave out `--write` and copy what you need",
        ));
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs_err::create_dir_all(folder)?;
    }
    fs_err::write(path, text)?;
    terminal.ui().phase("Written", path.display());
    Ok(0)
}

/// A list that is there, by a path that means the same in the repository elsewhere.
fn check_list(path: &Path) -> Result<String> {
    list::read(path)?;
    // The pipeline runs on another machine.
    if path.is_absolute() {
        bail!("`{}` is a path of this machine: name it from the root of the repository", path.display());
    }
    path.to_str().map(str::to_owned).ok_or_else(|| anyhow!("`{}` is not UTF-8", path.display()))
}
