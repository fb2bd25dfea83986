//! `setup`: prepares runtimes and standard libraries ahead of time.

use clap::Args;

use super::{RuntimeList, Session, Voice, runtime_list, runtimes};
use crate::cache::Cache;
use crate::env::Environment;
use crate::error::Result;
use crate::runtime::releases::Network;
use crate::toolchain::{self, Contract, StandardLibrary, Tools};

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide setup
  cargo pyodide setup --pyodide 0.29,314

Exit codes:
  0  all is prepared
  2  something could not be prepared";

/// Prepare runtimes and standard libraries ahead of time
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct SetupArguments {
    /// The Pyodide releases or lines: `0.29`, `0.29.4`, `0.29,314`, `>=0.26`, `all`, or the folder of one; repeatable [default: the newest stable line]
    #[arg(long, value_name = "VERSION", value_parser = runtime_list)]
    pyodide: Vec<RuntimeList>,
    #[command(flatten)]
    voice: Voice,
}

/// Runs the command.
pub(super) fn run(environment: &Environment, cache: &Cache, arguments: &SetupArguments) -> Result<u8> {
    let session = Session { ui: arguments.voice.ui(), environment, cache, network: Network::Allowed };
    for runtime in runtimes(session, &arguments.pyodide)? {
        let tools = Tools { ui: session.ui, cache, environment };
        let contract = Contract { exceptions: runtime.exceptions, emscripten: runtime.emscripten };
        let toolchain = toolchain::choose(tools, contract, None)?;
        let library = match &toolchain.std {
            StandardLibrary::Prebuilt => "its own standard library".to_owned(),
            StandardLibrary::Built(folder) => format!("the standard library in `{}`", folder.display()),
        };
        session.ui.phase(
            "Ready",
            format!(
                "Pyodide {}: Python {}, Rust {} with {library}",
                runtime.version, runtime.python, toolchain.rust.version
            ),
        );
    }
    Ok(0)
}
