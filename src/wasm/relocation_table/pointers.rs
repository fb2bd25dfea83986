//! The pointers in a module's data, however the module relocates them.

use std::collections::BTreeMap;

use super::encoding::Base;
use super::read::Relocations;
use super::survey::Survey;
use super::words::words;
use crate::wasm::module::WasmError;

/// The pointers in a module's data, and the data.
#[derive(Debug, Default)]
pub struct Pointers<'a> {
    file: &'a [u8],
    segments: Vec<super::survey::Segment>,
    /// Address → what it points at, in bytes from the memory base.
    targets: BTreeMap<u32, u32>,
}

/// The pointers to data in a module's data. None are found in a module that relocates in a way that is not understood.
///
/// # Errors
/// When the bytes are not a whole module.
pub fn read_pointers(bytes: &[u8]) -> Result<Pointers<'_>, WasmError> {
    let survey = Survey::read(bytes)?;
    let mut pointers = Pointers { file: bytes, ..Pointers::default() };
    let (Some(function), Some(memory_base)) = (survey.relocations, survey.memory_base) else {
        return Ok(pointers);
    };
    let table = Relocations::read(bytes)?.and_then(|relocations| relocations.table);
    pointers.segments.clone_from(&survey.segments);
    if let Some(table) = table {
        let of_memory = table.entries.iter().filter(|entry| entry.base == Base::Memory);
        let targets = of_memory.filter_map(|entry| Some((entry.address, pointers.word(entry.address)?)));
        pointers.targets = targets.collect();
    } else if let (Some(size), Some(effects)) = (survey.memory_size, survey.effects(function)) {
        let stored = words(effects, memory_base, size).unwrap_or_default();
        let of_memory = stored.iter().filter(|word| word.value.global == Some(memory_base));
        pointers.targets = of_memory.map(|word| (word.address, word.value.constant)).collect();
    }
    Ok(pointers)
}

impl<'a> Pointers<'a> {
    /// Where the pointers are, in bytes from the memory base.
    pub fn addresses(&self) -> impl Iterator<Item = u32> + '_ {
        self.targets.keys().copied()
    }

    /// What the pointer at an address points at.
    pub fn target(&self, address: u32) -> Option<u32> {
        self.targets.get(&address).copied()
    }

    /// The word at an address, as the file has it.
    pub fn word(&self, address: u32) -> Option<u32> {
        self.bytes(address, 4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// Bytes of the data, if one segment holds all of them.
    pub fn bytes(&self, address: u32, length: u32) -> Option<&'a [u8]> {
        let last = address.checked_add(length)?;
        let after = self.segments.partition_point(|segment| segment.start <= address);
        let segment = self.segments.get(after.checked_sub(1)?).filter(|segment| last <= segment.end())?;
        let start = segment.at + (address - segment.start) as usize;
        self.file.get(start..start + length as usize)
    }
}
