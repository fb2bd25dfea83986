//! The commands, and what runs each.

use std::ffi::OsString;

use anstream::ColorChoice;
use cargo_pyodide::cache::Cache;
use cargo_pyodide::context::{Context, Network};
use cargo_pyodide::env::Environment;
use cargo_pyodide::error::{EXIT_COULD_NOT, Result};
use cargo_pyodide::redacted::redact;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::terminal::{Terminal, print_failure};
use crate::{
    audit, bench, build, ci, clean, completions, deps, doctor, env, man, new, overlay, recipes, run,
    runtimes, serve, setup, site, sweep, test,
};

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  the checked thing failed
  2  could not do it";

/// Build Python packages with a Rust core for Pyodide, with a plain stable Rust
#[derive(Debug, Parser)]
#[command(name = "cargo-pyodide", bin_name = "cargo pyodide", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// When the output has colors
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        global = true,
        hide_possible_values = true
    )]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// Whether the command may start other programs, which nothing must outlive.
    pub(crate) fn starts_processes(&self) -> bool {
        match &self.command {
            Command::New(_)
            | Command::Recipes(_)
            | Command::Clean(_)
            | Command::Completions(_)
            | Command::Man(_) => false,
            Command::Audit(arguments) => arguments.explain.is_none(),
            _ => true,
        }
    }
}

/// When the output has colors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal that has them, as `NO_COLOR` and its like say.
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    fn apply(self) {
        let choice = match self {
            Self::Auto => return,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::NewArguments),
    Build(build::BuildArguments),
    Audit(audit::AuditArguments),
    Run(run::RunArguments),
    Repl(run::ReplArguments),
    Test(test::TestArguments),
    Bench(bench::BenchArguments),
    Deps(deps::DepsArguments),
    Overlay(overlay::OverlayCommand),
    Recipes(recipes::RecipesArguments),
    Sweep(sweep::SweepCommand),
    CellProcess(sweep::CellProcessArguments),
    Ci(ci::command::CiArguments),
    Env(env::EnvArguments),
    Site(site::SiteArguments),
    Serve(serve::ServeArguments),
    Runtimes(runtimes::RuntimesArguments),
    Setup(setup::SetupArguments),
    Doctor(doctor::DoctorArguments),
    Clean(clean::CleanArguments),
    Completions(completions::CompletionsArguments),
    Man(man::ManArguments),
}

/// What every command starts from.
#[derive(Debug)]
pub(crate) struct Session {
    environment: Environment,
    cache: Cache,
}

impl Session {
    /// The user's environment.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The context of a command.
    pub(crate) fn context(&self, terminal: &Terminal, network: Network) -> Context {
        Context::new(terminal.ui(), self.environment.clone(), self.cache.clone(), network)
    }
}

/// The command line as clap has it.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// What a command line without the program's name asks for.
///
/// # Errors
/// When it is none, or asks for help or the version.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> std::result::Result<Cli, clap::Error> {
    let arguments = arguments.into_iter().map(Into::into);
    Cli::try_parse_from(std::iter::once(OsString::from("cargo pyodide")).chain(arguments))
}

/// Reads a command line without the program's name. When it is none, or asks for help or the version, that is printed, and
/// the error is the exit status.
pub(crate) fn read(mut arguments: Vec<OsString>) -> std::result::Result<Cli, u8> {
    // Cargo calls `cargo-pyodide pyodide …`.
    if arguments.first().is_some_and(|first| first == "pyodide") {
        arguments.remove(0);
    }
    parse(arguments).map_err(|error| {
        let text = error.render();
        // What was typed may be an address with a password.
        let printed = if text.to_string().contains("://") && error.use_stderr() {
            print_failure(redact(&text.to_string()).trim_end());
            Ok(())
        } else {
            error.print()
        };
        // Help and version are what was asked for; a wrong option is not the checked thing that failed. Whoever closed the
        // pipe has read enough.
        let is_lost = printed.is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe);
        if error.use_stderr() || is_lost { EXIT_COULD_NOT } else { 0 }
    })
}

/// Runs a command. Returns the exit status.
///
/// # Errors
/// When the command could not do its work.
pub(crate) fn run(environment: Environment, cli: Cli) -> Result<u8> {
    cli.color.apply();
    let cache = Cache::new(environment.cache_folder()?);
    let limit = environment.size(CACHE_LIMIT)?;
    let session = Session { environment, cache };
    let status = run_command(&session, cli.command)?;
    // The command did its work, whatever becomes of the cache.
    if let Some(Err(error)) = limit.map(|limit| session.cache.shrink(limit)) {
        print_failure(&format!("warning: the cache could not be made smaller: {error:#}"));
    }
    Ok(status)
}

/// The variable that names the bytes that the cache may have after a command.
pub(crate) const CACHE_LIMIT: &str = "CARGO_PYODIDE_CACHE_LIMIT";

fn run_command(session: &Session, command: Command) -> Result<u8> {
    match command {
        Command::New(arguments) => new::run(&arguments),
        Command::Build(mut arguments) => {
            arguments.take_defaults()?;
            build::run(session, &arguments)
        }
        Command::Audit(arguments) => audit::run(session, &arguments),
        Command::Run(arguments) => run::run(session, arguments),
        Command::Repl(arguments) => run::repl(session, &arguments),
        Command::Test(mut arguments) => {
            arguments.take_defaults()?;
            test::run(session, &arguments)
        }
        Command::Bench(arguments) => bench::run(session, &arguments),
        Command::Deps(arguments) => deps::run(session, &arguments),
        Command::Overlay(arguments) => overlay::run(session, &arguments),
        Command::Recipes(arguments) => recipes::run(&arguments),
        Command::Sweep(command) => sweep::run(session, &command),
        Command::CellProcess(arguments) => sweep::run_cell(session, &arguments),
        Command::Ci(arguments) => ci::command::run(session, &arguments),
        Command::Env(arguments) => env::run(session, &arguments),
        Command::Site(arguments) => site::run(session, &arguments),
        Command::Serve(arguments) => serve::run(session, &arguments),
        Command::Runtimes(arguments) => runtimes::run(session, &arguments),
        Command::Setup(arguments) => setup::run(session, &arguments),
        Command::Doctor(arguments) => doctor::run(session, &arguments),
        Command::Clean(arguments) => clean::run(session, &arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}
