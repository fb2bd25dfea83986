//! A session: one Pyodide with wheels, on Node or in a browser, that runs a program and tells what happens.
//!
//! Events reach us while the interpreter works, so that its death, or an endless loop, is known together with what it was
//! doing.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use super::browser::Browser;
use super::message::SessionMessage;
use super::node::{Files, Node, SCRIPTS};
use super::server::{self, Served, Server};
use crate::context::Context;
use crate::error::Result;
use crate::process::{Running, Streams, describe};
use crate::runtime::Runtime;
use crate::ui::{Stream, Ui};

/// How long a browser may take to show a page.
const START: Duration = Duration::from_mins(1);

/// How many messages of a page may wait for us. A page that sends more waits itself.
const WAITING_MESSAGES: usize = 16;

/// Where a session runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Node.js
    Node,
    /// The main thread of a page in a browser
    Page,
    /// A dedicated worker in a browser
    Worker,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Node => "Node",
            Self::Page => "a page",
            Self::Worker => "a worker",
        })
    }
}

/// How a session's wheels are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Installation {
    /// With micropip where it is given, else by unpacking.
    Usual,
    /// With `loadPackage`, as pages do that name their wheels. The event `ready` tells its milliseconds.
    LoadPackage,
}

/// What a session is made of.
#[derive(Debug)]
pub struct Session<'a> {
    /// The release.
    pub runtime: &'a Runtime,
    /// Where it runs.
    pub place: Place,
    /// The wheels of micropip and of what it needs; none where wheels are unpacked instead.
    pub foundation: &'a [PathBuf],
    /// The wheels that are installed.
    pub wheels: &'a [PathBuf],
    /// How they are installed.
    pub installation: Installation,
    /// Packages of the release that it loads itself, by its own names.
    pub loaded: &'a [String],
    /// The files from which it does, by the names that its lock file gives them.
    pub release_files: &'a BTreeMap<String, PathBuf>,
    /// Zip archives that are unpacked into the folder.
    pub archives: &'a [PathBuf],
    /// The folder inside the runtime.
    pub folder: &'a str,
    /// Python whose value is the function that runs the program.
    pub harness: &'a str,
    /// What that function is given.
    pub program: Value,
    /// Where its standard output goes.
    pub stdout: Stream,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    runtime: &'a Path,
    loaded: &'a [String],
    foundation: Vec<String>,
    wheels: Vec<String>,
    installation: Installation,
    archives: Vec<String>,
    files: &'a BTreeMap<String, PathBuf>,
    folder: &'a str,
    harness: &'a str,
    program: &'a Value,
    raw_streams: bool,
    switches_stacks: bool,
    stdout: u8,
}

/// A session that runs. It ends when this is dropped, and leaves nothing behind.
pub struct RunningSession {
    ui: Ui,
    child: Running,
    messages: Receiver<SessionMessage>,
    events: Option<EventFile>,
    /// By when a browser must have sent something.
    deadline: Option<Instant>,
    _server: Option<Server>,
    work: tempfile::TempDir,
}

/// What happened next in a session.
#[derive(Debug)]
pub enum Next {
    /// An event.
    Event(Value),
    /// Nothing in the time given.
    TimedOut,
    /// It ended without saying so, and how.
    Ended(String),
}

impl Session<'_> {
    /// Starts the session.
    ///
    /// # Errors
    /// When Node or a browser cannot be had or started.
    pub fn open(&self, context: &Context) -> Result<RunningSession> {
        let work = tempfile::Builder::new()
            .prefix("cargo-pyodide-")
            .tempdir()
            .context("cannot make a temporary folder")?;
        let mut files = BTreeMap::new();
        let mut named = |paths: &[PathBuf]| -> Vec<String> {
            let name = |path: &PathBuf| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                files.insert(name.clone(), path.clone());
                name
            };
            paths.iter().map(name).collect()
        };
        let (foundation, wheels, archives) =
            (named(self.foundation), named(self.wheels), named(self.archives));
        let own = work.path().join("runtime");
        // The release looks for its packages beside its own files.
        let runtime = match self.place {
            Place::Node if !self.loaded.is_empty() => {
                copy_files(&self.runtime.folder, self.release_files, &own)?;
                &own
            }
            _ => &self.runtime.folder,
        };
        let request = serde_json::to_string(&Request {
            runtime,
            loaded: self.loaded,
            foundation,
            wheels,
            installation: self.installation,
            archives,
            files: &files,
            folder: self.folder,
            harness: self.harness,
            program: &self.program,
            raw_streams: self.runtime.sets_streams_byte_by_byte(),
            switches_stacks: self.runtime.switches_stacks(),
            stdout: if self.stdout == Stream::Stdout { 1 } else { 2 },
        })?;
        let (sender, messages) = sync_channel(WAITING_MESSAGES);
        match self.place {
            Place::Node => self.open_on_node(context, request, work, messages),
            Place::Page | Place::Worker => {
                let release_files = self.release_files.clone();
                let served = Served { request, runtime: self.runtime.folder.clone(), release_files, files };
                let server = server::start(served, sender)?;
                self.open_in_browser(context, server, work, messages)
            }
        }
    }

    fn open_on_node(
        &self,
        context: &Context,
        request: String,
        work: tempfile::TempDir,
        messages: Receiver<SessionMessage>,
    ) -> Result<RunningSession> {
        let node = Node::find_waiting(context, self.runtime)?;
        let path = |name: &str| work.path().join(name);
        fs_err::write(path("session.mjs"), include_str!("session.mjs"))?;
        for (name, text) in SCRIPTS {
            fs_err::write(path(name), text)?;
        }
        fs_err::write(path("node_session.mjs"), include_str!("node_session.mjs"))?;
        fs_err::write(path("request.json"), request)?;
        fs_err::write(path("events.jsonl"), "")?;
        // A file, not a pipe: what was written is there when the process dies, and stdout stays the tests' own.
        let events = EventFile::open(&path("events.jsonl"))?;
        // Tests see what they were given, through whichever module they look.
        let own = [work.path().to_owned(), self.runtime.folder.clone()];
        let given = [self.foundation, self.wheels, self.archives].concat();
        let read: Vec<PathBuf> = own.into_iter().chain(given).collect();
        let written = [path("events.jsonl")];
        let command = node.command(&context.environment, &context.ui, Files::Only(&read, &written)).args([
            path("node_session.mjs"),
            path("request.json"),
            path("events.jsonl"),
        ]);
        let child = command.spawn(&context.ui, Streams::Ours)?;
        Ok(RunningSession {
            ui: context.ui.clone(),
            child,
            messages,
            events: Some(events),
            deadline: None,
            _server: None,
            work,
        })
    }

    fn open_in_browser(
        &self,
        context: &Context,
        server: Server,
        work: tempfile::TempDir,
        messages: Receiver<SessionMessage>,
    ) -> Result<RunningSession> {
        let place = if self.place == Place::Worker { "worker" } else { "page" };
        let profile = work.path().join("profile");
        fs_err::create_dir_all(&profile)?;
        // The address goes through a file, which others cannot read: command lines are for everybody to see.
        let start = work.path().join("start.html");
        let address = serde_json::to_string(&format!("{}?in={place}", server.address))?;
        fs_err::write(&start, include_str!("start.html").replace("ADDRESS", &address))?;
        let child = Browser::find(&context.environment)?.show(&context.ui, &start, &profile)?;
        Ok(RunningSession {
            ui: context.ui.clone(),
            child,
            messages,
            events: None,
            // A browser that shows no page ends nothing and says nothing: only time tells.
            deadline: Some(Instant::now() + START),
            _server: Some(server),
            work,
        })
    }
}

/// A folder in which the files of a release lie beside those of its packages: copies, since Node ends itself at links under its
/// permission model.
fn copy_files(release: &Path, packages: &BTreeMap<String, PathBuf>, folder: &Path) -> Result<()> {
    fs_err::create_dir_all(folder)?;
    for entry in fs_err::read_dir(release)? {
        let entry = entry?;
        // A folder that the user named may have packages of its own.
        if entry.file_type()?.is_file() && !packages.contains_key(&*entry.file_name().to_string_lossy()) {
            fs_err::copy(entry.path(), folder.join(entry.file_name()))?;
        }
    }
    for (name, path) in packages {
        fs_err::copy(path, folder.join(name))?;
    }
    Ok(())
}

impl RunningSession {
    /// Waits for the next event, at most this long. Output is passed on meanwhile.
    ///
    /// # Errors
    /// When Ctrl-C was pressed, or the session cannot be asked.
    pub fn next(&mut self, wait: Duration) -> Result<Next> {
        let started = Instant::now();
        loop {
            if let Some(events) = &mut self.events
                && let Some(event) = events.next()?
            {
                return Ok(Next::Event(event));
            }
            match self.messages.recv_timeout(Duration::from_millis(20)) {
                Ok(SessionMessage::Event(event)) => {
                    self.deadline = None;
                    return Ok(Next::Event(event));
                }
                Ok(SessionMessage::Output(stream, bytes)) => self.ui.pass_on(stream, &bytes),
                Ok(SessionMessage::Console(text)) => self.ui.aside(text.trim_end()),
                Ok(SessionMessage::Gone) => return Ok(Next::Ended("the browser's renderer died".to_owned())),
                Err(RecvTimeoutError::Timeout) => {}
                // There is no sender where a file brings the events.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(20)),
            }
            if let Some(status) = self.child.ended()? {
                // What it wrote last is still there.
                if let Some(event) = self.events.as_mut().map(EventFile::next).transpose()?.flatten() {
                    return Ok(Next::Event(event));
                }
                return Ok(Next::Ended(describe(status)));
            }
            if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return Ok(Next::Ended(format!(
                    "the browser showed no page within {} s. Does it read files of `{}`? If not, as where it is a snap \
                     or a Flatpak, set `TMPDIR` to a folder that it reads, or `CHROME` to another browser",
                    START.as_secs(),
                    self.work.path().display()
                )));
            }
            if started.elapsed() >= wait {
                return Ok(Next::TimedOut);
            }
        }
    }
}

/// A file to which events are added while it is read.
struct EventFile {
    reader: BufReader<fs_err::File>,
    partial: String,
}

impl EventFile {
    fn open(path: &Path) -> Result<Self> {
        Ok(Self { reader: BufReader::new(fs_err::File::open(path)?), partial: String::new() })
    }

    /// The next event that was written whole.
    fn next(&mut self) -> Result<Option<Value>> {
        self.reader.read_line(&mut self.partial)?;
        if !self.partial.ends_with('\n') {
            return Ok(None);
        }
        let line = std::mem::take(&mut self.partial);
        serde_json::from_str(&line).map(Some).with_context(|| format!("not an event: `{}`", line.trim_end()))
    }
}
