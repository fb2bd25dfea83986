//! What the loader and Python need of a module: its first section, its start-up, its entry, its suffix.

use super::catalogue::Code;
use super::examined::{Examined, ModuleContext, Subject};
use super::finding::{Findings, list};
use crate::runtime::Runtime;
use crate::wasm::dylink::{Form, Place};
use crate::wasm::relocation_table::Relocations;
use crate::wasm::{Export, ExportKind, Module, Signature};
use crate::wheel::extension::{self, ExtensionName};

/// Checks one module.
pub(super) fn check(this: &Examined<'_>, context: &ModuleContext<'_>, findings: &mut Findings) {
    let ModuleContext { runtime, .. } = context;
    check_section(&this.module, runtime, findings);
    check_start_up(this, runtime, findings);
    if !is_library(this, context)
        && let Some(name) = extension::parse(this.path)
    {
        check_suffix(&name, runtime, findings);
        check_entry(&this.module, &name, runtime, findings);
    }
    check_shared_names(this, context, findings);
}

/// Whether a module is there for others and not for Python.
pub(super) fn is_library(this: &Examined<'_>, context: &ModuleContext<'_>) -> bool {
    let (folder, file) = this.path.rsplit_once('/').unwrap_or(("", this.path));
    // A library for other modules needs no entry, and no suffix of Python's.
    let enters = extension::has_entry(&this.module);
    let wanted = |other: &Examined<'_>| {
        other.module.dylink.iter().any(|dylink| dylink.needed.iter().any(|name| name.ends_with(file)))
    };
    !enters && (folder.ends_with(".libs") || file.starts_with("lib") || context.all.iter().any(wanted))
}

fn check_section(module: &Module, runtime: &Runtime, findings: &mut Findings) {
    let release = format!("Pyodide {}", runtime.version);
    let problem = match &module.dylink {
        None => "it has no section `dylink.0`: it is not a side module, and the loader refuses it".to_owned(),
        Some(dylink) if dylink.place == Place::Later => {
            "its section `dylink.0` is not the first: the loader does not find it".to_owned()
        }
        Some(dylink) if dylink.form == Form::Old && !runtime.start_up.reads_old_section => {
            format!("its section is called `dylink`, which the loader of {release} no longer reads")
        }
        Some(dylink) if dylink.is_cut => {
            let message = "its section `dylink.0` ends early: the loader reads on in what follows".to_owned();
            findings.add(Code::CUT_DYLINK, None, message);
            return;
        }
        // Every loader reads the field and uses none of it.
        Some(dylink) if dylink.table_alignment > 0 => {
            let alignment = 1_u64 << dylink.table_alignment.min(32);
            let message = format!(
                "it asks for table elements aligned to {alignment}, which the loader of {release} ignores"
            );
            findings.add(Code::TABLE_ALIGNMENT, None, message);
            return;
        }
        Some(_) => return,
    };
    findings.add(Code::NO_DYLINK, None, problem);
}

/// Relocations that nobody applies, or that a damaged table lists.
fn check_start_up(this: &Examined<'_>, runtime: &Runtime, findings: &mut Findings) {
    let name = "__wasm_apply_data_relocs";
    // 0.21 alone: from 0.22 on the loader calls it.
    if !runtime.start_up.applies_relocations
        && this.module.exported_function(name).is_some()
        && !this.code.relocates_itself
    {
        let message = format!(
            "it leaves it to the loader to call `{name}`, which that of Pyodide {} never does: pointers in its data are null",
            runtime.version
        );
        findings.add(Code::START_UP, name.to_owned(), message);
    }
    let table = Relocations::read(this.bytes).ok().flatten().and_then(|relocations| relocations.table);
    if let Some(fault) = table.and_then(|table| table.fault) {
        findings.add(Code::RELOCATION_TABLE, name.to_owned(), fault.to_string());
    }
}

fn check_suffix(name: &ExtensionName<'_>, runtime: &Runtime, findings: &mut Findings) {
    let suffixes = runtime.extension_suffixes();
    if name.suffix.contains("wasm64") {
        let message = format!(
            "its suffix is `{}`: it is for memories with addresses of 64 bits, which no Pyodide has",
            name.suffix
        );
        findings.add(Code::SUFFIX, name.suffix.to_owned(), message);
    } else if suffixes.iter().all(|known| known != name.suffix) {
        let message = format!(
            "its suffix is `{}`, the Python of Pyodide {} imports {}: it does not see the module",
            name.suffix,
            runtime.version,
            suffixes.join(", ")
        );
        findings.add(Code::SUFFIX, name.suffix.to_owned(), message);
    }
}

/// The function that Python calls to make the module.
fn find_entry<'a>(module: &'a Module, name: &ExtensionName<'_>, runtime: &Runtime) -> Option<&'a Export> {
    // The name of a module beyond ASCII is encoded (PEP 489); which one it is, the file name does not tell.
    let is_encoded = !name.module.is_ascii();
    let find = |entry: &str, encoded: &str| {
        let is_it =
            |export: &&Export| export.name == entry || (is_encoded && export.name.starts_with(encoded));
        module.exports.iter().find(is_it)
    };
    let hook = runtime.asks_for_export_hooks().then(|| find(&name.export_hook(), "PyModExportU_")).flatten();
    hook.or_else(|| find(&name.entry(), "PyInitU_"))
}

fn check_entry(module: &Module, name: &ExtensionName<'_>, runtime: &Runtime, findings: &mut Findings) {
    let wanted = Signature { parameters: Vec::new(), results: vec![wasmparser::ValType::I32] };
    let found = find_entry(module, name, runtime);
    let entry = found.map_or_else(|| name.entry(), |export| export.name.clone());
    match found.map(|export| &export.kind) {
        Some(ExportKind::Function(signature)) if *signature == wanted => {}
        Some(ExportKind::Function(signature)) if is_forgiven(signature, runtime) => {
            let message = format!(
                "its `{entry}` has the type {signature}, not {wanted}: Python {} calls it through JavaScript, which fills in zeros",
                runtime.python
            );
            findings.add(Code::ENTRY_PARAMETERS, entry, message);
        }
        Some(ExportKind::Function(signature)) => {
            let message = format!("its `{entry}` has the type {signature}, not {wanted}: the call traps");
            findings.add(Code::ENTRY_TYPE, entry, message);
        }
        Some(_) => {
            let message = format!("its `{entry}` is not a function: Python cannot call it");
            findings.add(Code::ENTRY_TYPE, entry, message);
        }
        None => {
            let others: Vec<&str> = module
                .exports
                .iter()
                .map(|export| export.name.as_str())
                .filter(|export| extension::is_entry(export))
                .collect();
            let instead = match &others[..] {
                [] => String::new(),
                others => format!(" (it exports {})", others.join(", ")),
            };
            let file = name.module;
            let message = format!(
                "it is the file of a module `{file}` and does not export `{entry}`{instead}: Python cannot import it"
            );
            findings.add(Code::NO_ENTRY, entry, message);
        }
    }
}

/// JavaScript makes missing parameters out of nothing; 64-bit integers cannot be made.
fn is_forgiven(signature: &Signature, runtime: &Runtime) -> bool {
    runtime.calls_entries_through_javascript()
        && signature.results == [wasmparser::ValType::I32]
        && !signature.parameters.contains(&wasmparser::ValType::I64)
}

/// Names that two modules export and one of them looks up in the table of the whole process.
fn check_shared_names(this: &Examined<'_>, context: &ModuleContext<'_>, findings: &mut Findings) {
    let Subject::Wheel(_) = context.subject else { return };
    // A module that only exports a name keeps its own: the table is asked only for names that go through it.
    let own: std::collections::BTreeSet<&str> = this
        .module
        .imports
        .iter()
        .filter(|(from, _, _)| from.starts_with("GOT."))
        .map(|(_, name, _)| name.as_str())
        .filter(|name| this.module.exports.iter().any(|export| export.name == *name))
        .collect();
    if own.is_empty() {
        return;
    }
    for other in context.all.iter().filter(|other| other.path != this.path) {
        let shared: Vec<&str> = other
            .module
            .exports
            .iter()
            .map(|export| export.name.as_str())
            .filter(|name| own.contains(name))
            .collect();
        if let Some(first) = shared.first() {
            let message = format!(
                "it exports {} and looks it up by name, and `{}` exports it too: the first of them to be loaded wins for both",
                list(&shared),
                other.path
            );
            findings.add(Code::SHARED_NAME, (*first).to_owned(), message);
        }
    }
}
