//! `env`: the variables with which maturin and others compile and link for Pyodide.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use cargo_pyodide::backend::ShellSettings;
use cargo_pyodide::building::{BuildRequest, shell};
use cargo_pyodide::error::Result;
use cargo_pyodide::releases::request::{RuntimeList, runtimes};
use cargo_pyodide::runtime::TagChoice;
use cargo_pyodide::source::{self, SourceRequest};
use clap::Args;

use crate::commands::Session;
use crate::options::{CargoOptions, NetworkOptions, OverlayOptions, VerbosityOptions};

const AFTER_HELP: &str = "\
Examples:
  eval \"$(cargo pyodide env --pyodide 314)\"
  maturin build --release --target wasm32-unknown-emscripten
  cargo pyodide audit target/wheels/*.whl

  cargo pyodide env --pyodide 314 --format github >> \"$GITHUB_ENV\"

The variables name files in the cache; they serve this package and this release alone. What a build does after linking is
left out: the modules are not stripped, optimized or given a table of relocations.

Exit codes:
  0  printed
  2  the package cannot be built for this release";

/// Print the variables with which maturin, setuptools-rust and others compile and link for Pyodide
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct EnvArguments {
    /// The package's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The Pyodide release or line [default: the newest stable line]
    #[arg(long, value_name = "VERSION")]
    pyodide: Vec<RuntimeList>,
    /// How they are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Give the wheels the tag that the Python package index takes
    #[arg(long)]
    for_index: bool,
    #[command(flatten)]
    cargo: CargoOptions,
    #[command(flatten)]
    overlays: OverlayOptions,
    #[command(flatten)]
    network: NetworkOptions,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

/// How the variables are printed.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For `eval` in a POSIX shell
    #[default]
    Sh,
    /// Lines for the file that `GITHUB_ENV` names
    Github,
    /// One JSON document, with the folders of the PATH apart
    Json,
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &EnvArguments) -> Result<u8> {
    let terminal = arguments.verbosity.terminal();
    let context = session.context(&terminal, arguments.network.network());
    let runtimes = runtimes(&context, &arguments.pyodide)?;
    let [runtime] = &runtimes[..] else {
        bail!("`env` prints the variables of one release, and `--pyodide` names {}", runtimes.len());
    };
    let source = source::find(&SourceRequest::Folder(arguments.folder.clone()), &context)?;
    let request = BuildRequest {
        cargo: arguments.cargo.request(),
        overlays: arguments.overlays.request(),
        tag: if arguments.for_index { TagChoice::Index } else { TagChoice::Line },
        ..BuildRequest::new(source, "dist")
    };
    let settings = shell::shell_settings(&request, runtime, &context)?;
    match arguments.format {
        Format::Sh => terminal.document(shell_lines(&settings).trim_end())?,
        Format::Github => {
            let folders = settings.path.iter().cloned().chain(context.environment.path_folders());
            let path =
                std::env::join_paths(folders).context("a folder of the `PATH` cannot be written there")?;
            terminal.document(github_lines(&settings, &path.to_string_lossy()).trim_end())?;
        }
        Format::Json => terminal.json(&settings)?,
    }
    Ok(0)
}

/// Lines for a POSIX shell.
fn shell_lines(settings: &ShellSettings) -> String {
    let mut text = String::new();
    for (name, value) in &settings.variables {
        let _ = writeln!(text, "export {name}={}", quote(value));
    }
    for folder in settings.path.iter().rev() {
        let _ = writeln!(text, "export PATH={}:\"$PATH\"", quote(&folder.to_string_lossy()));
    }
    text
}

/// Lines for the file that `GITHUB_ENV` names, with the whole `PATH`.
fn github_lines(settings: &ShellSettings, path: &str) -> String {
    let mut text = String::new();
    for (name, value) in &settings.variables {
        let _ = writeln!(text, "{name}={value}");
    }
    let _ = writeln!(text, "PATH={path}");
    text
}

/// A word as a POSIX shell takes it, whatever is in it.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_pass_through_a_shell_as_they_are() {
        let settings = ShellSettings {
            variables: [("A".to_owned(), "it's $x".to_owned()), ("B".to_owned(), "b c".to_owned())].into(),
            path: vec!["/one".into(), "/two".into()],
        };
        insta::assert_snapshot!(shell_lines(&settings), @r#"
        export A='it'\''s $x'
        export B='b c'
        export PATH='/two':"$PATH"
        export PATH='/one':"$PATH"
        "#);
        insta::assert_snapshot!(github_lines(&settings, "/one:/two:/usr/bin"), @r"
        A=it's $x
        B=b c
        PATH=/one:/two:/usr/bin
        ");
    }
}
