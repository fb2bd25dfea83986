//! What the JSON documents of all commands have in common: the version of their form, and the error that ended a command.
//!
//! The forms are in `docs/schemas`. A field that is added does not change the version; one that changes or goes does.

use serde::Serialize;

use crate::error;

/// The version of the documents' form.
pub const VERSION: u32 = 1;

/// An error, for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorDocument {
    /// What could not be done.
    message: String,
    /// Why, from the outside in.
    causes: Vec<String>,
    /// What to do.
    hint: Option<String>,
    /// The cause's name in `facts/causes.toml`, if the tool knows it.
    cause: Option<String>,
}

impl ErrorDocument {
    /// The document of an error. Addresses lose their credentials.
    pub fn of(error: &anyhow::Error) -> Self {
        let mut messages = error::messages(error).into_iter();
        Self {
            message: messages.next().unwrap_or_default(),
            causes: messages.collect(),
            hint: error::hint(error),
            cause: error::cause_id(error).map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use crate::error::{hinted, with_cause};

    #[test]
    fn an_error_is_told_in_parts() {
        let inner = with_cause("network", anyhow!("cannot reach `https://me:secret@host/x`"));
        let error = hinted(inner.context("no wheel"), "check the network");
        let document = serde_json::to_string_pretty(&ErrorDocument::of(&error)).unwrap();
        insta::assert_snapshot!(document, @r#"
        {
          "message": "no wheel",
          "causes": [
            "cannot reach `https://host/x`"
          ],
          "hint": "check the network",
          "cause": "network"
        }
        "#);
    }
}
