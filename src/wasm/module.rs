//! Reads imports, exports, types and the dynamic-linking section of one module.

use std::collections::BTreeMap;
use std::fmt;

use wasmparser::{ExternalKind, KnownCustom, Parser, Payload, TypeRef, ValType};

use super::dylink::{Dylink, Place};

/// Why a module could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WasmError {
    /// The bytes do not start like a WebAssembly module.
    #[error("not a WebAssembly module: it starts with {0}")]
    NotWasm(String),
    /// The bytes end early or contradict the format.
    #[error("not a whole WebAssembly module: {0}")]
    Malformed(#[source] wasmparser::BinaryReaderError),
    /// It has more of something than engines take: <https://www.w3.org/TR/wasm-js-api/#limits>.
    #[error(
        "a WebAssembly module that is too large for every engine: {0}; a higher `opt-level`, or `s`, leaves fewer functions"
    )]
    OverLimit(#[source] wasmparser::BinaryReaderError),
    /// A section refers to a type or function that is not there.
    #[error("not a consistent WebAssembly module: {0}")]
    Inconsistent(&'static str),
}

impl From<wasmparser::BinaryReaderError> for WasmError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        // The parser has no kinds of errors.
        let of = if error.message().contains("exceeds limit of") { Self::OverLimit } else { Self::Malformed };
        of(error)
    }
}

/// The type of a function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    /// Parameters, in order.
    pub parameters: Vec<ValType>,
    /// Results, in order.
    pub results: Vec<ValType>,
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |types: &[ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "({}) -> ({})", list(&self.parameters), list(&self.results))
    }
}

/// What an import asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Import {
    /// A function.
    Function(Signature),
    /// A global of this type; `true` if it is mutable.
    Global(ValType, Mutability),
    /// A table, counted in elements.
    Table(Limits),
    /// A memory, counted in pages of 64 KiB.
    Memory(Limits),
    /// An exception tag.
    Tag(Signature),
}

/// How large a table or a memory may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// At least this much.
    pub minimum: u64,
    /// At most this much, if it says.
    pub maximum: Option<u64>,
    /// What sets it apart from a plain one: a table of functions, a memory of 32 bits that one thread uses.
    pub kind: Option<MemoryKind>,
}

/// What a plain table or memory is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryKind {
    /// Addresses of 64 bits.
    Wide,
    /// Shared between threads.
    Shared,
    /// A table of something other than functions.
    NotFunctions,
}

impl MemoryKind {
    fn of_memory(memory: wasmparser::MemoryType) -> Option<Self> {
        match memory {
            _ if memory.memory64 => Some(Self::Wide),
            _ if memory.shared => Some(Self::Shared),
            _ => None,
        }
    }

    fn of_table(table: wasmparser::TableType) -> Option<Self> {
        match table {
            _ if table.table64 => Some(Self::Wide),
            _ if table.shared => Some(Self::Shared),
            _ if table.element_type != wasmparser::RefType::FUNCREF => Some(Self::NotFunctions),
            _ => None,
        }
    }
}

/// Whether a global can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// It cannot.
    Constant,
    /// It can.
    Mutable,
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Import::Function(signature) => write!(f, "function {signature}"),
            Import::Global(kind, Mutability::Mutable) => write!(f, "mutable global {kind}"),
            Import::Global(kind, Mutability::Constant) => write!(f, "global {kind}"),
            Import::Table(_) => f.write_str("table"),
            Import::Memory(_) => f.write_str("memory"),
            Import::Tag(signature) => write!(f, "tag {signature}"),
        }
    }
}

/// What an export offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportKind {
    /// A function of this type.
    Function(Signature),
    /// A global: the address of data.
    Global,
    /// A table, a memory or a tag.
    Table,
    /// A memory.
    Memory,
    /// An exception tag.
    Tag,
}

/// An exported name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: ExportKind,
}

/// The parts of a module that linking is about.
#[derive(Debug, Default)]
pub struct Module {
    /// Imports in order: module name, field name, type.
    pub imports: Vec<(String, String, Import)>,
    /// Exports in order.
    pub exports: Vec<Export>,
    /// Names of the custom sections, in order.
    pub custom_sections: Vec<String>,
    /// The dynamic-linking section, if there is one.
    pub dylink: Option<Dylink>,
    /// The module's own memories and tables.
    pub own: Vec<Own>,
}

/// A memory or a table that the module defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// A memory, counted in pages of 64 KiB.
    Memory(Limits),
    /// A table, counted in elements.
    Table(Limits),
}

impl Module {
    /// Reads a module.
    ///
    /// # Errors
    /// When the bytes are not a whole, consistent module.
    pub fn read(bytes: &[u8]) -> Result<Self, WasmError> {
        if !is_wasm(bytes) {
            return Err(WasmError::NotWasm(describe_start(bytes)));
        }
        let mut reader = Reader::default();
        for payload in Parser::new(0).parse_all(bytes) {
            reader.take(payload?)?;
        }
        reader.finish()
    }

    /// The names of functions by index, as the name section has them; none if it was stripped.
    ///
    /// # Errors
    /// When the bytes are not a whole module.
    pub fn function_names(bytes: &[u8]) -> Result<BTreeMap<u32, String>, WasmError> {
        let mut names = BTreeMap::new();
        for payload in Parser::new(0).parse_all(bytes) {
            let Payload::CustomSection(section) = payload? else { continue };
            let KnownCustom::Name(subsections) = section.as_known() else { continue };
            for subsection in subsections {
                if let wasmparser::Name::Function(functions) = subsection? {
                    for naming in functions {
                        let naming = naming?;
                        names.insert(naming.index, naming.name.to_owned());
                    }
                }
            }
        }
        Ok(names)
    }

    /// The signature of an exported function.
    pub fn exported_function(&self, name: &str) -> Option<&Signature> {
        self.exports.iter().find(|export| export.name == name).and_then(|export| match &export.kind {
            ExportKind::Function(signature) => Some(signature),
            _ => None,
        })
    }
}

/// Whether bytes start like a WebAssembly module.
pub(crate) fn is_wasm(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm")
}

/// What kind of file bytes look like, for messages.
pub(crate) fn describe_start(bytes: &[u8]) -> String {
    match bytes {
        [] => "nothing: the file is empty".into(),
        [0x7f, b'E', b'L', b'F', ..] => "an ELF header: it is a native Linux library".into(),
        [0xcf, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => {
            "a Mach-O header: it is a native macOS library".into()
        }
        [b'M', b'Z', ..] => "a PE header: it is a native Windows library".into(),
        [b'B', b'C', 0xc0, 0xde, ..] => "LLVM bitcode: it was not linked".into(),
        _ => format!("bytes {:02x?}", &bytes[..bytes.len().min(4)]),
    }
}

fn table_limits(table: wasmparser::TableType) -> Limits {
    Limits { minimum: table.initial, maximum: table.maximum, kind: MemoryKind::of_table(table) }
}

fn memory_limits(memory: wasmparser::MemoryType) -> Limits {
    Limits { minimum: memory.initial, maximum: memory.maximum, kind: MemoryKind::of_memory(memory) }
}

#[derive(Default)]
struct Reader {
    module: Module,
    types: Vec<Option<Signature>>,
    functions: Vec<u32>,
    exports: Vec<(String, ExternalKind, u32)>,
    sections: usize,
}

impl Reader {
    fn take(&mut self, payload: Payload<'_>) -> Result<(), WasmError> {
        match payload {
            Payload::Version { .. } | Payload::CodeSectionEntry(_) | Payload::End(_) => return Ok(()),
            Payload::CustomSection(section) => self.custom(&section),
            Payload::TypeSection(section) => self.types(section)?,
            Payload::ImportSection(section) => self.imports(section)?,
            Payload::FunctionSection(section) => {
                for index in section {
                    self.functions.push(index?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.module.own.push(Own::Table(table_limits(table?.ty)));
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.module.own.push(Own::Memory(memory_limits(memory?)));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.exports.push((export.name.to_owned(), export.kind, export.index));
                }
            }
            _ => {}
        }
        self.sections += 1;
        Ok(())
    }

    fn custom(&mut self, section: &wasmparser::CustomSectionReader<'_>) {
        self.module.custom_sections.push(section.name().to_owned());
        // Loaders look at the first section only, so that its place matters as much as its content.
        let place = if self.sections == 0 { Place::First } else { Place::Later };
        if self.module.dylink.is_none() {
            self.module.dylink = Dylink::read(section, place);
        }
    }

    fn types(&mut self, section: wasmparser::TypeSectionReader<'_>) -> Result<(), WasmError> {
        for group in section {
            for kind in group?.into_types() {
                self.types.push(match kind.composite_type.inner {
                    wasmparser::CompositeInnerType::Func(function) => Some(Signature {
                        parameters: function.params().to_vec(),
                        results: function.results().to_vec(),
                    }),
                    _ => None,
                });
            }
        }
        Ok(())
    }

    fn imports(&mut self, section: wasmparser::ImportSectionReader<'_>) -> Result<(), WasmError> {
        for import in section.into_imports() {
            let import = import?;
            let kind = match import.ty {
                TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                    self.functions.push(index);
                    Import::Function(self.signature(index)?)
                }
                TypeRef::Global(global) => {
                    let mutability = if global.mutable { Mutability::Mutable } else { Mutability::Constant };
                    Import::Global(global.content_type, mutability)
                }
                TypeRef::Table(table) => Import::Table(table_limits(table)),
                TypeRef::Memory(memory) => Import::Memory(memory_limits(memory)),
                TypeRef::Tag(tag) => Import::Tag(self.signature(tag.func_type_idx)?),
            };
            self.module.imports.push((import.module.to_owned(), import.name.to_owned(), kind));
        }
        Ok(())
    }

    fn signature(&self, index: u32) -> Result<Signature, WasmError> {
        let known = self.types.get(index as usize).cloned().flatten();
        known.ok_or(WasmError::Inconsistent("a type index points nowhere"))
    }

    fn finish(mut self) -> Result<Module, WasmError> {
        for (name, kind, index) in std::mem::take(&mut self.exports) {
            let kind = match kind {
                ExternalKind::Func | ExternalKind::FuncExact => {
                    let index = self
                        .functions
                        .get(index as usize)
                        .ok_or(WasmError::Inconsistent("an exported function is not there"))?;
                    ExportKind::Function(self.signature(*index)?)
                }
                ExternalKind::Global => ExportKind::Global,
                ExternalKind::Table => ExportKind::Table,
                ExternalKind::Memory => ExportKind::Memory,
                ExternalKind::Tag => ExportKind::Tag,
            };
            self.module.exports.push(Export { name, kind });
        }
        Ok(self.module)
    }
}
