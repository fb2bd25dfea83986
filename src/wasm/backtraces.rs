//! What a stack trace needs to name functions, files and lines: made from a module's DWARF, read by the playground.
//!
//! Engines name the place of a call by its offset in the module, and compilers put one function's code into another's. A
//! page cannot read DWARF, which is megabytes of a format of its own. The custom section that is written here says of each
//! call which functions of the sources it belongs to. It is JSON:
//!
//! ```json
//! {"functions": ["a::f", "a::g"], "files": ["src/lib.rs"],
//!  "frames": [[0, 0, 12, 1], [1, 0, 40, -1]], "calls": [[4711, 0], [20, 1]]}
//! ```
//!
//! A frame is a function, a file, a line (0 where it is not known) and the frame into which its code was put (-1: none). A
//! call is its distance in bytes from the call before it, the first one from the module's beginning, and its innermost frame.

use std::collections::HashMap;

use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian};
use serde::Serialize;
use wasm_encoder::{CustomSection, Section as _};
use wasmparser::{Operator, Parser, Payload};

use super::module::WasmError;
use super::names::readable;

/// The custom section.
const SECTION: &str = "cargo-pyodide.backtraces";

type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// A copy of the module with the section; as it is if it has no DWARF.
///
/// # Errors
/// When the bytes are not a whole module, or its DWARF cannot be read.
pub fn add(mut bytes: Vec<u8>) -> Result<Vec<u8>, WasmError> {
    let calls = Calls::read(&bytes)?;
    let sections = |id: addr2line::gimli::SectionId| {
        let found = calls.debug.iter().find(|(name, _)| *name == id.name());
        Ok::<_, addr2line::gimli::Error>(Reader::new(found.map_or(&[][..], |(_, data)| data), LittleEndian))
    };
    if calls.debug.is_empty() {
        return Ok(bytes);
    }
    let table = Dwarf::load(sections)
        .and_then(addr2line::Context::from_dwarf)
        .and_then(|context| Table::make(&context, &calls));
    let table = table.map_err(|_| WasmError::Inconsistent("its DWARF cannot be read"))?;
    let data =
        serde_json::to_vec(&table).map_err(|_| WasmError::Inconsistent("its DWARF cannot be written"))?;
    CustomSection { name: SECTION.into(), data: data.into() }.append_to(&mut bytes);
    Ok(bytes)
}

/// Where a module calls functions, and its sections of debug information.
struct Calls<'a> {
    /// The beginning of the code section's contents, from which DWARF counts.
    code: u64,
    /// The offsets of calls in the module.
    offsets: Vec<u64>,
    debug: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Calls<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, WasmError> {
        let mut calls = Self { code: 0, offsets: Vec::new(), debug: Vec::new() };
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::CodeSectionStart { unchecked_range, .. } => calls.code = unchecked_range.start,
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader()?.into_iter_with_offsets() {
                        let (operator, offset) = operator?;
                        if matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. }) {
                            calls.offsets.push(offset);
                        }
                    }
                }
                Payload::CustomSection(section) if section.name().starts_with(".debug_") => {
                    calls.debug.push((section.name(), section.data()));
                }
                _ => {}
            }
        }
        Ok(calls)
    }
}

/// A list in which each value stands once, with the place of each.
struct Interned<T> {
    values: Vec<T>,
    places: HashMap<T, usize>,
}

impl<T: Clone + Eq + std::hash::Hash> Interned<T> {
    fn new() -> Self {
        Self { values: Vec::new(), places: HashMap::new() }
    }

    fn place(&mut self, value: T) -> usize {
        *self.places.entry(value.clone()).or_insert_with(|| {
            self.values.push(value);
            self.values.len() - 1
        })
    }
}

impl<T: Serialize> Serialize for Interned<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.values.serialize(serializer)
    }
}

/// A function, a file, a line, and the frame into which its code was put.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
struct Frame(usize, usize, u32, i64);

#[derive(Serialize)]
struct Table {
    functions: Interned<String>,
    files: Interned<String>,
    frames: Interned<Frame>,
    calls: Vec<(u64, usize)>,
}

impl Table {
    fn make(
        context: &addr2line::Context<Reader<'_>>,
        calls: &Calls<'_>,
    ) -> Result<Self, addr2line::gimli::Error> {
        let mut table = Self {
            functions: Interned::new(),
            files: Interned::new(),
            frames: Interned::new(),
            calls: Vec::new(),
        };
        let mut last = 0;
        for offset in &calls.offsets {
            if let Some(frame) = table.innermost(context, offset - calls.code)? {
                table.calls.push((offset - last, frame));
                last = *offset;
            }
        }
        Ok(table)
    }

    /// The innermost frame at an address; none where nothing is known.
    fn innermost(
        &mut self,
        context: &addr2line::Context<Reader<'_>>,
        address: u64,
    ) -> Result<Option<usize>, addr2line::gimli::Error> {
        let mut found = context.find_frames(address).skip_all_loads()?;
        let mut frames = Vec::new();
        while let Some(frame) = found.next()? {
            let Some(function) = &frame.function else { break };
            let (file, line) =
                frame.location.map_or(("", 0), |place| (place.file.unwrap_or(""), place.line.unwrap_or(0)));
            frames.push((readable(&function.raw_name()?), file.to_owned(), line));
        }
        let mut outer = None;
        for (function, file, line) in frames.into_iter().rev() {
            let place = outer.map_or(-1, |outer: usize| i64::try_from(outer).unwrap_or(-1));
            let frame = Frame(self.functions.place(function), self.files.place(file), line, place);
            outer = Some(self.frames.place(frame));
        }
        Ok(outer)
    }
}
