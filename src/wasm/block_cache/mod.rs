//! Keeps small blocks of memory that a module frees and gives them out again, so that most of its allocations stay inside it.
//!
//! A module allocates by the imports `malloc`, `realloc` and `free`. Code that makes and drops many small values spends 5 to 10 %
//! of its time there. [`add`] puts functions of the module's own in front of them, which keep freed blocks in lists by size.
//! Each block is still one of the runtime's `malloc`: it does not matter who allocated it, or who frees it in the end.
//!
//! How large a freed block is stands in front of it, in the head of a chunk of dlmalloc
//! (<https://gee.cs.oswego.edu/pub/misc/malloc.c>), the allocator of all Pyodide releases so far. The module's first
//! allocation looks whether that is so, on two blocks of known sizes; if it is not, nothing is ever kept.

mod functions;

use std::collections::BTreeMap;
use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, Function, FunctionSection, GlobalSection, GlobalType, Instruction, SectionId,
};
use wasmparser::{
    CodeSectionReader, FunctionSectionReader, GlobalSectionReader, Operator, Parser, Payload, TypeRef,
    ValType,
};

use self::functions::Cached;
use super::module::{Import, MemoryKind, Module, Signature, WasmError};
use super::rewriting::{Rewritten, rewrite};

/// A copy of the module that keeps small blocks; none if it does not both allocate and free, or shares its memory with threads.
///
/// # Errors
/// When the bytes are not a whole module.
pub fn add(bytes: &[u8]) -> Result<Option<Vec<u8>>, WasmError> {
    let module = Module::read(bytes)?;
    let is_shared =
        |import: &Import| matches!(import, Import::Memory(limits) if limits.kind == Some(MemoryKind::Shared));
    if module.imports.iter().any(|(_, _, import)| is_shared(import)) {
        return Ok(None);
    }
    let Some(mut adding) = Adding::plan(bytes, &module)? else { return Ok(None) };
    rewrite(bytes, &mut adding).map(Some)
}

/// A function that the module imports.
#[derive(Debug, Clone, Copy)]
struct Imported {
    index: u32,
    type_index: u32,
}

/// Writes a module with functions in front of its allocator, behind all others.
struct Adding {
    /// What is called in place of an imported function.
    replaced: BTreeMap<u32, u32>,
    /// The functions that are added, with their types.
    added: Vec<(u32, Function)>,
    has_globals: bool,
}

impl Adding {
    fn plan(bytes: &[u8], module: &Module) -> Result<Option<Self>, WasmError> {
        let (mut functions, mut globals) = (0, 0);
        let mut allocator = BTreeMap::new();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ImportSection(section) => {
                    for (import, (from, name, known)) in section.into_imports().zip(&module.imports) {
                        match import?.ty {
                            TypeRef::Func(type_index) => {
                                let imported = Imported { index: functions, type_index };
                                allocator.extend(
                                    name_in_allocator(from, name, known).map(|name| (name, imported)),
                                );
                                functions += 1;
                            }
                            TypeRef::Global(_) => globals += 1,
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => functions += section.count(),
                Payload::GlobalSection(section) => globals += section.count(),
                _ => {}
            }
        }
        let find = |name: &str| allocator.get(name).copied();
        let (Some(malloc), Some(free)) = (find("malloc"), find("free")) else { return Ok(None) };
        let cached = Cached { malloc: malloc.index, free: free.index, first: functions, lists: globals };
        let mut replaced =
            BTreeMap::from([(malloc.index, cached.malloc_index()), (free.index, cached.free_index())]);
        // In the order of their indexes.
        let mut added = vec![
            (malloc.type_index, cached.malloc()),
            (free.type_index, cached.free()),
            (malloc.type_index, cached.miss()),
        ];
        if let Some(realloc) = find("realloc") {
            replaced.insert(realloc.index, cached.realloc_index());
            added.push((realloc.type_index, cached.realloc(realloc.index)));
        }
        Ok(Some(Self { replaced, added, has_globals: false }))
    }

    /// What is called in place of a function.
    fn replacement(&self, function: u32) -> u32 {
        self.replaced.get(&function).copied().unwrap_or(function)
    }

    fn declare_globals(&mut self, globals: &mut GlobalSection) {
        self.has_globals = true;
        let kind = GlobalType { val_type: wasm_encoder::ValType::I32, mutable: true, shared: false };
        for _ in 0..Cached::GLOBALS {
            globals.global(kind, &ConstExpr::i32_const(0));
        }
    }
}

impl Reencode for Adding {
    type Error = Infallible;

    fn intersperse_section_hook(
        &mut self,
        module: &mut wasm_encoder::Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Rewritten {
        use SectionId::{Code, Data, DataCount, Element, Export, Start};
        // A section that is missing goes before the first that comes after it.
        if !self.has_globals && matches!(before, Some(Export | Start | Element | DataCount | Code | Data)) {
            let mut globals = GlobalSection::new();
            self.declare_globals(&mut globals);
            module.section(&globals);
        }
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Rewritten {
        utils::parse_global_section(self, globals, section)?;
        self.declare_globals(globals);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Rewritten {
        utils::parse_function_section(self, functions, section)?;
        for (type_index, _) in &self.added {
            functions.function(*type_index);
        }
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Rewritten {
        utils::parse_code_section(self, code, section)?;
        for (_, body) in &self.added {
            code.function(body);
        }
        Ok(())
    }

    fn instruction<'a>(&mut self, operator: Operator<'a>) -> Result<Instruction<'a>, reencode::Error> {
        Ok(match operator {
            Operator::Call { function_index } => Instruction::Call(self.replacement(function_index)),
            Operator::ReturnCall { function_index } => {
                Instruction::ReturnCall(self.replacement(function_index))
            }
            other => utils::instruction(self, other)?,
        })
    }
}

/// The name of a function of the allocator, if it is one with its usual type.
fn name_in_allocator<'a>(from: &str, name: &'a str, import: &Import) -> Option<&'a str> {
    let (parameters, results) = match name {
        "malloc" => (1, 1),
        "free" => (1, 0),
        "realloc" => (2, 1),
        _ => return None,
    };
    let words = |count| vec![ValType::I32; count];
    let usual = Import::Function(Signature { parameters: words(parameters), results: words(results) });
    (from == "env" && *import == usual).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::code::Code;

    const IMPORTS: &str = r#"(import "env" "malloc" (func $malloc (param i32) (result i32)))
        (import "env" "memory" (memory 1)) (import "env" "g" (global i32))
        (import "env" "free" (func $free (param i32)))"#;

    fn rewritten(text: &str) -> Option<Vec<u8>> {
        add(&wat::parse_str(text).unwrap()).unwrap()
    }

    #[test]
    fn calls_of_the_allocator_stay_inside() {
        let code = "(func (export \"both\") (param i32) (call $free (call $malloc (local.get 0))))";
        for own in ["", "(global $own (mut i32) (i32.const 3))"] {
            let after = rewritten(&format!("(module {IMPORTS} {own} {code})")).unwrap();
            let survey = Code::survey(&after).unwrap();
            // The functions' own indexes are 2 for what was there, 3 to 5 for what is new.
            let callers = |import: u32| survey.callers[&import].iter().copied().collect::<Vec<_>>();
            assert_eq!(callers(0), [5]);
            assert_eq!(callers(1), [4, 5]);
        }
    }

    #[test]
    fn who_takes_the_address_of_free_gets_the_runtime_s() {
        let text = format!(
            "(module {IMPORTS} (table 1 funcref) (elem (i32.const 0) func $free)
                (func (drop (call $malloc (i32.const 8)))))"
        );
        assert!(Code::survey(&rewritten(&text).unwrap()).unwrap().used.contains(&1));
    }

    #[test]
    fn other_modules_stay_as_they_are() {
        let without_free = "(module (import \"env\" \"malloc\" (func (param i32) (result i32))))";
        assert_eq!(rewritten(without_free), None);
        let of_another_type = IMPORTS.replace("(func $free (param i32))", "(func $free (param i64))");
        assert_eq!(rewritten(&format!("(module {of_another_type} (func))")), None);
        let from_elsewhere = IMPORTS.replace("\"env\" \"free\"", "\"own\" \"free\"");
        assert_eq!(rewritten(&format!("(module {from_elsewhere} (func))")), None);
        let shared = IMPORTS.replace("(memory 1)", "(memory 1 2 shared)");
        assert_eq!(rewritten(&format!("(module {shared} (func))")), None);
        assert!(add(b"\0asm\x01\0\0\0\x02").is_err());
    }
}
