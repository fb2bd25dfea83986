//! The executable: a compiler driver when it is called as one, else the command line.

mod audit;
mod audit_report;
mod build;
mod build_report;
mod ci;
mod clean;
mod commands;
mod deps;
mod doctor;
mod options;
mod overlay;
mod recipes;
mod run;
mod runtimes;
mod setup;
mod sweep;
mod sweep_board;
mod terminal;
mod test;
mod test_report;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use cargo_pyodide::driver;
use cargo_pyodide::env::{DRIVER_PLAN, Environment};
use cargo_pyodide::error::{EXIT_COULD_NOT, render, render_with_cause};

fn main() -> ExitCode {
    let environment = Environment::read();
    let mut arguments = std::env::args_os();
    let name = name_of(arguments.next());
    let outcome = match environment.get(DRIVER_PLAN).map(OsString::from) {
        Some(plan) if name != "cargo-pyodide" => {
            driver::run(Path::new(&plan), &name, arguments.collect(), &environment)
                .map_err(|error| render_with_cause(&error))
        }
        _ => commands::run(environment, arguments.collect()).map_err(|error| render(&error)),
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(rendered) => {
            terminal::print_failure(&rendered);
            ExitCode::from(EXIT_COULD_NOT)
        }
    }
}

/// The name under which this program was called, without folder and ending.
fn name_of(program: Option<OsString>) -> String {
    let program = program.unwrap_or_default();
    Path::new(&program).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
