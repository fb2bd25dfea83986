//! Causes of failures, recognised by the words of the tool that failed: the cause, the line that shows it, advice.
//!
//! The causes are data (`facts/causes.toml`), in the order in which they are tried. Nothing here knows where a text comes
//! from; a build's log, an error of ours and a test's message are read the same way.

use std::sync::OnceLock;

use anyhow::Context as _;
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde::Deserialize;

use crate::error::Result;

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
    /// Regular expressions, of which one is found. The line that tells the cause is the one in which it begins, or its group.
    patterns: Vec<String>,
    /// What to do.
    pub advice: Option<String>,
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
            numbered.flat_map(|(number, cause)| cause.patterns.iter().map(move |pattern| (number, pattern)))
        };
        let set = RegexSetBuilder::new(all().map(|(_, pattern)| pattern)).multi_line(true).build()?;
        let compiled = |(number, pattern): (usize, &String)| {
            Ok((number, RegexBuilder::new(pattern).multi_line(true).build()?))
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
