//! From emcc's arguments to clang's. Pure.
//!
//! What means something to clang stays, in order; what Emscripten alone understands goes; what cannot be done is refused.

use crate::plan::PLAN_FLAG;

/// Which language an input is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Language {
    /// C, and assembly.
    #[default]
    C,
    /// C++.
    Cxx,
}

/// What a call asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CompileCall {
    /// The arguments that stay.
    pub kept: Vec<String>,
    /// Those that mean nothing to clang, for the log.
    pub ignored: Vec<String>,
    /// The language.
    pub language: Language,
    /// Sources, objects and archives.
    pub inputs: Vec<String>,
    /// What a link would take beside them.
    pub libraries: Vec<String>,
    /// Whether a program is to be linked.
    pub links: bool,
    /// The source, for messages.
    pub source: Option<String>,
    /// The object, if it is named.
    pub output: Option<String>,
}

/// Why a call cannot be served.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CannotCompile {
    /// Threads.
    #[error("`{0}` asks for threads, which Pyodide does not have")]
    Threads(String),
}

/// Flags of Emscripten alone that take a value of their own.
const WITH_VALUE: [&str; 9] = [
    "--js-library",
    "--pre-js",
    "--post-js",
    "--extern-pre-js",
    "--extern-post-js",
    "--preload-file",
    "--embed-file",
    "--shell-file",
    "--cache",
];

/// Endings of C++ sources.
const CXX: [&str; 6] = [".cc", ".cpp", ".cxx", ".c++", ".C", ".hpp"];
/// Endings of other sources.
const C: [&str; 5] = [".c", ".s", ".S", ".i", ".h"];

/// Reads the arguments of a call as `emcc` or `em++`.
///
/// # Errors
/// When it asks for what cannot be done.
pub(super) fn read(name: &str, arguments: &[String]) -> Result<CompileCall, CannotCompile> {
    let language = if name == "em++" { Language::Cxx } else { Language::C };
    let mut call = CompileCall { language, ..CompileCall::default() };
    let mut stops_early = false;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let text = argument.as_str();
        match text {
            "-sUSE_PTHREADS=1" | "-sUSE_PTHREADS" => return Err(CannotCompile::Threads(argument.clone())),
            "-s" => call.ignored.extend([argument.clone()].into_iter().chain(rest.next().cloned())),
            _ if WITH_VALUE.contains(&text) => {
                call.ignored.extend([argument.clone()].into_iter().chain(rest.next().cloned()));
            }
            "-l" | "-L" => call.libraries.extend([argument.clone()].into_iter().chain(rest.next().cloned())),
            _ if ["-l", "-L", "-Wl,"].iter().any(|start| text.starts_with(start)) => {
                call.libraries.push(argument.clone());
            }
            _ if is_for_emscripten(text) => call.ignored.push(argument.clone()),
            "-o" | "-x" | "-I" | "-isystem" | "-include" | "-MF" | "-MT" | "-MQ" | "-D" | "-U"
            | "-Xclang" | "-mllvm" | "-iquote" | "-idirafter" => {
                let value = rest.next().cloned();
                match (text, &value) {
                    ("-o", Some(value)) => call.output = Some(value.clone()),
                    ("-x", Some(value)) if value.starts_with("c++") => call.language = Language::Cxx,
                    _ => {}
                }
                call.kept.push(argument.clone());
                call.kept.extend(value);
            }
            _ => {
                stops_early |= ["-c", "-E", "-S", "-M", "-MM", "-fsyntax-only"].contains(&text);
                if text == "-" || !text.starts_with('-') {
                    take_input(text, &mut call);
                }
                call.kept.push(argument.clone());
            }
        }
    }
    // Without an input it is a question to the compiler.
    call.links = !stops_early && !call.inputs.is_empty();
    Ok(call)
}

/// Settings (`-sNAME=…`), ports, and CPUs that WebAssembly does not have, with what hardens them, as distributions compile it
/// into their Pythons. `-pthread` too, which build scripts pass without being asked: code that calls `pthread_create`
/// compiles, and is told that there are no threads. And `-matomics`: with one thread, atomic accesses are plain ones.
fn is_for_emscripten(text: &str) -> bool {
    let is_setting =
        text.strip_prefix("-s").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()));
    let starts = [
        PLAN_FLAG,
        "--use-port=",
        "-march=",
        "-mtune=",
        "-mcpu=",
        "--target=",
        "-gsource-map",
        "-fcf-protection",
        "-mbranch-protection",
        "-specs=",
        "-flto",
    ];
    is_setting
        || starts.iter().any(|start| text.starts_with(start))
        || [
            "-m32",
            "-m64",
            "-static",
            "-pthread",
            "-matomics",
            "-fstack-clash-protection",
            "-ffat-lto-objects",
        ]
        .contains(&text)
}

fn take_input(path: &str, call: &mut CompileCall) {
    if CXX.iter().any(|ending| path.ends_with(ending)) {
        call.language = Language::Cxx;
    }
    if has_ending_of_source(path) {
        call.source = Some(path.to_owned());
    }
    call.inputs.push(path.to_owned());
}

/// Whether an input is to be compiled, and not only linked.
pub(super) fn is_source(path: &str) -> bool {
    path == "-" || has_ending_of_source(path)
}

fn has_ending_of_source(path: &str) -> bool {
    CXX.iter().chain(&C).any(|ending| path.ends_with(ending))
}

impl CompileCall {
    /// The arguments that stay, without inputs and output.
    pub(super) fn flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        let mut rest = self.kept.iter();
        while let Some(argument) = rest.next() {
            if argument == "-o" {
                rest.next();
            } else if !self.inputs.contains(argument) {
                flags.push(argument.clone());
            }
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> String {
        let mut words = line.split_whitespace().map(str::to_owned);
        let name = words.next().unwrap();
        match read(&name, &words.collect::<Vec<_>>()) {
            Ok(call) if call.links => format!(
                "program of {} with {} -> {:?}",
                call.inputs.join(" "),
                [call.flags(), call.libraries.clone()].concat().join(" "),
                call.output
            ),
            Ok(call) => format!(
                "{:?} {} | ignored {} | {:?} -> {:?}",
                call.language,
                call.kept.join(" "),
                [&call.ignored[..], &call.libraries[..]].concat().join(" "),
                call.source,
                call.output
            ),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn arguments_of_emcc_become_those_of_clang() {
        let lines = [
            "emcc -O3 -ffunction-sections -fPIC -I include -DX=1 -o out/a.o -c src/a.c",
            "em++ -std=c++17 -fno-exceptions -o a.o -c a.cpp",
            "emcc -c a.cc -s USE_ZLIB=1 -sERROR_ON_UNDEFINED_SYMBOLS=0 -stdlib=libc++ --use-port=zlib",
            "emcc -x c++ -E - -march=native -m32 -lm -L/lib -Wl,--gc-sections --js-library lib.js",
            "emcc -E detect.c",
            "emcc -unknown-flag -c a.c -Xclang -target-feature -Xclang +simd128",
            "emcc -pthread -c a.c",
            "emcc -matomics -c a.c",
            "emcc -sUSE_PTHREADS=1 -c a.c",
            "emcc a.c -o a.out",
            "em++ -O2 -I include conftest.cpp liba.a -L/lib -l z -lm",
            "emcc -print-search-dirs",
            "emcc -c a.S -MD -MF a.d",
        ];
        insta::assert_snapshot!(lines.map(check).join("\n"), @r#"
        C -O3 -ffunction-sections -fPIC -I include -DX=1 -o out/a.o -c src/a.c | ignored  | Some("src/a.c") -> Some("out/a.o")
        Cxx -std=c++17 -fno-exceptions -o a.o -c a.cpp | ignored  | Some("a.cpp") -> Some("a.o")
        Cxx -c a.cc -stdlib=libc++ | ignored -s USE_ZLIB=1 -sERROR_ON_UNDEFINED_SYMBOLS=0 --use-port=zlib | Some("a.cc") -> None
        Cxx -x c++ -E - | ignored -march=native -m32 --js-library lib.js -lm -L/lib -Wl,--gc-sections | None -> None
        C -E detect.c | ignored  | Some("detect.c") -> None
        C -unknown-flag -c a.c -Xclang -target-feature -Xclang +simd128 | ignored  | Some("a.c") -> None
        C -c a.c | ignored -pthread | Some("a.c") -> None
        C -c a.c | ignored -matomics | Some("a.c") -> None
        error: `-sUSE_PTHREADS=1` asks for threads, which Pyodide does not have
        program of a.c with  -> Some("a.out")
        program of conftest.cpp liba.a with -O2 -I include -L/lib -l z -lm -> None
        C -print-search-dirs | ignored  | None -> None
        C -c a.S -MD -MF a.d | ignored  | Some("a.S") -> None
        "#);
    }
}
