//! From rustc's emcc-style arguments to a wasm-ld command line. Pure.
//!
//! One `wasm-ld -shared` link makes a side module. Only what Python calls to make a module (`PyInit_*`, `PyModExport_*`) is
//! exported, with what the loader calls: every other name stays local, because the first definition of a name that a runtime
//! loads wins for the whole process. A library that Python opens through cffi has no entry, and exports what rustc does.

use serde::Deserialize;

use crate::wheel::extension;

/// What a link is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LinkPlan {
    /// The module to write.
    pub output: String,
    /// Objects, archives and the switches between them, in order.
    pub inputs: Vec<String>,
    /// Functions to export.
    pub exports: Vec<String>,
    /// Arguments that mean nothing here, for the log.
    pub ignored: Vec<String>,
}

/// Why a link cannot be done.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CannotLink {
    /// No `-o`.
    #[error("the linker was called without `-o`")]
    NoOutput,
    /// A flag whose value is missing.
    #[error("the linker's argument `{0}` has no value")]
    NoValue(String),
    /// Not a list of functions.
    #[error("the linker's argument `{0}` is not a list of functions")]
    Exports(String),
    /// A program, not a library.
    #[error("this links a program, not an extension module: Pyodide can load extension modules only")]
    Program,
    /// A library without an extension module's entry.
    #[error(
        "the library `{0}` exports neither `PyInit_…` nor `PyModExport_…`: it is not a Python extension module (is the cargo feature off that turns the bindings on?)"
    )]
    NoEntry(String),
}

/// Libraries that are part of the runtime: the side module imports what it uses of them. Every runtime has libffi, for
/// `ctypes`.
const PROVIDED: [&str; 13] =
    ["c", "m", "pthread", "dl", "rt", "util", "gcc", "gcc_s", "c++", "c++abi", "stdc++", "unwind", "ffi"];

/// Reads rustc's arguments, with response files already expanded.
///
/// # Errors
/// When they do not describe a side module with an entry.
pub(super) fn read(arguments: &[String]) -> Result<LinkPlan, CannotLink> {
    let mut plan = LinkPlan::default();
    let mut functions = None;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().cloned().ok_or_else(|| CannotLink::NoValue(argument.clone()));
        match argument.as_str() {
            "-o" => plan.output = value()?,
            "-s" => take_setting(&value()?, &mut functions, &mut plan)?,
            "-l" => take_library(&value()?, &mut plan),
            "-L" => plan.inputs.push(format!("-L{}", value()?)),
            "-Xlinker" => take_linker_flag(&value()?, &mut plan),
            text if text.starts_with("-s") && text.len() > 2 => {
                take_setting(&text[2..], &mut functions, &mut plan)?;
            }
            text if text.starts_with("-l") => take_library(&text[2..], &mut plan),
            text if text.starts_with("-L") => plan.inputs.push(text.to_owned()),
            text if text.starts_with("-Wl,") => {
                text[4..].split(',').for_each(|flag| take_linker_flag(flag, &mut plan));
            }
            text if text.starts_with('-') => plan.ignored.push(text.to_owned()),
            input => plan.inputs.push(input.to_owned()),
        }
    }
    if plan.output.is_empty() {
        return Err(CannotLink::NoOutput);
    }
    // A build back end for C does not say what to export, but the file is called as the module is.
    plan.exports = match functions {
        Some(functions) => functions,
        None if arguments.iter().any(|argument| argument == "-shared") => vec![entry_of(&plan.output)],
        None => return Err(CannotLink::Program),
    };
    Ok(plan)
}

/// The entry of the extension module in a file: `x/_y.cpython-313-x86_64-linux-gnu.so` has `PyInit__y`.
fn entry_of(file: &str) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    format!("PyInit_{}", name.split('.').next().unwrap_or(name))
}

impl LinkPlan {
    /// The same link, exporting only what Python calls to make a module.
    pub(super) fn with_entries_alone(mut self) -> Self {
        self.exports.retain(|name| extension::is_entry(name));
        self
    }

    /// Refuses a link that exports nothing.
    ///
    /// # Errors
    /// When there is no function by which Python could make a module.
    pub(super) fn require_entry(&self) -> Result<(), CannotLink> {
        if self.exports.is_empty() { Err(CannotLink::NoEntry(self.output.clone())) } else { Ok(()) }
    }
}

fn take_setting(
    setting: &str,
    functions: &mut Option<Vec<String>>,
    plan: &mut LinkPlan,
) -> Result<(), CannotLink> {
    let Some(list) = setting.strip_prefix("EXPORTED_FUNCTIONS=") else {
        plan.ignored.push(format!("-s{setting}"));
        return Ok(());
    };
    let names = read_names(list).ok_or_else(|| CannotLink::Exports(setting.to_owned()))?;
    // Emscripten writes C names with an underscore in front.
    let names = names.into_iter().map(|name| name.strip_prefix('_').map_or(name.clone(), str::to_owned));
    functions.get_or_insert_default().extend(names);
    Ok(())
}

/// A list as JSON, or without quotes: rustc does not escape them in a response file, where they are no part of an argument.
fn read_names(list: &str) -> Option<Vec<String>> {
    let quoted = Vec::<String>::deserialize(&mut serde_json::Deserializer::from_str(list));
    quoted.ok().or_else(|| {
        let names = list.strip_prefix('[')?.strip_suffix(']')?.split(',').map(str::trim);
        let is_name = |name: &str| {
            !name.is_empty()
                && !name.contains(|letter: char| letter.is_whitespace() || "[]\"'".contains(letter))
        };
        names.map(|name| is_name(name).then(|| name.to_owned())).collect()
    })
}

fn take_library(name: &str, plan: &mut LinkPlan) {
    // A second copy of the C library would have a heap and a state of its own. `-lpython3.14` is asked for by some
    // versions of PyO3.
    let provided = PROVIDED.contains(&name) || name.starts_with("python");
    let list = if provided { &mut plan.ignored } else { &mut plan.inputs };
    list.push(format!("-l{name}"));
}

/// A `-Wl,` flag: those that group inputs stay; those for the ELF linker mean nothing here.
fn take_linker_flag(flag: &str, plan: &mut LinkPlan) {
    let stays =
        ["--whole-archive", "--no-whole-archive", "--start-lib", "--end-lib", "-Bstatic", "-Bdynamic"];
    let list = if stays.contains(&flag) { &mut plan.inputs } else { &mut plan.ignored };
    list.push(flag.to_owned());
}

impl LinkPlan {
    /// The arguments for wasm-ld, which drops debug information unless it is to be kept.
    pub(super) fn arguments(&self, keeps_debug_info: bool) -> Vec<String> {
        let fixed = [
            "-shared",
            "--experimental-pic",
            // With these two a module binds its own names and exports none of them; without, tiktoken is 3.7 MB and
            // not 2.2.
            "-Bsymbolic",
            "--no-export-dynamic",
            "--gc-sections",
            // Demangled names are ambiguous: the audit reads crates from mangled ones.
            "--no-demangle",
            // The linker does not know what the release has and would let every mistake pass: the audit checks each
            // import.
            "--unresolved-symbols=import-dynamic",
            // JavaScript in C: the loader reads its text between these.
            "--export-if-defined=__start_em_asm",
            "--export-if-defined=__stop_em_asm",
        ];
        let mut arguments: Vec<String> = fixed.map(str::to_owned).into();
        arguments.extend((!keeps_debug_info).then(|| "--strip-debug".to_owned()));
        arguments.extend(self.exports.iter().map(|name| format!("--export={name}")));
        arguments.extend(["-o".to_owned(), self.output.clone()]);
        arguments.extend(self.inputs.iter().cloned());
        arguments
    }
}

/// Splits a response file (`@file`) into arguments, as GCC and clang do: white space separates, quotes and backslashes
/// protect.
pub(super) fn split_response(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', _) => word.get_or_insert_default().extend(characters.next()),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> String {
        let words = split_response(line);
        match read(&words)
            .map(LinkPlan::with_entries_alone)
            .and_then(|plan| plan.require_entry().map(|()| plan))
        {
            Ok(plan) => {
                format!("wasm-ld {}\nignored {}", plan.arguments(false).join(" "), plan.ignored.join(" "))
            }
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn links_become_side_modules() {
        let cases = [
            r#"-s 'EXPORTED_FUNCTIONS=["_PyInit__tiktoken"]' a.o libstd.rlib --target=wasm32-unknown-emscripten -fwasm-exceptions -o out.wasm -sSIDE_MODULE=2 -O3 -g0"#,
            r#"-sEXPORTED_FUNCTIONS='["_PyInit_a","_helper"]' a.o -L /x -L/y -l z -lzstd -lpython3.14 -l c -lm -Wl,--whole-archive liba.a -Wl,--no-whole-archive,--as-needed -o a.wasm"#,
            r#"-s EXPORTED_FUNCTIONS='["_helper"]' a.o -o a.wasm"#,
            r"-s EXPORTED_FUNCTIONS=[_PyInit_a,_helper] a.o -o a.wasm",
            r"a.o -o program.js -sSIDE_MODULE=2",
            r"-shared -Wl,-O1 a.o b.o -L/usr/lib -o build/lib/x/_y.cpython-311-x86_64-linux-gnu.so",
            r"-s EXPORTED_FUNCTIONS=_PyInit_a a.o -o a.wasm",
            r#"-s EXPORTED_FUNCTIONS='["_PyInit_a"]' a.o"#,
            r#"-s EXPORTED_FUNCTIONS='["_PyInit_a"]' a.o -o"#,
        ];
        insta::assert_snapshot!(cases.map(check).join("\n\n"));
    }

    #[test]
    fn response_files_are_split_as_compilers_do() {
        assert_eq!(split_response("a 'b c' \"d\\\"e\" f\\ g\n\"\" h"), ["a", "b c", "d\"e", "f g", "", "h"]);
    }
}
