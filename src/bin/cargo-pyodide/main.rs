//! The executable: a compiler driver when it is called as one, else the command line.

mod audit;
mod audit_files;
mod audit_report;
mod bench;
mod build;
mod build_release;
mod build_report;
mod ci;
mod clean;
mod commands;
mod completions;
mod deps;
mod doctor;
#[cfg(test)]
mod documentation;
mod env;
mod man;
mod new;
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
use cargo_pyodide::process::supervision::{self, WorkerEnd};

fn main() -> ExitCode {
    let environment = Environment::read();
    // A driver first: a build starts it hundreds of times, below a worker that is supervised.
    if let Some(status) = driver::serve(&environment, std::env::args_os()) {
        return ExitCode::from(status);
    }
    let cli = match commands::read(std::env::args_os().skip(1).collect()) {
        Ok(cli) => cli,
        Err(status) => return ExitCode::from(status),
    };
    let supervised =
        cli.starts_processes().then(|| supervision::supervise(&environment, terminal::on_signal));
    match supervised.flatten() {
        Some(WorkerEnd::Status(status)) => return ExitCode::from(status),
        Some(WorkerEnd::Signal(signal)) => {
            terminal::print_failure(&format!("error: the command was killed by signal {signal}"));
            return ExitCode::from(EXIT_COULD_NOT);
        }
        None => terminal::watch_for_interrupts(),
    }
    let done = commands::run(environment, cli);
    supervision::stay_if_ending();
    match done {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            terminal::print_failure(&render(&error));
            ExitCode::from(EXIT_COULD_NOT)
        }
    }
}
