//! Hides the weak definitions of object files.
//!
//! C++ defines inline functions, templates and what belongs to their types in every object that uses them, weakly. wasm-ld
//! exports each from a shared library, whatever it is told of exports, so that a dynamic linker may choose one definition
//! for the whole process: <https://github.com/llvm/llvm-project/blob/main/lld/wasm/Symbols.cpp>. Modules that bind their own
//! names never use another's; the exports are weight, and collide with the runtime's. A hidden symbol stays in its module.

use anyhow::Result;
use wasmparser::{KnownCustom, Linking, Parser, Payload, SymbolFlags, SymbolInfo};

use super::archive::find_in_objects;

/// The places of the flags of weak definitions that others would see, in an object file or in the objects of an archive.
///
/// Files that are neither have none. What the source exports by an attribute of its own is not among them.
///
/// # Errors
/// When the file is broken.
pub(crate) fn visible_definitions(bytes: &[u8]) -> Result<Vec<usize>> {
    find_in_objects(bytes, in_object)
}

/// Hides the definitions at the places that [`visible_definitions`] found.
pub(crate) fn hide(bytes: &mut [u8], places: &[usize]) {
    for place in places {
        if let Some(flags) = bytes.get_mut(*place) {
            // All flags that are asked about here are in the first byte of the number.
            *flags |= SymbolFlags::VISIBILITY_HIDDEN.bits().to_le_bytes()[0];
        }
    }
}

/// The places in one object, which starts so far into its file.
fn in_object(object: &[u8], start: usize) -> Result<Vec<usize>> {
    let mut places = Vec::new();
    for payload in Parser::new(0).parse_all(object) {
        let Payload::CustomSection(section) = payload? else { continue };
        let KnownCustom::Linking(linking) = section.as_known() else { continue };
        for part in linking.subsections() {
            let Linking::SymbolTable(symbols) = part? else { continue };
            for symbol in symbols.into_iter_with_offsets() {
                let (place, symbol) = symbol?;
                if flags(&symbol).is_some_and(is_visible_definition) {
                    // The flags follow the byte that tells the kind.
                    places.push(start + usize::try_from(place)? + 1);
                }
            }
        }
    }
    Ok(places)
}

fn flags(symbol: &SymbolInfo<'_>) -> Option<SymbolFlags> {
    match symbol {
        SymbolInfo::Func { flags, .. } | SymbolInfo::Data { flags, .. } => Some(*flags),
        _ => None,
    }
}

fn is_visible_definition(flags: SymbolFlags) -> bool {
    let others = SymbolFlags::UNDEFINED | SymbolFlags::VISIBILITY_HIDDEN | SymbolFlags::EXPORTED;
    flags.contains(SymbolFlags::BINDING_WEAK) && !flags.intersects(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An object with a symbol table of these bytes.
    fn object(symbols: &[&[u8]]) -> Vec<u8> {
        let table: Vec<u8> = symbols.concat();
        // Version 2, and a subsection: its kind, its size, the number of symbols.
        let sizes = [table.len() + 1, symbols.len()].map(|size| u8::try_from(size).unwrap());
        let data: Vec<u8> = [2, 8].into_iter().chain(sizes).chain(table).collect();
        let mut module = wasm_encoder::Module::new();
        module.section(&wasm_encoder::CustomSection { name: "linking".into(), data: data.into() });
        module.finish()
    }

    #[test]
    fn weak_definitions_are_hidden_and_nothing_else() {
        let before: [&[u8]; 8] = [
            b"\x00\x01\x00\x01a",         // a weak function
            b"\x01\x01\x01b\x00\x00\x04", // weak data
            b"\x00\x81\x01\x00\x01c",     // a weak function that stays in any case
            b"\x00\x00\x00\x01d",         // not weak
            b"\x00\x05\x00\x01e",         // hidden
            b"\x00\x51\x00\x01f",         // weak and not defined
            b"\x00\x21\x00\x01g",         // weak and exported by an attribute
            b"\x00\x02\x00\x01h",         // local
        ];
        let mut after = before;
        after[..3].copy_from_slice(&[
            b"\x00\x05\x00\x01a",
            b"\x01\x05\x01b\x00\x00\x04",
            b"\x00\x85\x01\x00\x01c",
        ]);
        let mut bytes = object(&before);
        let places = visible_definitions(&bytes).unwrap();
        hide(&mut bytes, &places);
        assert_eq!(bytes, object(&after));
        assert!(visible_definitions(&bytes).unwrap().is_empty());
        assert!(visible_definitions(b"no object").unwrap().is_empty());
    }
}
