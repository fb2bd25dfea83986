//! Finds out how exceptions unwind in a release, from its main module and its start-up script.

use std::collections::BTreeSet;

use anyhow::{anyhow, bail};

use super::javascript::Script;
use crate::abi::ExceptionModel;
use crate::abi::exceptions::{Encoding, ROWS};
use crate::error::{Result, hinted};
use crate::wasm::{ExportKind, Import, Module, exceptions};

/// The tag of C++ exceptions, which Rust panics share.
const TAG: &str = "__cpp_exception";

/// The encodings in which the main module catches; none where it has no tag: then JavaScript catches for it.
///
/// # Errors
/// When its code cannot be read.
pub(super) fn find_encodings(bytes: &[u8], main_module: &Module) -> Result<BTreeSet<Encoding>> {
    Ok(if has_tag(main_module) { exceptions::find_encodings(bytes)? } else { BTreeSet::new() })
}

/// The model of a release whose main module catches in these encodings.
///
/// # Errors
/// When it is none of those that are known: says what is new.
pub(super) fn find_model(
    main_module: &Module,
    script: &Script,
    encodings: &BTreeSet<Encoding>,
) -> Result<ExceptionModel> {
    if has_tag(main_module) && main_module.exported_function("_Unwind_RaiseException").is_some() {
        return of_encodings(encodings);
    }
    let invokes = main_module.imports.iter().any(|(_, name, _)| name.starts_with("invoke_"));
    if invokes && script.functions.keys().any(|name| name.starts_with("__cxa_find_matching_catch")) {
        return Ok(ExceptionModel::JavaScript);
    }
    bail!(
        "the main module shows neither WebAssembly exceptions nor JavaScript ones: its exception model is not known"
    )
}

fn has_tag(main_module: &Module) -> bool {
    let imports = &mut main_module.imports.iter();
    imports.any(|(_, name, kind)| name == TAG && matches!(kind, Import::Tag(_)))
        || main_module.exports.iter().any(|export| export.name == TAG && export.kind == ExportKind::Tag)
}

fn of_encodings(encodings: &BTreeSet<Encoding>) -> Result<ExceptionModel> {
    let mut encodings = encodings.iter();
    let new = match (encodings.next(), encodings.next()) {
        (Some(encoding), None) => return Ok(ExceptionModel::of_encoding(*encoding)),
        (Some(_), Some(_)) => "catches them both with `try` and with `try_table`",
        (None, _) => "catches them neither with `try` nor with `try_table`",
    };
    let known = ROWS.each_ref().map(|row| format!("`{}`", row.name)).join(", ");
    Err(hinted(
        anyhow!("the main module has the tag `{TAG}` and {new}: its exception model is not known"),
        format!("update cargo-pyodide; it knows the exception models {known}"),
    ))
}
