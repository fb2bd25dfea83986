//! Findings: what the audit notices.

use std::fmt;

use serde::Serialize;

use super::catalogue::{Code, Severity};

/// One thing that the audit noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which kind.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// The file in the wheel; none if it is the wheel as a whole.
    pub file: Option<String>,
    /// The symbol, requirement or tag.
    pub symbol: Option<String>,
    /// What is there, and what happens at run time.
    pub message: String,
    /// What to do.
    pub advice: String,
}

impl Finding {
    /// Where it is and what: for a line of its own.
    pub fn place_and_message(&self) -> String {
        match &self.file {
            Some(file) => format!("`{file}`: {}", self.message),
            None => self.message.clone(),
        }
    }
}

impl Finding {
    /// The same with its code behind it.
    pub fn place_message_and_code(&self) -> String {
        format!("{} [{}]", self.place_and_message(), self.code)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity, self.code, self.place_and_message())
    }
}

/// The findings of one file, or of the wheel as a whole.
#[derive(Debug, Default)]
pub(super) struct Findings {
    file: Option<String>,
    found: Vec<Finding>,
}

impl Findings {
    pub(super) fn of(file: &str) -> Self {
        Self { file: Some(file.to_owned()), found: Vec::new() }
    }

    /// Adds a finding; the message says what is there and what happens.
    pub(super) fn add(&mut self, code: Code, symbol: impl Into<Option<String>>, message: String) {
        self.found.push(Finding {
            code,
            severity: code.entry().severity,
            file: self.file.clone(),
            symbol: symbol.into(),
            message,
            advice: code.entry().advice.clone(),
        });
    }

    /// What was found, in the order in which it was added.
    pub(super) fn into_list(self) -> Vec<Finding> {
        self.found
    }
}

/// The first three names, and how many more there are.
pub(super) fn list(names: &[impl fmt::Display]) -> String {
    let shown: Vec<String> = names.iter().take(3).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(3);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{rest}", shown.join(", "))
}
