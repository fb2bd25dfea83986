//! Makes a side module start itself, for loaders that do less than today's.
//!
//! Pyodide 0.21 calls `__wasm_call_ctors` and nothing else, and gives memory as it comes. A function is appended that
//! zeroes what no data segment covers, applies the relocations and then calls the constructors; the export
//! `__wasm_call_ctors` is pointed at it. Sections that do not change are copied byte for byte.

use wasm_encoder::{CodeSection, ExportSection, Function, FunctionSection};
use wasmparser::{
    CompositeInnerType, DataKind, Dylink0Subsection, ExternalKind, KnownCustom, Operator, Parser, Payload,
    TypeRef,
};

use super::module::WasmError;
use super::strip::{copy_section, slice};

/// The export that every loader calls.
const CONSTRUCTORS: &str = "__wasm_call_ctors";
/// The export that loaders from 0.22 on call first.
const RELOCATIONS: &str = "__wasm_apply_data_relocs";

/// What a module must do itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnWork {
    /// Apply its relocations.
    pub relocations: Share,
    /// Zero its memory.
    pub zeroing: Share,
}

/// Who does a part of the start-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// The loader.
    Loader,
    /// The module.
    Module,
}

/// A copy of the module that does this work when its constructors are called.
///
/// # Errors
/// When the bytes are not a whole side module.
pub fn start_itself(bytes: &[u8], work: OwnWork) -> Result<Vec<u8>, WasmError> {
    let survey = Survey::read(bytes)?;
    let own = survey.functions;
    let kind =
        survey.plain_type.ok_or(WasmError::Inconsistent("no function without parameters and results"))?;
    let body = survey.body(work)?;
    let mut module = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match &payload {
            Payload::FunctionSection(section) => {
                let mut functions = FunctionSection::new();
                for index in section.clone() {
                    functions.function(index?);
                }
                functions.function(kind);
                module.section(&functions);
            }
            Payload::ExportSection(section) => {
                module.section(&exports(section.clone(), own)?);
            }
            Payload::CodeSectionStart { .. } => {
                let mut code = CodeSection::new();
                let range = payload.as_section().map(|(_, range)| range).unwrap_or_default();
                let reader = wasmparser::BinaryReader::new(slice(bytes, range)?, 0);
                for function in wasmparser::CodeSectionReader::new(reader)? {
                    code.raw(function?.as_bytes());
                }
                code.function(&body);
                module.section(&code);
            }
            _ => copy_section(&payload, bytes, &mut module)?,
        }
    }
    Ok(module.finish())
}

/// The exports, with the constructors' pointed at our function.
fn exports(section: wasmparser::ExportSectionReader<'_>, own: u32) -> Result<ExportSection, WasmError> {
    let mut exports = ExportSection::new();
    for export in section {
        let export = export?;
        let kind = match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => wasm_encoder::ExportKind::Func,
            ExternalKind::Table => wasm_encoder::ExportKind::Table,
            ExternalKind::Memory => wasm_encoder::ExportKind::Memory,
            ExternalKind::Global => wasm_encoder::ExportKind::Global,
            ExternalKind::Tag => wasm_encoder::ExportKind::Tag,
        };
        if export.name != CONSTRUCTORS {
            exports.export(export.name, kind, export.index);
        }
    }
    exports.export(CONSTRUCTORS, wasm_encoder::ExportKind::Func, own);
    Ok(exports)
}

/// What must be known of a module before it is rewritten.
#[derive(Debug, Default)]
struct Survey {
    functions: u32,
    globals: u32,
    plain_type: Option<u32>,
    memory_base: Option<u32>,
    memory_size: u32,
    constructors: Option<u32>,
    relocations: Option<u32>,
    /// Start and end of each data segment, from the module's base, in bytes.
    data: Vec<(u32, u32)>,
}

impl Survey {
    fn read(bytes: &[u8]) -> Result<Self, WasmError> {
        let mut survey = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            survey.take(payload?)?;
        }
        survey.data.sort_unstable();
        Ok(survey)
    }

    fn take(&mut self, payload: Payload<'_>) -> Result<(), WasmError> {
        match payload {
            Payload::TypeSection(section) => self.find_plain_type(section)?,
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    match import.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => self.functions += 1,
                        TypeRef::Global(_) => {
                            if import.name == "__memory_base" {
                                self.memory_base = Some(self.globals);
                            }
                            self.globals += 1;
                        }
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(section) => self.functions += section.count(),
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    match export.name {
                        CONSTRUCTORS => self.constructors = Some(export.index),
                        RELOCATIONS => self.relocations = Some(export.index),
                        _ => {}
                    }
                }
            }
            Payload::DataSection(section) => self.take_data(section)?,
            Payload::CustomSection(section) => {
                let KnownCustom::Dylink0(subsections) = section.as_known() else { return Ok(()) };
                for subsection in subsections {
                    if let Dylink0Subsection::MemInfo(memory) = subsection? {
                        self.memory_size = memory.memory_size;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn find_plain_type(&mut self, section: wasmparser::TypeSectionReader<'_>) -> Result<(), WasmError> {
        let kinds = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        for (index, kind) in kinds.into_iter().flat_map(wasmparser::RecGroup::into_types).enumerate() {
            if let CompositeInnerType::Func(function) = &kind.composite_type.inner
                && function.params().is_empty()
                && function.results().is_empty()
            {
                self.plain_type = u32::try_from(index).ok();
                return Ok(());
            }
        }
        Ok(())
    }

    fn take_data(&mut self, section: wasmparser::DataSectionReader<'_>) -> Result<(), WasmError> {
        for segment in section {
            let segment = segment?;
            let DataKind::Active { offset_expr, .. } = segment.kind else { continue };
            let mut start = 0;
            for operator in offset_expr.get_operators_reader() {
                if let Operator::I32Const { value } = operator? {
                    start = value.cast_unsigned();
                }
            }
            let length = u32::try_from(segment.data.len()).unwrap_or(u32::MAX);
            self.data.push((start, start.saturating_add(length)));
        }
        Ok(())
    }

    fn body(&self, work: OwnWork) -> Result<Function, WasmError> {
        let mut body = Function::new([]);
        let mut code = body.instructions();
        if work.zeroing == Share::Module {
            let base = self.memory_base.ok_or(WasmError::Inconsistent("it imports no `__memory_base`"))?;
            for (start, end) in self.uncovered() {
                code.global_get(base).i32_const(start.cast_signed()).i32_add();
                code.i32_const(0).i32_const((end - start).cast_signed()).memory_fill(0);
            }
        }
        if let (Share::Module, Some(relocations)) = (work.relocations, self.relocations) {
            code.call(relocations);
        }
        if let Some(constructors) = self.constructors {
            code.call(constructors);
        }
        code.end();
        Ok(body)
    }

    /// The parts of the module's memory that no data segment covers.
    fn uncovered(&self) -> Vec<(u32, u32)> {
        let mut gaps = Vec::new();
        let mut reached = 0;
        for (start, end) in &self.data {
            if *start > reached {
                gaps.push((reached, *start));
            }
            reached = reached.max(*end);
        }
        if self.memory_size > reached {
            gaps.push((reached, self.memory_size));
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::Module;

    const SIDE: &str = r#"(module
        (@custom "dylink.0" (before first) "\01\04\20\04\00\00")
        (type (func))
        (type (func (result i32)))
        (import "env" "memory" (memory 0))
        (import "env" "__memory_base" (global $base i32))
        (import "env" "log" (func))
        (func $relocs (type 0))
        (func $ctors (type 0))
        (func $init (type 1) i32.const 42)
        (export "__wasm_apply_data_relocs" (func $relocs))
        (export "__wasm_call_ctors" (func $ctors))
        (export "PyInit_x" (func $init))
        (data (offset global.get $base) "12345678"))"#;

    #[test]
    fn a_function_is_appended_and_called_first() {
        let bytes = wat::parse_str(SIDE).unwrap();
        let work = OwnWork { relocations: Share::Module, zeroing: Share::Module };
        let rewritten = start_itself(&bytes, work).unwrap();
        wasmparser::validate(&rewritten).unwrap();
        let module = Module::read(&rewritten).unwrap();
        assert_eq!(module.dylink.as_ref().unwrap().place, crate::wasm::dylink::Place::First);
        let survey = Survey::read(&rewritten).unwrap();
        assert_eq!((survey.functions, survey.constructors, survey.relocations), (5, Some(4), Some(1)));
        assert_eq!(survey.uncovered(), [(8, 32)]);
        assert_eq!(module.exported_function("PyInit_x").unwrap().to_string(), "() -> (i32)");
    }

    #[test]
    fn every_other_section_is_the_same_bytes() {
        let sections = |bytes: &[u8]| -> Vec<(u8, Vec<u8>)> {
            let payloads = Parser::new(0).parse_all(bytes).map(Result::unwrap);
            let raw = payloads.filter_map(|payload| payload.as_section());
            let kept = raw.filter(|(id, _)| ![3, 7, 10].contains(id));
            kept.map(|(id, range)| (id, slice(bytes, range).unwrap().to_vec())).collect()
        };
        let bytes = wat::parse_str(SIDE).unwrap();
        let work = OwnWork { relocations: Share::Module, zeroing: Share::Loader };
        assert_eq!(sections(&bytes), sections(&start_itself(&bytes, work).unwrap()));
    }
}
