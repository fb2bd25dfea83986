//! Recognises a table of relocations, and finds what is wrong with it.

use wasmparser::Operator;

use super::encoding::{self, Entry, Shape, Word};
use super::evaluate::{Effect, evaluate};
use super::survey::Survey;
use crate::wasm::module::WasmError;

/// How a module applies its relocations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relocations {
    /// Bytes of the function's code.
    pub code: u64,
    /// How many words it stores; none if that cannot be told.
    pub stored: Option<usize>,
    /// The table, if it reads one.
    pub table: Option<RelocationTable>,
}

/// A table of relocations, with what the function that reads it says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelocationTable {
    /// Bytes that the function reads.
    pub length: u32,
    /// Bytes that are there.
    pub present: u32,
    /// What the table lists.
    pub entries: Vec<Entry>,
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

/// What is wrong with a table of relocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The function copies more than there is: it traps.
    #[error("its table of relocations has {present} bytes, and start-up reads {length}: it traps")]
    Cut {
        /// Bytes that are there.
        present: u32,
        /// Bytes that are read.
        length: u32,
    },
    /// The last entry goes on behind the end.
    #[error("the last entry of its table of relocations does not end: start-up reads on in foreign memory")]
    Endless,
    /// The table is copied to memory that is not the module's.
    #[error(
        "its table of relocations is copied to behind the {memory_size} bytes of memory that `dylink.0` asks for: start-up overwrites the memory of others"
    )]
    ForeignMemory {
        /// Bytes that `dylink.0` asks for.
        memory_size: u32,
    },
    /// A word is relocated that is not the module's.
    #[error(
        "its table of relocations lists byte {address}, outside of its memory: start-up overwrites that of others"
    )]
    ForeignWord {
        /// The byte, from the memory base.
        address: u32,
    },
    /// The function returns before it does anything.
    #[error(
        "its relocations count as applied from the start: pointers in its data stay as they are in the file"
    )]
    Skipped,
}

impl Relocations {
    /// How a module applies its relocations; none if it has no function for it.
    ///
    /// # Errors
    /// When the bytes are not a whole module.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, WasmError> {
        let survey = Survey::read(bytes)?;
        let body = survey
            .relocations
            .and_then(|function| function.checked_sub(survey.imported_functions))
            .and_then(|number| survey.bodies.get(number as usize));
        let Some(body) = body else { return Ok(None) };
        let code = body.as_bytes().len() as u64;
        let table = survey.relocations.and_then(|function| recognise(&survey, function));
        let stored = match &table {
            Some((_, kept)) => Some(*kept),
            None => survey.relocations.and_then(|function| survey.effects(function)).map(|all| all.len()),
        };
        Ok(Some(Self { code, stored, table: table.map(|(table, _)| table) }))
    }
}

/// Recognises the function that [`encoding::function`] writes: finds the numbers in it, writes it again and compares. Returns
/// how many words it stores by itself, too.
fn recognise(survey: &Survey<'_>, function: u32) -> Option<(RelocationTable, usize)> {
    let operators = survey.plain_function(function)?;
    let Operator::GlobalGet { global_index: done } = *operators.first()? else { return None };
    let init = operators.iter().position(|operator| matches!(operator, Operator::MemoryInit { .. }))?;
    let Operator::MemoryInit { data_index: segment, .. } = operators[init] else { return None };
    let number = |back: usize| match operators.get(init.checked_sub(back)?)? {
        Operator::I32Const { value } => Some(value.cast_unsigned()),
        _ => None,
    };
    // The address of the table and its length, and before them what marks the relocations as applied.
    let (start, length) = (number(5)?, number(1)?);
    let mut stores = operators.get(6..init.checked_sub(6)?)?.to_vec();
    stores.push(Operator::End);
    let mut kept = Vec::new();
    for effect in evaluate(&stores, &|_| None)? {
        let Effect::Store(store) = effect else { return None };
        kept.push(Word { address: store.address.constant, value: store.value });
    }
    let (memory_base, table_base) = (survey.memory_base?, survey.table_base?);
    let shape = Shape { memory_base, table_base, done, segment, start, length };
    let body = survey.bodies.get(function.checked_sub(survey.imported_functions)? as usize)?;
    if encoding::function(shape, &kept).into_raw_body() != body.as_bytes() {
        return None;
    }
    let passive = survey.passive.iter().find(|(number, _)| *number == segment);
    let bytes = passive.map_or(&[][..], |(_, bytes)| bytes);
    let read = bytes.get(..length as usize).unwrap_or(bytes);
    let decoded = encoding::decode(read);
    let fault = find_fault(survey, shape, bytes, decoded.as_deref());
    let present = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    Some((RelocationTable { length, present, entries: decoded.unwrap_or_default(), fault }, kept.len()))
}

fn find_fault(survey: &Survey<'_>, shape: Shape, bytes: &[u8], entries: Option<&[Entry]>) -> Option<Fault> {
    let Shape { start, length, done, .. } = shape;
    let memory_size = survey.memory_size?;
    let present = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    if !survey.zero_globals.contains(&done) {
        return Some(Fault::Skipped);
    }
    if present < length {
        return Some(Fault::Cut { present, length });
    }
    if start.checked_add(length).is_none_or(|end| end > memory_size) {
        return Some(Fault::ForeignMemory { memory_size });
    }
    let Some(entries) = entries.filter(|entries| !entries.is_empty()) else { return Some(Fault::Endless) };
    let foreign = entries.iter().find(|entry| entry.address.checked_add(4).is_none_or(|end| end > start));
    foreign.map(|entry| Fault::ForeignWord { address: entry.address })
}
