//! The code of a cache of blocks: what stands in front of `malloc`, `free` and `realloc`.
//!
//! Each size has a slot of two words: the first block of its list, and how many there are. The first word of a kept block is the
//! next one of its list.

use wasm_encoder::{BlockType, Function, InstructionSink, MemArg, MemArgTarget, ValType};

/// Sizes of chunks are told apart in units of this many bytes.
const UNIT: i32 = 16;
/// The largest chunk that is kept, in units.
const LARGEST: i32 = 32;
/// So many are kept of each size: at most 2.2 MB in all.
const KEPT: i32 = 256;
/// A chunk starts with a word in front of the block, its head: its size, with flags in the lowest three bits.
const HEAD: i32 = 4;
const FLAGS: i32 = 7;
/// The flag that says that a chunk is in use.
const IN_USE: i32 = 2;
/// Bytes of a slot, as a shift.
const SLOT: i32 = 3;
const SLOTS: i32 = (LARGEST + 1) << SLOT;

/// Indexes that the code is written with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cached {
    /// The runtime's functions.
    pub(super) malloc: u32,
    pub(super) free: u32,
    /// The first of the functions that are added.
    pub(super) first: u32,
    /// The first of the globals that are added: the address of the slots, or 0 if nothing is kept.
    pub(super) lists: u32,
}

impl Cached {
    /// The slots' address, and whether it was tried to keep blocks.
    pub(super) const GLOBALS: u32 = 2;

    pub(super) fn malloc_index(self) -> u32 {
        self.first
    }

    pub(super) fn free_index(self) -> u32 {
        self.first + 1
    }

    fn miss_index(self) -> u32 {
        self.first + 2
    }

    pub(super) fn realloc_index(self) -> u32 {
        self.first + 3
    }

    fn tried(self) -> u32 {
        self.lists + 1
    }

    /// Takes a block from its list.
    pub(super) fn malloc(self) -> Function {
        let (bytes, slot, block) = (0, 1, 2);
        let mut function = Function::new([(2, ValType::I32)]);
        let mut code = function.instructions();
        code.global_get(self.lists).if_(BlockType::Empty);
        is_large(&mut code, bytes);
        code.i32_eqz().if_(BlockType::Empty);
        code.global_get(self.lists);
        units(&mut code, bytes);
        code.i32_const(SLOT).i32_shl().i32_add().local_tee(slot);
        code.i32_load(word(0)).local_tee(block).if_(BlockType::Empty);
        code.local_get(slot).local_get(block).i32_load(word(0)).i32_store(word(0));
        code.local_get(slot).local_get(slot).i32_load(word(4)).i32_const(1).i32_sub().i32_store(word(4));
        code.local_get(block).return_();
        code.end().end().end();
        code.local_get(bytes).call(self.miss_index()).end();
        function
    }

    /// Puts a block into its list, if there is room.
    pub(super) fn free(self) -> Function {
        let (block, units, slot, count) = (0, 1, 2, 3);
        let mut function = Function::new([(3, ValType::I32)]);
        let mut code = function.instructions();
        code.block(BlockType::Empty);
        code.global_get(self.lists).i32_eqz().br_if(0);
        code.local_get(block).i32_eqz().br_if(0);
        head(&mut code, block);
        // A chunk of half a unit more serves as one of the whole units in it.
        code.i32_const(UNIT.trailing_zeros().cast_signed()).i32_shr_u().local_tee(units);
        code.i32_const(LARGEST).i32_gt_u().br_if(0);
        code.global_get(self.lists).local_get(units).i32_const(SLOT).i32_shl().i32_add().local_tee(slot);
        code.i32_load(word(4)).local_tee(count).i32_const(KEPT).i32_ge_u().br_if(0);
        code.local_get(block).local_get(slot).i32_load(word(0)).i32_store(word(0));
        code.local_get(slot).local_get(block).i32_store(word(0));
        code.local_get(slot).local_get(count).i32_const(1).i32_add().i32_store(word(4));
        code.return_().end();
        code.local_get(block).call(self.free).end();
        function
    }

    /// Allocates from the runtime, whole units so that the block can serve again. The first time it looks whether chunks are
    /// what they are taken for, and makes the slots.
    pub(super) fn miss(self) -> Function {
        let (bytes, probe, slots) = (0, 1, 2);
        let probed = 3 * UNIT - HEAD;
        let mut function = Function::new([(2, ValType::I32)]);
        let mut code = function.instructions();
        code.global_get(self.tried()).i32_eqz().if_(BlockType::Empty);
        code.i32_const(1).global_set(self.tried());
        code.i32_const(probed).call(self.malloc).local_set(probe);
        code.i32_const(SLOTS).call(self.malloc).local_set(slots);
        code.block(BlockType::Empty);
        leave_unless_chunk(&mut code, probe, probed);
        leave_unless_chunk(&mut code, slots, SLOTS);
        code.local_get(slots).i32_const(0).i32_const(SLOTS).memory_fill(0);
        code.local_get(slots).global_set(self.lists);
        code.i32_const(0).local_set(slots);
        code.end();
        code.local_get(probe).call(self.free).local_get(slots).call(self.free);
        code.end();
        code.global_get(self.lists).if_(BlockType::Empty);
        is_large(&mut code, bytes);
        code.i32_eqz().if_(BlockType::Empty);
        units(&mut code, bytes);
        code.i32_const(UNIT).i32_mul().i32_const(HEAD).i32_sub().local_set(bytes);
        code.end().end();
        code.local_get(bytes).call(self.malloc).end();
        function
    }

    /// Leaves a block where it is if there is room in its chunk; copies small ones from list to list.
    pub(super) fn realloc(self, realloc: u32) -> Function {
        let (block, bytes, room, moved) = (0, 1, 2, 3);
        let mut function = Function::new([(2, ValType::I32)]);
        let mut code = function.instructions();
        code.block(BlockType::Empty);
        code.global_get(self.lists).i32_eqz().br_if(0);
        code.local_get(block).i32_eqz().br_if(0);
        is_large(&mut code, bytes);
        code.br_if(0);
        head(&mut code, block);
        code.i32_const(!FLAGS).i32_and().i32_const(HEAD).i32_sub().local_tee(room);
        // A large block that shrinks gives its memory back.
        code.i32_const(LARGEST * UNIT).i32_gt_u().br_if(0);
        code.local_get(bytes).local_get(room).i32_le_u().if_(BlockType::Empty);
        code.local_get(block).return_().end();
        code.local_get(bytes).call(self.malloc_index()).local_tee(moved).i32_eqz().br_if(0);
        code.local_get(moved).local_get(block).local_get(room).memory_copy(0, 0);
        code.local_get(block).call(self.free_index()).local_get(moved).return_();
        code.end();
        code.local_get(block).local_get(bytes).call(realloc).end();
        function
    }
}

const fn word(offset: u64) -> MemArg {
    MemArg { offset, align: 2, target: MemArgTarget::Memory(0), ordering: None }
}

/// Whether a block of so many bytes is not kept: none at all, or too many.
fn is_large(code: &mut InstructionSink<'_>, bytes: u32) {
    code.local_get(bytes).i32_const(1).i32_sub().i32_const(LARGEST * UNIT - HEAD).i32_ge_u();
}

/// The units of a chunk with room for so many bytes.
fn units(code: &mut InstructionSink<'_>, bytes: u32) {
    let shift = UNIT.trailing_zeros().cast_signed();
    code.local_get(bytes).i32_const(HEAD + UNIT - 1).i32_add().i32_const(shift).i32_shr_u();
}

/// The head of a block's chunk.
fn head(code: &mut InstructionSink<'_>, block: u32) {
    code.local_get(block).i32_const(HEAD).i32_sub().i32_load(word(0));
}

/// Branches unless there is a block, in a chunk in use that is as large as so many bytes ask for, or one unit more.
fn leave_unless_chunk(code: &mut InstructionSink<'_>, block: u32, bytes: i32) {
    code.local_get(block).i32_eqz().br_if(0);
    head(code, block);
    code.i32_const(IN_USE).i32_and().i32_eqz().br_if(0);
    head(code, block);
    code.i32_const(!FLAGS).i32_and().i32_const(bytes + HEAD).i32_sub().i32_const(UNIT).i32_gt_u().br_if(0);
}
