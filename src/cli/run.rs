//! `run`: a Python script in Pyodide on Node.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;

use super::{RuntimeList, Session, Voice, runtime_list, runtimes};
use crate::build::HostPython;
use crate::cache::Cache;
use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::run::session::Place;
use crate::run::{self, Script};
use crate::runtime::releases::Network;
use crate::testing::requirements::{self, Shelf};

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide run -c 'import sys; print(sys.version)'
  cargo pyodide run --pyodide 0.29 --with dist/x-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl test.py ARG
  echo 'print(1 + 1)' | cargo pyodide run -
  cargo pyodide run --in worker --with dist/x-1.0-cp314-*.whl test.py

On Node the script sees the current folder at its own path, and the environment's variables except those that describe
the host; in a browser (Chromium, or what the variable CHROME names) it sees no folder of the host. Put options before the
script.

Exit codes:
  the script's own; 2 if it could not be run";

/// Run Python in Pyodide, on Node or in a browser
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct RunArguments {
    /// The Pyodide release or line, or the folder of one [default: the newest stable line]
    #[arg(long, value_name = "VERSION", value_parser = runtime_list)]
    pyodide: Option<RuntimeList>,
    /// Where it runs
    #[arg(long = "in", value_enum, value_name = "PLACE", default_value_t = Place::Node)]
    place: Place,
    /// A wheel to install first; repeatable
    #[arg(long = "with", value_name = "WHEEL")]
    wheels: Vec<PathBuf>,
    /// Use only what is in the cache
    #[arg(long)]
    offline: bool,
    /// A program given as text; arguments follow
    #[arg(short, value_name = "CODE")]
    code: Option<String>,
    #[command(flatten)]
    voice: Voice,
    /// The script, `-` for stdin, and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "SCRIPT [ARGS]")]
    script: Vec<String>,
}

/// Runs the command.
pub(super) fn run(environment: &Environment, cache: &Cache, arguments: RunArguments) -> Result<u8> {
    let network = if arguments.offline { Network::Forbidden } else { Network::Allowed };
    let session = Session { ui: arguments.voice.ui(), environment, cache, network };
    let script = script(arguments.code, arguments.script)?;
    let requests: Vec<RuntimeList> = arguments.pyodide.into_iter().collect();
    let runtimes = runtimes(session, &requests)?;
    let [runtime] = &runtimes[..] else {
        bail!("a script runs in one Pyodide release, but {} were named", runtimes.len());
    };
    if arguments.place == Place::Node {
        return run::run((session.ui, environment), runtime, &arguments.wheels, &script);
    }
    let foundation = if arguments.wheels.is_empty() {
        Vec::new()
    } else {
        let python = HostPython::find((session.ui, environment), None)?;
        let access = session.workshop(&python).access();
        requirements::foundation(Shelf { runtime, wheels: &[], packages: None, access })
    };
    let wheels = (&foundation[..], &arguments.wheels[..]);
    run::run_in_browser((session.ui, environment), (runtime, arguments.place), wheels, &script)
}

fn script(code: Option<String>, words: Vec<String>) -> Result<Script> {
    if let Some(source) = code {
        return Ok(Script { name: "-c".into(), file: None, path: String::new(), source, arguments: words });
    }
    let mut words = words.into_iter();
    match words.next() {
        None => {
            Err(hinted(anyhow::anyhow!("no script was named"), "name a file, `-c CODE`, or `-` for stdin"))
        }
        Some(dash) if dash == "-" => {
            let mut source = String::new();
            std::io::stdin().read_to_string(&mut source).context("stdin is not UTF-8 text")?;
            Ok(Script {
                name: "-".into(),
                file: None,
                path: String::new(),
                source,
                arguments: words.collect(),
            })
        }
        Some(path) => {
            let source = fs_err::read_to_string(&path)?;
            let absolute = std::path::absolute(&path)?;
            let folder =
                absolute.parent().map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
            Ok(Script {
                file: Some(absolute.to_string_lossy().into_owned()),
                path: folder,
                source,
                arguments: words.collect(),
                name: path,
            })
        }
    }
}
