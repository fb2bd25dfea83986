//! The report as Markdown: numbers, the matrix, and what failed.

use std::fmt::Write;

use super::document::{CellReport, Report};
use crate::sweep::verdict::Verdict;

/// The document.
pub fn document(report: &Report) -> String {
    let mut text = String::from("# Sweep\n\n");
    let totals = &report.totals;
    let _ = writeln!(
        text,
        "{} cells: {} ok, {} failed, {} not done.",
        totals.cells, totals.ok, totals.failed, totals.waiting
    );
    let steps: Vec<String> =
        totals.steps.iter().map(|(step, count)| format!("{step} {count}/{}", totals.cells)).collect();
    let _ = writeln!(text, "Succeeded: {}.", steps.join(", "));
    if let Some(words) = totals.conformance.words() {
        let _ = writeln!(text, "Own tests: {words}.");
    }
    if totals.native > 0 {
        let _ = writeln!(
            text,
            "Of {} tests that pass on the machine itself, {} pass in Pyodide.",
            totals.native, totals.both
        );
    }
    matrix(report, &mut text);
    counts("Failures by class", totals.classes.iter(), &mut text);
    counts("Failures by cause", totals.causes.iter(), &mut text);
    failures(report, &mut text);
    text
}

fn matrix(report: &Report, text: &mut String) {
    let lines: Vec<&str> = report.lines.iter().map(|line| line.line.as_str()).collect();
    let _ = writeln!(text, "\n| package | {} |\n|---|{}", lines.join(" | "), "---|".repeat(lines.len()));
    for (package, cells) in report.rows() {
        let words =
            lines.iter().map(|line| cells.get(line).map_or("-".to_owned(), |cell| escape(&cell.words())));
        let _ = writeln!(text, "| {package} | {} |", words.collect::<Vec<_>>().join(" | "));
    }
}

fn counts<'a>(title: &str, counts: impl Iterator<Item = (&'a String, &'a usize)>, text: &mut String) {
    let mut counts: Vec<_> = counts.collect();
    if counts.is_empty() {
        return;
    }
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    let _ = writeln!(text, "\n## {title}\n\n| | cells |\n|---|---|");
    for (name, count) in counts {
        let _ = writeln!(text, "| {name} | {count} |");
    }
}

fn failures(report: &Report, text: &mut String) {
    let failed: Vec<(&CellReport, &Verdict)> =
        report.cells.iter().filter_map(|cell| Some((cell, cell.failure.as_ref()?))).collect();
    if failed.is_empty() {
        return;
    }
    text.push_str("\n## What failed\n");
    for (cell, verdict) in failed {
        let _ = writeln!(text, "\n### {} on {}: {}\n", cell.package, cell.line, cell.words());
        let _ = writeln!(text, "    {}", verdict.line);
        if !verdict.tests.is_empty() {
            let tests: Vec<String> =
                verdict.tests.iter().map(|(cause, count)| format!("{count} {cause}")).collect();
            let _ = writeln!(text, "\nTests by cause: {}.", tests.join(", "));
        }
        if !cell.conformance.needs.is_empty()
            && let Some(words) = cell.conformance.words()
        {
            let _ = writeln!(text, "\n{words}.");
        }
        if let Some(lacks) = cell.comparison.as_ref().and_then(|comparison| comparison.lacks) {
            let _ = writeln!(text, "\nNothing can be compared: {lacks}.");
        }
        if let Some(advice) = &verdict.advice {
            let _ = writeln!(text, "\nAdvice: {advice}.");
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}
