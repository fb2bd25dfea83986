//! Imports that nothing in a runtime provides, or provides with another type.

use wasmparser::ValType;

use crate::runtime::{Provider, Symbols};
use crate::wasm::{Import, Module};

/// What is wrong with a module's imports, in the order in which they stand.
pub fn unprovided(module: &Module, symbols: &Symbols) -> Vec<String> {
    let exports: std::collections::HashSet<&str> =
        module.exports.iter().map(|export| export.name.as_str()).collect();
    module
        .imports
        .iter()
        .filter_map(|(from, name, import)| match from.as_str() {
            "env" | "wasi_snapshot_preview1" => in_environment(name, import, symbols),
            "GOT.mem" | "GOT.func" => {
                in_table(from, name, import, (symbols, exports.contains(name.as_str())))
            }
            other => Some(format!("it imports `{name}` from `{other}`, a module that Pyodide does not have")),
        })
        .collect()
}

/// Names that the loader itself provides, with their types.
fn from_loader(name: &str, import: &Import) -> Option<bool> {
    match name {
        "__memory_base" | "__table_base" => {
            Some(matches!(import, Import::Global(ValType::I32, crate::wasm::module::Mutability::Constant)))
        }
        "__stack_pointer" => {
            Some(matches!(import, Import::Global(ValType::I32, crate::wasm::module::Mutability::Mutable)))
        }
        "memory" => Some(matches!(import, Import::Memory(_))),
        "__indirect_function_table" => Some(matches!(import, Import::Table(None))),
        _ => None,
    }
}

fn in_environment(name: &str, import: &Import, symbols: &Symbols) -> Option<String> {
    if let Some(fits) = from_loader(name, import) {
        return (!fits).then(|| format!("it imports `{name}` as {import}, which the loader does not give"));
    }
    match import {
        Import::Tag(_) if symbols.has_tag(name) => None,
        Import::Tag(_) => {
            Some(format!("it imports the exception tag `{name}`, which this runtime does not have"))
        }
        Import::Function(wanted) => match symbols.provider(name) {
            Some(Provider::WasmFunction(has) | Provider::ScriptFunction { exact: Some(has), .. })
                if has != *wanted =>
            {
                Some(format!("it imports the function `{name}` as {wanted}, but the runtime's is {has}"))
            }
            Some(Provider::WasmFunction(_) | Provider::ScriptFunction { .. }) => None,
            Some(Provider::Data) => {
                Some(format!("it imports `{name}` as a function, but in the runtime it is data"))
            }
            None => Some(format!("it imports the function `{name}`, which nothing in this runtime provides")),
        },
        other => Some(format!("it imports `{name}` as {other}, which nothing in this runtime provides")),
    }
}

/// Addresses of data and functions, which the loader looks up by name.
fn in_table(from: &str, name: &str, import: &Import, (symbols, own): (&Symbols, bool)) -> Option<String> {
    if !matches!(import, Import::Global(ValType::I32, crate::wasm::module::Mutability::Mutable)) {
        return Some(format!(
            "it imports `{name}` from `{from}` as {import}, which the loader does not give"
        ));
    }
    // What the module itself exports is there, whatever the runtime has.
    if own || name == "__heap_base" || name == "__stack_pointer" {
        return None;
    }
    match (from, symbols.provider(name)) {
        (_, None) => {
            Some(format!("it takes the address of `{name}`, which nothing in this runtime provides"))
        }
        ("GOT.func", Some(Provider::Data)) => {
            Some(format!("it takes the address of `{name}` as a function, but in the runtime it is data"))
        }
        ("GOT.func", Some(Provider::ScriptFunction { stated: None, .. })) => Some(format!(
            "it takes the address of `{name}`, a JavaScript function whose type the runtime does not state"
        )),
        ("GOT.mem", Some(Provider::WasmFunction(_) | Provider::ScriptFunction { .. })) => {
            Some(format!("it takes the address of `{name}` as data, but in the runtime it is a function"))
        }
        _ => None,
    }
}
