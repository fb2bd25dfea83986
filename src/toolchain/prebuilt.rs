//! Whether a toolchain's prebuilt standard library fits a runtime.
//!
//! It has one exception model and one set of struct layouts baked in, silently. Whether it unwinds through JavaScript
//! follows from the compiler's version. The library itself is asked for the rest: its code for the encoding of exceptions,
//! and its layout by compiling one assertion about the size of `std::fs::Metadata`, which wraps the C `stat` structure.

use std::collections::BTreeSet;

use super::{RustToolchain, probe};
use crate::abi::exceptions::Encoding;
use crate::abi::{Contract, ExceptionModel, TARGET};
use crate::context::Context;
use crate::error::Result;
use crate::wasm::{archive, exceptions};

/// Why it does not fit, or nothing if it does.
///
/// # Errors
/// When the question cannot be put: the library cannot be read, or the probe's folder cannot be made.
pub(crate) fn find_misfit(
    context: &Context,
    rust: &RustToolchain,
    contract: Contract,
) -> Result<Option<String>> {
    let has = exception_model(context, rust)?;
    if has != contract.exceptions {
        return Ok(Some(format!("it unwinds the {has} way, the runtime the {} way", contract.exceptions)));
    }
    let expected = stat_size(contract);
    let program = size_assertion(expected);
    let fits = probe::ask(context, rust, &program, || compiles(context, rust, &program))?;
    Ok((!fits).then(|| format!("its `stat` structure is not that of Emscripten {}", contract.emscripten)))
}

fn exception_model(context: &Context, rust: &RustToolchain) -> Result<ExceptionModel> {
    let first = &ExceptionModel::WasmLegacy.row().rustc.first;
    if first.as_ref().is_some_and(|first| rust.version_without_channel() < *first) {
        return Ok(ExceptionModel::JavaScript);
    }
    let is_exnref = probe::ask(context, rust, "does the prebuilt library catch with exnref", || {
        Ok(find_encodings(rust)?.contains(&Encoding::Exnref))
    })?;
    Ok(ExceptionModel::of_encoding(if is_exnref { Encoding::Exnref } else { Encoding::Legacy }))
}

/// The encodings in which the prebuilt `std` catches.
fn find_encodings(rust: &RustToolchain) -> Result<BTreeSet<Encoding>> {
    let mut found = BTreeSet::new();
    for entry in fs_err::read_dir(rust.target_libraries(TARGET))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("libstd-") {
            let bytes = fs_err::read(entry.path())?;
            for range in archive::find_objects(&bytes)? {
                found.extend(exceptions::find_encodings(&bytes[range])?);
            }
        }
    }
    Ok(found)
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
