//! What counts: which findings a user drops or denies, and which keep a wheel from being kept.

use std::str::FromStr;

use super::catalogue::entries;
use super::{Code, Finding, Severity};
use crate::nearest::find_nearest;

/// What a user allows and denies.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Findings that are dropped.
    pub allow: Vec<Code>,
    /// Findings that become errors.
    pub deny: Vec<Denied>,
}

/// What `--deny` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Every warning.
    Warnings,
    /// The findings of a code.
    Code(Code),
}

impl FromStr for Denied {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "warnings" { Ok(Self::Warnings) } else { parse_code(text).map(Self::Code) }
    }
}

/// A finding's code or name.
///
/// # Errors
/// When there is no such finding.
pub fn parse_code(text: &str) -> Result<Code, String> {
    Code::find(text).ok_or_else(|| match find_meant(text) {
        Some(near) => format!("`{text}` is not a finding: did you mean `{near}`?"),
        None => format!("`{text}` is not a finding: `cargo pyodide audit --explain all` lists them"),
    })
}

/// The finding that a text nearly names.
fn find_meant(text: &str) -> Option<&'static str> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return find_nearest(text, entries().iter().map(|entry| entry.name.as_str()));
    }
    // Another number is another finding, however near: only what stands around the number can be a slip.
    let mut codes = entries().iter().map(|entry| entry.code.as_str());
    codes.find(|code| code.trim_start_matches("CP") == digits)
}

impl Policy {
    /// The findings as this policy has them.
    pub fn apply(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        findings.retain(|finding| !self.allow.contains(&finding.code));
        for finding in &mut findings {
            let is_denied = |denied: &Denied| match denied {
                Denied::Warnings => finding.severity == Severity::Warning,
                Denied::Code(code) => finding.code == *code,
            };
            if self.deny.iter().any(is_denied) {
                finding.severity = Severity::Error;
            }
        }
        findings
    }
}

/// Whether a finding keeps a built wheel from being kept: what is wrong with the wheel itself does. What it requires can
/// be had otherwise, or made optional.
pub fn is_fatal(finding: &Finding) -> bool {
    // `build` keeps a wheel whose requirements cannot be installed, and warns: they can be built, or made optional.
    let is_about_dependencies = [Code::MISSING_DEPENDENCY, Code::DEPENDENCY_VERSION].contains(&finding.code);
    finding.severity == Severity::Error && !is_about_dependencies
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: Code) -> Finding {
        Finding {
            code,
            severity: code.entry().severity,
            file: None,
            symbol: None,
            message: String::new(),
            advice: String::new(),
        }
    }

    #[test]
    fn findings_are_dropped_and_denied() {
        let found = [Code::DEBUG_SECTIONS, Code::LARGE_MODULE, Code::NO_ENTRY].map(finding);
        let check = |allow: &[&str], deny: &[&str]| {
            let policy = Policy {
                allow: allow.iter().map(|text| parse_code(text).unwrap()).collect(),
                deny: deny.iter().map(|text| text.parse().unwrap()).collect(),
            };
            let left = policy.apply(found.to_vec());
            left.iter().map(|left| format!("{} {}", left.code, left.severity)).collect::<Vec<_>>().join(", ")
        };
        insta::assert_snapshot!(
            [
                check(&[], &[]),
                check(&["no-entry"], &[]),
                check(&[], &["warnings"]),
                check(&[], &["debug-sections"]),
            ]
            .join("\n"),
            @"
        CP516 warning, CP511 warning, CP204 error
        CP516 warning, CP511 warning
        CP516 error, CP511 error, CP204 error
        CP516 error, CP511 warning, CP204 error
        "
        );
    }

    #[test]
    fn what_is_no_finding_gets_a_suggestion_only_if_it_is_near_one() {
        let check = |text: &str| text.parse::<Denied>().unwrap_err();
        let all = ["no-entri", "101", "CP-204", "CP999", "CP120", "zzz"].map(check);
        insta::assert_snapshot!(all.join("\n"), @"
        `no-entri` is not a finding: did you mean `no-entry`?
        `101` is not a finding: did you mean `CP101`?
        `CP-204` is not a finding: did you mean `CP204`?
        `CP999` is not a finding: `cargo pyodide audit --explain all` lists them
        `CP120` is not a finding: `cargo pyodide audit --explain all` lists them
        `zzz` is not a finding: `cargo pyodide audit --explain all` lists them
        ");
    }

    #[test]
    fn requirements_do_not_keep_a_wheel_from_being_kept() {
        assert!(is_fatal(&finding(Code::NO_ENTRY)));
        assert!(!is_fatal(&finding(Code::MISSING_DEPENDENCY)));
        assert!(!is_fatal(&finding(Code::LARGE_MODULE)));
    }
}
