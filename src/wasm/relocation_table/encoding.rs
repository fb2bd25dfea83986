//! The table's bytes, and the function that reads them.
//!
//! An entry is a number: the distance from the entry before in words of 32 bits, doubled, plus 1 for an address in the
//! table of functions. It is written in groups of 7 bits, the highest first, each but the last with its highest bit set. Nearly all
//! fit in one byte. Of the encodings that were tried (a list for each kind, escapes, runs, bitmaps) this one compresses
//! best with deflate and needs one loop.

use wasm_encoder::{Function, InstructionSink, MemArg, ValType};

use super::evaluate::Sum;

/// To which base a word is relative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Base {
    /// It is the address of data.
    Memory,
    /// It is the address of a function.
    Table,
}

/// A word in the module's data to which a base is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Where it is, in bytes from the memory base: a multiple of 4.
    pub address: u32,
    /// What is added.
    pub base: Base,
}

/// The table of these entries, which are sorted.
pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut before = 0;
    for entry in entries {
        let number = (entry.address - before) / 2 + u32::from(entry.base == Base::Table);
        before = entry.address;
        let groups = (32 - number.leading_zeros()).div_ceil(7).max(1);
        for group in (0..groups).rev() {
            let low = u8::try_from(number >> (7 * group) & 0x7f).unwrap_or_default();
            bytes.push(if group > 0 { low | 0x80 } else { low });
        }
    }
    bytes
}

/// The entries of a table, as the function reads them; none if the table ends within one.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let (mut address, mut number) = (0_u32, 0_u32);
    for byte in bytes {
        number = number << 7 | u32::from(byte & 0x7f);
        if *byte < 0x80 {
            address = address.wrapping_add(number << 1 & !3);
            let base = if number & 1 == 1 { Base::Table } else { Base::Memory };
            entries.push(Entry { address, base });
            number = 0;
        }
    }
    bytes.last().is_none_or(|last| *last < 0x80).then_some(entries)
}

/// A word that code stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    /// Where it is stored, in bytes from the memory base.
    pub(super) address: u32,
    pub(super) value: Sum,
}

/// The numbers in the function that differ from module to module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// The global `__memory_base`.
    pub(super) memory_base: u32,
    /// The global `__table_base`.
    pub(super) table_base: u32,
    /// The module's own global that says that relocations were applied.
    pub(super) done: u32,
    /// The passive segment with the table.
    pub(super) segment: u32,
    /// Where the table is while it is read, in bytes from the memory base.
    pub(super) start: u32,
    /// Bytes of the table.
    pub(super) length: u32,
}

/// The function that applies the table, after the relocations that stay code.
///
/// Adding is not storing: a second call would add twice, so that the function does its work once an instance.
pub(super) fn function(shape: Shape, kept: &[Word]) -> Function {
    let Shape { memory_base, table_base, done, segment, start, length } = shape;
    let (next, address, number, byte) = (0, 1, 2, 3);
    let mut function = Function::new([(4, ValType::I32)]);
    let mut code = function.instructions();
    code.global_get(done).if_(wasm_encoder::BlockType::Empty).return_().end();
    code.i32_const(1).global_set(done);
    for word in kept {
        write_word(&mut code, memory_base, *word);
    }
    code.global_get(memory_base).i32_const(start.cast_signed()).i32_add().local_tee(next);
    code.i32_const(0).i32_const(length.cast_signed()).memory_init(0, segment).data_drop(segment);
    code.global_get(memory_base).local_set(address);
    code.loop_(wasm_encoder::BlockType::Empty);
    code.local_get(number).i32_const(7).i32_shl();
    code.local_get(next).i32_load8_u(BYTE).local_tee(byte);
    code.i32_const(127).i32_and().i32_or().local_set(number);
    code.local_get(next).i32_const(1).i32_add().local_set(next);
    code.local_get(byte).i32_const(128).i32_and().br_if(0);
    code.local_get(address).local_get(number).i32_const(1).i32_shl().i32_const(-4).i32_and().i32_add();
    code.local_tee(address).local_get(address).i32_load(WORD);
    code.global_get(table_base).global_get(memory_base);
    code.local_get(number).i32_const(1).i32_and().select().i32_add().i32_store(WORD);
    code.i32_const(0).local_set(number);
    code.local_get(next).global_get(memory_base);
    code.i32_const(start.wrapping_add(length).cast_signed()).i32_add().i32_ne().br_if(0);
    code.end();
    code.global_get(memory_base).i32_const(start.cast_signed()).i32_add();
    code.i32_const(0).i32_const(length.cast_signed()).memory_fill(0);
    code.end();
    function
}

/// The memory operand of an instruction that reads or writes a byte, or a word.
const BYTE: MemArg = operand(0, 0);
const WORD: MemArg = operand(0, 2);

const fn operand(offset: u64, align: u32) -> MemArg {
    MemArg { offset, align, target: wasm_encoder::MemArgTarget::Memory(0), ordering: None }
}

/// Stores a word whose value is not a base and a constant of this module.
fn write_word(code: &mut InstructionSink<'_>, memory_base: u32, word: Word) {
    let constant = word.value.constant.cast_signed();
    code.global_get(memory_base);
    match word.value.global {
        Some(global) if constant == 0 => code.global_get(global),
        Some(global) => code.global_get(global).i32_const(constant).i32_add(),
        None => code.i32_const(constant),
    };
    // No address in a module's memory wraps around, so that it can be the instruction's own offset.
    code.i32_store(operand(word.address.into(), WORD.align));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive() {
        let entry = |address, base| Entry { address, base };
        let (memory, table) = (Base::Memory, Base::Table);
        let lists: [&[Entry]; 4] = [
            &[],
            &[entry(0, memory)],
            &[
                entry(0, table),
                entry(4, table),
                entry(256, memory),
                entry(512, memory),
                entry(0xffff_fff8, table),
            ],
            &[entry(0xffff_fffc, memory)],
        ];
        for list in lists {
            assert_eq!(decode(&encode(list)).unwrap(), list);
        }
        insta::assert_snapshot!(format!("{:02x?}", encode(lists[2])), @"[01, 03, 7e, 81, 00, 87, ff, ff, fd, 7d]");
        assert_eq!(decode(&[0x83]), None);
    }
}
