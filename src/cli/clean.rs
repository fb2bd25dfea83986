//! `clean`: empties the cache, by kind.

use clap::Args;

use super::Voice;
use crate::cache::{Cache, Kind, remove_folder, size_of_folder};
use crate::error::Result;

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
pub(super) struct CleanArguments {
    /// What to remove [default: everything]
    #[arg(value_parser = Kind::ALL.map(Kind::name), value_name = "KIND")]
    kinds: Vec<String>,
    #[command(flatten)]
    voice: Voice,
}

/// Runs the command.
pub(super) fn run(cache: &Cache, arguments: &CleanArguments) -> Result<u8> {
    let ui = arguments.voice.ui();
    let chosen =
        |kind: &Kind| arguments.kinds.is_empty() || arguments.kinds.iter().any(|name| name == kind.name());
    for kind in Kind::ALL.into_iter().filter(chosen) {
        let folder = cache.folder(kind);
        let size = size_of_folder(&folder);
        remove_folder(&folder)?;
        ui.phase("Removed", format!("{} ({} MB)", kind.name(), size / 1_000_000));
    }
    Ok(0)
}
