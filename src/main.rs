//! The program: a compiler driver when it is called as one, else the command line.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use cargo_pyodide::env::{DRIVER_PLAN, Environment};
use cargo_pyodide::error::{EXIT_COULD_NOT, render};
use cargo_pyodide::ui::{Ui, Verbosity};
use cargo_pyodide::{cli, driver};

fn main() -> ExitCode {
    let environment = Environment::read();
    let mut arguments = std::env::args_os();
    let name = called_as(arguments.next());
    let outcome = match environment.get(DRIVER_PLAN) {
        Some(plan) if name != "cargo-pyodide" => driver::run(Path::new(plan), &name, arguments.collect()),
        _ => cli::run(&environment, arguments.collect()),
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            Ui::new(Verbosity::Quiet).failure(&render(&error));
            ExitCode::from(EXIT_COULD_NOT)
        }
    }
}

/// The name under which this program was called, without folder and ending.
fn called_as(program: Option<OsString>) -> String {
    let program = program.unwrap_or_default();
    Path::new(&program).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
