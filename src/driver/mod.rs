//! The driver: our executable when cargo, rustc or a build script calls it as `cargo`, `emcc` or a sibling.
//!
//! One plan, in a file that an environment variable names, says what to answer, which linker to run and what to add to
//! cargo's command line. A link becomes one run of wasm-ld; what the linker is told and says goes to a log beside the
//! build, because rustc hides a linker's output on success.

mod build_systems;
mod c;
mod c_arguments;
mod cargo;
mod link;
mod link_arguments;
mod program;
mod rustc;
mod supplements;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};

use crate::abi::TARGET;
use crate::env::{DRIVER_PLAN, Environment};
use crate::error::{EXIT_COULD_NOT, Result, render_with_cause};
use crate::plan::{DriverPlan, stand_in};
use crate::process::supervision::share_temporary_folder;

/// Serves the call if this executable was started as a stand-in for a compiler, and returns the exit status. Every program
/// that builds with this library begins with it: its builds start it again under the names of compilers.
///
/// A failure is said on stderr, which the program that called the stand-in keeps in its log. There the build finds the name of
/// the cause again.
///
/// `arguments` are those of the process, its own name first.
pub fn serve(environment: &Environment, arguments: impl IntoIterator<Item = OsString>) -> Option<u8> {
    let plan = environment.get(DRIVER_PLAN)?;
    let mut arguments = arguments.into_iter();
    let program = arguments.next()?;
    let name = Path::new(&program).file_stem()?.to_string_lossy().into_owned();
    let is_stand_in = stand_in::NAMES.contains(&name.as_str());
    is_stand_in.then(|| {
        share_temporary_folder(environment);
        run(Path::new(plan), &name, arguments.collect(), environment).unwrap_or_else(|error| {
            // Nobody is left to be told if stderr is closed: the status tells.
            let _ = writeln!(std::io::stderr(), "{}", render_with_cause(&error));
            EXIT_COULD_NOT
        })
    })
}

/// Runs a call of the driver: `name` is what it was called as. Returns the exit status.
///
/// # Errors
/// When the call cannot be understood, or the program behind it cannot be run.
fn run(plan: &Path, name: &str, arguments: Vec<OsString>, environment: &Environment) -> Result<u8> {
    let plan = DriverPlan::read(plan)?;
    match name {
        "cargo" => {
            let cargo = plan.cargo.as_ref().ok_or_else(|| anyhow!("the driver's plan names no cargo"))?;
            cargo::run(&plan, cargo, arguments, environment)
        }
        "rustc" => {
            let rustc = plan.rustc.as_ref().ok_or_else(|| anyhow!("the driver's plan names no rustc"))?;
            rustc::run(&plan, rustc, arguments, environment)
        }
        "emcc" | "em++" | "emar" | "emranlib" => compile_or_link(&plan, name, texts(arguments)?, environment),
        "emcmake" | "emconfigure" | "emmake" => {
            build_systems::run(&plan, name, &texts(arguments)?, environment)
        }
        _ => bail!("the driver was called as `{name}`, which it does not know"),
    }
}

fn texts(arguments: Vec<OsString>) -> Result<Vec<String>> {
    let text = |argument: OsString| {
        argument.into_string().map_err(|bad| anyhow!("`{}` is not UTF-8", bad.display()))
    };
    arguments.into_iter().map(text).collect()
}

fn compile_or_link(
    plan: &DriverPlan,
    name: &str,
    arguments: Vec<String>,
    environment: &Environment,
) -> Result<u8> {
    // A long call comes in a file.
    let arguments = if ["emcc", "em++"].contains(&name) { link::expand(arguments)? } else { arguments };
    let asks = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if asks("-dumpmachine") {
        return answer(&format!("{TARGET}\n"));
    }
    // The crate `libc` asks this which struct layouts to use, silently: the target's version counts, whatever is
    // installed.
    if asks("-dumpversion") {
        return answer(&format!("{}\n", plan.emscripten));
    }
    if asks("--version") || asks("-v") && arguments.len() == 1 {
        return answer(&format!("emcc (cargo-pyodide, standing in for Emscripten) {}\n", plan.emscripten));
    }
    // rustc's call names its exports, setuptools' says `-shared`: both make a module. All else is a call for C.
    let links = arguments
        .iter()
        .any(|argument| argument.contains("EXPORTED_FUNCTIONS") || argument.contains("SIDE_MODULE"))
        || asks("-shared");
    let compiles = asks("-c") || asks("-E") || asks("-S");
    match name {
        "emar" | "emranlib" => c::archive(plan, name, &arguments, environment),
        "emcc" | "em++" if links && !compiles => link::run(plan, &arguments, environment),
        _ => {
            let call = c_arguments::read(name, &arguments)?;
            let compiler = c::Compiler::find(plan, name, environment)?;
            if call.links { program::run(&compiler, &call) } else { compiler.compile(&call) }
        }
    }
}

/// Prints the answer to a question about the compiler.
fn answer(text: &str) -> Result<u8> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot answer")?;
    Ok(0)
}

/// Reads any text as the arguments of a linker and of a compiler.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_any(text: &str) {
    let words = link_arguments::split_response(text);
    if let Ok(plan) = link_arguments::read(&words) {
        drop((plan.require_entry(), plan.arguments(false)));
    }
    if let Ok(call) = c_arguments::read("emcc", &words) {
        drop(call.flags());
    }
}
