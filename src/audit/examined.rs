//! What is audited: a wheel or a module, what may lie beside it, and each module with all that was read of it.

use std::collections::BTreeMap;

use super::catalogue::Code;
use super::finding::Findings;
use super::index::WheelIndex;
use crate::runtime::Runtime;
use crate::wasm::code::Code as Instructions;
use crate::wasm::{Module, module};
use crate::wheel::{WheelContents, extension};

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
pub struct AuditContext<'a> {
    /// Wheels that are installed with it.
    pub wheels: &'a [WheelContents],
    /// Finds pure wheels on the package index; none if it must not be asked.
    pub index: Option<&'a dyn WheelIndex>,
    /// The wheel's modules as they were before their names were stripped, by path.
    pub raw_modules: Option<&'a BTreeMap<String, Vec<u8>>>,
}

/// A module with everything that reading it gave.
pub(super) struct Examined<'a> {
    pub(super) path: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) module: Module,
    pub(super) code: Instructions,
}

/// What a module is held against.
pub(super) struct ModuleContext<'a> {
    pub(super) runtime: &'a Runtime,
    /// All modules of the wheel.
    pub(super) all: &'a [Examined<'a>],
    pub(super) neighbours: &'a [Neighbour],
    pub(super) subject: Subject<'a>,
    pub(super) audit: &'a AuditContext<'a>,
}

/// A module of another wheel.
pub(super) struct Neighbour {
    pub(super) path: String,
    pub(super) module: Module,
}

impl Neighbour {
    /// The modules of a wheel, as far as they can be read.
    pub(super) fn of(wheel: &WheelContents) -> Vec<Self> {
        let read = |(path, bytes): (&String, &Vec<u8>)| {
            Some(Self { path: path.clone(), module: Module::read(bytes).ok()? })
        };
        wheel.files.iter().filter(|(path, _)| is_module(path)).filter_map(read).collect()
    }
}

/// Whether Pyodide takes a file for a module: `.so`, or `.so.` in its name.
pub(super) fn is_module(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.ends_with(".so") || name.contains(".so.") || extension::parse(path).is_some()
}

/// The modules of a subject: paths and bytes.
pub(super) fn modules(subject: Subject<'_>) -> Vec<(&str, &[u8])> {
    match subject {
        Subject::Module(path, bytes) => vec![(path, bytes)],
        Subject::Wheel(wheel) => {
            let modules = wheel.files.iter().filter(|(path, _)| is_module(path));
            modules.map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect()
        }
    }
}

/// Reads a module, or says why it cannot be read.
pub(super) fn examine<'a>(path: &'a str, bytes: &'a [u8], findings: &mut Findings) -> Option<Examined<'a>> {
    if !module::is_wasm(bytes) {
        let start = module::describe_start(bytes);
        findings.add(
            Code::NOT_WEBASSEMBLY,
            None,
            format!("it is not WebAssembly: it starts with {start}; Python cannot import it"),
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
