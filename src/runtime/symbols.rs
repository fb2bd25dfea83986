//! Every name that a side module can import from a release, with its type and who provides it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::javascript::{Script, ScriptValue, from_letters};
use crate::abi::{ExceptionModel, exceptions};
use crate::wasm::module::{Limits, Own};
use crate::wasm::{ExportKind, Import, Module, Signature};

/// Who provides a name, and of which type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// A function that the main module exports: importing it with another type is a `LinkError`.
    WasmFunction(Signature),
    /// A function of the start-up script. Any type links.
    ScriptFunction {
        /// The type with which the main module itself imports it.
        exact: Option<Signature>,
        /// The type that the script states, which the loader uses when the function's address is taken. It is wrong
        /// for a few: `llvm_eh_typeid_for` is said to return nothing.
        stated: Option<Signature>,
    },
    /// Something else that the start-up script gives.
    ScriptValue(ScriptValue),
    /// Data of the main module, reached through `GOT.mem`.
    Data,
}

/// The importable names of a release.
#[derive(Debug)]
pub struct Symbols {
    names: HashMap<String, Provider>,
    exceptions: ExceptionModel,
    wide_invokes: Option<Vec<String>>,
    memory: Limits,
    table: Limits,
    late: BTreeSet<String>,
}

/// Exports of the main module under a second name.
const ALIASES: [(&str, &str); 2] = [("main", "__main_argc_argv"), ("open64", "open")];

impl Symbols {
    /// Joins what the main module exports, what the script gives, and what exceptions take.
    pub(super) fn read(main_module: &Module, script: &Script, exceptions: ExceptionModel) -> Self {
        let mut symbols = Self {
            names: HashMap::new(),
            exceptions,
            wide_invokes: None,
            memory: Limits::default(),
            table: Limits::default(),
            late: BTreeSet::new(),
        };
        symbols.take_script(main_module, script);
        symbols.take_exports(main_module);
        symbols.take_limits(main_module);
        for (alias, name) in ALIASES {
            if let Some(provider) = symbols.names.get(name).cloned() {
                symbols.names.entry(alias.to_owned()).or_insert(provider);
                if script.finds_aliases_late && alias == "main" {
                    symbols.late.insert(alias.to_owned());
                }
            }
        }
        if exceptions.row().makes_on_demand("invoke_j") && !script.start_up.returns_wide {
            let wide = script.functions.keys().filter(|name| name.starts_with("invoke_j"));
            symbols.wide_invokes = Some(wide.cloned().collect());
        }
        symbols
    }

    /// Types of script functions: what the main module itself imports is exact.
    fn take_script(&mut self, main_module: &Module, script: &Script) {
        let imported: BTreeMap<&str, &Signature> = main_module
            .imports
            .iter()
            .filter_map(|(_, name, kind)| match kind {
                Import::Function(signature) => Some((name.as_str(), signature)),
                _ => None,
            })
            .collect();
        for (name, stated) in script.functions.iter().filter(|(name, _)| !exceptions::is_tag(name)) {
            let exact = imported.get(name.as_str()).map(|signature| (*signature).clone());
            self.names.insert(name.clone(), Provider::ScriptFunction { exact, stated: stated.clone() });
        }
        let values = script.values.iter().map(|(name, value)| (name.clone(), Provider::ScriptValue(*value)));
        self.names.extend(values);
    }

    fn take_exports(&mut self, main_module: &Module) {
        for export in &main_module.exports {
            match &export.kind {
                ExportKind::Function(signature) => {
                    self.names.insert(export.name.clone(), Provider::WasmFunction(signature.clone()));
                }
                ExportKind::Global => {
                    self.names.insert(export.name.clone(), Provider::Data);
                }
                ExportKind::Table | ExportKind::Memory | ExportKind::Tag => {}
            }
        }
    }

    /// The memory and the table: the script makes them as the main module asks, or, from 314 on, they are its own.
    fn take_limits(&mut self, main_module: &Module) {
        for (_, _, import) in &main_module.imports {
            match import {
                Import::Memory(limits) => self.memory = *limits,
                Import::Table(limits) => self.table = *limits,
                _ => {}
            }
        }
        // A later table is for references of JavaScript.
        for own in main_module.own.iter().rev() {
            match own {
                Own::Memory(limits) => self.memory = *limits,
                Own::Table(limits) if limits.kind.is_none() => self.table = *limits,
                Own::Table(_) => {}
            }
        }
    }

    /// Whether a function of WebAssembly is reached through one of JavaScript, so that any type links.
    pub fn is_found_late(&self, name: &str) -> bool {
        self.late.contains(name)
    }

    /// The memory as it is at the start, counted in pages of 64 KiB.
    pub fn memory(&self) -> Limits {
        self.memory
    }

    /// The table of functions as it is at the start.
    pub fn table(&self) -> Limits {
        self.table
    }

    /// Who provides a name. `invoke_*` and the numbered landing-pad helpers are made on demand where exceptions go
    /// through JavaScript.
    pub fn provider(&self, name: &str) -> Option<Provider> {
        if let Some(provider) = self.names.get(name) {
            return Some(provider.clone());
        }
        // Made when first asked for, without a type that the loader could read.
        let letters = name.strip_prefix("invoke_").unwrap_or_default();
        self.exceptions
            .row()
            .makes_on_demand(name)
            .then(|| Provider::ScriptFunction { exact: from_letters(letters).map(invoke), stated: None })
    }

    /// Whether the C library counts seconds in 32 bits: what `time` returns tells. So in 0.21 alone.
    pub fn counts_narrow_seconds(&self) -> bool {
        matches!(self.names.get("time"), Some(Provider::WasmFunction(has)) if has.results == [wasmparser::ValType::I32])
    }

    /// The `invoke_j…` that work, where others would throw in JavaScript; none where all work.
    pub fn wide_invokes(&self) -> Option<Vec<String>> {
        self.wide_invokes.clone()
    }

    /// Whether an exception tag of this name can be imported.
    pub fn has_tag(&self, name: &str) -> bool {
        self.exceptions.row().tags.contains(&name)
    }

    /// All names, unordered.
    pub fn names(&self) -> impl Iterator<Item = (&str, &Provider)> {
        self.names.iter().map(|(name, provider)| (name.as_str(), provider))
    }
}

/// The type of `invoke_vii`: the function's table index, then its own parameters.
fn invoke(callee: Signature) -> Signature {
    let mut parameters = vec![wasmparser::ValType::I32];
    parameters.extend(callee.parameters);
    Signature { parameters, results: callee.results }
}
