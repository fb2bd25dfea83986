//! How a failure reaches the user: the chain of what was tried, then advice, then an exit code.
//!
//! Between layers errors are [`anyhow::Error`] with context. Advice ("what to do") is kept apart from the message
//! with [`Hinted::hint`], so that it is printed once, last. Findings of an audit are values, not errors.

use std::fmt;

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

/// The cause of this type, if an error has one, with or without advice.
pub fn cause<E: std::error::Error + Send + Sync + 'static>(error: &anyhow::Error) -> Option<&E> {
    error.chain().find_map(|link| {
        let inside = || link.downcast_ref::<Advice>().and_then(|advice| cause(&advice.error));
        link.downcast_ref().or_else(inside)
    })
}

/// Renders an error as the user reads it: `error: …`, one `caused by: …` a cause, and at most one `hint: …`.
pub fn render(error: &anyhow::Error) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (depth, cause) in error.chain().enumerate() {
        let message = cause.to_string();
        if depth > 0 && lines.last().is_some_and(|above| above.ends_with(&message)) {
            continue;
        }
        let label = if depth == 0 { "error" } else { "  caused by" };
        lines.push(format!("{label}: {message}"));
    }
    if let Some(hint) = hint_of(error) {
        lines.push(format!("hint: {hint}"));
    }
    lines.join("\n")
}

/// The advice nearest to the cause: the most specific one.
fn hint_of(error: &anyhow::Error) -> Option<&str> {
    error.chain().filter_map(|cause| cause.downcast_ref::<Advice>()).last().map(|advice| advice.hint.as_str())
}
