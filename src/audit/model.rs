//! Recognises modules that were built for another way of unwinding, by what they miss.

use super::catalogue::Code;
use super::finding::{Findings, list};
use crate::abi::{self, ExceptionModel};
use crate::runtime::Runtime;

/// Names that a module misses and that tell how it was compiled.
#[derive(Debug, Default)]
pub(super) struct Missing {
    unwinding: Vec<String>,
    jumping: Vec<String>,
}

/// Helpers of setjmp and longjmp, which differ between releases.
const JUMPING: [&str; 7] = [
    "saveSetjmp",
    "testSetjmp",
    "__wasm_setjmp",
    "__wasm_setjmp_test",
    "__wasm_longjmp",
    "emscripten_longjmp",
    "__c_longjmp",
];

/// Helpers of exceptions through JavaScript.
const SCRIPT: [&str; 5] =
    ["__resumeException", "llvm_eh_typeid_for", "__cxa_find_matching_catch", "getTempRet0", "setTempRet0"];

/// Helpers of exceptions through WebAssembly.
const WASM: [&str; 6] = [
    "__cpp_exception",
    "_Unwind_RaiseException",
    "_Unwind_CallPersonality",
    "_Unwind_DeleteException",
    "__wasm_lpad_context",
    "__gxx_personality_wasm0",
];

/// Whether a name is an exception tag of either model.
pub(super) fn is_tag(name: &str) -> bool {
    name == "__cpp_exception" || name == "__c_longjmp"
}

fn is_script(name: &str) -> bool {
    abi::is_made_on_demand(name) || SCRIPT.contains(&name)
}

/// Whether the absence of a name tells how the module was compiled.
pub(super) fn is_telling(name: &str) -> bool {
    JUMPING.contains(&name) || is_script(name) || WASM.contains(&name)
}

impl Missing {
    pub(super) fn take(&mut self, name: &str) {
        let list = if JUMPING.contains(&name) { &mut self.jumping } else { &mut self.unwinding };
        list.push(name.to_owned());
    }
}

/// Says once what many missing names mean.
pub(super) fn check(missing: &Missing, runtime: &Runtime, findings: &mut Findings) {
    let release = format!("Pyodide {}", runtime.version);
    if let Some(first) = missing.unwinding.first() {
        let built = match runtime.exceptions {
            ExceptionModel::JavaScript if !is_script(first) => "exceptions through WebAssembly",
            ExceptionModel::Wasm if is_script(first) => "exceptions through JavaScript",
            _ => "another release's exceptions",
        };
        let message = format!(
            "it was compiled for {built} and misses {} in {release}, whose exceptions go through {}: it does not load, or dies when something unwinds",
            list(&missing.unwinding),
            match runtime.exceptions {
                ExceptionModel::JavaScript => "JavaScript",
                ExceptionModel::Wasm => "WebAssembly",
            }
        );
        findings.add(Code::EXCEPTION_MODEL, first.clone(), message);
    }
    if let Some(first) = missing.jumping.first() {
        let message = format!(
            "its C code uses setjmp in a way that {release} does not have, it misses {}: it does not load, or dies when it jumps",
            list(&missing.jumping)
        );
        findings.add(Code::SETJMP_MODEL, first.clone(), message);
    }
}
