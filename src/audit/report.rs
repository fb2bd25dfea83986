//! Findings as documents for machines: JSON, and SARIF for code hosts.

use std::path::{Path, PathBuf};

use semver::Version;
use serde_json::{Value, json};

use super::catalogue::entries;
use super::{Finding, Severity};
use crate::document::{ErrorDocument, VERSION};

/// The findings of one file in one release.
#[derive(Debug)]
pub struct Audited {
    /// The file.
    pub path: PathBuf,
    /// The release.
    pub version: Version,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// `clean`, or how many of each severity.
pub fn summary(findings: &[Finding]) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let named = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")]
        .map(|(severity, name)| (count(severity), name))
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}{}", if count == 1 { "" } else { "s" }))
        .collect::<Vec<_>>();
    if named.is_empty() { "clean".to_owned() } else { named.join(", ") }
}

/// The findings as one JSON document, `docs/schemas/audit.json`, with what ended the command before its end.
pub fn document(audited: &[Audited], error: Option<&anyhow::Error>) -> Value {
    let audits: Vec<Value> = audited
        .iter()
        .map(|Audited { path, version, findings }| {
            json!({ "file": path, "pyodide": version.to_string(), "findings": findings })
        })
        .collect();
    json!({ "version": VERSION, "audits": audits, "error": error.map(ErrorDocument::of) })
}

/// The findings as SARIF: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>
pub fn sarif(audited: &[Audited]) -> Value {
    let rules: Vec<Value> = entries()
        .iter()
        .map(|entry| {
            json!({
                "id": entry.code,
                "name": entry.name,
                "shortDescription": { "text": entry.title },
                "fullDescription": { "text": entry.story.trim().replace('\n', " ") },
                "help": { "text": entry.advice },
                "defaultConfiguration": { "level": entry.severity },
            })
        })
        .collect();
    let results: Vec<Value> = audited
        .iter()
        .flat_map(|audited| audited.findings.iter().map(move |finding| result(audited, finding)))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "cargo-pyodide",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "results": results,
        }],
    })
}

fn result(audited: &Audited, finding: &Finding) -> Value {
    let Audited { path, version, .. } = audited;
    // Code hosts show the message alone: it names the file in the wheel and the release.
    let place = match &finding.file {
        Some(file) => format!("{file} in Pyodide {version}"),
        None => format!("Pyodide {version}"),
    };
    let logical = finding.symbol.as_ref().map(|symbol| json!([{ "fullyQualifiedName": symbol }]));
    let mut location = json!({ "physicalLocation": { "artifactLocation": { "uri": uri(path) } } });
    if let Some(logical) = logical {
        location["logicalLocations"] = logical;
    }
    json!({
        "ruleId": finding.code,
        "ruleIndex": entries().iter().position(|entry| entry.code == finding.code.to_string()),
        "level": finding.severity,
        "message": { "text": format!("{place}: {}; {}", finding.message, finding.advice) },
        "locations": [location],
    })
}

/// A relative reference or an absolute URI, as SARIF wants it.
fn uri(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    let escaped: String = text
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' | b'+' | b':' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    if path.is_absolute() {
        format!("file://{}{escaped}", if escaped.starts_with('/') { "" } else { "/" })
    } else {
        escaped
    }
}
