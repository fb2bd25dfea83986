//! Recognises modules that were built for another way of unwinding, by what they miss.

use super::catalogue::Code;
use super::finding::{Findings, list};
use crate::abi::exceptions::ROWS;
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

/// Whether the absence of a name tells how the module was compiled.
pub(super) fn is_telling(name: &str) -> bool {
    JUMPING.contains(&name) || ROWS.iter().any(|row| row.is_told_by(name))
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
        let own = runtime.exceptions.row();
        let built = if own.is_told_by(first) {
            "another release's exceptions".to_owned()
        } else {
            let other = ROWS.iter().find(|row| row.is_told_by(first));
            other.map(|row| format!("exceptions through {}", row.in_words)).unwrap_or_default()
        };
        let message = format!(
            "it was compiled for {built} and misses {} in {release}, whose exceptions go through {}: it does not load, or dies when something unwinds",
            list(&missing.unwinding),
            own.in_words
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
