//! Findings that say the same of several files, as one: a wheel's modules often have a cause in common.

use super::Finding;

/// A finding, and all files that it is about.
#[derive(Debug)]
pub struct Group<'a> {
    /// The first of them.
    pub finding: &'a Finding,
    /// The files, in the order of their findings; none if it is the wheel as a whole.
    pub files: Vec<&'a str>,
}

/// How many files of a group are named.
const NAMED: usize = 3;

/// Puts findings together that have one code, severity and message, in the order of the first of each.
pub fn group(findings: &[Finding]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for finding in findings {
        let file = finding.file.as_deref();
        let is_same = |group: &&mut Group<'_>| {
            let known = group.finding;
            known.code == finding.code
                && known.severity == finding.severity
                && known.message == finding.message
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.files.extend(file),
            None => groups.push(Group { finding, files: file.into_iter().collect() }),
        }
    }
    groups
}

impl Group<'_> {
    /// The files by name, and how many more there are; none if it is the wheel as a whole.
    pub fn place(&self) -> Option<String> {
        let named = self.files.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        match self.files.len().saturating_sub(NAMED) {
            _ if self.files.is_empty() => None,
            0 => Some(named),
            more => Some(format!("{named} and {more} more")),
        }
    }

    /// Where it is, what it is, and its code, on one line.
    pub fn place_message_and_code(&self) -> String {
        let Finding { message, code, .. } = self.finding;
        match self.place() {
            Some(place) => format!("`{place}`: {message} [{code}]"),
            None => format!("{message} [{code}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Code, Severity};

    fn finding(code: Code, file: Option<&str>, message: &str) -> Finding {
        Finding {
            code,
            severity: Severity::Warning,
            file: file.map(str::to_owned),
            symbol: None,
            message: message.to_owned(),
            advice: String::new(),
        }
    }

    #[test]
    fn what_is_said_of_many_files_is_said_once() {
        let mut findings: Vec<Finding> = ["a", "b", "c", "d", "e"]
            .map(|file| finding(Code::THREADS, Some(file), "it starts threads"))
            .into();
        findings.insert(1, finding(Code::THREADS, Some("f"), "it starts other threads"));
        findings.push(finding(Code::NO_ENTRY, None, "it has no module"));
        let lines: Vec<String> = group(&findings).iter().map(Group::place_message_and_code).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        `a, b, c and 2 more`: it starts threads [CP501]
        `f`: it starts other threads [CP501]
        it has no module [CP204]
        ");
    }
}
