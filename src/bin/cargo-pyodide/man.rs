//! `man`: the manual pages, for those who pack the tool. `cargo help pyodide` shows the first of them.

use std::path::PathBuf;

use anyhow::Context as _;
use cargo_pyodide::error::Result;
use clap::Args;

use crate::commands::command;
use crate::terminal::{Terminal, Verbosity};

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide man --out ~/.local/share/man/man1

Exit codes:
  0  written
  2  the pages could not be written";

/// Write the manual pages: one for each command
#[derive(Debug, Args)]
#[command(hide = true, after_help = AFTER_HELP)]
pub(crate) struct ManArguments {
    /// The folder for the pages; it is made if it is not there
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

/// Runs the command.
pub(crate) fn run(arguments: &ManArguments) -> Result<u8> {
    fs_err::create_dir_all(&arguments.out)?;
    clap_mangen::generate_to(command(), &arguments.out)
        .with_context(|| format!("cannot write the manual pages into `{}`", arguments.out.display()))?;
    Terminal::new(Verbosity::Normal).ui().phase("Written", arguments.out.display());
    Ok(0)
}
