//! The one door for child processes: finds a tool, prints it copyably under `-v`, always checks its status.
//!
//! Nothing else names [`std::process::Command`].

pub(crate) mod limits;
mod lines;
mod progress;
mod running;
pub mod supervision;
mod tree;

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use crate::env::{Environment, SUPERVISOR};
use crate::error::{Result, hinted};
use crate::redacted::redact;
use crate::ui::Ui;

use lines::copy_lines;
pub use progress::{PROGRESS_VARIABLES, show_progress};
pub use running::Running;

/// How many of a failed command's last lines are shown.
const SHOWN_LINES: usize = 30;

/// A program to run, its arguments, and what differs in its environment.
#[derive(Clone)]
pub struct Invocation {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, Option<OsString>)>,
    folder: Option<PathBuf>,
    shares_temporary_folder: bool,
    starts_empty: bool,
    secrets: Vec<(&'static str, String)>,
}

/// What a finished command printed.
#[derive(Debug)]
pub struct Output {
    /// Standard output, lossily decoded.
    pub stdout: String,
    /// Standard error, lossily decoded.
    pub stderr: String,
}

/// The command, as it is shown.
impl std::fmt::Debug for Invocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.copyable())
    }
}

impl Invocation {
    /// A call of this program, which must be a path: [`find`] makes one of a name.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            variables: Vec::new(),
            folder: None,
            shares_temporary_folder: false,
            starts_empty: false,
            secrets: Vec::new(),
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable for the child.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), Some(value.into())));
        self
    }

    /// Sets a variable whose value is not shown to anybody.
    #[must_use]
    pub(crate) fn secret(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.secrets.push((name, value.into()));
        self
    }

    /// Gives the child no variables but those that are set here.
    #[must_use]
    pub fn clear_environment(mut self) -> Self {
        self.starts_empty = true;
        self
    }

    /// Removes an environment variable for the child.
    #[must_use]
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), None));
        self
    }

    /// Has the child make its temporary files in the folder of ours, which is removed whatever ends us. Not for a program
    /// that starts daemons: they would outlive the folder.
    #[must_use]
    pub fn with_our_temporary_folder(mut self) -> Self {
        self.shares_temporary_folder = true;
        self
    }

    /// Sets the folder the child starts in.
    #[must_use]
    pub fn current_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Runs to the end and returns what was printed.
    ///
    /// # Errors
    /// When the program cannot be started, or its status is not zero: then with its last lines.
    pub fn output(&self, ui: &Ui) -> Result<Output> {
        let (status, output) = self.output_unchecked(ui)?;
        if !status.success() {
            let shown = if output.stderr.trim().is_empty() { &output.stdout } else { &output.stderr };
            return Err(self.failed(status, shown));
        }
        Ok(output)
    }

    /// Runs to the end, whatever its status.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn output_unchecked(&self, ui: &Ui) -> Result<(ExitStatus, Output)> {
        ui.command(&self.copyable());
        let output = self
            .command()
            // A tool that asks a question gets the end of a file and not a user who sees nothing.
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start `{}`", self.program.display()))?;
        supervision::stay_if_ending();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((output.status, Output { stdout, stderr }))
    }

    /// Runs to the end with both outputs going, joined, into a log file. `on_line` sees each line as it comes.
    ///
    /// # Errors
    /// When the program cannot be started or the log cannot be written.
    pub fn run_logged(&self, ui: &Ui, log: &Path, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
        ui.command(&self.copyable());
        // One pipe for both, so that errors stand in the log beside what they are about.
        let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let mut child =
            command.spawn().with_context(|| format!("cannot start `{}`", self.program.display()))?;
        // It holds the pipe's writing end: the reader would wait for ever.
        drop(command);
        let copied = copy_lines(reader, log, &mut on_line);
        let status = child.wait().context("cannot wait for a child process")?;
        supervision::stay_if_ending();
        copied?;
        Ok(status)
    }

    /// Starts with the user's own stdin, stdout and stderr, and waits. Ctrl-C ends the child, then us.
    ///
    /// # Errors
    /// When the program cannot be started or waited for.
    pub fn run_attached(&self, ui: &Ui) -> Result<ExitStatus> {
        ui.command(&self.copyable());
        // Asked before the child starts: a listener may begin to watch for Ctrl-C only now.
        ui.is_interrupted();
        let child =
            self.command().spawn().with_context(|| format!("cannot start `{}`", self.program.display()))?;
        let mut running = Running { child, ui: ui.clone(), leads_a_group: false };
        let mut pause = Duration::from_millis(1);
        loop {
            if ui.is_interrupted() {
                // Its status then says that a signal ended it.
                running.stop();
                return running.child.wait().context("cannot wait for a child process");
            }
            if let Some(status) = running.ended()? {
                return Ok(status);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Starts beside us, without input.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn spawn(&self, ui: &Ui, streams: Streams) -> Result<Running> {
        ui.command(&self.copyable());
        ui.is_interrupted();
        let mut command = self.command();
        command.stdin(Stdio::null());
        if streams == Streams::Silent {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        #[cfg(unix)]
        // A group of its own, which can be ended whole; Ctrl-C then reaches us alone.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().with_context(|| format!("cannot start `{}`", self.program.display()))?;
        Ok(Running { child, ui: ui.clone(), leads_a_group: true })
    }

    /// Starts a program that goes on after us, without input and output.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn detach(&self, ui: &Ui) -> Result<()> {
        ui.command(&self.copyable());
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        #[cfg(unix)]
        // Ctrl-C is for us.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child =
            command.spawn().with_context(|| format!("cannot start `{}`", self.program.display()))?;
        // Somebody has to take note of its end, as long as we are there.
        std::thread::spawn(move || child.wait());
        Ok(())
    }

    /// Starts with the user's own stdin, stdout and stderr, and waits; signals are left to the two processes.
    ///
    /// # Errors
    /// When the program cannot be started or waited for.
    pub fn run_through(&self) -> Result<ExitStatus> {
        self.command().status().with_context(|| format!("cannot start `{}`", self.program.display()))
    }

    /// The error for a status that is not zero.
    pub fn failed(&self, status: ExitStatus, printed: &str) -> anyhow::Error {
        let mut message = format!("`{}` failed ({})", self.program.display(), describe(status));
        let lines: Vec<&str> = printed.trim_end().lines().filter(|line| !is_stack_frame(line)).collect();
        for text in &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
            let _ = write!(message, "\n    {}", redact(text));
        }
        anyhow!(message)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts processes")]
    fn command(&self) -> std::process::Command {
        supervision::stay_if_ending();
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.arguments);
        if self.starts_empty {
            command.env_clear();
        }
        // It means this process alone.
        command.env_remove(SUPERVISOR);
        if self.shares_temporary_folder {
            let folder = tempfile::env::temp_dir();
            command.envs(["TMPDIR", "TEMP", "TMP"].map(|name| (name, folder.as_os_str())));
        }
        for (name, value) in &self.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.envs(self.secrets.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    /// The command as one can paste it into a POSIX shell. Credentials in addresses are left out.
    pub fn copyable(&self) -> String {
        let mut words = Vec::new();
        if let Some(folder) = &self.folder {
            words.push(format!("cd {} &&", quoted(folder.as_os_str())));
        }
        if self.starts_empty {
            words.push("env -i".to_owned());
        }
        let assigned = self.variables.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        words.extend(assigned.map(|(name, value)| format!("{}={}", name.display(), quoted(value))));
        words.extend(self.secrets.iter().map(|(name, _)| format!("{name}=…")));
        words.push(quoted(self.program.as_os_str()));
        words.extend(self.arguments.iter().map(|argument| quoted(argument)));
        words.join(" ")
    }
}

/// Whether a program's output is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// Its stdout and stderr are ours.
    Ours,
    /// They go nowhere.
    Silent,
}

/// A word as a POSIX shell needs it, without the credentials of addresses in it.
fn quoted(word: &OsStr) -> String {
    let text = redact(&word.to_string_lossy());
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:+,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// An exit status in words.
pub fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => format!("{status}"),
    }
}

/// The code with which we end after a program: cargo's own 101 where it has none, after a signal.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(101)
}

/// Whether a line is of JavaScript's stack trace, with which npm and Node follow their message: it tells where in their own
/// code they gave up.
fn is_stack_frame(line: &str) -> bool {
    let text = line.trim_start().trim_start_matches("npm error").trim_start_matches("npm ERR!").trim_start();
    text.starts_with("at ") && [".js:", ".mjs:", ".cjs:", "node:"].iter().any(|file| text.contains(file))
}

/// Finds a program by name on the `PATH` of this environment.
pub fn look_up(environment: &Environment, name: &str) -> Option<PathBuf> {
    let path = environment.get("PATH")?;
    which::which_in(name, Some(path), ".").ok()
}

/// Finds a program by the first of several names.
///
/// # Errors
/// When none is on the `PATH`: says where it looked and gives the advice.
pub fn find(environment: &Environment, names: &[&str], advice: &str) -> Result<PathBuf> {
    if let Some(path) = names.iter().find_map(|name| look_up(environment, name)) {
        return Ok(path);
    }
    let folders: Vec<String> =
        environment.path_folders().iter().map(|folder| folder.display().to_string()).collect();
    let looked = if folders.is_empty() {
        "`PATH` is empty".into()
    } else {
        format!("looked in {}", folders.join(", "))
    };
    Err(hinted(anyhow!("`{}` was not found: {looked}", names.join("` or `")), advice))
}

#[cfg(test)]
mod tests;
