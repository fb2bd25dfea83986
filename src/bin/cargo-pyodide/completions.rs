//! `completions`: the script with which a shell completes the tool's command line.

use cargo_pyodide::error::Result;
use clap::Args;
use clap_complete::Shell;

use crate::commands::command_line;
use crate::terminal::{Terminal, Verbosity};

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide completions bash > ~/.local/share/bash-completion/completions/cargo-pyodide
  cargo pyodide completions zsh > ~/.zfunc/_cargo-pyodide
  cargo pyodide completions fish > ~/.config/fish/completions/cargo-pyodide.fish

In bash and zsh, cargo's own completion also uses the script for `cargo pyodide`.

Exit codes:
  0  printed
  2  there is no such shell";

/// Print a script that completes commands and options in a shell
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CompletionsArguments {
    /// The shell that reads the script
    shell: Shell,
}

/// Runs the command.
pub(crate) fn run(arguments: &CompletionsArguments) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command_line(), "cargo-pyodide", &mut script);
    Terminal::new(Verbosity::Normal).document(String::from_utf8(script)?.trim_end())?;
    Ok(0)
}
