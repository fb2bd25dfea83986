//! Messages of the steps, and who receives them.
//!
//! Steps talk to a [`Ui`], which hands everything on to a [`Listener`]: the terminal of the command line, or whatever a
//! user of the library puts there. Nothing in the library prints. Credentials in addresses go through no door.

use std::fmt::{Debug, Display};
use std::sync::Arc;
use std::time::Instant;

use crate::redacted::redact;

/// One message of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// A phase begins or ends: a verb and what it is about.
    Phase(&'a str, &'a str),
    /// A decision and its reason.
    Detail(&'a str),
    /// A command that is about to start, as a POSIX shell takes it.
    Command(&'a str),
    /// A line that belongs to the phase before it.
    Aside(&'a str),
    /// Something that the user should know although the work goes on.
    Warning(&'a str),
    /// Something that the user may want to know although nothing is wrong.
    Note(&'a str),
    /// A line that a compiler or a build back end printed.
    ToolOutput(&'a str),
    /// Bytes that Python wrote to a stream in a session.
    Output(Stream, &'a [u8]),
}

/// One of the output streams of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Receives the messages of steps. Several threads may send at once.
pub trait Listener: Debug + Send + Sync {
    /// Takes one message.
    fn hear(&self, message: Message<'_>);

    /// Shows that a task is under way until the value is dropped.
    fn show_task(&self, task: &str) -> Box<dyn Task>;

    /// Whether the user wants the work to end. Steps ask while something runs beside them.
    fn is_interrupted(&self) -> bool {
        false
    }
}

/// A task that takes a while. It ends when it is dropped.
pub trait Task: Send {
    /// Says what the task is doing now.
    fn say(&self, text: &str);

    /// Says how many of how many parts are done.
    fn count(&self, done: u64, of: u64);

    /// Says how many of how many bytes are done.
    fn count_bytes(&self, done: u64, of: u64) {
        self.count(done, of);
    }
}

/// Drops every message.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Listener for Silent {
    fn hear(&self, _: Message<'_>) {}

    fn show_task(&self, _: &str) -> Box<dyn Task> {
        Box::new(Self)
    }
}

impl Task for Silent {
    fn say(&self, _: &str) {}

    fn count(&self, _: u64, _: u64) {}
}

/// Sends the messages of steps to a listener.
#[derive(Debug, Clone)]
pub struct Ui(Arc<dyn Listener>);

impl Ui {
    /// Sends to this listener.
    pub fn new(listener: Arc<dyn Listener>) -> Self {
        Self(listener)
    }

    /// Sends to nobody.
    pub fn silent() -> Self {
        Self(Arc::new(Silent))
    }

    /// Tells of a phase: a verb, and what it is about.
    pub fn phase(&self, verb: &str, text: impl Display) {
        self.0.hear(Message::Phase(verb, &redact(&text.to_string())));
    }

    /// Tells of a decision and its reason.
    pub fn detail(&self, text: impl Display) {
        self.0.hear(Message::Detail(&redact(&text.to_string())));
    }

    /// Tells of a command that is about to start.
    pub fn command(&self, copyable: &str) {
        self.0.hear(Message::Command(&redact(copyable)));
    }

    /// Tells a line that belongs to the phase before it.
    pub fn aside(&self, text: impl Display) {
        self.0.hear(Message::Aside(&redact(&text.to_string())));
    }

    /// Warns: the user should know, although the work goes on.
    pub fn warn(&self, text: impl Display) {
        self.0.hear(Message::Warning(&redact(&text.to_string())));
    }

    /// Notes: the user may want to know, although nothing is wrong.
    pub fn note(&self, text: impl Display) {
        self.0.hear(Message::Note(&redact(&text.to_string())));
    }

    /// Tells a line that a compiler or a build back end printed.
    pub fn tool_output(&self, line: &str) {
        self.0.hear(Message::ToolOutput(&redact(line)));
    }

    /// Passes on what Python wrote in a session.
    pub fn pass_on(&self, stream: Stream, bytes: &[u8]) {
        self.0.hear(Message::Output(stream, bytes));
    }

    /// Shows that a task is under way until the value is dropped.
    pub fn task(&self, task: impl Display) -> Box<dyn Task> {
        self.0.show_task(&redact(&task.to_string()))
    }

    /// Whether the user wants the work to end.
    pub fn is_interrupted(&self) -> bool {
        self.0.is_interrupted()
    }
}

/// A step of the work and the seconds that it took.
pub type StepTime = (&'static str, f64);

/// Measures the steps of the work.
#[derive(Debug)]
pub struct Clock {
    last: Instant,
    steps: Vec<StepTime>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { last: Instant::now(), steps: Vec::new() }
    }
}

impl Clock {
    /// Ends a step.
    pub fn step(&mut self, name: &'static str) {
        self.steps.push((name, self.last.elapsed().as_secs_f64()));
        self.last = Instant::now();
    }

    /// The steps so far.
    pub fn into_steps(self) -> Vec<StepTime> {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Writes down what it hears.
    #[derive(Debug, Default)]
    struct Recorder {
        heard: Arc<Mutex<Vec<String>>>,
    }

    struct RecordedTask(Arc<Mutex<Vec<String>>>);

    impl Listener for Recorder {
        fn hear(&self, message: Message<'_>) {
            self.heard.lock().unwrap().push(format!("{message:?}"));
        }

        fn show_task(&self, task: &str) -> Box<dyn Task> {
            self.heard.lock().unwrap().push(format!("begins {task}"));
            Box::new(RecordedTask(self.heard.clone()))
        }

        fn is_interrupted(&self) -> bool {
            !self.heard.lock().unwrap().is_empty()
        }
    }

    impl Task for RecordedTask {
        fn say(&self, text: &str) {
            self.0.lock().unwrap().push(format!("says {text}"));
        }

        fn count(&self, done: u64, of: u64) {
            self.0.lock().unwrap().push(format!("{done} of {of}"));
        }
    }

    impl Drop for RecordedTask {
        fn drop(&mut self) {
            self.0.lock().unwrap().push("ends".to_owned());
        }
    }

    #[test]
    fn a_listener_hears_everything_in_order() {
        let recorder = Recorder::default();
        let heard = recorder.heard.clone();
        let ui = Ui::new(Arc::new(recorder));
        assert!(!ui.is_interrupted());
        ui.phase("Building", 1);
        ui.clone().detail(format_args!("{}", 2));
        ui.command("ls 'a b'");
        let task = ui.task("download");
        task.say("half");
        task.count(1, 2);
        drop(task);
        ui.warn("careful");
        ui.aside("more");
        ui.note("by the way");
        ui.tool_output("warning: unused");
        ui.pass_on(Stream::Stderr, b"x");
        assert!(ui.is_interrupted());
        insta::assert_snapshot!(heard.lock().unwrap().join("\n"), @r#"
        Phase("Building", "1")
        Detail("2")
        Command("ls 'a b'")
        begins download
        says half
        1 of 2
        ends
        Warning("careful")
        Aside("more")
        Note("by the way")
        ToolOutput("warning: unused")
        Output(Stderr, [120])
        "#);
    }

    #[test]
    fn nobody_behind_a_silent_door_interrupts() {
        let ui = Ui::silent();
        ui.phase("Building", "a");
        ui.task("b").say("c");
        assert!(!ui.is_interrupted());
    }

    #[test]
    fn a_clock_keeps_steps_in_their_order() {
        let mut clock = Clock::default();
        clock.step("one");
        clock.step("two");
        let steps = clock.into_steps();
        assert_eq!(steps.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["one", "two"]);
        assert!(steps.iter().all(|(_, seconds)| *seconds >= 0.0));
    }
}
