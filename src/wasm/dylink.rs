//! The dynamic-linking section of a side module: what the loader reads before anything else.
//!
//! Its two forms are `dylink.0` and, for old loaders, `dylink`:
//! <https://github.com/WebAssembly/tool-conventions/blob/main/DynamicLinking.md>.

use wasmparser::{BinaryReader, BinaryReaderError, Dylink0Subsection, KnownCustom, SymbolFlags};

/// How the section is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `dylink.0`, of subsections: LLVM 13 and later.
    Current,
    /// `dylink`, a fixed list of numbers: before.
    Old,
}

/// Where the section stands. Loaders read the first section and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is the first section.
    First,
    /// Something stands before it.
    Later,
}

/// What the section says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dylink {
    /// How it is written.
    pub form: Form,
    /// Where it stands.
    pub place: Place,
    /// Bytes of memory that the module wants.
    pub memory_size: u32,
    /// The alignment of that memory, as a power of two.
    pub memory_alignment: u32,
    /// Elements of the table that the module wants.
    pub table_size: u32,
    /// The alignment of those, as a power of two.
    pub table_alignment: u32,
    /// Shared libraries that the module asks for.
    pub needed: Vec<String>,
    /// Where to look for them: `$ORIGIN/../x.libs`.
    pub search_paths: Vec<String>,
    /// Imports that may be missing.
    pub weak: Vec<String>,
    /// Whether it contradicts its format: loaders do not check.
    pub is_cut: bool,
}

impl Dylink {
    /// Reads a custom section, if it is one for dynamic linking, as far as it goes.
    pub fn read(section: &wasmparser::CustomSectionReader<'_>, place: Place) -> Option<Self> {
        let mut found = Self {
            form: Form::Current,
            place,
            memory_size: 0,
            memory_alignment: 0,
            table_size: 0,
            table_alignment: 0,
            needed: Vec::new(),
            search_paths: Vec::new(),
            weak: Vec::new(),
            is_cut: false,
        };
        match section.as_known() {
            KnownCustom::Dylink0(subsections) => {
                for subsection in subsections {
                    match subsection {
                        Ok(subsection) => found.take(subsection),
                        Err(_) => {
                            found.is_cut = true;
                            break;
                        }
                    }
                }
            }
            _ if section.name() == "dylink" => {
                found.form = Form::Old;
                let mut reader = BinaryReader::new(section.data(), section.data_offset());
                found.is_cut = found.take_old(&mut reader).is_err();
            }
            _ => return None,
        }
        Some(found)
    }

    fn take(&mut self, subsection: Dylink0Subsection<'_>) {
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
        match subsection {
            Dylink0Subsection::MemInfo(numbers) => {
                self.memory_size = numbers.memory_size;
                self.memory_alignment = numbers.memory_alignment;
                self.table_size = numbers.table_size;
                self.table_alignment = numbers.table_alignment;
            }
            Dylink0Subsection::Needed(names) => self.needed.extend(owned(names)),
            Dylink0Subsection::RuntimePath(paths) => self.search_paths.extend(owned(paths)),
            Dylink0Subsection::ImportInfo(imports) => {
                let weak =
                    imports.into_iter().filter(|import| import.flags.contains(SymbolFlags::BINDING_WEAK));
                self.weak.extend(weak.map(|import| import.field.to_owned()));
            }
            Dylink0Subsection::ExportInfo(_)
            | Dylink0Subsection::TargetArch(_)
            | Dylink0Subsection::Unknown { .. } => {}
        }
    }

    fn take_old(&mut self, reader: &mut BinaryReader<'_>) -> Result<(), BinaryReaderError> {
        self.memory_size = reader.read_var_u32()?;
        self.memory_alignment = reader.read_var_u32()?;
        self.table_size = reader.read_var_u32()?;
        self.table_alignment = reader.read_var_u32()?;
        for _ in 0..reader.read_var_u32()? {
            self.needed.push(reader.read_string()?.to_owned());
        }
        Ok(())
    }
}
