//! How a sweep stands, at the bottom of the terminal, and a line for each cell that is done.

use std::path::{Path, PathBuf};

use cargo_pyodide::runtime::Runtime;
use cargo_pyodide::sweep::record::{Cell, Record};
use cargo_pyodide::sweep::run::{DoneCell, Standing, SweepListener};
use cargo_pyodide::ui::Ui;
use indicatif::ProgressBar;

use crate::terminal::Terminal;

/// The board of a sweep: its lines are drawn anew each second, where there is a terminal.
pub(crate) struct Board {
    ui: Ui,
    out: PathBuf,
    /// Pyodide's lines, in their order.
    lines: Vec<String>,
    /// A head, a row for each of Pyodide's lines, and what is running.
    rows: Vec<ProgressBar>,
}

impl Board {
    /// A board for these releases and this folder.
    pub(crate) fn new(terminal: &Terminal, runtimes: &[Runtime], out: &Path) -> Self {
        let lines: Vec<String> = runtimes.iter().map(|runtime| runtime.line().to_string()).collect();
        let rows = (0..lines.len() + 2).map(|_| terminal.board_line()).collect();
        Self { ui: terminal.ui(), out: out.to_owned(), lines, rows }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        for row in &self.rows {
            row.finish_and_clear();
        }
    }
}

impl SweepListener for Board {
    fn begin(&self, left: usize, jobs: usize) {
        let out = self.out.display();
        self.ui.phase("Sweeping", format!("{left} cells, {jobs} at once, into `{out}`"));
    }

    fn finish_cell(&self, record: &Record, standing: &Standing<'_>) {
        self.ui.phase("Swept", describe(record, standing));
        self.show(standing);
    }

    fn show(&self, standing: &Standing<'_>) {
        for (row, text) in self.rows.iter().zip(rows(&self.lines, standing)) {
            row.set_message(text);
        }
    }
}

/// A line about a cell that is done.
fn describe(record: &Record, standing: &Standing<'_>) -> String {
    let outcome = match &record.failure {
        None => "ok".to_owned(),
        Some(failure) => {
            let line = failure.text.lines().next().unwrap_or_default();
            format!("{} failed: {}", failure.step, line.trim_start_matches("error: "))
        }
    };
    let tests = record.test_ratio().map(|ratio| format!(", tests {ratio}")).unwrap_or_default();
    let left = standing.waiting.len() + standing.running.len();
    let (cell, seconds) = (&record.cell, record.seconds);
    format!("{cell}: {outcome}{tests} ({seconds:.0} s; {left} left{})", remaining(standing))
}

fn remaining(standing: &Standing<'_>) -> String {
    let minutes = standing.remaining.map(|rest| rest.as_secs().div_ceil(60));
    match minutes {
        None => String::new(),
        Some(0) => ", nearly done".to_owned(),
        Some(minutes) => format!(", about {minutes} min to go"),
    }
}

/// A head, a row for each of Pyodide's lines, and what is running.
fn rows(lines: &[String], standing: &Standing<'_>) -> Vec<String> {
    let mut rows =
        vec![format!("{:>12}  {:>6} {:>8} {:>7} {:>6}", "line", "ok", "failed", "running", "left")];
    for line in lines {
        let of_line = |cells: &[Cell]| cells.iter().filter(|cell| cell.line == *line).count();
        let done = |wanted: bool| {
            let is_one = |done: &&DoneCell| done.cell.line == *line && done.succeeded == wanted;
            standing.done.iter().filter(is_one).count()
        };
        rows.push(format!(
            "{line:>12}  {:>6} {:>8} {:>7} {:>6}",
            done(true),
            done(false),
            of_line(standing.running),
            of_line(standing.waiting)
        ));
    }
    let running: Vec<String> = standing.running.iter().map(ToString::to_string).collect();
    let minutes = standing.started.elapsed().as_secs() / 60;
    rows.push(format!("{minutes:>8} min so far{}: {}", remaining(standing), running.join(", ")));
    rows
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn cell(text: &str) -> Cell {
        let (package, line) = text.split_once('@').unwrap();
        Cell { package: package.parse().unwrap(), line: line.to_owned(), pyodide: format!("{line}.0") }
    }

    #[test]
    fn the_board_counts_by_line() {
        let done = [("a==1@0.29", true), ("b==1@314", false)];
        let done = done.map(|(text, succeeded)| DoneCell { cell: cell(text), succeeded });
        let standing = Standing {
            waiting: &[cell("c==1@0.29"), cell("c==1@314")],
            running: &[cell("b==1@0.29")],
            done: &done,
            remaining: Some(Duration::from_secs(61)),
            started: Instant::now(),
        };
        insta::assert_snapshot!(rows(&["0.29".into(), "314".into()], &standing).join("\n"), @"
         line      ok   failed running   left
         0.29       1        0       1      1
          314       0        1       0      1
        0 min so far, about 2 min to go: b==1 on 0.29
        ");
    }
}
