//! Whether a toolchain's prebuilt standard library fits a runtime.
//!
//! It has one exception model and one set of struct layouts baked in, silently. The model follows from the compiler's
//! version; the layout is asked of the library itself, by compiling one assertion about the size of
//! `std::fs::Metadata`, which wraps the C `stat` structure.

use semver::Version;

use super::{RustToolchain, probe};
use crate::abi::{Contract, ExceptionModel, TARGET};
use crate::context::Context;
use crate::error::Result;

/// The first release whose prebuilt library for this target unwinds through WebAssembly exceptions.
const WASM_EXCEPTIONS: Version = Version::new(1, 93, 0);

/// Why it does not fit, or nothing if it does.
///
/// # Errors
/// When the question cannot be put: the probe's folder cannot be made.
pub fn find_misfit(context: &Context, rust: &RustToolchain, contract: Contract) -> Result<Option<String>> {
    let has = if rust.version_without_channel() >= WASM_EXCEPTIONS {
        ExceptionModel::Wasm
    } else {
        ExceptionModel::JavaScript
    };
    if has != contract.exceptions {
        return Ok(Some(format!("it unwinds the {has} way, the runtime the {} way", contract.exceptions)));
    }
    let expected = stat_size(contract);
    let program = size_assertion(expected);
    let fits = probe::ask(context, rust, &program, || compiles(context, rust, &program))?;
    Ok((!fits).then(|| format!("its `stat` structure is not that of Emscripten {}", contract.emscripten)))
}

/// The size of `stat` in bytes as the crate `libc` lays it out.
fn stat_size(contract: Contract) -> usize {
    if contract.emscripten.pads_stat() { 112 } else { 96 }
}

fn size_assertion(bytes: usize) -> String {
    format!(
        "#![crate_type = \"lib\"]\nconst _: () = assert!(std::mem::size_of::<std::fs::Metadata>() == {bytes});\n"
    )
}

fn compiles(context: &Context, rust: &RustToolchain, program: &str) -> Result<bool> {
    let folder = tempfile::tempdir()?;
    let source = folder.path().join("probe.rs");
    fs_err::write(&source, program)?;
    let probe = rust
        .compiler()
        .args(["--target", TARGET, "--emit=metadata", "--out-dir"])
        .arg(folder.path())
        .arg(&source)
        .output(&context.ui);
    Ok(probe.is_ok())
}
