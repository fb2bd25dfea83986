//! Relocations as data: a table of bytes and one loop, in the place of straight-line code.
//!
//! wasm-ld writes 15 to 17 bytes of code for each pointer in a side module's data, in one function that every engine must
//! compile before the module starts. [`rewrite`] moves the constants of these pointers into the data segments and lists
//! their addresses in a table of about one byte each. [`Relocations::read`] recognises what [`rewrite`] wrote.
//!
//! The table is a passive segment, copied to behind the module's memory when relocations are applied and cleared
//! afterwards; `dylink.0` asks for that much more memory. An active segment would have to be padded up to there (only extended
//! constant expressions can place one at an offset from a global), and a table in zeroed memory would be lost: the start
//! function of some modules, and ours on old lines, fills that memory with zeros. Behind all of it the table needs no
//! assumption about what is zero.
//!
//! Copying and clearing memory are instructions of 2021, which every line has: what Rust and wasm-ld write uses them, too.
//!
//! What is not recognised stays as it is: the function as a whole if it is not straight-line code, single relocations (of
//! imported addresses, or where the data is overwritten before) as code.

mod encoding;
mod evaluate;
mod pointers;
mod read;
mod survey;
mod words;

use wasm_encoder::{CodeSection, ConstExpr, CustomSection, Encode, RawSection};
use wasmparser::{BinaryReader, Parser, Payload, ValidPayload, Validator};

use self::encoding::{Shape, Word};
use self::survey::{Segment, Survey};
use self::words::words;
use super::code::ACCEPTED;
use super::module::WasmError;
use super::strip::slice;

pub use self::encoding::{Base, Entry};
pub use self::pointers::{Pointers, read_pointers};
pub use self::read::{Fault, RelocationTable, Relocations};

/// Fewer stay code. An estimate: deflated, the loop takes some 120 bytes, and the code of a relocation 4 to 6 in the modules
/// that were measured.
const FEWEST: usize = 24;

/// A copy of the module with a table of relocations; none if it would not be smaller, or if the module is not understood.
///
/// # Errors
/// When the bytes are not a whole module.
pub fn rewrite(bytes: &[u8]) -> Result<Option<Vec<u8>>, WasmError> {
    let survey = Survey::read(bytes)?;
    let Some(plan) = Plan::make(&survey) else { return Ok(None) };
    let rewritten = plan.write(bytes)?;
    if rewritten.len() >= bytes.len() {
        return Ok(None);
    }
    validate(&rewritten, plan.function)?;
    Ok(Some(rewritten))
}

/// What a module gets.
struct Plan {
    /// The function that applies relocations, among those of the module's own.
    function: u32,
    shape: Shape,
    kept: Vec<Word>,
    table: Vec<u8>,
    /// Constants for the data: where in the file, and what.
    constants: Vec<(usize, u32)>,
}

impl Plan {
    fn make(survey: &Survey<'_>) -> Option<Self> {
        let function = survey.relocations?;
        let (memory_base, table_base) = (survey.memory_base?, survey.table_base?);
        let memory_size = survey.memory_size.filter(|_| survey.is_usual())?;
        let overwritten = survey.overwritten()?;
        let is_overwritten = |address: u32| {
            let (start, end) = (u64::from(address), u64::from(address) + 4);
            overwritten.iter().any(|part| part.0 < end && start < part.1)
        };
        let (mut entries, mut kept, mut constants) = (Vec::new(), Vec::new(), Vec::new());
        for word in words(survey.effects(function)?, memory_base, memory_size)? {
            let base = match word.value.global {
                Some(global) if global == memory_base => Some(Base::Memory),
                Some(global) if global == table_base => Some(Base::Table),
                _ => None,
            };
            let place = place_in_file(&survey.segments, word.address);
            match (base, place) {
                (Some(base), Some(place))
                    if word.address.is_multiple_of(4) && !is_overwritten(word.address) =>
                {
                    entries.push(Entry { address: word.address, base });
                    constants.push((place, word.value.constant));
                }
                _ => kept.push(word),
            }
        }
        let table = encoding::encode(&entries);
        let length = u32::try_from(table.len()).ok().filter(|_| entries.len() >= FEWEST)?;
        memory_size.checked_add(length)?;
        let shape = Shape {
            memory_base,
            table_base,
            done: survey.globals,
            segment: survey.segment_count,
            start: memory_size,
            length,
        };
        let function = function.checked_sub(survey.imported_functions)?;
        Some(Self { function, shape, kept, table, constants })
    }

    fn write(&self, bytes: &[u8]) -> Result<Vec<u8>, WasmError> {
        let mut module = wasm_encoder::Module::new();
        let (mut has_global, mut has_count) = (false, false);
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            let Some((id, range)) = payload.as_section() else { continue };
            // Sections stand in a fixed order; one that is missing goes before the first that comes after it.
            if !has_global && matches!(id, 7..=12) {
                has_global = true;
                module.section(&RawSection { id: GLOBALS, data: &with_one_more(&[0], &done_global())? });
            }
            if !has_count && matches!(id, 10 | 11) {
                has_count = true;
                module.section(&wasm_encoder::DataCountSection { count: self.shape.segment + 1 });
            }
            let content = slice(bytes, range.clone())?;
            match &payload {
                Payload::CustomSection(section) if section.name() == DYLINK => {
                    let data = self.write_dylink(section.data())?;
                    module.section(&CustomSection { name: DYLINK.into(), data: data.into() });
                }
                Payload::GlobalSection(_) => {
                    has_global = true;
                    module.section(&RawSection { id, data: &with_one_more(content, &done_global())? });
                }
                Payload::DataCountSection { .. } => {
                    has_count = true;
                    module.section(&wasm_encoder::DataCountSection { count: self.shape.segment + 1 });
                }
                Payload::CodeSectionStart { .. } => {
                    module.section(&self.write_code(content)?);
                }
                Payload::DataSection(_) => {
                    let start = usize::try_from(range.start).unwrap_or(usize::MAX);
                    module.section(&RawSection { id, data: &self.write_data(content, start)? });
                }
                _ => {
                    module.section(&RawSection { id, data: content });
                }
            }
        }
        Ok(module.finish())
    }

    /// The dynamic-linking section with memory for the table. Memory is counted in bytes and needs no rounding.
    fn write_dylink(&self, data: &[u8]) -> Result<Vec<u8>, WasmError> {
        let mut written = Vec::new();
        let mut reader = BinaryReader::new(data, 0);
        while !reader.eof() {
            let id = reader.read_u8()?;
            let length = reader.read_var_u32()?;
            let part = reader.read_bytes(length as usize)?;
            let mut content = part.to_vec();
            if id == MEMORY_INFO {
                let mut numbers = BinaryReader::new(part, 0);
                numbers.read_var_u32()?;
                content.clear();
                (self.shape.start + self.shape.length).encode(&mut content);
                content.extend(numbers.read_bytes(numbers.bytes_remaining())?);
            }
            written.push(id);
            content.as_slice().encode(&mut written);
        }
        Ok(written)
    }

    fn write_code(&self, content: &[u8]) -> Result<CodeSection, WasmError> {
        let mut code = CodeSection::new();
        let bodies = wasmparser::CodeSectionReader::new(BinaryReader::new(content, 0))?;
        for (number, body) in (0..).zip(bodies) {
            let body = body?;
            if number == self.function {
                code.function(&encoding::function(self.shape, &self.kept));
            } else {
                code.raw(body.as_bytes());
            }
        }
        Ok(code)
    }

    /// The data section, which starts there in the file, with the constants and the table.
    fn write_data(&self, content: &[u8], start: usize) -> Result<Vec<u8>, WasmError> {
        let mut data = content.to_vec();
        for (place, constant) in &self.constants {
            let at = place.checked_sub(start);
            let word = at.and_then(|at| data.get_mut(at..)?.first_chunk_mut());
            *word.ok_or(WasmError::Inconsistent("a data segment lies outside of its section"))? =
                constant.to_le_bytes();
        }
        let mut segment = vec![PASSIVE];
        self.table.as_slice().encode(&mut segment);
        with_one_more(&data, &segment)
    }
}

const DYLINK: &str = "dylink.0";
/// The part of `dylink.0` that says how much memory is wanted.
const MEMORY_INFO: u8 = 1;
const GLOBALS: u8 = 6;
const PASSIVE: u8 = 1;

/// A section that counts its items, with one item more.
fn with_one_more(section: &[u8], item: &[u8]) -> Result<Vec<u8>, WasmError> {
    let mut reader = BinaryReader::new(section, 0);
    let count = reader.read_var_u32()?;
    let mut written = Vec::with_capacity(section.len() + item.len() + 1);
    (count + 1).encode(&mut written);
    written.extend(reader.read_bytes(reader.bytes_remaining())?);
    written.extend(item);
    Ok(written)
}

/// A mutable global of 32 bits that starts as 0.
fn done_global() -> Vec<u8> {
    let kind =
        wasm_encoder::GlobalType { val_type: wasm_encoder::ValType::I32, mutable: true, shared: false };
    let mut item = Vec::new();
    kind.encode(&mut item);
    ConstExpr::i32_const(0).encode(&mut item);
    item
}

/// Where in the file the word at an address is, if one segment holds all of it.
fn place_in_file(segments: &[Segment], address: u32) -> Option<usize> {
    let after = segments.partition_point(|segment| segment.start <= address);
    let segment = segments.get(after.checked_sub(1)?)?;
    (address + 4 <= segment.end()).then(|| segment.at + (address - segment.start) as usize)
}

/// Validates what was rewritten: all sections, and this function.
fn validate(bytes: &[u8], function: u32) -> Result<(), WasmError> {
    let mut validator = Validator::new_with_features(ACCEPTED);
    let mut number = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        if let ValidPayload::Func(body_validator, body) = validator.payload(&payload?)? {
            if number == function {
                body_validator
                    .into_validator(wasmparser::FuncValidatorAllocations::default())
                    .validate(&body)?;
            }
            number += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
