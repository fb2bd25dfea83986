//! Goes through a module's code: is it valid, which proposals of WebAssembly does it use, who calls which import.
//!
//! Unlike the rest of this folder this decodes every instruction; functions are shared among the machine's cores.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{
    BinaryReaderError, FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator, Parser, Payload,
    ValidPayload, Validator, ValidatorResources, WasmFeatures,
};

use super::exceptions::encoding_of;
use crate::abi::exceptions::Encoding;

/// What was found in a module's code.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// Proposals beyond the first version of WebAssembly, each with the first instruction seen, or with what else needs it.
    pub proposals: BTreeMap<&'static str, String>,
    /// The encodings of exceptions in which it catches, each with the first instruction seen.
    pub encodings: BTreeMap<Encoding, String>,
    /// Imported functions, by index, and the functions that call them.
    pub callers: BTreeMap<u32, BTreeSet<u32>>,
    /// Imported functions that are called, or whose address is taken.
    pub used: BTreeSet<u32>,
    /// Whether `__wasm_call_ctors` calls `__wasm_apply_data_relocs`.
    pub relocates_itself: bool,
    /// The most targets of one `br_table`.
    pub branch_targets: u32,
    /// The size of the largest function, in bytes.
    pub largest_function: usize,
}

/// What calls are looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Watched {
    /// How many functions are imported: the first ones.
    imported: u32,
    /// The function that applies relocations, and the one that the loader calls in any case.
    start_up: (Option<u32>, Option<u32>),
}

/// What some engine of today accepts: WebAssembly 3.0 and the exceptions from before it.
pub(super) const ACCEPTED: WasmFeatures = WasmFeatures::WASM3.union(WasmFeatures::LEGACY_EXCEPTIONS);

/// Proposals that a module may need without an instruction of theirs: in what, and what validates it.
const DECLARED: [(&str, &str, WasmFeatures); 5] = [
    ("multi_memory", "a second memory", WasmFeatures::MULTI_MEMORY),
    ("memory64", "addresses of 64 bits", WasmFeatures::MEMORY64),
    ("gc", "its types", WasmFeatures::GC),
    // The garbage collector's types have these among them.
    ("function_references", "its types", WasmFeatures::FUNCTION_REFERENCES.union(WasmFeatures::GC)),
    ("extended_const", "a constant", WasmFeatures::EXTENDED_CONST),
];

/// Whether everything but the bodies of functions is valid with these proposals.
fn is_head_valid(bytes: &[u8], features: WasmFeatures) -> bool {
    let mut validator = Validator::new_with_features(features);
    let mut payloads = Parser::new(0).parse_all(bytes);
    payloads.all(|payload| payload.is_ok_and(|payload| validator.payload(&payload).is_ok()))
}

impl Code {
    /// Validates a module and surveys its code.
    ///
    /// # Errors
    /// When no engine would compile it.
    pub fn survey(bytes: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut validator = Validator::new_with_features(ACCEPTED);
        let mut functions = Vec::new();
        let mut pointed_to = BTreeSet::new();
        let mut watched = Watched::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            match &payload {
                Payload::ImportSection(section) => watched.imported = count_functions(section)?,
                Payload::ElementSection(section) => pointed_to = find_elements(section)?,
                Payload::ExportSection(section) => watched.start_up = find_start_up(section)?,
                _ => {}
            }
            if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
                functions.push((function, body));
            }
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Nearly all of an audit's time is spent here, and functions do not depend on each other.
        let share = functions.len().div_ceil(cores).max(1);
        std::thread::scope(|scope| {
            let mut parts = functions.chunks(share);
            // The first share is this thread's own.
            let own = parts.next();
            let others: Vec<_> = parts.map(|part| scope.spawn(move || survey_part(part, watched))).collect();
            let mut all = own.map_or(Ok(Self::default()), |part| survey_part(part, watched))?;
            for other in others {
                all.join(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            for (proposal, what, feature) in DECLARED {
                if !is_head_valid(bytes, ACCEPTED.difference(feature)) {
                    all.proposals.entry(proposal).or_insert_with(|| what.to_owned());
                }
            }
            all.used = all.callers.keys().copied().collect();
            all.used.extend(pointed_to.into_iter().filter(|function| *function < watched.imported));
            Ok(all)
        })
    }

    fn join(&mut self, other: Self) {
        self.relocates_itself |= other.relocates_itself;
        self.branch_targets = self.branch_targets.max(other.branch_targets);
        self.largest_function = self.largest_function.max(other.largest_function);
        for (proposal, operator) in other.proposals {
            self.proposals.entry(proposal).or_insert(operator);
        }
        for (encoding, operator) in other.encodings {
            self.encodings.entry(encoding).or_insert(operator);
        }
        for (import, callers) in other.callers {
            self.callers.entry(import).or_default().extend(callers);
        }
    }

    fn take(&mut self, operator: &Operator<'_>, function: u32, watched: Watched) {
        if let Operator::Call { function_index } | Operator::ReturnCall { function_index } = operator {
            if *function_index < watched.imported {
                self.callers.entry(*function_index).or_default().insert(function);
            }
            self.relocates_itself |= watched.start_up == (Some(*function_index), Some(function));
        }
        if let Operator::BrTable { targets } = operator {
            self.branch_targets = self.branch_targets.max(targets.len());
        }
        if let Some(proposal) = proposal_of(operator) {
            self.proposals.entry(proposal).or_insert_with(|| name_of(operator));
        }
        if let Some(encoding) = encoding_of(operator) {
            self.encodings.entry(encoding).or_insert_with(|| name_of(operator));
        }
    }
}

fn name_of(operator: &Operator<'_>) -> String {
    let shown = format!("{operator:?}");
    shown.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}

type Function<'a> = (FuncToValidate<ValidatorResources>, FunctionBody<'a>);

fn survey_part(functions: &[Function<'_>], watched: Watched) -> Result<Code, BinaryReaderError> {
    let mut code = Code::default();
    let mut allocations = FuncValidatorAllocations::default();
    for (function, body) in functions {
        code.largest_function = code.largest_function.max(body.as_bytes().len());
        // The validator wants to own it, and the threads share the list.
        let FuncToValidate { resources, index, ty, features } = function;
        let again =
            FuncToValidate { resources: resources.clone(), index: *index, ty: *ty, features: *features };
        let mut validator = again.into_validator(allocations);
        validator.validate(body)?;
        allocations = validator.into_allocations();
        for local in body.get_locals_reader()? {
            let (_, kind) = local?;
            if let wasmparser::ValType::Ref(kind) = kind
                && ![wasmparser::RefType::FUNCREF, wasmparser::RefType::EXTERNREF].contains(&kind)
            {
                code.proposals.entry("gc").or_insert_with(|| "a local variable".to_owned());
            }
        }
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            code.take(&operators.read()?, *index, watched);
        }
    }
    Ok(code)
}

/// What an exported function returns, if its code is nothing but a constant.
///
/// # Errors
/// When the bytes are not a whole module.
pub fn constant(bytes: &[u8], name: &str) -> Result<Option<i32>, BinaryReaderError> {
    let mut next = 0;
    let mut wanted = None;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ImportSection(section) => next = count_functions(&section)?,
            Payload::ExportSection(section) => wanted = exported_function(section, name)?,
            Payload::CodeSectionStart { .. } if wanted.is_none() => return Ok(None),
            Payload::CodeSectionEntry(body) if wanted == Some(next) => {
                let mut operators = body.get_operators_reader()?;
                let first = operators.read()?;
                let is_all = matches!(operators.read()?, Operator::End);
                return Ok(match first {
                    Operator::I32Const { value } if is_all => Some(value),
                    _ => None,
                });
            }
            Payload::CodeSectionEntry(_) => next += 1,
            _ => {}
        }
    }
    Ok(None)
}

fn exported_function(
    section: wasmparser::ExportSectionReader<'_>,
    name: &str,
) -> Result<Option<u32>, BinaryReaderError> {
    for export in section {
        let export = export?;
        if export.name == name && export.kind == wasmparser::ExternalKind::Func {
            return Ok(Some(export.index));
        }
    }
    Ok(None)
}

fn find_start_up(
    section: &wasmparser::ExportSectionReader<'_>,
) -> Result<(Option<u32>, Option<u32>), BinaryReaderError> {
    let mut found = (None, None);
    for export in section.clone() {
        let export = export?;
        match export.name {
            "__wasm_apply_data_relocs" => found.0 = Some(export.index),
            "__wasm_call_ctors" => found.1 = Some(export.index),
            _ => {}
        }
    }
    Ok(found)
}

/// The functions that elements of tables point to.
fn find_elements(section: &wasmparser::ElementSectionReader<'_>) -> Result<BTreeSet<u32>, BinaryReaderError> {
    let mut found = BTreeSet::new();
    for element in section.clone() {
        match element?.items {
            wasmparser::ElementItems::Functions(functions) => {
                for function in functions {
                    found.insert(function?);
                }
            }
            wasmparser::ElementItems::Expressions(_, expressions) => {
                for expression in expressions {
                    for operator in expression?.get_operators_reader() {
                        if let Operator::RefFunc { function_index } = operator? {
                            found.insert(function_index);
                        }
                    }
                }
            }
        }
    }
    Ok(found)
}

/// How many functions a module imports: the first of its indexes.
///
/// # Errors
/// When the section contradicts its format.
pub fn count_functions(section: &wasmparser::ImportSectionReader<'_>) -> Result<u32, BinaryReaderError> {
    let mut count = 0;
    for import in section.clone().into_imports() {
        let kind = import?.ty;
        count += u32::from(matches!(kind, wasmparser::TypeRef::Func(_) | wasmparser::TypeRef::FuncExact(_)));
    }
    Ok(count)
}

macro_rules! define_proposal_of {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        /// The proposal that brought an instruction; none for the first version of WebAssembly.
        fn proposal_of(operator: &Operator<'_>) -> Option<&'static str> {
            let name = match operator {
                // Both generations of exceptions throw with it.
                Operator::Throw { .. } => "legacy_exceptions",
                $( Operator::$op { .. } => stringify!($proposal), )*
                _ => "unknown",
            };
            (name != "mvp").then_some(name)
        }
    };
}
#[expect(unreachable_patterns, reason = "one instruction is named before the list of all")]
mod proposals {
    use wasmparser::Operator;
    wasmparser::for_each_operator!(define_proposal_of);
    pub(super) fn of(operator: &Operator<'_>) -> Option<&'static str> {
        proposal_of(operator)
    }
}
use proposals::of as proposal_of;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        match Code::survey(&wat::parse_str(text).unwrap()) {
            Ok(code) => format!("{:?} {:?}", code.proposals, code.callers),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn proposals_and_callers_are_found() {
        insta::assert_snapshot!(check(
            r#"(module (import "env" "a" (func $a)) (import "env" "b" (func $b)) (memory 1)
              (func (call $b)) (func (drop (i32.extend8_s (i32.const 1))) (call $b))
              (func try (call $a) catch_all end))"#), @r#"{"legacy_exceptions": "Try", "sign_extension": "I32Extend8S"} {0: {4}, 1: {2, 3}}"#);
        insta::assert_snapshot!(check("(module (func (block $b try_table (catch_all $b) end)))"), @r#"{"exceptions": "TryTable"} {}"#);
        let declared = [
            "(memory 1) (memory 1)",
            "(memory i64 1)",
            "(table i64 1 funcref)",
            "(type (struct (field i32)))",
            "(type $a (func)) (func (param (ref null $a)))",
            "(func (local anyref))",
            r#"(import "env" "b" (global $b i32)) (global i32 (i32.add (global.get $b) (i32.const 1)))"#,
            "(func (block (br_table 0 0 0 (i32.const 0))))",
        ];
        let found = declared.map(|text| check(&format!("(module {text})")));
        insta::assert_snapshot!(found.join("\n"), @r#"
        {"multi_memory": "a second memory"} {}
        {"memory64": "addresses of 64 bits"} {}
        {"memory64": "addresses of 64 bits"} {}
        {"function_references": "its types", "gc": "its types"} {}
        {"function_references": "its types"} {}
        {"gc": "a local variable"} {}
        {"extended_const": "a constant"} {}
        {} {}
        "#);
        let text = r#"(module (func (export "a") (result i32) i32.const 6)
            (func (export "b") (result i32) i32.const 6 i32.eqz))"#;
        let bytes = wat::parse_str(text).unwrap();
        assert_eq!(["a", "b", "c"].map(|name| constant(&bytes, name).unwrap()), [Some(6), None, None]);
        insta::assert_snapshot!(check("(module (func (result i32)))"), @"type mismatch: expected i32 but nothing on stack (at offset 0x18)");
    }
}
