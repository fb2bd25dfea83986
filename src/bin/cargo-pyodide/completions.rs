//! `completions`: the script with which a shell completes the tool's command line.

use cargo_pyodide::error::Result;
use clap::Args;
use clap_complete::Shell;

use crate::commands::command;
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
    Terminal::new(Verbosity::Normal).document(script(arguments.shell)?.trim_end())?;
    Ok(0)
}

fn script(shell: Shell) -> Result<String> {
    const PROGRAM: &str = "cargo-pyodide";
    // clap_complete spells a hyphen in the program's name in two ways inside one bash script, and would complete no options.
    let name = if shell == Shell::Bash { "cargo_pyodide" } else { PROGRAM };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), name, &mut script);
    // The name of the program ends the lines that register the completion.
    Ok(String::from_utf8(script)?.replace(&format!(" {name}\n"), &format!(" {PROGRAM}\n")))
}
