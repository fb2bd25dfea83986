//! The executable: a compiler driver when it is called as one, else the command line.

mod audit;
mod audit_report;
mod bench;
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
mod serve;
mod setup;
mod site;
mod sweep;
mod sweep_board;
mod terminal;
mod test;
mod test_report;

use std::process::ExitCode;

use cargo_pyodide::driver;
use cargo_pyodide::env::Environment;
use cargo_pyodide::error::{EXIT_COULD_NOT, render};

fn main() -> ExitCode {
    let environment = Environment::read();
    if let Some(status) = driver::serve(&environment, std::env::args_os()) {
        return ExitCode::from(status);
    }
    let outcome = commands::run(environment, std::env::args_os().skip(1).collect());
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            terminal::print_failure(&render(&error));
            ExitCode::from(EXIT_COULD_NOT)
        }
    }
}
