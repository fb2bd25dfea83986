//! What `audit` prints: findings for reading, as JSON, as SARIF; sizes.

use std::path::PathBuf;

use cargo_pyodide::audit::Severity;
use cargo_pyodide::audit::budget::{self, Budget, Excess};
use cargo_pyodide::audit::group::group;
use cargo_pyodide::audit::report::{Audited, document, sarif, summary};
use cargo_pyodide::audit::size::{self, PanicLocationSizes, RelocationSizes, Sizes};
use cargo_pyodide::context::Context;
use cargo_pyodide::document::VERSION;
use cargo_pyodide::error::{EXIT_FAILED, Result};
use serde_json::json;

use crate::audit::Format;
use crate::terminal::Terminal;

/// How many findings of a file are shown to a person, and how many characters of each.
const SHOWN: usize = 200;
const SHOWN_CHARACTERS: usize = 1000;

/// A text for a person, who does not read thousands of characters.
fn shorten(text: &str) -> String {
    let length = text.chars().count();
    if length <= SHOWN_CHARACTERS {
        return text.to_owned();
    }
    let shown: String = text.chars().take(SHOWN_CHARACTERS).collect();
    format!("{shown}… and {} more characters", length - SHOWN_CHARACTERS)
}

/// What is said of findings that are not shown, if there are any.
fn tell_more(count: usize) -> Option<String> {
    let more = count.checked_sub(SHOWN).filter(|more| *more > 0)?;
    Some(format!("and {more} more (`--format json` has all)"))
}

/// Prints the findings, and for machines what ended the command.
pub(crate) fn show(
    context: &Context,
    terminal: &Terminal,
    audited: &[Audited],
    ended: Option<&anyhow::Error>,
    format: Format,
) -> Result<()> {
    match (format, ended) {
        (Format::Human, _) => show_human(context, terminal, audited)?,
        (Format::Json, _) => terminal.json(&document(audited, ended))?,
        (Format::Sarif, None) => terminal.json(&sarif(audited))?,
        // Half a report would close the findings of the other files where code hosts keep them.
        (Format::Sarif, Some(_)) => {}
    }
    Ok(())
}

fn show_human(context: &Context, terminal: &Terminal, audited: &[Audited]) -> Result<()> {
    for Audited { path, version, findings } in audited {
        let groups = group(findings);
        for group in groups.iter().take(SHOWN) {
            let finding = group.finding;
            let color = match finding.severity {
                Severity::Error => "1;31",
                Severity::Warning => "1;33",
                Severity::Note => "1;36",
            };
            let place = match group.place() {
                Some(file) => format!("{}: {file}", path.display()),
                None => path.display().to_string(),
            };
            let label = format!("{}[{}]", finding.severity, finding.code);
            terminal.labelled(color, label, shorten(&finding.message))?;
            terminal.data(format!("  in {}, Pyodide {version}", shorten(&place)))?;
            terminal.data(format!("  hint: {}", finding.advice))?;
        }
        if let Some(more) = tell_more(groups.len()) {
            terminal.data(more)?;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        context.ui.phase("Audited", format!("{name} for Pyodide {version}: {}", summary(findings)));
    }
    Ok(())
}

/// Prints where the bytes of the modules are.
pub(crate) fn sizes(
    terminal: &Terminal,
    files: &[PathBuf],
    format: Format,
    budgets: &[Budget],
) -> Result<u8> {
    let mut all: Vec<Sizes> = Vec::new();
    let mut exceeded: Vec<Excess> = Vec::new();
    for path in files {
        let sizes = size::of_file(path)?;
        exceeded.extend(budget::check_sizes(path, &sizes, budgets)?);
        all.extend(sizes);
    }
    let status = if exceeded.is_empty() { 0 } else { EXIT_FAILED };
    if format != Format::Human {
        let mut document = json!({ "version": VERSION, "modules": all });
        if !budgets.is_empty() {
            document["exceeded"] = serde_json::to_value(&exceeded)?;
        }
        terminal.json(&document)?;
        return Ok(status);
    }
    for (index, sizes) in all.iter().enumerate() {
        if index > 0 {
            terminal.data("")?;
        }
        show_sizes(terminal, sizes)?;
    }
    for excess in &exceeded {
        terminal.failure(&format!("error: {excess}"));
    }
    Ok(status)
}

fn show_sizes(terminal: &Terminal, sizes: &Sizes) -> Result<()> {
    let Sizes { file, raw, gzip, brotli, .. } = sizes;
    terminal.data(format!("{file}: {raw} bytes, {gzip} with gzip, {brotli} with brotli"))?;
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
    if let Some(PanicLocationSizes { count, bytes }) = sizes.panic_locations {
        rows.push([String::new(), String::new(), String::new()]);
        rows.push([format!("{count} panic locations"), "bytes".to_owned(), "share".to_owned()]);
        rows.push(["lines and file names".to_owned(), bytes.to_string(), share(bytes)]);
    }
    if sizes.unused_exports > 0 {
        rows.push([String::new(), String::new(), String::new()]);
        rows.push([
            format!("{} exports that nobody asks for", sizes.unused_exports),
            String::new(),
            String::new(),
        ]);
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
    terminal.table(&rows)?;
    if sizes.functions.is_empty() {
        terminal.ui().phase(
            "Note",
            "the module has no names: build it with `--keep-names` to see crates and functions",
        );
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a share for reading")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_shown_no_more_than_can_be_read() {
        assert_eq!(shorten(&"ä".repeat(SHOWN_CHARACTERS)), "ä".repeat(SHOWN_CHARACTERS));
        let long = shorten(&"ä".repeat(SHOWN_CHARACTERS + 7));
        assert!(long.ends_with("ä… and 7 more characters"), "{long}");
        assert_eq!(tell_more(SHOWN), None);
        assert_eq!(tell_more(SHOWN + 3).unwrap(), "and 3 more (`--format json` has all)");
    }
}
