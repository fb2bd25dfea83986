//! How exceptions unwind: one row a model. Whatever differs between models is read from its row.

use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

/// How C++ exceptions, and so Rust panics, unwind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExceptionModel {
    /// Through JavaScript: calls that may unwind go through `invoke_*`. Pyodide 0.21 to 0.27.
    JavaScript,
    /// Through WebAssembly's exception instructions, in their legacy encoding. Pyodide 0.28 to 315.
    #[serde(rename = "wasm")]
    WasmLegacy,
    /// Through WebAssembly's exception instructions as the standard has them, with references to exceptions.
    #[serde(rename = "exnref")]
    WasmExnref,
}

/// The instructions with which WebAssembly catches exceptions. Both encodings share `throw` and the tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// `try`, `catch`, `rethrow`, `delegate`: from before the standard.
    Legacy,
    /// `try_table`, `throw_ref`: WebAssembly 3.0.
    Exnref,
}

/// All that differs between the models.
#[derive(Debug)]
pub struct ModelRow {
    /// The model.
    pub model: ExceptionModel,
    /// What it is called in output, and in the names of cached sysroots.
    pub name: &'static str,
    /// In words, after "exceptions through".
    pub in_words: &'static str,
    /// The instructions that catch; none where JavaScript does.
    pub encoding: Option<Encoding>,
    /// How setjmp and longjmp work.
    pub setjmp: &'static str,
    /// The exception tags that a side module can import.
    pub tags: &'static [&'static str],
    /// Helpers that a module of this model imports: if a release lacks one, the module was compiled for it.
    pub telling: &'static [&'static str],
    /// How the names of helpers start that the runtime makes as they are asked for.
    pub on_demand: &'static [&'static str],
    /// What clang is given, and the LLVM from which on. The first is the oldest that can compile for this model.
    pub clang: &'static [ClangFlags],
    /// What a real `emcc` is given.
    pub emcc: &'static [&'static str],
    /// What rustc is given.
    pub rustc: RustcSupport,
}

/// Flags that clang has from one LLVM on.
#[derive(Debug)]
pub struct ClangFlags {
    /// The major version.
    pub since: u32,
    /// The flags.
    pub flags: &'static [&'static str],
}

/// Which compilers have a model.
#[derive(Debug)]
pub struct RustcSupport {
    /// The flag that chooses the model, passed even where it is the default: defaults change.
    pub flag: &'static str,
    /// The first compiler that has the model; none if all have.
    pub first: Option<Version>,
    /// Older compilers have the model without the flag.
    pub default_before: Option<Version>,
    /// Which compilers know the flag, in words.
    pub known_to: &'static str,
}

/// The last line whose exceptions unwind through JavaScript.
pub const LAST_LINE_WITH_JAVASCRIPT: &str = "0.27";

/// The last stable Rust that unwinds through JavaScript, as rustup names it.
pub const LAST_RUST_WITH_JAVASCRIPT: &str = "1.97";

/// The first compiler that unwinds through WebAssembly, as its default and in its prebuilt library for this target.
const WASM_EXCEPTIONS: Version = Version::new(1, 93, 0);

/// What choosing exceptions and setjmp through WebAssembly takes in every encoding.
const CLANG_WASM: &[&str] = &["-fwasm-exceptions", "-mllvm", "-wasm-enable-sjlj"];

const WASM_TAGS: &[&str] = &["__cpp_exception", "__c_longjmp"];

const WASM_TELLING: &[&str] = &[
    "__cpp_exception",
    "_Unwind_RaiseException",
    "_Unwind_CallPersonality",
    "_Unwind_DeleteException",
    "__wasm_lpad_context",
    "__gxx_personality_wasm0",
];

/// The models that are known.
pub(crate) static ROWS: [ModelRow; 3] = [
    ModelRow {
        model: ExceptionModel::JavaScript,
        name: "javascript",
        in_words: "JavaScript",
        encoding: None,
        setjmp: "javascript",
        tags: &[],
        telling: &[
            "__resumeException",
            "llvm_eh_typeid_for",
            "__cxa_find_matching_catch",
            "getTempRet0",
            "setTempRet0",
        ],
        on_demand: &["invoke_", "__cxa_find_matching_catch_"],
        clang: &[ClangFlags {
            since: 19,
            flags: &[
                "-fexceptions",
                "-mllvm",
                "-enable-emscripten-cxx-exceptions",
                "-mllvm",
                "-enable-emscripten-sjlj",
            ],
        }],
        emcc: &["-fPIC", "-fexceptions", "-sSUPPORT_LONGJMP=emscripten"],
        rustc: RustcSupport {
            flag: "-Zemscripten-wasm-eh=no",
            first: None,
            default_before: Some(WASM_EXCEPTIONS),
            known_to: "Rust up to 1.97",
        },
    },
    ModelRow {
        model: ExceptionModel::WasmLegacy,
        name: "wasm",
        in_words: "WebAssembly",
        encoding: Some(Encoding::Legacy),
        setjmp: "wasm",
        tags: WASM_TAGS,
        telling: WASM_TELLING,
        on_demand: &[],
        clang: &[
            // LLVM 19 has this encoding alone, and no flag to choose it.
            ClangFlags { since: 19, flags: CLANG_WASM },
            ClangFlags { since: 20, flags: &["-mllvm", "-wasm-use-legacy-eh=true"] },
        ],
        // `-sWASM_LEGACY_EXCEPTIONS=1` says the same and is refused by Emscripten 3, which has this encoding alone.
        emcc: &["-fPIC", "-fwasm-exceptions", "-sSUPPORT_LONGJMP=wasm"],
        rustc: RustcSupport {
            flag: "-Cllvm-args=-wasm-use-legacy-eh=true",
            first: Some(WASM_EXCEPTIONS),
            default_before: None,
            known_to: "Rust from 1.93 on",
        },
    },
    ModelRow {
        model: ExceptionModel::WasmExnref,
        name: "exnref",
        in_words: "WebAssembly with exnref",
        encoding: Some(Encoding::Exnref),
        setjmp: "wasm",
        tags: WASM_TAGS,
        telling: WASM_TELLING,
        on_demand: &[],
        clang: &[
            ClangFlags { since: 20, flags: CLANG_WASM },
            // LLVM 19 knows `-wasm-enable-exnref` and does not yet write all of the encoding.
            ClangFlags { since: 20, flags: &["-mllvm", "-wasm-use-legacy-eh=false"] },
        ],
        emcc: &["-fPIC", "-fwasm-exceptions", "-sSUPPORT_LONGJMP=wasm", "-sWASM_LEGACY_EXCEPTIONS=0"],
        rustc: RustcSupport {
            flag: "-Cllvm-args=-wasm-use-legacy-eh=false",
            first: Some(WASM_EXCEPTIONS),
            default_before: None,
            known_to: "Rust from 1.93 on",
        },
    },
];

impl ExceptionModel {
    /// All that differs between this model and others.
    pub fn row(self) -> &'static ModelRow {
        match self {
            Self::JavaScript => &ROWS[0],
            Self::WasmLegacy => &ROWS[1],
            Self::WasmExnref => &ROWS[2],
        }
    }

    /// The model whose code catches with these instructions.
    pub fn of_encoding(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Legacy => Self::WasmLegacy,
            Encoding::Exnref => Self::WasmExnref,
        }
    }
}

impl fmt::Display for ExceptionModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

impl ModelRow {
    /// Whether the runtime makes a helper of this name when it is asked for.
    pub fn makes_on_demand(&self, name: &str) -> bool {
        self.on_demand.iter().any(|start| name.starts_with(start))
    }

    /// Whether a module that imports this name was compiled for this model.
    pub fn is_told_by(&self, name: &str) -> bool {
        self.telling.contains(&name) || self.makes_on_demand(name)
    }

    /// The oldest LLVM whose clang compiles for this model.
    pub fn oldest_llvm(&self) -> u32 {
        self.clang.iter().map(|part| part.since).min().unwrap_or_default()
    }
}

/// Whether a name is one of the helpers that the runtime of some model makes as they are asked for.
pub fn is_made_on_demand(name: &str) -> bool {
    ROWS.iter().any(|row| row.makes_on_demand(name))
}

/// Whether a name is an exception tag of some model.
pub(crate) fn is_tag(name: &str) -> bool {
    ROWS.iter().any(|row| row.tags.contains(&name))
}

/// What every compilation for a line gets: the target, position independence, how exceptions and longjmp unwind.
pub(crate) fn clang_flags(exceptions: ExceptionModel, llvm: u32) -> Vec<&'static str> {
    let parts = exceptions.row().clang.iter().filter(|part| part.since <= llvm);
    let own = parts.flat_map(|part| part.flags.iter().copied());
    ["--target=wasm32-unknown-emscripten", "-fPIC"].into_iter().chain(own).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_model_finds_its_row_and_names_are_unique() {
        for row in &ROWS {
            assert!(std::ptr::eq(row.model.row(), row), "{}", row.name);
            assert_eq!(serde_json::to_string(&row.model).unwrap(), format!("\"{}\"", row.name));
            assert_eq!(row.encoding.map_or(row.model, ExceptionModel::of_encoding), row.model);
        }
        let unique = |of: fn(&ModelRow) -> &str| ROWS.iter().map(of).collect::<BTreeSet<_>>().len();
        let all = [unique(|row| row.name), unique(|row| row.in_words), unique(|row| row.rustc.flag)];
        assert_eq!(all, [ROWS.len(); 3]);
        let encodings: BTreeSet<_> = ROWS.iter().map(|row| row.encoding).collect();
        assert_eq!(encodings.len(), ROWS.len());
    }

    #[test]
    fn each_clang_is_told_the_model() {
        let shown = |row: &ModelRow| {
            let flags = |llvm| clang_flags(row.model, llvm)[2..].join(" ");
            let said = |llvm| if llvm < row.oldest_llvm() { "cannot".to_owned() } else { flags(llvm) };
            [19, 20, 22].map(|llvm| format!("{} {llvm}: {}", row.name, said(llvm))).join("\n")
        };
        insta::assert_snapshot!(ROWS.each_ref().map(shown).join("\n"), @"
        javascript 19: -fexceptions -mllvm -enable-emscripten-cxx-exceptions -mllvm -enable-emscripten-sjlj
        javascript 20: -fexceptions -mllvm -enable-emscripten-cxx-exceptions -mllvm -enable-emscripten-sjlj
        javascript 22: -fexceptions -mllvm -enable-emscripten-cxx-exceptions -mllvm -enable-emscripten-sjlj
        wasm 19: -fwasm-exceptions -mllvm -wasm-enable-sjlj
        wasm 20: -fwasm-exceptions -mllvm -wasm-enable-sjlj -mllvm -wasm-use-legacy-eh=true
        wasm 22: -fwasm-exceptions -mllvm -wasm-enable-sjlj -mllvm -wasm-use-legacy-eh=true
        exnref 19: cannot
        exnref 20: -fwasm-exceptions -mllvm -wasm-enable-sjlj -mllvm -wasm-use-legacy-eh=false
        exnref 22: -fwasm-exceptions -mllvm -wasm-enable-sjlj -mllvm -wasm-use-legacy-eh=false
        ");
    }
}
