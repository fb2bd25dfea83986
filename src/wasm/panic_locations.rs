//! The places in source code that a module carries for the messages of panics.
//!
//! rustc keeps a `core::panic::Location` for each expression that may panic: the address and the length of a file name, a line
//! and a column, 16 bytes in the data. Found by what they look like, through the relocation of the address: there is no list.

use std::collections::BTreeSet;

use super::module::WasmError;
use super::relocation_table;

/// Bytes of one location.
const SIZE: u64 = 16;
/// No file name, line or column is larger.
const LONGEST_NAME: u32 = 1024;
const MOST_LINES: u32 = 1 << 20;
const WIDEST_LINE: u32 = 1 << 14;

/// The locations of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PanicLocations {
    /// How many there are.
    pub count: usize,
    /// Bytes of them and of the file names that they share.
    pub bytes: u64,
}

impl PanicLocations {
    /// Those of a module.
    ///
    /// # Errors
    /// When the bytes are not a whole module.
    pub fn read(bytes: &[u8]) -> Result<Self, WasmError> {
        let pointers = relocation_table::read_pointers(bytes)?;
        let (mut count, mut names) = (0, BTreeSet::new());
        for address in pointers.addresses() {
            if let Some(name) = name_of_location(&pointers, address) {
                count += 1;
                names.insert(name);
            }
        }
        let of_names: u64 = names.iter().map(|name| name.len() as u64).sum();
        Ok(Self { count, bytes: count as u64 * SIZE + of_names })
    }
}

/// The file name, if a location begins at the address.
fn name_of_location<'a>(pointers: &relocation_table::Pointers<'a>, address: u32) -> Option<&'a [u8]> {
    let word = |offset: u32| pointers.word(address.checked_add(offset)?);
    let (name, length, line, column) = (pointers.target(address)?, word(4)?, word(8)?, word(12)?);
    let is_one = (4..=LONGEST_NAME).contains(&length)
        && (1..=MOST_LINES).contains(&line)
        && (1..=WIDEST_LINE).contains(&column);
    let name = is_one.then(|| pointers.bytes(name, length))??;
    let is_path = name.ends_with(b".rs") && name.iter().all(|byte| !byte.is_ascii_control());
    is_path.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with a file name, two locations that share it, and pointers to what is no location.
    fn module() -> Vec<u8> {
        let words = |words: [u32; 3]| words.map(|word| format!("\\{word:02x}\\00\\00\\00")).concat();
        // At 0 the name; at 16 and 32 locations; at 48 one whose line is 0; at 64 one whose name has another ending.
        let data = [
            "src/lib.rs\\00\\00\\00\\00\\00\\00".to_owned(),
            format!("\\00\\00\\00\\00{}", words([10, 7, 3])),
            format!("\\00\\00\\00\\00{}", words([10, 9, 1])),
            format!("\\00\\00\\00\\00{}", words([10, 0, 1])),
            format!("\\00\\00\\00\\00{}", words([9, 1, 1])),
        ];
        let stores = [16, 32, 48, 64].map(|address| {
            format!(
                "(i32.store (i32.add (global.get 0) (i32.const {address})) (i32.add (global.get 0) (i32.const 0)))"
            )
        });
        let text = format!(
            "(module (@custom \"dylink.0\" (before first) \"\\01\\04\\50\\02\\00\\00\")
               (import \"env\" \"__memory_base\" (global i32)) (import \"env\" \"__table_base\" (global i32))
               (import \"env\" \"memory\" (memory 0))
               (func (export \"__wasm_apply_data_relocs\") {})
               (data (global.get 0) \"{}\"))",
            stores.concat(),
            data.concat()
        );
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn locations_are_told_from_other_pointers() {
        assert_eq!(PanicLocations::read(&module()).unwrap(), PanicLocations { count: 2, bytes: 2 * 16 + 10 });
        assert_eq!(PanicLocations::read(b"\0asm\x01\0\0\0").unwrap(), PanicLocations::default());
        assert!(PanicLocations::read(b"\0asm").is_err());
    }
}
