//! What `audit` prints: findings for reading, as JSON, as SARIF; sizes.

use std::path::{Path, PathBuf};

use semver::Version;
use serde_json::{Value, json};

use super::audit::Format;
use crate::audit::catalogue::entries;
use crate::audit::size::{self, RelocationSizes, Sizes};
use crate::audit::{Finding, Severity};
use crate::error::Result;
use crate::ui::Ui;

/// The findings of one file in one release.
pub(super) struct Audited {
    pub(super) path: PathBuf,
    pub(super) version: Version,
    pub(super) findings: Vec<Finding>,
}

/// Prints the findings.
pub(super) fn show(ui: Ui, audited: &[Audited], format: Format) -> Result<()> {
    match format {
        Format::Human => human(ui, audited)?,
        Format::Json => ui.data(serde_json::to_string_pretty(&document(audited))?)?,
        Format::Sarif => ui.data(serde_json::to_string_pretty(&sarif(audited))?)?,
    }
    Ok(())
}

fn human(ui: Ui, audited: &[Audited]) -> Result<()> {
    for Audited { path, version, findings } in audited {
        for finding in findings {
            let color = match finding.severity {
                Severity::Error => "1;31",
                Severity::Warning => "1;33",
                Severity::Note => "1;36",
            };
            let place = match &finding.file {
                Some(file) => format!("{}: {file}", path.display()),
                None => path.display().to_string(),
            };
            ui.data(format!(
                "\u{1b}[{color}m{}[{}]\u{1b}[0m: {}\n  in {place}, Pyodide {version}\n  hint: {}",
                finding.severity, finding.code, finding.message, finding.advice
            ))?;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        ui.phase("Audited", format!("{name} for Pyodide {version}: {}", summary(findings)));
    }
    Ok(())
}

/// `clean`, or how many of each severity.
pub(super) fn summary(findings: &[Finding]) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let named = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")]
        .map(|(severity, name)| (count(severity), name))
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}{}", if count == 1 { "" } else { "s" }))
        .collect::<Vec<_>>();
    if named.is_empty() { "clean".to_owned() } else { named.join(", ") }
}

fn document(audited: &[Audited]) -> Value {
    let audits: Vec<Value> = audited
        .iter()
        .map(|Audited { path, version, findings }| {
            json!({ "file": path, "pyodide": version.to_string(), "findings": findings })
        })
        .collect();
    json!({ "version": 1, "audits": audits })
}

/// <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>
fn sarif(audited: &[Audited]) -> Value {
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

/// Prints where the bytes of the modules are.
pub(super) fn sizes(ui: Ui, files: &[PathBuf], format: Format) -> Result<u8> {
    let mut all: Vec<Sizes> = Vec::new();
    for path in files {
        all.extend(size::of_file(path)?);
    }
    if format != Format::Human {
        ui.data(serde_json::to_string_pretty(&json!({ "version": 1, "modules": all }))?)?;
        return Ok(0);
    }
    for (index, sizes) in all.iter().enumerate() {
        if index > 0 {
            ui.data("")?;
        }
        table(ui, sizes)?;
    }
    Ok(0)
}

fn table(ui: Ui, sizes: &Sizes) -> Result<()> {
    let Sizes { file, raw, gzip, brotli, .. } = sizes;
    ui.data(format!("{file}: {raw} bytes, {gzip} with gzip, {brotli} with brotli"))?;
    let share = |bytes: u64| format!("{:.1} %", percent(bytes, *raw));
    let mut rows = vec![["section".to_owned(), "bytes".to_owned(), "share".to_owned()]];
    rows.extend(
        sizes.sections.iter().map(|part| [part.name.clone(), part.bytes.to_string(), share(part.bytes)]),
    );
    if let Some(RelocationSizes { count, code, table }) = &sizes.relocations {
        let name = count.map_or("relocations".to_owned(), |count| format!("{count} relocations"));
        rows.push([String::new(), String::new(), String::new()]);
        rows.push([name, "bytes".to_owned(), "share".to_owned()]);
        rows.push(["code".to_owned(), code.to_string(), share(*code)]);
        rows.extend(table.map(|bytes| ["table".to_owned(), bytes.to_string(), share(bytes)]));
    }
    for (title, parts) in [("crate", &sizes.crates), ("function", &sizes.functions)] {
        if !parts.is_empty() {
            rows.push([String::new(), String::new(), String::new()]);
            rows.push([title.to_owned(), "bytes".to_owned(), "share".to_owned()]);
            rows.extend(parts.iter().take(20).map(|part| {
                let name: String = part.name.chars().take(90).collect();
                [name, part.bytes.to_string(), share(part.bytes)]
            }));
        }
    }
    ui.table(&rows)?;
    if sizes.functions.is_empty() {
        ui.phase("Note", "the module has no names: build it with `--keep-names` to see crates and functions");
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a share for reading")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}
