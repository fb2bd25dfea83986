//! How a failure reaches the user: the chain of what was tried, then advice, then an exit code.
//!
//! Between layers errors are [`anyhow::Error`] with context. Advice ("what to do") is kept apart from the message
//! with [`Hinted::hint`], so that it is printed once, last. Findings of an audit are values, not errors.

use std::fmt;

use crate::redacted::redact;

/// The result of every fallible function of this crate.
pub type Result<T, E = anyhow::Error> = std::result::Result<T, E>;

/// The exit status for "the checked thing failed" (an audit, a script, a missing tool).
pub const EXIT_FAILED: u8 = 1;
/// The exit status for "could not do it".
pub const EXIT_COULD_NOT: u8 = 2;

/// Advice attached to an error.
#[derive(Debug)]
struct Advice {
    hint: String,
    error: anyhow::Error,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl std::error::Error for Advice {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// Attaches advice to an error.
pub trait Hinted<T> {
    /// Adds one line that says what to do.
    ///
    /// # Errors
    /// The same error, with the advice.
    fn hint(self, hint: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<anyhow::Error>> Hinted<T> for std::result::Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> Result<T> {
        self.map_err(|error| hinted(error, hint))
    }
}

/// An error with advice: what [`Hinted::hint`] does, for an error at hand.
pub fn hinted(error: impl Into<anyhow::Error>, hint: impl Into<String>) -> anyhow::Error {
    Advice { hint: hint.into(), error: error.into() }.into()
}

/// Names the cause of an error, for reports that group failures: an entry of `facts/causes.toml`.
#[derive(Debug)]
struct Identified {
    id: &'static str,
    error: anyhow::Error,
}

impl fmt::Display for Identified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl std::error::Error for Identified {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// An error whose cause is known, by its name in `facts/causes.toml`. The words of the error may change freely.
pub fn with_cause(id: &'static str, error: impl Into<anyhow::Error>) -> anyhow::Error {
    Identified { id, error: error.into() }.into()
}

/// The name of an error's cause, if one is known: that nearest to the root.
pub fn cause_id(error: &anyhow::Error) -> Option<&'static str> {
    find_identified(error).map(|named| named.id)
}

/// The message of the error whose cause is known, without the context around it. Addresses lose their credentials.
pub(crate) fn cause_message(error: &anyhow::Error) -> Option<String> {
    find_identified(error).map(|named| redact(&named.to_string()))
}

/// The named cause nearest to the root.
fn find_identified(error: &anyhow::Error) -> Option<&Identified> {
    fn find_in<'a>(link: &'a (dyn std::error::Error + 'static)) -> Option<&'a Identified> {
        if let Some(advice) = link.downcast_ref::<Advice>() {
            return find_identified(&advice.error);
        }
        let named = link.downcast_ref::<Identified>()?;
        find_identified(&named.error).or(Some(named))
    }
    error.chain().filter_map(find_in).last()
}

/// The cause of this type, if an error has one, with or without advice.
pub fn cause<E: std::error::Error + Send + Sync + 'static>(error: &anyhow::Error) -> Option<&E> {
    error.chain().find_map(|link| {
        let advice = || link.downcast_ref::<Advice>().and_then(|advice| cause(&advice.error));
        let named = || link.downcast_ref::<Identified>().and_then(|named| cause(&named.error));
        link.downcast_ref().or_else(advice).or_else(named)
    })
}

/// Renders an error as the user reads it: `error: …`, one `caused by: …` a cause, and at most one `hint: …`. Addresses lose
/// their credentials.
pub fn render(error: &anyhow::Error) -> String {
    render_labelled(error, "error")
}

/// Renders an error for the log of another program, which keeps nothing but text: `error[no-cmake]: …` names the cause.
pub(crate) fn render_with_cause(error: &anyhow::Error) -> String {
    render_labelled(error, &cause_id(error).map_or_else(|| "error".to_owned(), label))
}

/// How [`render_with_cause`] begins for a cause.
pub(crate) fn label(id: &str) -> String {
    format!("error[{id}]")
}

fn render_labelled(error: &anyhow::Error, first: &str) -> String {
    let labels = std::iter::once(first).chain(std::iter::repeat("  caused by"));
    let lines = labels.zip(chain(error)).map(|(label, message)| format!("{label}: {}", indent(&message)));
    let mut lines: Vec<String> = lines.collect();
    if let Some(hint) = hint_of(error) {
        lines.push(format!("hint: {hint}"));
    }
    redact(&lines.join("\n"))
}

/// The messages of an error from the outside in. A message that ends the one above it is said once.
fn chain(error: &anyhow::Error) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for cause in error.chain() {
        let message = cause.to_string();
        if !messages.last().is_some_and(|above| above.ends_with(&message)) {
            messages.push(message);
        }
    }
    messages
}

/// The messages of an error from the outside in, for machines. Addresses lose their credentials.
pub(crate) fn messages(error: &anyhow::Error) -> Vec<String> {
    chain(error).iter().map(|message| redact(message)).collect()
}

/// The advice on an error. Addresses lose their credentials.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    hint_of(error).map(redact)
}

/// A message whose further lines cannot be taken for lines of ours.
fn indent(message: &str) -> String {
    let message = message.trim_end();
    let is_indented = |line: &str| line.is_empty() || line.starts_with("    ");
    if message.lines().skip(1).all(is_indented) {
        message.to_owned()
    } else {
        let lines = message.split('\n');
        let indented = lines.enumerate().map(|(number, line)| match line {
            "" => String::new(),
            _ if number == 0 => line.to_owned(),
            _ => format!("    {line}"),
        });
        indented.collect::<Vec<_>>().join("\n")
    }
}

/// The advice nearest to the cause: the most specific one.
pub fn hint_of(error: &anyhow::Error) -> Option<&str> {
    error.chain().filter_map(hint_in).last()
}

fn hint_in<'a>(link: &'a (dyn std::error::Error + 'static)) -> Option<&'a str> {
    if let Some(named) = link.downcast_ref::<Identified>() {
        return hint_of(&named.error);
    }
    let advice = link.downcast_ref::<Advice>()?;
    hint_of(&advice.error).or(Some(&advice.hint))
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    #[test]
    fn errors_are_rendered_from_the_outside_in() {
        let error = anyhow!("no route").context("cannot reach `x`").context("no wheel");
        insta::assert_snapshot!(render(&error), @"
        error: no wheel
          caused by: cannot reach `x`
          caused by: no route
        ");
    }

    #[test]
    fn a_message_does_not_look_like_several() {
        let check = |message: &'static str| render(&anyhow!(message));
        assert_eq!(check("no file `a\nhint: delete it`"), "error: no file `a\n    hint: delete it`");
        assert_eq!(check("it failed:\n    x\n\n    y"), "error: it failed:\n    x\n\n    y");
    }

    #[test]
    fn the_most_specific_advice_counts() {
        let inner = hinted(anyhow!("inside"), "look here");
        let error = hinted(inner.context("outside"), "look there");
        assert_eq!(hint_of(&error), Some("look here"));
    }

    #[test]
    fn a_cause_is_known_through_context_and_advice() {
        let named = with_cause("inner-cause", anyhow!("inside"));
        let error = Err::<(), _>(hinted(named, "do this")).context("outside").unwrap_err();
        assert_eq!(cause_id(&error), Some("inner-cause"));
        assert_eq!(hint_of(&error), Some("do this"));
        assert_eq!(cause_id(&anyhow!("nothing")), None);
        let both = with_cause("outer", with_cause("inner", anyhow!("x")).context("y"));
        assert_eq!(cause_id(&both), Some("inner"));
        assert_eq!(cause_message(&both).as_deref(), Some("x"));
        let secret = with_cause("network", anyhow!("cannot reach `https://me:secret@host/x`"));
        assert!(!cause_message(&secret).unwrap().contains("secret"));
    }

    #[test]
    fn a_named_cause_is_not_said_twice() {
        let error = with_cause("a", hinted(anyhow!("what").context("which"), "how"));
        assert_eq!(render(&error), "error: which\n  caused by: what\nhint: how");
        assert_eq!(render_with_cause(&error), "error[a]: which\n  caused by: what\nhint: how");
        assert_eq!(render_with_cause(&anyhow!("what")), "error: what");
    }
}
