//! `clean`: empties the cache, by kind.

use cargo_pyodide::cache::Kind;
use cargo_pyodide::context::Network;
use cargo_pyodide::error::Result;
use cargo_pyodide::files::size_of_folder;
use clap::Args;

use crate::commands::Session;
use crate::options::VerbosityOptions;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide clean                empties the whole cache
  cargo pyodide clean builds         only trees and intermediate files of builds

Do not run it while a build is running.

Exit codes:
  0  done
  2  something could not be removed";

/// Empty the cache
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CleanArguments {
    /// What to remove [default: everything]
    #[arg(value_parser = Kind::ALL.map(Kind::name), value_name = "KIND")]
    kinds: Vec<String>,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &CleanArguments) -> Result<u8> {
    let context = session.context(&arguments.verbosity.terminal(), Network::Forbidden);
    let chosen =
        |kind: &Kind| arguments.kinds.is_empty() || arguments.kinds.iter().any(|name| name == kind.name());
    for kind in Kind::ALL.into_iter().filter(chosen) {
        let folder = context.cache.folder(kind);
        let size = size_of_folder(&folder);
        context.cache.clear(kind)?;
        context.ui.phase("Removed", format!("{} ({} MB)", kind.name(), size / 1_000_000));
    }
    Ok(0)
}
