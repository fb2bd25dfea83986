//! Says why a back end failed: the telling lines of its log first, advice where the cause is known.

use std::path::{Path, PathBuf};

pub(crate) use super::rustc_errors::FailedCrate;
use super::rustc_errors::{self, Roots};
use crate::causes::{self, When};
use crate::error::hinted;
use crate::project::back_end::{CARGO_FAILED, MATURIN_FAILED};

/// How many lines of a log are shown.
// More than that scrolls the telling line off the screen; the log has the rest.
const SHOWN: usize = 40;

/// A build back end failed.
#[derive(Debug, thiserror::Error)]
#[error("the build back end failed in `{}`:\n{telling}\n    the full log is `{}`", .project.display(), .log.display())]
pub(crate) struct BackendFailed {
    project: PathBuf,
    /// The lines that tell why.
    telling: String,
    /// Its log.
    pub log: PathBuf,
    /// The crate of a registry that it failed with.
    pub(crate) failed: Option<FailedCrate>,
}

/// Drops build-script directives, stdout that repeats stderr, backtrace frames, and what back ends repeat of cargo's
/// output.
fn without_chatter<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let mut kept: Vec<&str> = Vec::new();
    let (mut skips, mut reads_frames) = (false, false);
    for (number, line) in lines.iter().enumerate() {
        let text = line.trim_start();
        let has_more = || lines[number..].iter().any(|line| line.trim_start() == "--- stderr");
        match text {
            "--- stdout" => skips = has_more(),
            "--- stderr" => skips = false,
            _ => {}
        }
        // A frame is `12: name`, and `at file:line` below it.
        let is_frame = text.split_once(": ").is_some_and(|(number, _)| number.parse::<u32>().is_ok())
            || text.starts_with("at ");
        reads_frames = text == "stack backtrace:" || reads_frames && is_frame;
        // What maturin says of its own stays: it is the only place where the cause stands.
        let repeats_cargo = || lines.get(number + 1).is_some_and(|next| next.contains(CARGO_FAILED));
        if text.starts_with(MATURIN_FAILED) && repeats_cargo() {
            break;
        }
        let is_empty_again = text.is_empty() && kept.last().is_some_and(|last| last.trim().is_empty());
        let is_idle = text.starts_with("cargo:") || text.starts_with("note: To improve backtraces");
        if !skips && !reads_frames && !is_idle && !is_empty_again {
            kept.push(line);
        }
    }
    kept
}

/// An error made of a failed build's log.
pub(super) fn explain(log: &str, path: &Path, roots: Roots<'_>) -> anyhow::Error {
    let lines: Vec<&str> = log.lines().map(str::trim_end).collect();
    // What a C compiler says comes as a warning of cargo's: `warning: zlib-sys@1.0.0: a.c:1: error: …`.
    let tells = |line: &&str| {
        line.starts_with("error")
            || (line.starts_with("warning: ")
                && [": error: ", ": error[", ": fatal error: "].iter().any(|words| line.contains(words)))
    };
    // What comes before the first error is progress; without one the end is the most telling.
    let first = lines.iter().position(tells).unwrap_or(lines.len().saturating_sub(SHOWN));
    let told = without_chatter(&lines[first..]);
    let shown: Vec<String> = told.into_iter().take(SHOWN).map(|line| format!("    {line}")).collect();
    let error = BackendFailed {
        project: roots.project.to_owned(),
        telling: shown.join("\n"),
        log: path.to_owned(),
        failed: rustc_errors::failed_crate(log),
    };
    let cause = causes::find(log, When::Build).map(|found| found.cause);
    let of_cause = || cause.and_then(|cause| cause.advice.clone());
    let own = rustc_errors::advise(log, cause.map(|cause| cause.id.as_str()), roots);
    match own.or_else(of_cause) {
        Some(advice) => hinted(error, advice),
        None => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failed_build_script_said_is_shown() {
        let log = "error: failed to run custom build command for `a v1`\n\nCaused by:\n  --- stdout\n  cargo:rerun-if-changed=a\n  \
                   CFLAGS = None\n\n  --- stderr\n  a.c:1: error: no\n  panicked\n  stack backtrace:\n     0: main\n     at a.rs:1\n  \
                   note: end\n💥 maturin failed\n  Caused by: Failed to build a native library through cargo\n  again";
        let lines: Vec<&str> = log.lines().collect();
        let expected = "error: failed to run custom build command for `a v1`\n\nCaused by:\n  --- stderr\n  a.c:1: error: no\n  \
                        panicked\n  note: end";
        assert_eq!(without_chatter(&lines).join("\n"), expected);
        let alone = ["error: x", "--- stdout", "why"];
        assert_eq!(without_chatter(&alone), alone);
        let of_maturin =
            ["warning: x", "💥 maturin failed", "  Caused by: The module name must not contain a minus"];
        assert_eq!(without_chatter(&of_maturin), of_maturin);
    }

    fn shown(log: &str) -> String {
        let roots = Roots {
            project: Path::new("project"),
            workspace: Path::new("project"),
            cargo_home: Path::new("home"),
        };
        crate::error::render(&explain(log, Path::new("build.log"), roots))
    }

    #[test]
    fn a_failure_is_told_from_its_first_error_on() {
        let log = "   Compiling a v1.0.0\nwarning: unused\nerror: this is odd\n --> src/lib.rs:1:1\nerror: could not compile\n";
        insta::assert_snapshot!(shown(log), @"
        error: the build back end failed in `project`:
            error: this is odd
             --> src/lib.rs:1:1
            error: could not compile
            the full log is `build.log`
        ");
    }

    #[test]
    fn what_a_c_compiler_says_through_cargo_counts_as_an_error() {
        let log = "warning: a@1.0.0: a.c:1:2: warning: odd\nwarning: a@1.0.0: a.c:3:4: fatal error: no `x.h`\nerror: failed to run\n";
        let said = shown(log);
        assert!(said.contains("fatal error: no `x.h`") && !said.contains("odd"), "{said}");
    }

    #[test]
    fn without_an_error_the_last_lines_are_shown_and_never_too_many() {
        let lines =
            |count: usize| (0..count).map(|number| format!("line {number}.\n")).collect::<Vec<_>>().concat();
        let said = shown(&lines(100));
        assert!(
            said.contains("line 60.") && said.contains("line 99.") && !said.contains("line 59."),
            "{said}"
        );
        let said = shown(&format!("error: first\n{}", lines(100)));
        assert!(said.contains("line 38.") && !said.contains("line 39."), "{said}");
    }
}
