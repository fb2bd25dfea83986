//! What loads and cannot work, or should be known: threads, sockets, sizes, exports, paths, debug information.

use std::collections::BTreeSet;

use memchr::memmem;

use super::catalogue::Code;
use super::entry::is_library;
use super::examined::{Examined, ModuleContext};
use super::finding::{Findings, list};
use crate::abi::ENOTSUP;
use crate::runtime::Runtime;
use crate::wasm::{ExportKind, Import, callers};
use crate::wheel::extension;

/// Functions that link and cannot do their work, and what they are for.
const IDLE: [(Code, &str, &[&str]); 5] = [
    (Code::THREADS, "starts threads", &["pthread_create", "thrd_create"]),
    (
        Code::SOCKETS,
        "uses sockets",
        &["socket", "connect", "bind", "listen", "accept", "accept4", "getaddrinfo", "socketpair"],
    ),
    (
        Code::PROCESSES,
        "starts processes",
        &[
            "fork",
            "vfork",
            "execv",
            "execve",
            "execvp",
            "execvpe",
            "posix_spawn",
            "posix_spawnp",
            "system",
            "popen",
            "waitpid",
            "wait4",
        ],
    ),
    (Code::DYNAMIC_LOADING, "loads libraries", &["dlopen"]),
    (Code::SIGNALS, "handles signals", &["sigaction", "signal", "alarm", "setitimer", "timer_create"]),
];

/// The size from which on a browser's main thread may refuse to compile a module at once: 8 MiB.
const LARGE: usize = 8 << 20;

/// Looks at one module.
pub(super) fn check(this: &Examined<'_>, context: &ModuleContext<'_>, findings: &mut Findings) {
    check_idle(this, context, findings);
    check_embedded_javascript(this, findings);
    if this.bytes.len() > LARGE {
        let message = format!(
            "it is {:.1} MiB large: a browser's main thread compiles no more than 8 MiB at once",
            mebibytes(this.bytes.len())
        );
        findings.add(Code::LARGE_MODULE, None, message);
    }
    if !is_library(this, context) {
        check_exports(this, findings);
    }
    check_collisions(this, context.runtime, findings);
    check_local_paths(this, findings);
    check_debug_sections(this, findings);
    check_aborts(this, findings);
}

#[expect(clippy::cast_precision_loss, reason = "a size for reading")]
fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn check_idle(this: &Examined<'_>, context: &ModuleContext<'_>, findings: &mut Findings) {
    let functions: Vec<&str> = this
        .module
        .imports
        .iter()
        .filter(|(from, _, import)| from == "GOT.func" || matches!(import, Import::Function(_)))
        .map(|(_, name, _)| name.as_str())
        .collect();
    // What the module defines itself and only looks up by name is not the release's function.
    let own: BTreeSet<&str> = this.module.exports.iter().map(|export| export.name.as_str()).collect();
    for (code, what, names) in IDLE {
        let used: Vec<&str> =
            names.iter().copied().filter(|name| functions.contains(name) && !own.contains(name)).collect();
        let Some(first) = used.first() else { continue };
        let crates = crates_behind(this, context, &used);
        let by = if crates.is_empty() {
            String::new()
        } else {
            format!(" for {}", list(&crates.into_iter().collect::<Vec<_>>()))
        };
        let then = match code {
            Code::THREADS => describe_threads(context.runtime),
            Code::DYNAMIC_LOADING => format!("it {what}, of which Pyodide has none but those in wheels"),
            _ => format!("it {what}, which always fails in Pyodide"),
        };
        let message = format!("it links {}{by}: {then}", list(&used));
        findings.add(code, (*first).to_owned(), message);
    }
}

/// What happens to a module that starts a thread.
fn describe_threads(runtime: &Runtime) -> String {
    let then = match runtime.thread_error {
        Some(ENOTSUP) => "answers that there are none: rayon runs on the caller's thread",
        Some(_) => "answers that there are too many: rayon panics",
        None => "gives an error",
    };
    format!(
        "Pyodide {} starts no thread and {then}; other code goes on or panics by its own choice",
        runtime.version
    )
}

/// JavaScript in C: the loader looks for its text between two exports.
fn check_embedded_javascript(this: &Examined<'_>, findings: &mut Findings) {
    let mut imports = this.module.imports.iter().map(|(_, name, _)| name.as_str());
    let called = imports.find(|name| name.starts_with("emscripten_asm_const_"));
    let has = |name: &str| this.module.exports.iter().any(|export| export.name == name);
    let lacking = ["__start_em_asm", "__stop_em_asm"].into_iter().find(|name| !has(name));
    if let (Some(called), Some(lacking)) = (called, lacking) {
        let message = format!(
            "it calls JavaScript in its C code (`{called}`) and does not export `{lacking}`: the loader does not find it"
        );
        findings.add(Code::EMBEDDED_JAVASCRIPT, called.to_owned(), message);
    }
}

/// The crates whose functions reach these imports, as far as there are names.
fn crates_behind(this: &Examined<'_>, context: &ModuleContext<'_>, imports: &[&str]) -> BTreeSet<String> {
    // Names of crates are in the module as the linker wrote it; in the wheel they are stripped.
    let raw = context.audit.raw_modules.and_then(|modules| modules.get(this.path));
    callers::crates_behind(raw.map_or(this.bytes, Vec::as_slice), imports).unwrap_or_default()
}

/// What Python and the loader look for in a module.
pub(super) fn is_contract(name: &str) -> bool {
    let starts = ["__em_js__", "__start_", "__stop_"];
    let names = [
        "__wasm_call_ctors",
        "__wasm_apply_data_relocs",
        "__wasm_apply_tls_relocs",
        "_emscripten_tls_init",
        "__set_stack_limits",
        "__dso_handle",
        "_initialize",
    ];
    extension::is_entry(name) || starts.iter().any(|start| name.starts_with(start)) || names.contains(&name)
}

fn check_exports(this: &Examined<'_>, findings: &mut Findings) {
    let beyond: Vec<&str> = this
        .module
        .exports
        .iter()
        .map(|export| export.name.as_str())
        .filter(|name| !is_contract(name))
        .collect();
    if let Some(first) = beyond.first() {
        let message = format!(
            "it exports {}, which neither Python nor the loader asks for: all modules of the process see them",
            list(&beyond)
        );
        findings.add(Code::EXPORTS, (*first).to_owned(), message);
    }
}

fn check_collisions(this: &Examined<'_>, runtime: &Runtime, findings: &mut Findings) {
    let both: Vec<&str> = this
        .module
        .exports
        .iter()
        .filter(|export| matches!(export.kind, ExportKind::Function(_) | ExportKind::Global))
        .map(|export| export.name.as_str())
        .filter(|name| !is_contract(name) && runtime.symbols.provider(name).is_some())
        .collect();
    if let Some(first) = both.first() {
        let message = format!(
            "it exports {}, which Pyodide {} has as well: the first definition serves the whole process",
            list(&both),
            runtime.version
        );
        findings.add(Code::COLLIDES, (*first).to_owned(), message);
    }
}

/// Where users keep their files. Emscripten's own users are not people.
const HOMES: [&str; 4] = ["/home/", "/Users/", "\\Users\\", "/root/"];
const NOBODY: [&str; 2] = ["/home/web_user", "/home/pyodide"];

fn check_local_paths(this: &Examined<'_>, findings: &mut Findings) {
    let mut folders: BTreeSet<String> = BTreeSet::new();
    let mut count = 0;
    for home in HOMES {
        for at in memmem::find_iter(this.bytes, home) {
            let rest = &this.bytes[at..];
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"/\\._-+@~".contains(byte);
            let path: String = rest
                .iter()
                .take(120)
                .take_while(|byte| is_part(byte))
                .map(|byte| char::from(*byte))
                .collect();
            let is_inside = at
                .checked_sub(1)
                .and_then(|at| this.bytes.get(at))
                .is_some_and(|before| before.is_ascii_alphanumeric() || *before == b'.');
            // Strings lie next to each other without a gap; but an address on the web is no path.
            let is_source = [".cargo", ".rustup", ".rs", "/src/"].iter().any(|part| path.contains(part));
            let is_somebody = !NOBODY.iter().any(|nobody| path.starts_with(nobody));
            if path.len() == home.len() || !is_somebody || (is_inside && !is_source) {
                continue;
            }
            count += 1;
            let parts: Vec<&str> = path.split_inclusive(['/', '\\']).take(5).collect();
            folders.insert(parts.concat());
        }
    }
    if let Some(first) = folders.first() {
        let message = format!("its bytes hold {count} paths of the machine that built it, such as `{first}`");
        findings.add(Code::LOCAL_PATHS, first.clone(), message);
    }
}

fn check_debug_sections(this: &Examined<'_>, findings: &mut Findings) {
    let left: Vec<&str> = this
        .module
        .custom_sections
        .iter()
        .map(String::as_str)
        .filter(|name| name.starts_with(".debug_") || *name == "name")
        .collect();
    if let Some(first) = left.first() {
        let message = format!("it still has {}: nobody needs them to run it", list(&left));
        findings.add(Code::DEBUG_SECTIONS, (*first).to_owned(), message);
    }
}

/// Rust that cannot unwind: it panics, and has none of what either way of unwinding needs.
fn check_aborts(this: &Examined<'_>, findings: &mut Findings) {
    let is_rust = memmem::find(this.bytes, b"panicked at").is_some();
    let unwinds = this.module.imports.iter().any(|(_, name, _)| {
        name.starts_with("invoke_")
            || ["__cpp_exception", "_Unwind_RaiseException", "__cxa_throw"].contains(&name.as_str())
    });
    let own_tag = this.module.exports.iter().any(|export| export.kind == ExportKind::Tag);
    if is_rust && !unwinds && !own_tag {
        let message =
            "it is Rust without anything to unwind with: a panic ends the interpreter, and with it the page"
                .to_owned();
        findings.add(Code::ABORTS, None, message);
    }
}
