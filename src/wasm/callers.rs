//! Which Rust crates reach an imported function, as far as the name section tells.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use wasmparser::{Operator, Parser, Payload, TypeRef};

use super::module::{Module, WasmError};

/// Crates of the Rust toolchain itself: what calls them is more telling.
const TOOLCHAIN: [&str; 10] = [
    "std",
    "__rustc",
    "core",
    "alloc",
    "compiler_builtins",
    "panic_unwind",
    "panic_abort",
    "unwind",
    "std_detect",
    "rustc_std_workspace_core",
];

/// The nearest crates that reach these imports through direct calls; none where the names were stripped.
///
/// # Errors
/// When the bytes are not a whole module.
pub fn crates_behind(bytes: &[u8], imports: &[&str]) -> Result<BTreeSet<String>, WasmError> {
    let names = Module::function_names(bytes)?;
    if names.is_empty() {
        return Ok(BTreeSet::new());
    }
    let graph = CallGraph::read(bytes)?;
    let mut reached: HashSet<u32> = HashSet::new();
    let mut edge: Vec<u32> =
        imports.iter().filter_map(|name| graph.imports.get(*name)).flatten().copied().collect();
    let mut crates = BTreeSet::new();
    // Past functions of the standard library, up to the first crate that chose to call it.
    while let Some(function) = edge.pop() {
        for caller in graph.callers.get(&function).into_iter().flatten() {
            if !reached.insert(*caller) {
                continue;
            }
            match names.get(caller).and_then(|name| crate_of(name)) {
                Some(name) if !TOOLCHAIN.contains(&name.as_str()) => {
                    crates.insert(name);
                }
                _ => edge.push(*caller),
            }
        }
    }
    Ok(crates)
}

/// The crate that a mangled name is of; none for C.
pub fn crate_of(mangled: &str) -> Option<String> {
    // `<rayon_core::Registry as core::ops::Drop>::drop`, `core::ptr::drop_in_place::<…>`, `<&mut a::B>::c`.
    let text = readable(mangled)?;
    let path = text.trim_start_matches(['<', '&', '*', '(', '[']);
    let path = ["mut ", "const ", "dyn "].iter().fold(path, |path, word| path.trim_start_matches(word));
    let name: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty() && path[name.len()..].starts_with("::")).then_some(name)
}

/// A Rust function's name for reading, without its hash; none for C and C++.
pub fn readable(name: &str) -> Option<String> {
    if let Ok(demangled) = rustc_demangle::try_demangle(name) {
        return Some(format!("{demangled:#}"));
    }
    // wasm-ld demangles names unless it is told not to, and leaves the hash and these escapes in.
    let (path, hash) = name.rsplit_once("::h")?;
    if hash.len() != 16 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let escapes = [
        ("_$", "$"),
        ("$LT$", "<"),
        ("$GT$", ">"),
        ("$RF$", "&"),
        ("$BP$", "*"),
        ("$LP$", "("),
        ("$RP$", ")"),
        ("$C$", ","),
        ("$u20$", " "),
        ("$u27$", "'"),
        ("$u5b$", "["),
        ("$u5d$", "]"),
        ("$u7b$", "{"),
        ("$u7d$", "}"),
        ("..", "::"),
    ];
    Some(escapes.iter().fold(path.to_owned(), |path, (escape, letter)| path.replace(escape, letter)))
}

/// Who calls whom, directly.
#[derive(Default)]
struct CallGraph {
    /// Imported function → its indexes.
    imports: BTreeMap<String, Vec<u32>>,
    callers: HashMap<u32, Vec<u32>>,
}

impl CallGraph {
    fn read(bytes: &[u8]) -> Result<Self, WasmError> {
        let mut graph = Self::default();
        let mut next = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        if matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                            graph.imports.entry(import.name.to_owned()).or_default().push(next);
                            next += 1;
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let mut operators = body.get_operators_reader()?;
                    while !operators.eof() {
                        if let Operator::Call { function_index } | Operator::ReturnCall { function_index } =
                            operators.read()?
                        {
                            graph.callers.entry(function_index).or_default().push(next);
                        }
                    }
                    next += 1;
                }
                _ => {}
            }
        }
        Ok(graph)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_found_through_std() {
        let text = r#"(module
            (import "env" "pthread_create" (func $pthread_create))
            (func $_ZN3std6thread5spawn17h0123456789abcdefE (call $pthread_create))
            (func $_ZN10rayon_core8registry3new17h0123456789abcdefE (call $_ZN3std6thread5spawn17h0123456789abcdefE))
            (func $_ZN3app4main17h0123456789abcdefE (call $_ZN10rayon_core8registry3new17h0123456789abcdefE)))"#;
        let bytes = wat::parse_str(text).unwrap();
        let found = crates_behind(&bytes, &["pthread_create"]).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["rayon_core"]);
    }

    #[test]
    fn names_tell_their_crate() {
        let check = |name: &str| crate_of(name).unwrap_or_else(|| "-".into());
        let names = [
            "_ZN10rayon_core8registry3new17h0123456789abcdefE",
            "_ZN62_$LT$rayon_core..Registry$u20$as$u20$core..ops..drop..Drop$GT$4drop17h0123456789abcdefE",
            "_RNvCsdlfkj_4main3foo",
            "rayon_core::registry::Registry::new::h0b51689b507ef09e",
            "_$LT$pyo3..err..cast_error..DisplayClassInfo$u20$as$u20$core..fmt..Display$GT$::fmt::hf74e0b51689b507e",
            "std::__2::vector<int>::push_back(int&&)",
            "memcpy",
        ];
        assert_eq!(names.map(check), ["rayon_core", "rayon_core", "main", "rayon_core", "pyo3", "-", "-"]);
    }
}
