//! Supplements: small objects, linked first, that mend what a line of releases lacks or does wrong.
//!
//! They are written in Rust, compiled with the package's own compiler when a link needs them, and hold no landing pads
//! themselves. Fixed ones lie beside this file; wide invokes are written for the types that a module asks for.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use wasmparser::ValType;

use crate::abi::TARGET;
use crate::error::Result;
use crate::plan::{Supplement, SupplementPlan};
use crate::process::Invocation;
use crate::ui::Ui;
use crate::wasm::Signature;

/// The name of a supplement's file, and its text.
fn source(supplement: Supplement) -> (&'static str, &'static str) {
    match supplement {
        Supplement::LandingPads => ("landing_pads.rs", include_str!("supplements/landing_pads.rs")),
        Supplement::NarrowTime => ("narrow_time.rs", include_str!("supplements/narrow_time.rs")),
        Supplement::NoThreads => ("no_threads.rs", include_str!("supplements/no_threads.rs")),
    }
}

/// A function that calls another through JavaScript and returns 64 bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WideInvoke {
    /// The name that objects call it by: LLVM's `__invoke_i64_ptr_i32`.
    pub symbol: String,
    /// Its parameters' types, in Rust: the function's table index first.
    parameters: Vec<&'static str>,
    /// The letters of the narrow invoke that does the work.
    letters: String,
}

impl WideInvoke {
    /// The supplement for an imported `invoke_j…` of this type; none if a type has no name here.
    pub(super) fn new(symbol: &str, signature: &Signature) -> Option<Self> {
        let named: Vec<(char, &str)> =
            signature.parameters.iter().copied().map(type_name).collect::<Option<_>>()?;
        let letters = named.iter().skip(1).map(|(letter, _)| letter);
        Some(Self {
            symbol: symbol.to_owned(),
            parameters: named.iter().map(|(_, name)| *name).collect(),
            // The trampoline's own parameters: where the result goes, whom to call, then the rest.
            letters: ['i', 'i'].iter().chain(letters).collect(),
        })
    }
}

fn type_name(kind: ValType) -> Option<(char, &'static str)> {
    match kind {
        ValType::I32 => Some(('i', "i32")),
        ValType::I64 => Some(('j', "i64")),
        ValType::F32 => Some(('f', "f32")),
        ValType::F64 => Some(('d', "f64")),
        _ => None,
    }
}

/// The text of a crate with these supplements. A trampoline calls the function and stores its result; JavaScript calls the
/// trampoline, which returns nothing, so that it need not make 64 bits out of nothing when something was thrown.
pub(super) fn wide_invokes(wanted: &[WideInvoke]) -> String {
    let mut text = "#![no_std]\n#![allow(non_snake_case)]\nuse core::mem::transmute;\n".to_owned();
    for (number, invoke) in wanted.iter().enumerate() {
        let rest = &invoke.parameters[1..];
        let declared: String = rest.iter().enumerate().fold(String::new(), |mut text, (index, kind)| {
            let _ = write!(text, ", a{index}: {kind}");
            text
        });
        let passed: Vec<String> = (0..rest.len()).map(|index| format!("a{index}")).collect();
        let (kinds, passed) = (rest.join(", "), passed.join(", "));
        let WideInvoke { symbol, letters, .. } = invoke;
        let _ = write!(
            text,
            r#"
mod n{number} {{
    use super::*;
    type Callee = extern "C-unwind" fn({kinds}) -> i64;
    type Trampoline = extern "C-unwind" fn(*mut i64, i32{declared});
    #[link(wasm_import_module = "env")]
    extern "C-unwind" {{
        #[link_name = "invoke_v{letters}"]
        fn narrow(trampoline: Trampoline, result: *mut i64, callee: i32{declared});
    }}
    extern "C-unwind" fn trampoline(result: *mut i64, callee: i32{declared}) {{
        unsafe {{ *result = transmute::<usize, Callee>(callee as usize)({passed}) }}
    }}
    #[no_mangle]
    pub unsafe extern "C-unwind" fn {symbol}(callee: i32{declared}) -> i64 {{
        let mut result = 0i64;
        narrow(trampoline, &raw mut result, callee, {passed});
        result
    }}
}}
"#
        );
    }
    text
}

/// Compiles the supplements of a plan into objects in a folder.
///
/// # Errors
/// When the compiler refuses one.
pub(super) fn compile(plan: &SupplementPlan, wide: &[WideInvoke], folder: &Path) -> Result<Vec<PathBuf>> {
    let mut sources = Vec::new();
    for (name, text) in plan.wanted.iter().map(|supplement| source(*supplement)) {
        let path = folder.join(name);
        fs_err::write(&path, text)?;
        sources.push(path);
    }
    if !wide.is_empty() {
        let path = folder.join("wide_invokes.rs");
        fs_err::write(&path, wide_invokes(wide))?;
        sources.push(path);
    }
    sources.iter().map(|source| compile_one(plan, source)).collect()
}

fn compile_one(plan: &SupplementPlan, source: &Path) -> Result<PathBuf> {
    let object = source.with_extension("o");
    let sysroot = plan.sysroot.iter().flat_map(|path| ["--sysroot".into(), path.clone()]);
    Invocation::new(&plan.rustc)
        .args(sysroot)
        .args(["--target", TARGET, "--edition=2021", "--crate-type=lib", "--emit=obj", "--cap-lints=allow"])
        // Without landing pads they need no exception model and link into modules of either.
        .args(["-Copt-level=2", "-Cpanic=abort", "-Ccodegen-units=1", "-Cforce-unwind-tables=no", "-o"])
        .arg(&object)
        .arg(source)
        .output(&Ui::silent())?;
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_invoke_goes_through_a_narrow_one() {
        let parameters = vec![ValType::I32, ValType::I64, ValType::F64];
        let signature = Signature { parameters, results: vec![ValType::I64] };
        let invoke = WideInvoke::new("__invoke_i64_i64_double", &signature).unwrap();
        insta::assert_snapshot!(wide_invokes(&[invoke]));
    }
}
