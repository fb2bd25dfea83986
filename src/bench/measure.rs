//! One fresh interpreter: runs the script's functions and takes their values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::request::{BenchRequest, StartUpTime};
use crate::context::Context;
use crate::dependencies::wheels::FoundFiles;
use crate::error::{Result, hinted};
use crate::run::host::{HostRun, run_on_host};
use crate::run::session::{Installation, Next, Session};
use crate::runtime::Runtime;
use crate::ui::Stream;

/// The program that measures.
const HARNESS: &str = include_str!("bench_harness.py");
/// The folder of the script inside the runtime.
const FOLDER: &str = "/home/pyodide";

/// One of the things that are measured.
#[derive(Debug)]
pub(super) enum Contender {
    /// Wheels in Pyodide, and the names that the first of them is imported by.
    Wheels {
        /// What it is called.
        name: String,
        /// What is installed: the wheels that it requires come before its own.
        files: FoundFiles,
        /// What the package is imported by.
        imports: Vec<String>,
    },
    /// A package that was installed for this machine.
    Native {
        /// The Python.
        python: PathBuf,
        /// The folder with the package.
        site: PathBuf,
    },
}

impl Contender {
    /// What it is called.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Wheels { name, .. } => name,
            Self::Native { .. } => "native",
        }
    }
}

/// The text of a benchmark script.
#[derive(Debug)]
pub(super) struct BenchScript {
    /// What tracebacks say.
    pub(super) name: String,
    /// The program; none if only the start-up is measured.
    pub(super) source: Option<String>,
}

/// The values of one function in one interpreter.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct MeasuredValues {
    /// The function.
    pub(super) name: String,
    /// How many calls a value is the mean of.
    pub(super) loops: u64,
    /// Seconds of one call.
    pub(super) values: Vec<f64>,
}

/// What one interpreter gave.
#[derive(Debug, Default)]
pub(super) struct InterpreterRun {
    /// The version of its Python.
    pub(super) python: String,
    /// One entry a function, in the order of the script.
    pub(super) benchmarks: Vec<MeasuredValues>,
    /// Whether it said that it was done.
    done: bool,
    /// Seconds of the start-up so far.
    imported: f64,
    /// What the functions are called, if the script was read.
    found: Option<Vec<String>>,
}

/// What is the same for every interpreter.
#[derive(Debug)]
pub(super) struct Measuring<'a> {
    pub(super) context: &'a Context,
    pub(super) runtime: &'a Runtime,
    pub(super) request: &'a BenchRequest,
    pub(super) script: &'a BenchScript,
}

impl Measuring<'_> {
    /// Measures one side in a fresh interpreter, with the numbers of calls that are known.
    pub(super) fn run(&self, subject: &Contender, loops: &BTreeMap<String, u64>) -> Result<InterpreterRun> {
        let run = match subject {
            Contender::Wheels { files, imports, .. } => self.run_in_pyodide(files, imports, loops),
            Contender::Native { python, site } => self.run_here(python, site, loops),
        };
        let run = run.with_context(|| format!("`{}` cannot be measured", subject.name()))?;
        if run.benchmarks.is_empty() {
            return Err(self.nothing_found(&run));
        }
        Ok(run)
    }

    fn nothing_found(&self, run: &InterpreterRun) -> anyhow::Error {
        let name = &self.script.name;
        match run.found.as_deref() {
            Some([]) | None => hinted(
                anyhow!("`{name}` has no function `bench_*`"),
                "a benchmark is a function without parameters whose name begins with `bench_`",
            ),
            Some(names) => hinted(
                anyhow!("no function of `{name}` fits `{}`", self.request.only.join("`, `")),
                format!("its benchmarks are `{}`", names.join("`, `")),
            ),
        }
    }

    fn program(&self, folder: &Path, imports: &[String], loops: &BTreeMap<String, u64>) -> Value {
        json!({
            "name": self.script.name,
            "source": self.script.source,
            "folder": folder,
            "imports": imports,
            "only": self.request.only,
            "loops": loops,
            "warmups": 1,
            "values": self.request.values,
            "min_time": self.request.min_time.as_secs_f64(),
        })
    }

    fn run_in_pyodide(
        &self,
        files: &FoundFiles,
        imports: &[String],
        loops: &BTreeMap<String, u64>,
    ) -> Result<InterpreterRun> {
        let Self { context, runtime, request, .. } = self;
        let is_timed = request.start_up == StartUpTime::Measured;
        let session = Session {
            runtime,
            place: request.place,
            foundation: &[],
            wheels: &files.wheels,
            loaded: &files.loaded,
            release_files: &files.release,
            // Start-up as pages have it; else the quickest way, which needs nothing of the network.
            installation: if is_timed { Installation::LoadPackage } else { Installation::Usual },
            archives: &[],
            folder: FOLDER,
            harness: HARNESS,
            program: self.program(Path::new(FOLDER), if is_timed { imports } else { &[] }, loops),
            stdout: Stream::Stderr,
        };
        let mut open = session.open(context)?;
        let mut run = InterpreterRun::default();
        while !run.done {
            match open.next(request.timeout)? {
                Next::Event(event) => run.take(&event)?,
                Next::TimedOut => {
                    bail!("nothing happened for {} s", request.timeout.as_secs());
                }
                Next::Ended(how) => bail!("Pyodide {} on {} ended: {how}", runtime.version, request.place),
            }
        }
        Ok(run)
    }

    fn run_here(&self, python: &Path, site: &Path, loops: &BTreeMap<String, u64>) -> Result<InterpreterRun> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let program = self.program(folder.path(), &[], loops);
        let HostRun { output, events } = run_on_host(self.context, python, site, HARNESS, &program)?;
        self.context.ui.pass_on(Stream::Stderr, [output.stdout, output.stderr].concat().as_bytes());
        let mut run = InterpreterRun::default();
        for line in events.lines() {
            run.take(&serde_json::from_str(line)?)?;
        }
        Ok(run)
    }
}

impl InterpreterRun {
    /// Takes an event of the program.
    fn take(&mut self, event: &Value) -> Result<()> {
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let seconds = |key: &str| event[key].as_f64().unwrap_or_default();
        match event["event"].as_str().unwrap_or_default() {
            "python" => self.python = text("version"),
            "ready" if event["installed"].is_number() => self.add("(install)", seconds("installed") / 1000.0),
            "imported" => {
                self.imported += seconds("seconds");
                self.benchmarks.retain(|known| known.name != "(import)");
                self.add("(import)", self.imported);
            }
            "found" => self.found = Some(serde_json::from_value(event["names"].clone())?),
            "benchmark" => self.benchmarks.push(serde_json::from_value(event.clone())?),
            "done" => self.done = true,
            "failed" | "died" | "fatal" => bail!("{}", text("message")),
            _ => {}
        }
        Ok(())
    }

    /// A part of the start-up: there is one value in an interpreter.
    fn add(&mut self, name: &str, seconds: f64) {
        self.benchmarks.push(MeasuredValues { name: name.to_owned(), loops: 1, values: vec![seconds] });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_values() {
        let mut run = InterpreterRun::default();
        let events = [
            json!({"event": "ready", "installed": 250.5}),
            json!({"event": "python", "version": "3.14.0"}),
            json!({"event": "imported", "seconds": 0.5}),
            json!({"event": "imported", "seconds": 0.25}),
            json!({"event": "found", "names": ["bench_a"]}),
            json!({"event": "benchmark", "name": "bench_a", "loops": 8, "warmups": [9.0], "values": [1.0, 2.0]}),
            json!({"event": "done", "status": 0}),
        ];
        for event in &events {
            run.take(event).unwrap();
        }
        let lines = run.benchmarks.iter().map(|one| format!("{} {} {:?}", one.name, one.loops, one.values));
        assert_eq!(
            lines.collect::<Vec<_>>(),
            ["(install) 1 [0.2505]", "(import) 1 [0.75]", "bench_a 8 [1.0, 2.0]"]
        );
        assert_eq!((run.python.as_str(), run.done), ("3.14.0", true));
        let failed = run.take(&json!({"event": "failed", "message": "`bench_a` failed: no"}));
        assert_eq!(failed.unwrap_err().to_string(), "`bench_a` failed: no");
    }
}
