//! Names of functions as people write them.
//!
//! rustc has its linkers keep mangled names, and engines show in stack traces what a module says.

use std::collections::BTreeMap;

use wasm_encoder::{NameMap, NameSection};
use wasmparser::{KnownCustom, Name, Parser, Payload};

use super::module::WasmError;
use super::strip::copy_section;

/// The name of a Rust function without its hash; another name as it is.
pub(super) fn readable(name: &str) -> String {
    rustc_demangle::try_demangle(name).map_or_else(|_| name.to_owned(), |demangled| format!("{demangled:#}"))
}

/// A copy of the module whose name section has readable names of functions.
///
/// # Errors
/// When the bytes are not a whole module.
pub fn demangle(bytes: &[u8]) -> Result<Vec<u8>, WasmError> {
    let mut module = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        if let Payload::CustomSection(section) = &payload
            && let KnownCustom::Name(names) = section.as_known()
        {
            module.section(&rewrite(names, |index, name| (index, readable(name)))?);
        } else {
            copy_section(&payload, bytes, &mut module)?;
        }
    }
    Ok(module.finish())
}

/// A name section in which `change` gives each function its index and its name. What it says besides functions and the module
/// is dropped: no trace shows it.
pub(super) fn rewrite(
    subsections: wasmparser::NameSectionReader<'_>,
    change: impl Fn(u32, &str) -> (u32, String),
) -> Result<NameSection, wasmparser::BinaryReaderError> {
    let mut section = NameSection::new();
    for subsection in subsections {
        match subsection? {
            Name::Module { name, .. } => section.module(name),
            Name::Function(names) => {
                let namings =
                    names.into_iter().map(|naming| naming.map(|naming| change(naming.index, naming.name)));
                // The format asks for them by index.
                let namings: BTreeMap<u32, String> = namings.collect::<Result<_, _>>()?;
                let mut map = NameMap::new();
                for (index, name) in namings {
                    map.append(index, &name);
                }
                section.functions(&map);
            }
            _ => {}
        }
    }
    Ok(section)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::Module;

    #[test]
    fn names_are_those_of_the_sources() {
        let text = r#"(module $m
            (func $_ZN7package3run17h0123456789abcdefE)
            (func $_RNvC7package3run (local $x i32))
            (func $helper)
            (@custom "other" "abc"))"#;
        let demangled = demangle(&wat::parse_str(text).unwrap()).unwrap();
        let names: Vec<String> = Module::function_names(&demangled).unwrap().into_values().collect();
        assert_eq!(names, ["package::run", "package::run", "helper"]);
        assert_eq!(Module::read(&demangled).unwrap().custom_sections, ["other", "name"]);
        assert_eq!(super::demangle(&demangled).unwrap(), demangled);
    }
}
