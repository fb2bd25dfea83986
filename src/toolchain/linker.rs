//! Finds a wasm-ld: rustup's `rust-lld`, or LLVM's `wasm-ld`, of LLVM 19 or newer.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::RustToolchain;
use crate::context::Context;
use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::plan::WasmLd;
use crate::process::{Invocation, look_up};

/// The oldest LLVM whose linker knows `--unresolved-symbols=import-dynamic` and today's object files.
pub const OLDEST_LLVM: u32 = 19;

/// How to get one.
pub const ADVICE: &str = "install a Rust toolchain with rustup (it carries `rust-lld`), or LLVM's linker (Debian: `apt-get install lld-19`)";

/// The first linker that is new enough: the toolchains' own, then the `PATH`'s.
///
/// # Errors
/// When there is none.
pub fn find(context: &Context, toolchains: &[RustToolchain]) -> Result<WasmLd> {
    let mut looked = Vec::new();
    for (program, first_arguments) in places(&context.environment, toolchains) {
        match version(context, &program, &first_arguments) {
            Ok(llvm) if llvm >= OLDEST_LLVM => {
                context.ui.detail(format!("linking with `{}` (LLVM {llvm})", program.display()));
                return Ok(WasmLd { program, first_arguments, llvm });
            }
            Ok(llvm) => looked.push(format!("`{}` is of LLVM {llvm}", program.display())),
            Err(error) => looked.push(format!("`{}`: {error:#}", program.display())),
        }
    }
    let found = if looked.is_empty() { "none was found".into() } else { looked.join("; ") };
    Err(hinted(
        anyhow!(
            "no `wasm-ld` of LLVM {OLDEST_LLVM} or newer: {found}; looked for `rust-lld` in Rust's toolchains and for `wasm-ld` and `wasm-ld-NN` on the `PATH`"
        ),
        ADVICE,
    ))
}

fn places(environment: &Environment, toolchains: &[RustToolchain]) -> Vec<(PathBuf, Vec<String>)> {
    if let Some(only) = environment.get("CARGO_PYODIDE_WASM_LD") {
        return vec![(PathBuf::from(only), Vec::new())];
    }
    let rust_lld = |toolchain: &RustToolchain| {
        let bin = toolchain.target_libraries(&toolchain.host).with_file_name("bin");
        bin.join(format!("rust-lld{}", std::env::consts::EXE_SUFFIX))
    };
    let flavor = || vec!["-flavor".to_owned(), "wasm".to_owned()];
    let mut places: Vec<(PathBuf, Vec<String>)> =
        toolchains.iter().map(rust_lld).filter(|path| path.is_file()).map(|path| (path, flavor())).collect();
    let names =
        std::iter::once("wasm-ld".to_owned()).chain((OLDEST_LLVM..40).rev().map(|n| format!("wasm-ld-{n}")));
    places.extend(names.filter_map(|name| look_up(environment, &name)).map(|path| (path, Vec::new())));
    places
}

fn version(context: &Context, program: &Path, first_arguments: &[String]) -> Result<u32> {
    let printed = Invocation::new(program).args(first_arguments).arg("--version").output(&context.ui)?.stdout;
    major(&printed).ok_or_else(|| anyhow!("it does not say its version"))
}

/// The major version in `LLD 22.1.2 (…)` or `Debian LLD 19.1.7`.
fn major(printed: &str) -> Option<u32> {
    let after = printed.split("LLD ").nth(1)?;
    after.split('.').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(major("LLD 22.1.2 (/checkout/src/llvm-project/llvm abc)"), Some(22));
        assert_eq!(major("Debian LLD 19.1.7"), Some(19));
        assert_eq!(major("GNU ld 2.40"), None);
    }
}
