//! Says why a back end failed: the telling lines of its log first, advice where the cause is known.

use std::path::Path;

use anyhow::anyhow;

use crate::error::hinted;

/// How many lines of a log are shown.
const SHOWN: usize = 40;

/// An error made of a failed build's log.
pub(super) fn explain(log: &str, path: &Path, project: &Path) -> anyhow::Error {
    let lines: Vec<&str> = log.lines().map(str::trim_end).collect();
    // What a C compiler says comes as a warning of cargo's: `warning: zlib-sys@1.0.0: a.c:1: error: …`.
    let tells = |line: &&str| {
        line.starts_with("error") || (line.starts_with("warning: ") && line.contains(": error: "))
    };
    let first = lines.iter().position(tells).unwrap_or(lines.len().saturating_sub(SHOWN));
    let shown: Vec<String> = lines[first..].iter().take(SHOWN).map(|line| format!("    {line}")).collect();
    let error = anyhow!(
        "the build back end failed in `{}`:\n{}\n    the full log is `{}`",
        project.display(),
        shown.join("\n"),
        path.display()
    );
    match advice(log) {
        Some(hint) => hinted(error, hint),
        None => error,
    }
}

/// Advice for causes that can be told from cargo's or the back end's words.
fn advice(log: &str) -> Option<String> {
    let has = |text: &str| log.contains(text);
    if has("is not supported by the following package") || has("requires rustc") || has("requires Rust") {
        return Some(
            "the package or one of its crates needs a newer Rust: install one, or name it with `RUSTC`"
                .into(),
        );
    }
    if has("to compile C with") || has("to compile C++ with") || has("to archive C objects with") {
        return Some(format!("a crate compiles C or C++: {}", crate::toolchain::c_compiler::ADVICE));
    }
    if has("exports no `PyInit_") {
        return Some("pass the cargo feature that turns the Python bindings on with `--features`".into());
    }
    if has("requires pthreads support")
        || has("requires atomics")
        || has("Only features sync,macros,io-util,rt,time")
    {
        return Some("a crate refuses this target because it wants threads: turn its threaded feature off with `--no-default-features` and `--features`".into());
    }
    if has("may not be used on the stable release channel") {
        return Some("a crate uses unstable features of Rust: turn the cargo feature off that wants them with `--no-default-features` and `--features`".into());
    }
    if has("Could not resolve host")
        || has("failed to download")
        || has("spurious network error")
        || has("Unable to update registry")
    {
        return Some("cargo could not reach its registry: check the network".into());
    }
    if has("No space left on device") {
        return Some("the disk is full: `cargo pyodide clean` frees the cache".into());
    }
    if has("error: no such command") {
        return Some("the build asks cargo for a subcommand that is not installed".into());
    }
    None
}
