//! Causes of failures: the cause, the line that shows it, advice.
//!
//! The causes are data (`facts/causes.toml`). Errors of this crate name their cause where they are made
//! ([`crate::error::with_cause`]), so that their words may change. Other programs are known by their words alone: [`find`]
//! reads a build's log or a test's message, in the order of the table. The driver's errors reach us through such logs only,
//! so it prints the name of the cause: `error[no-cmake]: …`.

use std::sync::OnceLock;

use anyhow::Context as _;
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde::Deserialize;

use crate::error::{self, Result};

const TABLE: &str = include_str!("../facts/causes.toml");

/// When a text was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// While a package was found, built and audited.
    Build,
    /// While it was imported or tested.
    Run,
}

/// A cause of failures.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// Its name: `c-header`.
    pub id: String,
    /// Where it goes wrong: `resolve`, `cargo`, `c-compiler`, `rust`, `link`, `audit`, `platform` and so on.
    pub class: String,
    /// When the cause can occur; none for both.
    when: Option<When>,
    /// Regular expressions for the words of other programs, of which one is found. The line that tells the cause is the one
    /// in which it begins, or its group. None for causes that only errors of ours name.
    #[serde(default)]
    patterns: Vec<String>,
    /// What a test with this cause needs and Pyodide has not: `threads`. None if Pyodide can do what it does.
    pub needs: Option<String>,
    /// What to do.
    pub advice: Option<String>,
}

impl Cause {
    /// Whether the words of other programs tell it. If not, only errors of ours do.
    pub fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }
}

/// A cause that was found in a text.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The cause.
    pub cause: &'static Cause,
    /// The line that tells it, without what stands around it.
    pub line: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    cause: Vec<Cause>,
}

/// The table, and all its patterns at once.
struct Causes {
    table: Vec<Cause>,
    set: RegexSet,
    /// A pattern with the number of its cause.
    patterns: Vec<(usize, Regex)>,
}

impl Causes {
    fn read(text: &str) -> Result<Self> {
        let Table { cause: causes } = toml::from_str(text).context("the table of causes")?;
        let all = || {
            let numbered = causes.iter().enumerate();
            numbered.flat_map(|(number, cause)| {
                let named = regex::escape(&format!("{}: ", error::label(&cause.id)));
                let patterns = cause.patterns.iter().cloned().chain([named]);
                patterns.map(move |pattern| (number, pattern))
            })
        };
        let set = RegexSetBuilder::new(all().map(|(_, pattern)| pattern)).multi_line(true).build()?;
        let compiled = |(number, pattern): (usize, String)| {
            Ok((number, RegexBuilder::new(&pattern).multi_line(true).build()?))
        };
        let patterns = all().map(compiled).collect::<Result<_>>()?;
        Ok(Self { table: causes, set, patterns })
    }

    fn known() -> Option<&'static Self> {
        static KNOWN: OnceLock<Option<Causes>> = OnceLock::new();
        KNOWN.get_or_init(|| Causes::read(TABLE).ok()).as_ref()
    }
}

/// The cause that a text tells of; none if it is not a known one.
pub fn find(text: &str, when: When) -> Option<Found<'_>> {
    let known = Causes::known()?;
    let may_be = |at: &usize| known.table[known.patterns[*at].0].when.is_none_or(|only| only == when);
    // One pass over a log of megabytes for all patterns; then only the one that counts, for its place.
    let first = known.set.matches(text).into_iter().find(may_be)?;
    let (number, pattern) = &known.patterns[first];
    let captures = pattern.captures(text)?;
    let at = captures.iter().flatten().last()?.start();
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    // A pattern may begin with the end of a line.
    let line = text[start..].lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    Some(Found { cause: &known.table[*number], line })
}

/// Names the cause of an error that passes on what another program said, unless those words tell a cause themselves.
pub(crate) fn name_unless_told(id: &'static str, when: When, error: anyhow::Error) -> anyhow::Error {
    match find(&format!("{error:#}"), when) {
        Some(_) => error,
        None => error::with_cause(id, error),
    }
}

/// Whether a failure comes from a full disk: its error names that cause, or the words of another program tell it.
pub(crate) fn is_disk_full(cause: Option<&str>, text: &str) -> bool {
    const ID: &str = "disk-full";
    cause == Some(ID) || find(text, When::Build).is_some_and(|found| found.cause.id == ID)
}

/// The cause of this name.
pub fn by_id(id: &str) -> Option<&'static Cause> {
    all().iter().find(|cause| cause.id == id)
}

/// All causes, in the order in which they are tried.
pub fn all() -> &'static [Cause] {
    Causes::known().map_or(&[], |known| &known.table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read() {
        let causes = Causes::read(TABLE).unwrap();
        let mut ids: Vec<&str> = causes.table.iter().map(|cause| cause.id.as_str()).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "an id is there twice");
    }

    #[test]
    fn an_error_is_named_unless_another_program_tells_why() {
        let check = |said: &str| {
            let error =
                name_unless_told("cannot-import", When::Run, anyhow::anyhow!("it does not load: {said}"));
            error::cause_id(&error)
        };
        assert_eq!(check("SyntaxError: invalid syntax"), Some("cannot-import"));
        assert_eq!(check("ModuleNotFoundError: No module named 'x'"), None);
    }

    #[test]
    fn a_full_disk_is_known_by_its_name_and_by_the_words_of_others() {
        assert!(is_disk_full(Some("disk-full"), "cannot write `x`"));
        assert!(is_disk_full(None, "npm error code ENOSPC"));
        assert!(is_disk_full(None, "cannot write `x`: No space left on device (os error 28)"));
        assert!(!is_disk_full(Some("network"), "cannot reach `x`"));
    }

    #[test]
    fn what_a_warning_says_is_no_cause() {
        let check = |level: &str| {
            let log = format!(
                "{level}: this arithmetic operation will overflow\n --> a.rs:1:1\n  |\n1 | 1 << 40\n  | ^^^^^^^ attempt to \
                 shift left by `40_i32`, which would overflow\n\nerror[E0425]: cannot find value `POOL` in this scope\n"
            );
            find(&log, When::Build).map(|found| found.cause.id.clone())
        };
        assert_eq!(check("error").as_deref(), Some("pointer-width"));
        assert_ne!(check("warning").as_deref(), Some("pointer-width"));
    }

    #[test]
    fn the_driver_names_causes_in_logs_of_others() {
        let check = |id, message: &str| {
            let error = error::with_cause(id, anyhow::anyhow!("{message}"));
            let log =
                format!("running: cmake\n  {}\nthread 'main' panicked", error::render_with_cause(&error));
            let found = find(&log, When::Build).unwrap();
            assert_eq!(found.line, format!("error[{id}]: {message}"));
            found.cause.id.clone()
        };
        assert_eq!(check("no-cmake", "nothing is called `cmake`"), "no-cmake");
        assert_eq!(check("c-program", "there is no `fork`"), "c-program");
    }

    fn check(text: &str) -> String {
        find(text, When::Build)
            .map_or("unknown".to_owned(), |found| format!("{}: {}", found.cause.id, found.line))
    }

    #[test]
    fn the_most_specific_cause_counts() {
        assert_eq!(check("all went well"), "unknown");
        assert_eq!(
            check(
                "   Compiling x\nerror: This wasm target is unsupported by mio. If using Tokio\n  --> a.rs"
            ),
            "threads-refused: error: This wasm target is unsupported by mio. If using Tokio"
        );
        assert_eq!(
            check(
                "error: failed to run custom build command for `z v1`\n  warning: z@1: a.c:1:2: fatal error: 'x.h' file not found"
            ),
            "c-header: warning: z@1: a.c:1:2: fatal error: 'x.h' file not found"
        );
    }
}
