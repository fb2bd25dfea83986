//! What the user sees: data on stdout, everything else on stderr, in cargo's look.
//!
//! The only module that prints. A [`Ui`] is cheap to copy and is handed down by value.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors and warnings only.
    Quiet,
    /// One line a phase.
    Normal,
    /// Each command and each decision too.
    Verbose,
}

/// The door to the terminal.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    verbosity: Verbosity,
}

impl Ui {
    /// A door that says this much.
    pub fn new(verbosity: Verbosity) -> Self {
        Self { verbosity }
    }

    /// Whether decisions and commands are shown.
    pub fn is_verbose(self) -> bool {
        self.verbosity == Verbosity::Verbose
    }

    /// One line for a phase: a green right-aligned verb and what it is about.
    pub fn phase(self, verb: &str, message: impl Display) {
        if self.verbosity > Verbosity::Quiet {
            line(&format!("\u{1b}[1;32m{verb:>12}\u{1b}[0m {message}"));
        }
    }

    /// A decision and its reason, or a command: shown under `-v`.
    pub fn detail(self, message: impl Display) {
        if self.is_verbose() {
            line(&format!("\u{1b}[2m{:>12} {message}\u{1b}[0m", ""));
        }
    }

    /// A line that belongs to a phase.
    pub fn aside(self, message: impl Display) {
        if self.verbosity > Verbosity::Quiet {
            line(&message.to_string());
        }
    }

    /// The same door, for work that was told of before.
    #[must_use]
    pub fn quieter(self) -> Self {
        Self { verbosity: self.verbosity.min(Verbosity::Quiet) }
    }

    /// Something that the user should know although the work goes on.
    pub fn warn(self, message: impl Display) {
        line(&format!("\u{1b}[1;33mwarning\u{1b}[0m: {message}"));
    }

    /// A failure, as rendered by [`crate::error::render`].
    pub fn failure(self, rendered: &str) {
        line(rendered);
    }

    /// A line of data on stdout.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn data(self, text: impl Display) -> std::io::Result<()> {
        writeln!(anstream::stdout(), "{text}")
    }

    /// A table on stdout: rows of cells, the first row its head.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn table<const COLUMNS: usize>(self, rows: &[[String; COLUMNS]]) -> std::io::Result<()> {
        aligned(rows).iter().try_for_each(|row| self.data(row))
    }

    /// The same on stderr, for what is not data.
    pub fn table_aside<const COLUMNS: usize>(self, rows: &[[String; COLUMNS]]) {
        if self.verbosity > Verbosity::Quiet {
            for row in aligned(rows) {
                line(&row);
            }
        }
    }

    /// A board for work of many parts. It shows on a terminal only.
    pub fn board(self) -> Board {
        Board {
            shown: std::io::stderr().is_terminal() && self.verbosity > Verbosity::Quiet,
            drawn: Mutex::new(0),
        }
    }

    /// A spinner for work that may take over two seconds. It shows on a terminal only and ends when dropped.
    pub fn spinner(self, message: impl Into<String>) -> Spinner {
        let shown = std::io::stderr().is_terminal() && self.verbosity > Verbosity::Quiet;
        Spinner::start(message.into(), shown)
    }
}

/// Lines at the bottom of a terminal that are drawn anew while work goes on. Elsewhere nothing is drawn.
#[derive(Debug)]
pub struct Board {
    shown: bool,
    drawn: Mutex<usize>,
}

impl Board {
    /// Says something above the lines, and draws them anew.
    pub fn draw(&self, say: impl FnOnce(), lines: &[String]) {
        let Ok(mut drawn) = self.drawn.lock() else { return };
        if self.shown && *drawn > 0 {
            let _ = write!(anstream::stderr(), "\u{1b}[{drawn}A\u{1b}[J");
        }
        say();
        *drawn = 0;
        if self.shown {
            // A line that wraps would be counted as one.
            for text in lines {
                line(&text.chars().take(79).collect::<String>());
            }
            *drawn = lines.len();
        }
    }
}

fn aligned<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> Vec<String> {
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    });
    let cells = |row: &[String; COLUMNS]| {
        row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(|row| cells(row).trim_end().to_owned()).collect()
}

fn line(text: &str) {
    // A closed stderr must not end the work.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// A line that is redrawn while work goes on.
#[derive(Debug)]
pub struct Spinner {
    message: Arc<Mutex<String>>,
    running: Option<(mpsc::Sender<()>, std::thread::JoinHandle<()>)>,
}

impl Spinner {
    fn start(message: String, shown: bool) -> Self {
        let message = Arc::new(Mutex::new(message));
        let running = shown.then(|| {
            let (stop, stopped) = mpsc::channel();
            let text = Arc::clone(&message);
            (stop, std::thread::spawn(move || spin(&text, &stopped)))
        });
        Self { message, running }
    }

    /// Replaces what the spinner says.
    pub fn say(&self, message: &str) {
        if let Ok(mut text) = self.message.lock() {
            message.clone_into(&mut text);
        }
    }
}

fn spin(message: &Mutex<String>, stopped: &mpsc::Receiver<()>) {
    let started = Instant::now();
    let frames = ['-', '\\', '|', '/'];
    for frame in frames.iter().cycle() {
        if stopped.recv_timeout(Duration::from_millis(120)) != Err(mpsc::RecvTimeoutError::Timeout) {
            break;
        }
        if started.elapsed() < Duration::from_secs(2) {
            continue;
        }
        let text: String = message.lock().map(|text| text.chars().take(90).collect()).unwrap_or_default();
        let _ =
            write!(anstream::stderr(), "\r\u{1b}[2K{frame:>12} {text} ({} s)", started.elapsed().as_secs());
        let _ = std::io::stderr().flush();
    }
    let _ = write!(anstream::stderr(), "\r\u{1b}[2K");
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}
