//! Where the bytes of a module are: by section, by crate and by function, as far as there are names.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use wasmparser::{Parser, Payload};

use super::examined::is_module;
use super::lints::is_contract;
use crate::error::Result;
use crate::wasm::code::count_functions;
use crate::wasm::panic_locations::PanicLocations;
use crate::wasm::relocation_table::Relocations;
use crate::wasm::{Module, callers, module};
use crate::wheel::WheelContents;
use crate::wheel::compressed::{brotli_size, gzip_size};

/// The sizes of one module, all in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// The module's path.
    pub file: String,
    /// As it is.
    pub raw: u64,
    /// After gzip at its default level.
    pub gzip: u64,
    /// After brotli at its highest level, as web servers keep it.
    pub brotli: u64,
    /// Sections, the largest first.
    pub sections: Vec<Part>,
    /// What applies relocations; none if the module has no function for it.
    pub relocations: Option<RelocationSizes>,
    /// What the module carries for the messages of panics: file names, lines, columns.
    pub panic_locations: Option<PanicLocationSizes>,
    /// How many of its exports neither Python nor the loader asks for: they keep functions alive.
    pub unused_exports: usize,
    /// Code by crate, the largest first; empty without names.
    pub crates: Vec<Part>,
    /// Code by function, instances of a generic one together, the largest first; empty without names.
    pub functions: Vec<Part>,
}

/// The part of a module that applies relocations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelocationSizes {
    /// How many there are; none if that cannot be told.
    pub count: Option<usize>,
    /// Bytes of code.
    pub code: u64,
    /// Bytes of the table; none if all relocations are code.
    pub table: Option<u64>,
}

impl From<Relocations> for RelocationSizes {
    fn from(relocations: Relocations) -> Self {
        let Relocations { code, stored, table } = relocations;
        let listed = table.as_ref().map_or(0, |table| table.entries.len());
        let present = table.map(|table| table.present.into());
        Self { count: stored.map(|stored| stored + listed), code, table: present }
    }
}

/// The places in source code that a module carries for the messages of panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PanicLocationSizes {
    /// How many there are.
    pub count: usize,
    /// Bytes of them and of the file names that they share.
    pub bytes: u64,
}

/// A part of a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is called.
    pub name: String,
    /// How large it is, in bytes.
    pub bytes: u64,
}

/// The sizes of every module of a wheel, or of the one module.
///
/// # Errors
/// When the file cannot be read or is neither.
pub fn of_file(path: &Path) -> Result<Vec<Sizes>> {
    if path.extension().is_none_or(|ending| ending != "whl") {
        let bytes = fs_err::read(path)?;
        let name = path.display().to_string();
        return Ok(vec![of_module(&name, &bytes).with_context(|| format!("cannot measure `{name}`"))?]);
    }
    let wheel = WheelContents::open(path)?;
    let modules = wheel.files.iter().filter(|(path, bytes)| is_module(path) && module::is_wasm(bytes));
    modules
        .map(|(name, bytes)| {
            of_module(name, bytes).with_context(|| format!("cannot measure `{name}` of `{}`", path.display()))
        })
        .collect()
}

fn of_module(file: &str, bytes: &[u8]) -> Result<Sizes> {
    // Says what is wrong with a file that is no module.
    let module = Module::read(bytes)?;
    let names = Module::function_names(bytes)?;
    let mut sections: HashMap<String, u64> = HashMap::new();
    let mut by_crate: HashMap<String, u64> = HashMap::new();
    let mut by_function: HashMap<String, u64> = HashMap::new();
    let mut index = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        if let Some((name, range)) = name_section(&payload) {
            *sections.entry(name).or_default() += range.end - range.start;
        }
        match payload {
            Payload::ImportSection(section) => index = count_functions(&section)?,
            Payload::CodeSectionEntry(body) => {
                if !names.is_empty() {
                    let name = names.get(&index).map_or("?", String::as_str);
                    let range = body.range();
                    let size = range.end - range.start;
                    *by_crate
                        // C, and code that the linker makes itself.
                        .entry(callers::crate_of(name).unwrap_or_else(|| "(not Rust)".into()))
                        .or_default() += size;
                    *by_function.entry(drop_type_parameters(name)).or_default() += size;
                }
                index += 1;
            }
            _ => {}
        }
    }
    Ok(Sizes {
        file: file.to_owned(),
        raw: bytes.len() as u64,
        gzip: gzip_size(bytes)?,
        brotli: brotli_size(bytes)?,
        sections: sort_parts(sections),
        relocations: Relocations::read(bytes)?.map(RelocationSizes::from),
        panic_locations: of_panics(PanicLocations::read(bytes)?),
        unused_exports: module.exports.iter().filter(|export| !is_contract(&export.name)).count(),
        crates: sort_parts(by_crate),
        functions: sort_parts(by_function),
    })
}

/// None without a location: modules that are not Rust have none.
fn of_panics(found: PanicLocations) -> Option<PanicLocationSizes> {
    let PanicLocations { count, bytes } = found;
    (count > 0).then_some(PanicLocationSizes { count, bytes })
}

/// The name and the place of a section.
fn name_section(payload: &Payload<'_>) -> Option<(String, std::ops::Range<u64>)> {
    if let Payload::CustomSection(section) = payload {
        return Some((format!("custom `{}`", section.name()), section.range()));
    }
    let (id, range) = payload.as_section()?;
    let names = [
        "custom",
        "type",
        "import",
        "function",
        "table",
        "memory",
        "global",
        "export",
        "start",
        "element",
        "code",
        "data",
        "data count",
        "tag",
    ];
    Some(((*names.get(usize::from(id))?).to_owned(), range))
}

/// A function's readable name without the types it was made for: instances of one generic function are one.
fn drop_type_parameters(mangled: &str) -> String {
    let Some(text) = callers::readable(mangled) else { return mangled.to_owned() };
    let mut name = String::new();
    let mut depth = 0;
    let mut before = ' ';
    for letter in text.chars() {
        // `<T as Trait>::f` begins with its type; `f::<T>` and `Vec<T>` are instances.
        let opens = letter == '<' && (before.is_alphanumeric() || before == ':' || depth > 0);
        let closes = letter == '>' && depth > 0 && before != '-';
        if opens {
            depth += 1;
        }
        if depth == 0 {
            name.push(letter);
        }
        if closes {
            depth -= 1;
        }
        before = letter;
    }
    name.trim_end_matches("::").to_owned()
}

fn sort_parts(parts: HashMap<String, u64>) -> Vec<Part> {
    let mut parts: Vec<Part> = parts.into_iter().map(|(name, bytes)| Part { name, bytes }).collect();
    parts.sort_by(|a, b| (b.bytes, &a.name).cmp(&(a.bytes, &b.name)));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_of_a_generic_function_are_one() {
        let check = |name: &str| drop_type_parameters(name);
        assert_eq!(
            check("_ZN4core3ptr42drop_in_place$LT$alloc..string..String$GT$17h0123456789abcdefE"),
            "core::ptr::drop_in_place"
        );
        assert_eq!(
            check(
                "_ZN62_$LT$rayon_core..Registry$u20$as$u20$core..ops..drop..Drop$GT$4drop17h0123456789abcdefE"
            ),
            "<rayon_core::Registry as core::ops::drop::Drop>::drop"
        );
        assert_eq!(check("memcpy"), "memcpy");
    }

    #[test]
    fn every_byte_belongs_to_a_section() {
        let bytes =
            wat::parse_str("(module (memory 1) (func (export \"a\")) (data (i32.const 0) \"abc\"))").unwrap();
        let sizes = of_module("a.so", &bytes).unwrap();
        let names: Vec<&str> = sizes.sections.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["data", "export", "code", "type", "memory", "function"]);
        assert_eq!(sizes.functions, Vec::new());
    }
}
