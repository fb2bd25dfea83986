//! Keeps the documentation in step with the command line: docs/reference.md is made from clap's commands, and each line
//! `cargo pyodide …` of README, docs and help texts must be one that clap takes.
//!
//! `INSTA_UPDATE=always cargo test --bin cargo-pyodide documentation::` writes docs/reference.md.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Arg, Command};

use crate::commands::{command, parse};

const HEAD: &str = "# Reference

<!-- Made from the command line by `INSTA_UPDATE=always cargo test --bin cargo-pyodide documentation::`. -->

`cargo pyodide COMMAND --help` prints the same.

";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A command and its subcommands, each with the words that call it.
fn list_commands<'a>(command: &'a Command, called: &str, listed: &mut Vec<(String, &'a Command)>) {
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        if subcommand.get_name() == "help" {
            continue;
        }
        let called = format!("{called} {}", subcommand.get_name());
        listed.push((called.clone(), subcommand));
        list_commands(subcommand, &called, listed);
    }
}

/// docs/reference.md.
fn reference() -> String {
    let mut whole = command();
    whole.build();
    let mut commands = Vec::new();
    list_commands(&whole, "cargo pyodide", &mut commands);
    let mut text = HEAD.to_owned();
    for (called, command) in &commands {
        let anchor = called.replace(' ', "-");
        let _ = writeln!(text, "- [`{called}`](#{anchor}): {}", describe(command));
    }
    for (called, command) in commands {
        write_command(&mut text, &called, command);
    }
    text
}

fn describe(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn write_command(text: &mut String, called: &str, command: &Command) {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    let _ = write!(text, "\n## {called}\n\n{}.\n\n```text\n{usage}\n```\n\n", describe(command));
    let shown = |argument: &&Arg| !argument.is_hide_set() && argument.get_id() != "help";
    let arguments = command.get_arguments().filter(shown).map(describe_argument).collect::<Vec<_>>();
    if !arguments.is_empty() {
        let _ = writeln!(text, "{}\n", arguments.join("\n"));
    }
    if let Some(after) = command.get_after_help() {
        let _ = writeln!(text, "```text\n{after}\n```");
    }
    *text = text.trim_end().to_owned() + "\n";
}

/// One argument as an entry of a list: its names and value, what it does, what it takes.
fn describe_argument(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let takes_value = argument.get_action().takes_values();
    let names = argument.get_value_names().unwrap_or_default().join(" ");
    let long = argument.get_long().map(|long| format!("--{long}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    let mut spelled = match (short, long) {
        (Some(short), Some(long)) => format!("{short}, {long}"),
        (Some(name), None) | (None, Some(name)) => name,
        (None, None) => String::new(),
    };
    if takes_value || spelled.is_empty() {
        spelled = format!("{spelled} <{names}>");
    }
    let mut entry = format!("- `{}`: {help}", spelled.trim());
    let values: Vec<String> = if takes_value && !argument.is_hide_possible_values_set() {
        argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect()
    } else {
        Vec::new()
    };
    if !values.is_empty() {
        let _ = write!(entry, " [values: {}]", values.join(", "));
    }
    let defaults: Vec<_> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if takes_value && !defaults.is_empty() {
        let _ = write!(entry, " [default: {}]", defaults.join(", "));
    }
    entry
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how snapshots are updated is not the tool's to know")]
fn the_reference_is_up_to_date() {
    let path = root().join("docs/reference.md");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        fs_err::write(&path, reference()).unwrap();
    }
    assert_eq!(fs_err::read_to_string(&path).unwrap(), reference(), "see the head of docs/reference.md");
}

/// The Markdown files for users and contributors.
fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md"].map(|name| root().join(name)).into();
    for entry in fs_err::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A call of the tool in a text.
struct Call {
    arguments: Vec<String>,
    /// Whether it stands in running text, which may name a command without what it requires.
    is_mention: bool,
}

/// The words of a shell's command line up to its first operator or comment; words in brackets are optional and left out.
fn split_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '|' | ';' | '>' | '<' | '&' | '`' | ')') => break,
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words.retain(|word| !word.starts_with('['));
    // What a reader puts a version in the place of.
    words
        .iter()
        .map(|word| if word == "LINE" { "0.29".to_owned() } else { word.replace("VERSION", "0.29") })
        .collect()
}

/// Each `cargo pyodide …` of a Markdown text: in blocks line by line, elsewhere in backticks.
fn find_calls(text: &str) -> Vec<Call> {
    let mut found = Vec::new();
    let mut prose = String::new();
    let mut is_block = false;
    for line in text.replace("\\\n", " ").lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if is_block || line.starts_with("    ") {
            found.extend(arguments_in(line).map(|arguments| Call { arguments, is_mention: false }));
        } else {
            prose.push_str(line);
            prose.push(' ');
        }
    }
    let code = prose.split('`').skip(1).step_by(2).filter_map(arguments_in);
    found.extend(code.map(|arguments| Call { arguments, is_mention: true }));
    found
}

fn arguments_in(text: &str) -> Option<Vec<String>> {
    let called = ["cargo pyodide ", "cargo-pyodide ", "cargo run -- "];
    let start = called.iter().filter_map(|name| Some(text.find(name)? + name.len())).min()?;
    if text[..start].ends_with("install cargo-pyodide ") {
        return None;
    }
    // In help texts, what an example does stands behind two spaces.
    let line = text[start..].split("  ").next().unwrap_or_default();
    Some(split_words(line))
}

/// What is wrong with a call.
fn refusal(call: &Call) -> Option<String> {
    let Call { arguments, is_mention } = call;
    // Words for any command.
    if arguments.first().is_none_or(|first| first == "…" || first == "COMMAND") {
        return None;
    }
    let error = parse(arguments).err().filter(clap::Error::use_stderr)?;
    let is_incomplete = match error.kind() {
        ErrorKind::MissingRequiredArgument | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => true,
        ErrorKind::InvalidValue => arguments.last().is_some_and(|last| last.starts_with("--")),
        _ => false,
    };
    if *is_mention && is_incomplete {
        return None;
    }
    let message = error.to_string();
    Some(format!("{}: {}", arguments.join(" "), message.lines().next().unwrap_or_default()))
}

#[test]
fn every_documented_command_line_is_one() {
    let mut calls = Vec::new();
    // The reference is made of what clap knows; its examples are looked at below.
    for path in documents().into_iter().filter(|path| !path.ends_with("reference.md")) {
        let place = path.display().to_string();
        let text = fs_err::read_to_string(&path).unwrap();
        calls.extend(find_calls(&text).into_iter().map(|call| (place.clone(), call)));
    }
    let mut whole = command();
    whole.build();
    let mut commands = Vec::new();
    list_commands(&whole, "cargo pyodide", &mut commands);
    for (called, command) in commands {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples = help.lines().filter_map(arguments_in);
        calls.extend(examples.map(|arguments| (called.clone(), Call { arguments, is_mention: false })));
    }
    let wrong: Vec<String> =
        calls.iter().filter_map(|(place, call)| Some(format!("{place}: {}", refusal(call)?))).collect();
    assert_eq!(wrong, Vec::<String>::new());
    assert!(calls.len() > 100, "only {} command lines were found", calls.len());
}

#[test]
fn command_lines_are_found_in_blocks_and_in_text() {
    let text = "Try `cargo pyodide build\nNAME`.\n\n```console\n$ X=1 cargo pyodide run -c 'a b' | cat\nno\n```\n\n    \
                cargo pyodide clean [KIND]  what it does\n\n`cargo build` builds; `audit = \"cargo-pyodide audit {wheel}\"`\n";
    let found: Vec<String> = find_calls(text).iter().map(|call| call.arguments.join(",")).collect();
    assert_eq!(found, ["run,-c,a b", "clean", "build,NAME", "audit,{wheel}"]);
}
