//! `setup`: prepares runtimes and standard libraries ahead of time.

use cargo_pyodide::abi::Contract;
use cargo_pyodide::context::Network;
use cargo_pyodide::error::Result;
use cargo_pyodide::releases::request::{RuntimeList, runtimes};
use cargo_pyodide::toolchain::{self, StandardLibrary};
use clap::Args;

use crate::commands::Session;
use crate::options::VerbosityOptions;

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
pub(crate) struct SetupArguments {
    /// The Pyodide releases or lines: `0.29`, `0.29.4`, `0.29,314`, `>=0.26`, `all`, or the folder of one; repeatable [default: the newest stable line]
    #[arg(long, value_name = "VERSION")]
    pyodide: Vec<RuntimeList>,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &SetupArguments) -> Result<u8> {
    let context = session.context(&arguments.verbosity.terminal(), Network::Allowed);
    for runtime in runtimes(&context, &arguments.pyodide)? {
        let contract = Contract { exceptions: runtime.exceptions, emscripten: runtime.emscripten };
        let toolchain = toolchain::choose(&context, contract, None)?;
        let library = match &toolchain.std {
            StandardLibrary::Prebuilt => "its own standard library".to_owned(),
            StandardLibrary::Built(folder) => format!("the standard library in `{}`", folder.display()),
        };
        context.ui.phase(
            "Ready",
            format!(
                "Pyodide {}: Python {}, Rust {} with {library}",
                runtime.version, runtime.python, toolchain.rust.version
            ),
        );
    }
    Ok(0)
}
