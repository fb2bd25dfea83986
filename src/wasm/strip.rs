//! Drops custom sections that a published module does not need: names, producers, debug information, features.
//!
//! Every section that stays is copied byte for byte, and `dylink.0` stays first.

use wasm_encoder::RawSection;
use wasmparser::{Parser, Payload};

use super::module::WasmError;

/// The custom section that stays: the loader reads it.
const DYLINK: &str = "dylink.0";

/// What is dropped of a module, in the words of cargo's profiles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strip {
    /// Names of functions and debug information.
    #[default]
    Symbols,
    /// Debug information: the names stay, for `audit --size` and for stack traces.
    DebugInfo,
    /// Nothing: debug information (DWARF) stays, for debuggers and for stack traces with files and lines.
    Nothing,
}

/// A copy of the module without its custom sections, except `dylink.0` and what stays.
///
/// # Errors
/// When the bytes are not a whole module.
pub fn strip(bytes: &[u8], dropped: Strip) -> Result<Vec<u8>, WasmError> {
    let is_kept = |name: &str| match name {
        DYLINK => true,
        "name" => dropped != Strip::Symbols,
        _ => dropped == Strip::Nothing && name.starts_with(".debug_"),
    };
    let mut module = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        // All custom sections but the loader's: names of folders hide in more than the debug information.
        if matches!(&payload, Payload::CustomSection(section) if !is_kept(section.name())) {
            continue;
        }
        copy_section(&payload, bytes, &mut module)?;
    }
    Ok(module.finish())
}

/// Copies a section as it is; what is none, such as the beginning of the module, is left out.
pub(super) fn copy_section(
    payload: &Payload<'_>,
    bytes: &[u8],
    module: &mut wasm_encoder::Module,
) -> Result<(), WasmError> {
    if let Some((id, range)) = payload.as_section() {
        module.section(&RawSection { id, data: slice(bytes, range)? });
    }
    Ok(())
}

/// The bytes of a range that the parser counts in 64 bits.
pub(super) fn slice(bytes: &[u8], range: std::ops::Range<u64>) -> Result<&[u8], WasmError> {
    let at = |offset: u64| usize::try_from(offset).ok();
    let inside = at(range.start).zip(at(range.end)).and_then(|(start, end)| bytes.get(start..end));
    inside.ok_or(WasmError::Inconsistent("a section ends behind the file"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::Module;

    #[test]
    fn keeps_code_and_dylink_and_drops_the_rest() {
        let text = r#"(module
            (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
            (@custom "producers" "\00")
            (import "env" "f" (func $f (param i32)))
            (func (export "PyInit_x") (result i32) i32.const 7 (call $f (i32.const 1))))"#;
        let bytes = wat::parse_str(text).unwrap();
        let stripped = strip(&bytes, Strip::Symbols).unwrap();
        let module = Module::read(&stripped).unwrap();
        assert_eq!(module.dylink.as_ref().unwrap().place, crate::wasm::dylink::Place::First);
        assert_eq!(module.custom_sections, ["dylink.0"]);
        assert_eq!(module.exported_function("PyInit_x").unwrap().to_string(), "() -> (i32)");
        assert_eq!(module.imports[0].2.to_string(), "function (i32) -> ()");
        assert_eq!(strip(&stripped, Strip::DebugInfo).unwrap(), stripped);
    }

    #[test]
    fn refuses_a_module_that_is_cut() {
        let bytes = wat::parse_str("(module (func) (memory 1))").unwrap();
        for length in 0..bytes.len() - 1 {
            let cut = Module::read(&bytes[..length]);
            assert!(cut.is_err() || length == 8 || cut.unwrap().exports.is_empty(), "{length}");
        }
    }
}
