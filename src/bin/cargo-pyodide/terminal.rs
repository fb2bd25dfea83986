//! The terminal: data on stdout, everything else on stderr, in cargo's look. The only module that prints.
//!
//! Texts come from packages and servers, too: what steers a terminal is escaped here, before our own colours are put on.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use cargo_pyodide::env::Environment;
use cargo_pyodide::error::Result;
use cargo_pyodide::process::supervision;
use cargo_pyodide::ui::{Listener, Message, Stream, Task, Ui};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How much is printed on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    /// Errors only.
    Silent,
    /// Errors and warnings only.
    Quiet,
    /// One line a phase.
    Normal,
    /// Each command and each decision too.
    Verbose,
    /// What compilers and build back ends print, too.
    Loud,
}

/// The terminal of one run.
#[derive(Debug, Clone)]
pub(crate) struct Terminal {
    verbosity: Verbosity,
    /// Everything that is drawn anew: lines are printed above it.
    progress: MultiProgress,
}

impl Terminal {
    /// A terminal with this verbosity.
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        // In a log file a line that is drawn anew would be a thousand lines, also where CI pretends that it is a terminal.
        let is_log = !std::io::stderr().is_terminal() || Environment::read().get("CI").is_some();
        let is_shown = !is_log && verbosity > Verbosity::Quiet;
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { verbosity, progress: MultiProgress::with_draw_target(target) }
    }

    /// Sends the messages of steps to this terminal.
    pub(crate) fn ui(&self) -> Ui {
        Ui::new(Arc::new(self.clone()))
    }

    /// Prints a line of data on stdout.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub(crate) fn data(&self, line: impl Display) -> std::io::Result<()> {
        self.print(&escape(&line.to_string(), Newlines::Escaped))
    }

    /// Prints the path of a finished wheel on stdout; not where a person has just read it in a message on the same terminal.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub(crate) fn wheel_path(&self, path: &Path) -> std::io::Result<()> {
        let is_read = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        if is_read && self.verbosity > Verbosity::Quiet { Ok(()) } else { self.data(path.display()) }
    }

    /// Prints a line of data on stdout with a word in colour before it.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub(crate) fn labelled(
        &self,
        color: &str,
        label: impl Display,
        line: impl Display,
    ) -> std::io::Result<()> {
        let [label, line] =
            [label.to_string(), line.to_string()].map(|text| escape(&text, Newlines::Escaped));
        self.print(&format!("\u{1b}[{color}m{label}\u{1b}[0m: {line}"))
    }

    /// Prints a text of several lines on stdout.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub(crate) fn document(&self, text: &str) -> std::io::Result<()> {
        self.print(&escape(text, Newlines::Kept))
    }

    /// Prints a JSON document on stdout.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub(crate) fn json(&self, value: &impl serde::Serialize) -> Result<()> {
        Ok(self.print(&escape_json(&serde_json::to_string_pretty(value)?))?)
    }

    fn print(&self, text: &str) -> std::io::Result<()> {
        let written = self.progress.suspend(|| writeln!(anstream::stdout(), "{text}"));
        match written {
            // Whoever reads has seen enough, as `head` has: the work and its exit status are the same.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }

    /// Prints a table on stdout: rows of cells, the first row its head.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub(crate) fn table<const COLUMNS: usize>(&self, rows: &[[String; COLUMNS]]) -> std::io::Result<()> {
        align(rows).iter().try_for_each(|row| self.print(row))
    }

    /// Prints a table on stderr, for what is not data.
    pub(crate) fn table_aside<const COLUMNS: usize>(&self, rows: &[[String; COLUMNS]]) {
        if self.verbosity > Verbosity::Quiet {
            for row in align(rows) {
                self.line(&row);
            }
        }
    }

    /// Shows a failure, as `error::render` has it.
    pub(crate) fn failure(&self, rendered: &str) {
        self.line(&escape(rendered, Newlines::Kept));
    }

    /// A line at the bottom that is drawn anew while work goes on. Nothing is drawn where there is no terminal.
    pub(crate) fn board_line(&self) -> ProgressBar {
        let bar = self.progress.add(ProgressBar::new_spinner());
        bar.set_style(style("{msg}"));
        bar
    }

    fn line(&self, text: &str) {
        // A closed stderr must not end the work.
        self.progress.suspend(|| drop(writeln!(anstream::stderr(), "{text}")));
    }
}

/// Shows a failure where there is no [`Terminal`] yet.
pub(crate) fn print_failure(rendered: &str) {
    drop(writeln!(anstream::stderr(), "{}", escape(rendered, Newlines::Kept)));
}

impl Listener for Terminal {
    fn hear(&self, message: Message<'_>) {
        match message {
            Message::Phase(verb, text) if self.verbosity > Verbosity::Quiet => {
                self.line(&format!("\u{1b}[1;32m{verb:>12}\u{1b}[0m {}", escape(text, Newlines::Kept)));
            }
            Message::Detail(text) | Message::Command(text) if self.verbosity >= Verbosity::Verbose => {
                let text = escape(text, Newlines::Kept);
                self.line(&format!("\u{1b}[2m{:>12} {text}\u{1b}[0m", ""));
            }
            Message::Aside(text) if self.verbosity > Verbosity::Quiet => {
                self.line(&escape(text, Newlines::Kept));
            }
            Message::ToolOutput(text) if self.verbosity == Verbosity::Loud => {
                self.line(&format!("{:>12} {}", "", escape(text, Newlines::Escaped)));
            }
            Message::Warning(text) if self.verbosity > Verbosity::Silent => {
                let text = escape(text, Newlines::Kept);
                self.line(&format!("\u{1b}[1;33mwarning\u{1b}[0m: {text}"));
            }
            Message::Note(text) if self.verbosity > Verbosity::Quiet => {
                let text = escape(text, Newlines::Kept);
                self.line(&format!("\u{1b}[1;36mnote\u{1b}[0m: {text}"));
            }
            Message::Output(stream, bytes) => self.progress.suspend(|| pass_on(stream, bytes)),
            _ => {}
        }
    }

    fn show_task(&self, task: &str) -> Box<dyn Task> {
        let bar = self.progress.add(ProgressBar::new_spinner());
        bar.set_style(style("{spinner:>12} {wide_msg} ({elapsed})"));
        bar.set_message(escape(task, Newlines::Escaped));
        bar.enable_steady_tick(Duration::from_millis(120));
        Box::new(Shown { bar })
    }

    fn is_interrupted(&self) -> bool {
        QUESTIONS.fetch_add(1, Ordering::Relaxed);
        INTERRUPTED.load(Ordering::Relaxed)
    }
}

/// Whether the user wants the work to end.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// How often a step asked.
static QUESTIONS: AtomicUsize = AtomicUsize::new(0);
/// How long a step that asks may take to ask again.
const GLANCE: Duration = Duration::from_millis(500);

/// Calls a function for each signal that asks this process to end.
pub(crate) fn on_signal(act: fn()) {
    // Without a handler Ctrl-C still ends the process, without a message.
    drop(ctrlc::set_handler(act));
}

/// From now on a step that asks ends by itself after Ctrl-C. Where none asks, everything is ended at once.
pub(crate) fn watch_for_interrupts() {
    on_signal(|| {
        INTERRUPTED.store(true, Ordering::Relaxed);
        let asked = QUESTIONS.load(Ordering::Relaxed);
        std::thread::sleep(GLANCE);
        if QUESTIONS.load(Ordering::Relaxed) == asked {
            supervision::end_all_and_exit();
        }
    });
}

/// A task with its line at the bottom of the terminal.
struct Shown {
    bar: ProgressBar,
}

impl Task for Shown {
    fn say(&self, text: &str) {
        self.bar.set_message(escape(text, Newlines::Escaped));
    }

    fn count(&self, done: u64, of: u64) {
        self.count_with("{pos}/{len}", done, of);
    }

    fn count_bytes(&self, done: u64, of: u64) {
        self.count_with("{decimal_bytes}/{decimal_total_bytes}", done, of);
    }
}

impl Shown {
    fn count_with(&self, numbers: &str, done: u64, of: u64) {
        // Short enough for half a screen: the text takes what is left of the line.
        self.bar
            .set_style(style(&format!("{{spinner:>12}} [{{bar:12}}] {numbers} {{wide_msg}} ({{elapsed}})")));
        self.bar.set_length(of);
        self.bar.set_position(done);
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Writes what Python wrote, byte for byte. A closed stream does not end the work.
fn pass_on(stream: Stream, bytes: &[u8]) {
    drop(match stream {
        Stream::Stdout => std::io::stdout().write_all(bytes).and_then(|()| std::io::stdout().flush()),
        Stream::Stderr => std::io::stderr().write_all(bytes),
    });
}

/// What becomes of the ends of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Newlines {
    /// The text is ours to break into lines.
    Kept,
    /// The text is one line.
    Escaped,
}

/// Whether a character steers the terminal or turns the direction of what follows.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text whose unsafe characters are written out: `\u{1b}`.
fn escape(text: &str, newlines: Newlines) -> String {
    let is_plain = |c: char| !is_unsafe(c) || c == '\t' || (c == '\n' && newlines == Newlines::Kept);
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) {
            escaped.push(c);
        } else {
            escaped.extend(c.escape_default());
        }
    }
    escaped
}

/// JSON with the unsafe characters that it allows written in its own way.
fn escape_json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_unsafe(c) {
            // As JSON counts: characters beyond the first 65,536 take two.
            escaped.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

fn align<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> Vec<String> {
    let escaped = |row: &[String; COLUMNS]| row.each_ref().map(|cell| escape(cell, Newlines::Escaped));
    let rows: Vec<[String; COLUMNS]> = rows.iter().map(escaped).collect();
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    });
    let cells = |row: &[String; COLUMNS]| {
        row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(|row| cells(row).trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        let check = |text: &str| escape(text, Newlines::Escaped);
        assert_eq!(check("a\u{1b}[2J\nb\r\u{7}\tü"), "a\\u{1b}[2J\\nb\\r\\u{7}\tü");
        assert_eq!(check("\u{9b}31m\u{7f}\u{202e}"), "\\u{9b}31m\\u{7f}\\u{202e}");
        assert_eq!(escape("a\nb\u{1b}", Newlines::Kept), "a\nb\\u{1b}");
        let text = "\u{1b}\u{9b}\u{202e}";
        let json = escape_json(&serde_json::to_string(text).unwrap());
        assert_eq!(json, r#""\u001b\u009b\u202e""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "bb"], ["ccc", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(align(&rows), ["a    bb", "ccc"]);
    }
}
