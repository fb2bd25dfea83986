//! `runtimes`: the table of Pyodide's lines.

use cargo_pyodide::abi::{Line, facts_of};
use cargo_pyodide::cache::Kind;
use cargo_pyodide::context::Network;
use cargo_pyodide::error::Result;
use cargo_pyodide::releases;
use cargo_pyodide::runtime::Runtime;
use clap::Args;
use serde::Serialize;

use crate::commands::Session;
use crate::options::VerbosityOptions;
use crate::terminal::Terminal;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide runtimes
  cargo pyodide runtimes --json

For releases that are not in the cache, the columns that come from their files are empty. A line without a stable
release shows its newest preview.

Exit codes:
  0  done
  2  npm cannot list the releases and the cache has none, or a release in the cache cannot be read";

/// Show Pyodide's lines and what their wheels must match
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RuntimesArguments {
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

/// One line.
#[derive(Debug, Serialize)]
struct LineRow {
    line: String,
    release: String,
    python: Option<String>,
    emscripten: Option<String>,
    tag: Option<String>,
    node: Option<u32>,
    cached: bool,
    #[serde(flatten)]
    read: Option<Read>,
}

/// What the files of a release say.
#[derive(Debug, Serialize)]
struct Read {
    abi: Option<String>,
    accepts: Vec<String>,
    exceptions: String,
    setjmp: &'static str,
    start_up: &'static str,
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &RuntimesArguments) -> Result<u8> {
    let terminal = arguments.verbosity.terminal();
    let context = session.context(&terminal, Network::Allowed);
    let cache = &context.cache;
    let known = releases::known(&context)?;
    let served = known.iter().filter(|version| Line::of(version) >= Line::OLDEST);
    let (stable, previews): (Vec<_>, Vec<_>) = served.partition(|version| version.pre.is_empty());
    let has_stable = |line: Line| stable.iter().any(|version| Line::of(version) == line);
    let only_previews = previews.into_iter().filter(|version| !has_stable(Line::of(version)));
    let mut newest = releases::newest_of_lines(stable.iter().copied());
    newest.extend(releases::newest_of_lines(only_previews));
    let rows = newest.iter().map(|version| {
        let key = version.to_string();
        let cached = cache.has(Kind::Runtimes, &key);
        // Only what is in the cache: listing must not fetch eleven releases.
        let read = if cached { Some(Runtime::read(&cache.entry(Kind::Runtimes, &key)?)?) } else { None };
        let facts = facts_of(Line::of(version));
        Ok(LineRow {
            line: Line::of(version).to_string(),
            release: key,
            python: read
                .as_ref()
                .map(|runtime| runtime.python)
                .or(facts.as_ref().and_then(|facts| facts.python))
                .map(|python| python.to_string()),
            emscripten: read
                .as_ref()
                .map(|runtime| runtime.emscripten.to_string())
                .or(facts.as_ref().and_then(|facts| facts.emscripten.clone())),
            tag: read
                .as_ref()
                .map(|runtime| runtime.facts.tag.clone())
                .or(facts.as_ref().map(|facts| facts.tag.clone())),
            node: facts.map(|facts| facts.node),
            cached,
            read: read.map(|runtime| describe(&runtime)),
        })
    });
    let rows: Vec<LineRow> = rows.collect::<Result<_>>()?;
    if arguments.json {
        terminal.json(&rows)?;
    } else {
        print(&terminal, &rows)?;
    }
    Ok(0)
}

fn describe(runtime: &Runtime) -> Read {
    Read {
        abi: runtime.abi_version.clone(),
        accepts: runtime.platform_tags(),
        exceptions: runtime.exceptions.to_string(),
        setjmp: runtime.setjmp_model(),
        start_up: match (runtime.start_up.applies_relocations, runtime.start_up.zeroes_memory) {
            (true, true) => "loader",
            _ => "module",
        },
    }
}

fn print(terminal: &Terminal, rows: &[LineRow]) -> Result<()> {
    let head = [
        "line",
        "release",
        "python",
        "emscripten",
        "exceptions",
        "setjmp",
        "start-up",
        "node",
        "cache",
        "tag",
        "also installs",
    ];
    let mut table = vec![head.map(str::to_owned)];
    for row in rows {
        let dash = || "-".to_owned();
        let of_files = |pick: fn(&Read) -> String| row.read.as_ref().map_or_else(dash, pick);
        let own = row.tag.clone().unwrap_or_default();
        let others = row.read.as_ref().map(|read| {
            let others: Vec<&str> =
                read.accepts.iter().map(String::as_str).filter(|tag| *tag != own).collect();
            others.join(" ")
        });
        table.push([
            row.line.clone(),
            row.release.clone(),
            row.python.clone().unwrap_or_else(dash),
            row.emscripten.clone().unwrap_or_else(dash),
            of_files(|read| read.exceptions.clone()),
            of_files(|read| read.setjmp.split(',').next().unwrap_or_default().to_owned()),
            of_files(|read| read.start_up.to_owned()),
            row.node.map_or_else(|| "-".to_owned(), |node| format!(">={node}")),
            if row.cached { "yes" } else { "no" }.to_owned(),
            own,
            others.unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    terminal.table(&table)?;
    Ok(())
}
