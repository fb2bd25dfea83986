//! Mends object files in which clang calls a function by the number of a global.
//!
//! Where LLVM turns a call through a pointer into a direct one, in code that is position-independent, it may keep the
//! relocation that the pointer had: `R_WASM_GLOBAL_INDEX_LEB` at a `call`. The linker then writes a global's number where a
//! function's belongs: <https://github.com/llvm/llvm-project/issues/215664>. There is no other such relocation at a call, so
//! that the right one is known.

use anyhow::Result;
use wasmparser::{KnownCustom, Parser, Payload, RelocationType};

use super::archive::find_in_objects;

/// The type of a relocation that names a function: `R_WASM_FUNCTION_INDEX_LEB`.
const FUNCTION_INDEX: u8 = 0;
/// `call` and `return_call`.
const CALLS: [u8; 2] = [0x10, 0x12];

/// The places in an object file, or in the objects of an archive, where the type of a relocation is wrong.
///
/// Files that are neither have none.
///
/// # Errors
/// When the file is broken.
pub(crate) fn wrong_calls(bytes: &[u8]) -> Result<Vec<usize>> {
    find_in_objects(bytes, in_object)
}

/// Writes the right relocations at the places that [`wrong_calls`] found.
pub(crate) fn mend(bytes: &mut [u8], places: &[usize]) {
    for place in places {
        if let Some(kind) = bytes.get_mut(*place) {
            *kind = FUNCTION_INDEX;
        }
    }
}

/// The places in one object, which starts so far into its file.
fn in_object(object: &[u8], start: usize) -> Result<Vec<usize>> {
    let mut code = 0;
    let mut places = Vec::new();
    for payload in Parser::new(0).parse_all(object) {
        match payload? {
            Payload::CodeSectionStart { unchecked_range, .. } => {
                code = usize::try_from(unchecked_range.start)?;
            }
            Payload::CustomSection(section) if section.name() == "reloc.CODE" => {
                let KnownCustom::Reloc(relocations) = section.as_known() else { continue };
                for entry in relocations.entries().into_iter_with_offsets() {
                    let (place, entry) = entry?;
                    let operand = code + entry.offset as usize;
                    let opcode = operand.checked_sub(1).and_then(|at| object.get(at));
                    if entry.ty == RelocationType::GlobalIndexLeb
                        && opcode.is_some_and(|opcode| CALLS.contains(opcode))
                    {
                        places.push(start + usize::try_from(place)?);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function that calls itself, and a relocation of this type at the call.
    fn object(kind: u8) -> Vec<u8> {
        let text = format!(r#"(module (func (call 0)) (@custom "reloc.CODE" "\02\01\{kind:02x}\04\00"))"#);
        wat::parse_str(text).unwrap()
    }

    fn archive(members: &[&[u8]]) -> Vec<u8> {
        let mut bytes = b"!<arch>\n".to_vec();
        for (number, member) in members.iter().enumerate() {
            let name = format!("{number}.o/");
            bytes.extend(format!("{name:16}{:12}{:6}{:6}{:8}{:<10}`\n", 0, 0, 0, 644, member.len()).bytes());
            bytes.extend(*member);
            bytes.resize(bytes.len().next_multiple_of(2), b'\n');
        }
        bytes
    }

    #[test]
    fn calls_of_globals_are_found_and_mended() {
        let (wrong, right) = (object(7), object(0));
        let places = wrong_calls(&wrong).unwrap();
        assert_eq!(places.len(), 1);
        let mut mended = wrong.clone();
        mend(&mut mended, &places);
        assert_eq!(mended, right);
        assert!(wrong_calls(&right).unwrap().is_empty());
        let mut bytes = archive(&[&right, &wrong, b"text", &wrong]);
        let places = wrong_calls(&bytes).unwrap();
        assert_eq!(places.len(), 2);
        mend(&mut bytes, &places);
        assert_eq!(bytes, archive(&[&right, &right, b"text", &right]));
        assert!(wrong_calls(b"no object").unwrap().is_empty());
    }
}
