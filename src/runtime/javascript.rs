//! What `pyodide.asm.js` (`pyodide.asm.mjs` from 314 on) gives to side modules: names and, where it says, types.
//!
//! The importable names are the keys of one object literal, `wasmImports` (`asmLibraryArg` up to 0.22), whose values
//! are plain identifiers. `identifier.sig="vij"` gives a function's type in Emscripten's letters. The name sets found
//! this way equal those of the running processes.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use wasmparser::ValType;

use crate::error::Result;
use crate::wasm::Signature;

/// The parts of the start-up script that linking is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    /// What the loader does for a module before its code runs.
    pub start_up: StartUp,
    /// Importable name → the signature the script states, if it states one.
    pub functions: BTreeMap<String, Option<Signature>>,
    /// Importable names that are no functions.
    pub values: BTreeMap<String, ScriptValue>,
    /// Whether the main module's own functions under another name are found only when they are called, by which time any
    /// type has linked: up to 0.22.
    pub finds_aliases_late: bool,
}

/// Something other than a function that the script gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptValue {
    /// A number: the address of data, such as `__heap_base`.
    Number,
    /// A number that is found only where an address is wanted, up to 0.22.
    LateNumber,
    /// A global of WebAssembly: `__stack_pointer`, `__memory_base`.
    Global,
    /// Another object of JavaScript, which no module can import.
    Object,
}

/// Reads the script of an unpacked release.
///
/// # Errors
/// When there is none or it has no object of imports.
pub(crate) fn read(folder: &Path) -> Result<Script> {
    let names = ["pyodide.asm.mjs", "pyodide.asm.js"];
    let path = names.map(|name| folder.join(name)).into_iter().find(|path| path.is_file());
    let path =
        path.ok_or_else(|| anyhow!("there is no `{}` in `{}`", names.join("` or `"), folder.display()))?;
    let text = fs_err::read_to_string(&path)?;
    parse(&text).with_context(|| format!("cannot read `{}`", path.display()))
}

/// Reads a script's text.
///
/// # Errors
/// When it has no object of imports.
pub(crate) fn parse(text: &str) -> Result<Script> {
    let literal = ["var wasmImports={", "var asmLibraryArg={", "wasmImports={", "asmLibraryArg={"]
        .into_iter()
        .find_map(|start| text.find(start).map(|at| &text[at + start.len()..]))
        // Its values are plain names: the first brace ends it, and no parser of JavaScript is needed.
        .and_then(|rest| rest.split_once('}'))
        .map(|(literal, _)| literal)
        .ok_or_else(|| anyhow!("no `wasmImports` or `asmLibraryArg` object: not a script of a known kind"))?;
    let signatures = signatures(text);
    let known = values(text);
    let finds_aliases_late = text.contains("asmLibraryArg={");
    let mut script = Script { start_up: StartUp::read(text), finds_aliases_late, ..Script::default() };
    for entry in literal.split(',') {
        let (name, value) = entry.split_once(':').unwrap_or((entry, entry));
        let name = name.trim().trim_matches('"');
        match known.get(value.trim()) {
            _ if name.is_empty() => {}
            Some(value) => drop(script.values.insert(name.to_owned(), *value)),
            None => drop(script.functions.insert(name.to_owned(), signatures.get(value.trim()).cloned())),
        }
    }
    if finds_aliases_late {
        // What hangs on `Module` is found as well where an address is wanted.
        let numbers = known.iter().filter(|(_, value)| **value == ScriptValue::Number);
        let names = numbers.filter_map(|(variable, _)| variable.strip_prefix('_'));
        for name in names.filter(|name| text.contains(&format!("Module[\"_{name}\"]"))) {
            script.values.entry(name.to_owned()).or_insert(ScriptValue::LateNumber);
        }
    }
    Ok(script)
}

/// Variables that hold no function, as far as their declaration shows it: `var ___heap_base=9187744`.
fn values(text: &str) -> BTreeMap<&str, ScriptValue> {
    let mut found = BTreeMap::new();
    // Only variables that start like C names with Emscripten's underscore: all others are functions, or private to
    // the script.
    for (at, marker) in text.match_indices("var ___").chain(text.match_indices("var __MONTH")) {
        let start = at + "var ".len();
        let Some(length) = text[at + marker.len()..].find(|c: char| !is_identifier(c)) else { continue };
        let end = at + marker.len() + length;
        let Some(declared) = text[end..].strip_prefix('=') else { continue };
        let value = match declared.as_bytes().first() {
            Some(b'0'..=b'9') => ScriptValue::Number,
            Some(b'[') => ScriptValue::Object,
            _ if declared.starts_with("new WebAssembly.Global(") => ScriptValue::Global,
            _ => continue,
        };
        found.insert(&text[start..end], value);
    }
    found
}

fn is_identifier(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '$'
}

/// What the loader does for a side module, and what the module must do itself.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, read on its own")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StartUp {
    /// Whether the loader calls `__wasm_apply_data_relocs`: from 0.22 on.
    pub applies_relocations: bool,
    /// Whether the module's memory is zero: from 0.22 on.
    pub zeroes_memory: bool,
    /// Whether it also takes the old section `dylink` for `dylink.0`: up to 0.27.
    pub reads_old_section: bool,
    /// Whether an `invoke_j…` that the runtime itself does not import returns when something is thrown: from 0.26 on.
    /// Before, it throws in JavaScript, which cannot make 64 bits out of nothing.
    pub returns_wide: bool,
}

impl StartUp {
    fn read(text: &str) -> Self {
        Self {
            // The script is minified, but strings and property names in it stay as they are written in Emscripten.
            applies_relocations: text.contains(r#"moduleExports["__wasm_apply_data_relocs"]"#),
            zeroes_memory: text.contains("zeroMemory(_malloc(size),size)")
                || text.contains("_calloc(size,1)"),
            reads_old_section: text.contains(r#"=="dylink")"#) || text.contains(r#"==="dylink""#),
            returns_wide: text.contains(r#"_setThrew(1,0);if(sig[0]=="j")return 0n"#),
        }
    }
}

/// All `identifier.sig="…"` of the script.
fn signatures(text: &str) -> BTreeMap<&str, Signature> {
    let mut found = BTreeMap::new();
    // Up to 0.25 the loader cannot wrap a function with references, whatever it states.
    let wraps_references = text.contains(r#""e":111"#) || text.contains("e:111");
    for (at, marker) in text.match_indices(".sig=") {
        let before = &text[..at];
        let name = &before[before.trim_end_matches(is_identifier).len()..];
        let after = &text[at + marker.len()..];
        let Some(quote) = after.chars().next().filter(|c| matches!(c, '"' | '\'')) else { continue };
        let Some((letters, _)) = after[1..].split_once(quote) else { continue };
        if let Some(signature) = from_letters(letters).filter(|_| wraps_references || !letters.contains('e'))
        {
            found.insert(name, signature);
        }
    }
    found
}

/// A signature from Emscripten's letters: the result first, `v` for none, `p` for a pointer.
pub(crate) fn from_letters(letters: &str) -> Option<Signature> {
    let kind = |letter: char| match letter {
        'i' | 'p' => Some(ValType::I32),
        'j' => Some(ValType::I64),
        'f' => Some(ValType::F32),
        'd' => Some(ValType::F64),
        'e' => Some(ValType::EXTERNREF),
        _ => None,
    };
    let mut letters = letters.chars();
    let results = match letters.next()? {
        'v' => Vec::new(),
        letter => vec![kind(letter)?],
    };
    Some(Signature { parameters: letters.map(kind).collect::<Option<_>>()?, results })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        match parse(text) {
            Ok(script) => script
                .functions
                .iter()
                .map(|(name, sig)| {
                    format!("{name}: {}", sig.as_ref().map_or("?".into(), ToString::to_string))
                })
                .collect::<Vec<_>>()
                .join("\n"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn reads_names_and_signatures() {
        let text = r#"_time.sig="vp";function _log(a){}_log.sig='vij';var wasmImports={"abort":_abort,log:_log,e:_e};_e.sig="pe";var typeCodes={i:127,e:111};"#;
        insta::assert_snapshot!(check(text), @r"
        abort: ?
        e: (externref) -> (i32)
        log: (i32, i64) -> ()
        ");
        insta::assert_snapshot!(check("var asmLibraryArg={ a:b };"), @"a: ?");
        insta::assert_snapshot!(check("é.sig='v';éa.sig='v';var asmLibraryArg={a:a}"), @"a: () -> ()");
        insta::assert_snapshot!(check("console.log(1)"), @"no `wasmImports` or `asmLibraryArg` object: not a script of a known kind");
    }
}
