//! The audit: proves by reading that a wheel will install and load in a release, and tells what in it cannot work.
//!
//! Nothing is run. A finding is a value with a stable code; `facts/findings.toml` tells what each means. Errors are meant
//! to be what the running release refuses, no more and no less: tests mutate modules and compare.

mod abi3;
pub mod catalogue;
mod dependencies;
mod entry;
mod imports;
mod lints;
mod model;
mod proposals;
pub mod size;
mod tags;

use std::fmt;

use serde::Serialize;

pub use catalogue::{Code, Severity};
pub use dependencies::{Availability, PureWheels};

use crate::runtime::Runtime;
use crate::wasm::code::Code as Instructions;
use crate::wasm::{Module, module};
use crate::wheel::{WheelContents, extension};

/// One thing that the audit noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which kind.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// The file in the wheel; none if it is the wheel as a whole.
    pub file: Option<String>,
    /// The symbol, requirement or tag.
    pub symbol: Option<String>,
    /// What is there, and what happens at run time.
    pub message: String,
    /// What to do.
    pub advice: String,
}

impl Finding {
    /// Where it is and what: for a line of its own.
    pub fn place_and_message(&self) -> String {
        match &self.file {
            Some(file) => format!("`{file}`: {}", self.message),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity, self.code, self.place_and_message())
    }
}

/// The findings of one file, or of the wheel as a whole.
#[derive(Debug, Default)]
pub struct Findings {
    file: Option<String>,
    found: Vec<Finding>,
}

impl Findings {
    fn of(file: &str) -> Self {
        Self { file: Some(file.to_owned()), found: Vec::new() }
    }

    /// Adds a finding; the message says what is there and what happens.
    fn add(&mut self, code: Code, symbol: impl Into<Option<String>>, message: String) {
        self.add_with(code, (symbol.into(), message), &code.entry().advice);
    }

    /// The same with advice of its own.
    fn add_with(&mut self, code: Code, (symbol, message): (Option<String>, String), advice: &str) {
        self.found.push(Finding {
            code,
            severity: code.entry().severity,
            file: self.file.clone(),
            symbol,
            message,
            advice: advice.to_owned(),
        });
    }
}

/// What is audited.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A wheel.
    Wheel(&'a WheelContents),
    /// A single module: its file name and its bytes.
    Module(&'a str, &'a [u8]),
}

/// What a wheel may lean on beside the release.
#[derive(Default)]
pub struct Companions<'a> {
    /// Wheels that are installed with it.
    pub wheels: &'a [WheelContents],
    /// Finds pure wheels on the package index; none if it must not be asked.
    pub index: Option<&'a dyn PureWheels>,
    /// Finds a module as it was before its names were stripped.
    pub with_names: Option<&'a WithNames<'a>>,
}

/// Gives a module, by its path in the wheel, as it was with the names of its functions.
pub type WithNames<'a> = dyn Fn(&str) -> Option<Vec<u8>> + 'a;

/// A module with everything that reading it gave.
struct Examined<'a> {
    path: &'a str,
    bytes: &'a [u8],
    module: Module,
    code: Instructions,
}

/// Holds a subject against a release. What was found comes in the order of the files, errors first in each.
pub fn audit(subject: Subject<'_>, runtime: &Runtime, companions: &Companions<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Subject::Wheel(wheel) = subject {
        let mut whole = Findings::default();
        tags::check(wheel, runtime, &mut whole);
        dependencies::check(wheel, runtime, (companions, &mut whole));
        findings.append(&mut whole.found);
    }
    let files = modules(subject);
    let mut examined = Vec::new();
    for (path, bytes) in files {
        let mut found = Findings::of(path);
        if let Some(module) = examine(path, bytes, &mut found) {
            examined.push(module);
        }
        findings.append(&mut found.found);
    }
    let mates: Vec<Mate> = companions.wheels.iter().flat_map(mates_of).collect();
    for this in &examined {
        let mut found = Findings::of(this.path);
        let surroundings = Surroundings { runtime, all: &examined, mates: &mates, subject };
        check_module(this, &surroundings, (companions, &mut found));
        findings.append(&mut found.found);
    }
    findings.sort_by(|a, b| (&a.file, b.severity, a.code).cmp(&(&b.file, a.severity, b.code)));
    findings
}

/// What a module is held against.
struct Surroundings<'a> {
    runtime: &'a Runtime,
    all: &'a [Examined<'a>],
    mates: &'a [Mate],
    subject: Subject<'a>,
}

/// A module of another wheel.
struct Mate {
    path: String,
    module: Module,
}

fn mates_of(wheel: &WheelContents) -> Vec<Mate> {
    let read = |(path, bytes): (&String, &Vec<u8>)| {
        Some(Mate { path: path.clone(), module: Module::read(bytes).ok()? })
    };
    wheel.files.iter().filter(|(path, _)| is_module(path)).filter_map(read).collect()
}

/// The first three names, and how many more there are.
fn list(names: &[impl fmt::Display]) -> String {
    let shown: Vec<String> = names.iter().take(3).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(3);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{rest}", shown.join(", "))
}

/// Whether Pyodide takes a file for a module: `.so`, or `.so.` in its name.
fn is_module(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.ends_with(".so") || name.contains(".so.") || extension::parse(path).is_some()
}

fn modules(subject: Subject<'_>) -> Vec<(&str, &[u8])> {
    match subject {
        Subject::Module(path, bytes) => vec![(path, bytes)],
        Subject::Wheel(wheel) => {
            let modules = wheel.files.iter().filter(|(path, _)| is_module(path));
            modules.map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect()
        }
    }
}

/// Reads a module, or says why it cannot be read.
fn examine<'a>(path: &'a str, bytes: &'a [u8], findings: &mut Findings) -> Option<Examined<'a>> {
    if !module::is_wasm(bytes) {
        let start = module::describe_start(bytes);
        findings.add(
            Code::NOT_WEBASSEMBLY,
            None,
            format!("it is no WebAssembly: it starts with {start}; Python cannot import it"),
        );
        return None;
    }
    let read = Module::read(bytes).map_err(|error| error.to_string());
    let surveyed = Instructions::survey(bytes).map_err(|error| format!("not a valid module: {error}"));
    match (read, surveyed) {
        (Ok(module), Ok(code)) => Some(Examined { path, bytes, module, code }),
        (Err(error), _) | (_, Err(error)) => {
            findings.add(Code::INVALID_MODULE, None, format!("no engine compiles it: {error}"));
            None
        }
    }
}

fn check_module(
    this: &Examined<'_>,
    surroundings: &Surroundings<'_>,
    (companions, findings): (&Companions<'_>, &mut Findings),
) {
    let libraries = imports::libraries(this, surroundings, findings);
    imports::check(this, (surroundings.runtime, &libraries), findings);
    entry::check(this, surroundings, findings);
    proposals::check(this, surroundings.runtime, findings);
    abi3::check(this, surroundings.subject, findings);
    lints::check(this, surroundings, (companions, findings));
}
