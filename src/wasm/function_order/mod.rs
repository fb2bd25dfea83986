//! Orders the functions of a module so that those that look alike stand close together, which compresses better.
//!
//! Deflate sees the last 32 KiB alone, and what a generic function becomes for two types is often further apart. Where a
//! function stands changes nothing else: engines compile each by itself.

mod bisection;

use std::collections::HashMap;
use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{CodeSection, FunctionSection};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, FunctionBody, FunctionSectionReader, KnownCustom, Parser, Payload,
};

use self::bisection::Member;
use super::code::count_functions;
use super::module::WasmError;
use super::names;
use super::rewriting::{Rewritten, rewrite};

/// Bytes of code that are compared as one.
const WINDOW: usize = 8;
/// Of so many windows, one is compared, chosen by what is in it: as good as all of them, and four times as fast.
const SAMPLED: u64 = 4;

/// A copy of the module in which functions that look alike stand close together. Every index is written as short as it can be.
///
/// Debug information and hints for branches say where in the code something is: a module that has them stays as it is.
///
/// # Errors
/// When the bytes are not a whole module.
pub fn by_similarity(bytes: &[u8]) -> Result<Vec<u8>, WasmError> {
    let mut imported = 0;
    let mut members = Vec::new();
    let mut windows = HashMap::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ImportSection(section) => imported = count_functions(&section)?,
            Payload::CodeSectionEntry(body) => {
                let index = u32::try_from(members.len()).unwrap_or(u32::MAX);
                members.push(Member { index, features: features(body.as_bytes(), &mut windows) });
            }
            Payload::CustomSection(section) if tells_places(section.name()) => return Ok(bytes.to_vec()),
            _ => {}
        }
    }
    bisection::arrange(&mut members, windows.len());
    reorder(bytes, imported, members.iter().map(|member| member.index).collect())
}

/// Whether a custom section says where in the code something is, by its name.
fn tells_places(section: &str) -> bool {
    [".debug_", "reloc.", "linking", "metadata.code."].iter().any(|start| section.starts_with(start))
}

/// The sampled windows of a function's body, each once and with a number of its own.
fn features(body: &[u8], windows: &mut HashMap<u64, usize>) -> Vec<usize> {
    let all = body.windows(WINDOW).filter_map(|window| window.try_into().ok().map(u64::from_le_bytes));
    // Fibonacci hashing: the highest bits depend on all of them.
    let sampled = all.filter(|window| window.wrapping_mul(0x9e37_79b9_7f4a_7c15) < u64::MAX / SAMPLED);
    let mut found: Vec<usize> = sampled
        .map(|window| {
            let next = windows.len();
            *windows.entry(window).or_insert(next)
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// A copy of the module that has its own functions in this order, each by the place where it was.
fn reorder(bytes: &[u8], imported: u32, order: Vec<u32>) -> Result<Vec<u8>, WasmError> {
    let mut places = vec![0; order.len()];
    for (place, before) in (imported..).zip(&order) {
        places[*before as usize] = place;
    }
    rewrite(bytes, &mut Reordering { imported, order, places })
}

/// Writes a module's functions in another order.
struct Reordering {
    imported: u32,
    /// Where each of the module's own functions was, by where it is.
    order: Vec<u32>,
    /// The new index of each, by where it was.
    places: Vec<u32>,
}

impl Reordering {
    fn in_order<'a, T>(&'a self, all: &'a [T]) -> impl Iterator<Item = &'a T> {
        self.order.iter().filter_map(|before| all.get(*before as usize))
    }

    /// The new index of a function.
    fn place(&self, index: u32) -> u32 {
        let own = index.checked_sub(self.imported);
        own.and_then(|own| self.places.get(own as usize).copied()).unwrap_or(index)
    }
}

impl Reencode for Reordering {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        Ok(self.place(index))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Rewritten {
        let types: Vec<u32> = section.into_iter().collect::<Result<_, _>>()?;
        self.in_order(&types).for_each(|kind| {
            functions.function(*kind);
        });
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Rewritten {
        let bodies: Vec<FunctionBody<'_>> = section.into_iter().collect::<Result<_, _>>()?;
        let bodies: Vec<FunctionBody<'_>> = self.in_order(&bodies).cloned().collect();
        bodies.into_iter().try_for_each(|body| self.parse_function_body(code, body))
    }

    fn parse_custom_section(
        &mut self,
        module: &mut wasm_encoder::Module,
        section: CustomSectionReader<'_>,
    ) -> Rewritten {
        match section.as_known() {
            KnownCustom::Name(read) => {
                module.section(&names::rewrite(read, |index, name| (self.place(index), name.to_owned()))?)
            }
            _ => return utils::parse_custom_section(self, module, section),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::wasm::Module;

    /// Two kinds of functions in turn, which call each other, and everything that names a function.
    fn sample() -> Vec<u8> {
        let adds = "(drop (i32.add (i32.const 1000) (i32.mul (i32.const 2000) (i32.const 3000))))".repeat(3)
            + "(i32.const 0)";
        let stores =
            "(i64.store offset=77 (i32.const 800) (i64.const 123456789))".repeat(3) + "(i32.const 0)";
        let functions: Vec<String> = (0..8)
            .map(|index| {
                let body = if index % 2 == 0 { &adds } else { &stores };
                format!(
                    "(func $f{index} (result i32) {body} (call $f{}) (drop) (drop) (i32.const {index}))",
                    7 - index
                )
            })
            .collect();
        let text = format!(
            "(module $m (@custom \"dylink.0\" (before first) \"\\01\\04\\00\\00\\00\\00\")
                (import \"env\" \"g\" (func $g)) (import \"env\" \"memory\" (memory 1))
                (table 4 funcref) (elem (i32.const 0) func $f1 $f2) (elem declare func $f4)
                (global $own (mut funcref) (ref.func $f6))
                {} (func $first (call $g) (global.set $own (ref.func $f4)) (drop (call $f5)))
                (start $first) (export \"three\" (func $f3)))",
            functions.join("\n")
        );
        wat::parse_str(text).unwrap()
    }

    /// What a module says, with the names of functions in place of their indexes.
    fn described(bytes: &[u8]) -> BTreeMap<String, String> {
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
            .validate_all(bytes)
            .unwrap();
        let names = Module::function_names(bytes).unwrap();
        let mut said = BTreeMap::new();
        let mut own = 1;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.unwrap() {
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export.unwrap();
                        said.insert(format!("export {}", export.name), names[&export.index].clone());
                    }
                }
                Payload::StartSection { func, .. } => {
                    said.insert("start".to_owned(), names[&func].clone());
                }
                Payload::ElementSection(segments) => {
                    for (number, segment) in segments.into_iter().enumerate() {
                        let wasmparser::ElementItems::Functions(items) = segment.unwrap().items else {
                            continue;
                        };
                        let items: Vec<String> =
                            items.into_iter().map(|item| names[&item.unwrap()].clone()).collect();
                        said.insert(format!("segment {number}"), items.join(" "));
                    }
                }
                Payload::GlobalSection(globals) => {
                    let global = globals.into_iter().next().unwrap().unwrap();
                    let wasmparser::Operator::RefFunc { function_index } =
                        global.init_expr.get_operators_reader().read().unwrap()
                    else {
                        panic!()
                    };
                    said.insert("global".to_owned(), names[&function_index].clone());
                }
                Payload::CodeSectionEntry(body) => {
                    let operators = body.get_operators_reader().unwrap().into_iter().map(|operator| {
                        match operator.unwrap() {
                            wasmparser::Operator::Call { function_index } => {
                                format!("call {}", names[&function_index])
                            }
                            wasmparser::Operator::RefFunc { function_index } => {
                                format!("ref {}", names[&function_index])
                            }
                            other => format!("{other:?}"),
                        }
                    });
                    said.insert(names[&own].clone(), operators.collect::<Vec<_>>().join("; "));
                    own += 1;
                }
                _ => {}
            }
        }
        said
    }

    #[test]
    fn functions_that_look_alike_stand_together_and_all_else_stays() {
        let (before, after) = (sample(), by_similarity(&sample()).unwrap());
        assert_eq!(described(&after), described(&before));
        assert_eq!(described(&before).len(), 14);
        let names: Vec<String> = Module::function_names(&after).unwrap().into_values().collect();
        assert_eq!(names.join(" "), "g f0 f2 f4 f6 f3 first f1 f5 f7");
        assert_eq!(by_similarity(&before).unwrap(), after);
        assert_eq!(Module::read(&after).unwrap().custom_sections, ["dylink.0", "name"]);
    }

    #[test]
    fn a_module_that_says_where_its_code_is_stays_as_it_is() {
        let text = r#"(module (func) (@custom ".debug_line" "\00"))"#;
        let bytes = wat::parse_str(text).unwrap();
        assert_eq!(by_similarity(&bytes).unwrap(), bytes);
        assert!(by_similarity(&bytes[..bytes.len() - 2]).is_err());
        assert_eq!(by_similarity(&wat::parse_str("(module)").unwrap()).unwrap(), b"\0asm\x01\0\0\0");
    }
}
