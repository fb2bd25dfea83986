//! What must be known of a module before its relocations become a table.

use wasmparser::{
    CompositeInnerType, ConstExpr, DataKind, ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef,
    ValType,
};

use super::evaluate::{self, Effect, Sum};
use crate::wasm::dylink::{Dylink, Form, Place};
use crate::wasm::module::WasmError;

/// The function that applies relocations.
const RELOCATIONS: &str = "__wasm_apply_data_relocs";
/// How deep calls are followed.
const DEPTH: u32 = 4;

/// A module as it was read.
#[derive(Default)]
pub(super) struct Survey<'a> {
    /// Bytes of memory that `dylink.0` asks for; none if the loader would not find them.
    pub(super) memory_size: Option<u32>,
    /// The globals `__memory_base` and `__table_base`.
    pub(super) memory_base: Option<u32>,
    pub(super) table_base: Option<u32>,
    /// How many globals there are.
    pub(super) globals: u32,
    /// The module's own globals that are mutable and start as 0.
    pub(super) zero_globals: Vec<u32>,
    /// The function that applies relocations, by its index among all functions.
    pub(super) relocations: Option<u32>,
    start: Option<u32>,
    pub(super) imported_functions: u32,
    pub(super) bodies: Vec<FunctionBody<'a>>,
    /// Whether each type is that of a function without parameters and results.
    plain_types: Vec<bool>,
    function_types: Vec<u32>,
    memories: Memories,
    /// Active segments at places relative to the memory base.
    pub(super) segments: Vec<Segment>,
    /// The bytes of passive segments, by the number of the segment.
    pub(super) passive: Vec<(u32, &'a [u8])>,
    pub(super) segment_count: u32,
    has_foreign_segment: bool,
    sections: usize,
}

/// What memories a module has.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Memories {
    #[default]
    None,
    /// One, which is imported, and which one thread uses with addresses of 32 bits.
    Usual,
    Unusual,
}

/// An active data segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    /// Where it is copied to, in bytes from the memory base.
    pub(super) start: u32,
    pub(super) length: u32,
    /// Where its bytes are in the file.
    pub(super) at: usize,
}

impl Segment {
    pub(super) fn end(self) -> u32 {
        self.start.saturating_add(self.length)
    }
}

impl<'a> Survey<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, WasmError> {
        let mut survey = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            survey.take(payload?)?;
        }
        survey.segments.sort_unstable_by_key(|segment| segment.start);
        Ok(survey)
    }

    fn take(&mut self, payload: Payload<'a>) -> Result<(), WasmError> {
        match payload {
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::CustomSection(section) if self.sections == 0 => {
                let dylink = Dylink::read(&section, Place::First);
                let is_read = |found: &Dylink| found.form == Form::Current && !found.is_cut;
                self.memory_size = dylink.filter(is_read).map(|dylink| dylink.memory_size);
            }
            Payload::TypeSection(section) => self.take_types(section)?,
            Payload::ImportSection(section) => self.take_imports(section)?,
            Payload::FunctionSection(section) => {
                for index in section {
                    self.function_types.push(index?);
                }
            }
            Payload::MemorySection(section) if section.count() > 0 => self.memories = Memories::Unusual,
            Payload::GlobalSection(section) => self.take_globals(section)?,
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.name == RELOCATIONS && export.kind == ExternalKind::Func {
                        self.relocations = Some(export.index);
                    }
                }
            }
            Payload::DataSection(section) => self.take_data(section)?,
            Payload::Version { .. } => return Ok(()),
            _ => {}
        }
        self.sections += 1;
        Ok(())
    }

    fn take_types(&mut self, section: wasmparser::TypeSectionReader<'_>) -> Result<(), WasmError> {
        for group in section {
            for kind in group?.into_types() {
                self.plain_types.push(match kind.composite_type.inner {
                    CompositeInnerType::Func(function) => {
                        function.params().is_empty() && function.results().is_empty()
                    }
                    _ => false,
                });
            }
        }
        Ok(())
    }

    fn take_imports(&mut self, section: wasmparser::ImportSectionReader<'_>) -> Result<(), WasmError> {
        for import in section.into_imports() {
            let import = import?;
            match import.ty {
                TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                    self.function_types.push(index);
                    self.imported_functions += 1;
                }
                TypeRef::Global(global) => {
                    let is_base =
                        import.module == "env" && !global.mutable && global.content_type == ValType::I32;
                    match import.name {
                        "__memory_base" if is_base => self.memory_base = Some(self.globals),
                        "__table_base" if is_base => self.table_base = Some(self.globals),
                        _ => {}
                    }
                    self.globals += 1;
                }
                TypeRef::Memory(memory) => {
                    let is_usual = self.memories == Memories::None && !memory.memory64 && !memory.shared;
                    self.memories = if is_usual { Memories::Usual } else { Memories::Unusual };
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn take_globals(&mut self, section: wasmparser::GlobalSectionReader<'_>) -> Result<(), WasmError> {
        for global in section {
            let global = global?;
            if global.ty.mutable && value_of(&global.init_expr)? == Some(Sum::default()) {
                self.zero_globals.push(self.globals);
            }
            self.globals += 1;
        }
        Ok(())
    }

    fn take_data(&mut self, section: wasmparser::DataSectionReader<'a>) -> Result<(), WasmError> {
        for segment in section {
            let segment = segment?;
            let number = self.segment_count;
            self.segment_count += 1;
            let DataKind::Active { offset_expr, .. } = &segment.kind else {
                self.passive.push((number, segment.data));
                continue;
            };
            let end = usize::try_from(segment.range.end).ok();
            let at = end.and_then(|end| end.checked_sub(segment.data.len()));
            let length = u32::try_from(segment.data.len()).ok();
            match (value_of(offset_expr)?, at, length) {
                (Some(place), Some(at), Some(length)) if place.global == self.memory_base => {
                    self.segments.push(Segment { start: place.constant, length, at });
                }
                _ => self.has_foreign_segment = true,
            }
        }
        Ok(())
    }

    /// The operators of a function of the module's own that has neither parameters nor results.
    pub(super) fn plain_function(&self, index: u32) -> Option<Vec<Operator<'a>>> {
        let kind = self.function_types.get(index as usize)?;
        if !*self.plain_types.get(*kind as usize)? {
            return None;
        }
        let body = self.bodies.get(index.checked_sub(self.imported_functions)? as usize)?;
        body.get_operators_reader().ok()?.into_iter().collect::<Result<_, _>>().ok()
    }

    /// What a function does, together with those that it calls.
    pub(super) fn effects(&self, index: u32) -> Option<Vec<Effect>> {
        self.effects_within(index, DEPTH)
    }

    fn effects_within(&self, index: u32, depth: u32) -> Option<Vec<Effect>> {
        let deeper = depth.checked_sub(1)?;
        evaluate::evaluate(&self.plain_function(index)?, &|called| self.effects_within(called, deeper))
    }

    /// The parts of the module's memory that are written between its instantiation and its relocations, as start and
    /// end from the memory base; none if that cannot be told.
    pub(super) fn overwritten(&self) -> Option<Vec<(u64, u64)>> {
        let effects = self.start.map_or(Some(Vec::new()), |start| self.effects(start))?;
        let mut parts = Vec::new();
        for effect in effects {
            let (address, length) = match effect {
                Effect::Store(store) => (store.address, 4),
                Effect::Overwrite { address, length } => (address, length),
                Effect::SetGlobal => continue,
            };
            if address.global != self.memory_base {
                return None;
            }
            let start = u64::from(address.constant);
            parts.push((start, start + u64::from(length)));
        }
        Some(parts)
    }

    /// Whether memory and segments are those of a side module, so that nothing else can lie in its data.
    pub(super) fn is_usual(&self) -> bool {
        let do_not_overlap = self.segments.windows(2).all(|pair| pair[0].end() <= pair[1].start);
        let end = self.segments.last().map_or(0, |segment| segment.end());
        self.memories == Memories::Usual
            && self.memory_base.is_some()
            && !self.has_foreign_segment
            && do_not_overlap
            && self.memory_size.is_some_and(|size| end <= size)
    }
}

/// The value of a constant expression, if it is a constant, a global, or their sum.
fn value_of(expression: &ConstExpr<'_>) -> Result<Option<Sum>, WasmError> {
    let operators = expression.get_operators_reader().into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(evaluate::value(&operators))
}
