//! Checks a module's imports against what the release and its libraries provide, by name and type.
//!
//! The rules are the loader's own: functions of `env` that nothing provides become stubs which throw when called;
//! addresses (`GOT.mem`, `GOT.func`) must be found when the module is loaded.

use std::collections::{BTreeSet, HashMap};

use wasmparser::ValType;

use super::catalogue::Code;
use super::examined::{Examined, ModuleContext};
use super::finding::Findings;
use super::model::{self, Missing};
use crate::abi::exceptions;
use crate::runtime::javascript::ScriptValue;
use crate::runtime::{Provider, Runtime};
use crate::wasm::dylink::Dylink;
use crate::wasm::module::{Limits, MemoryKind, Mutability};
use crate::wasm::{ExportKind, Import, Module, Signature};

/// Finds the libraries that a module asks for, and theirs; says which are not there.
pub(super) fn libraries<'a>(
    this: &'a Examined<'_>,
    context: &'a ModuleContext<'_>,
    findings: &mut Findings,
) -> Vec<&'a Module> {
    let known = |name: &str| {
        let own = context.all.iter().map(|other| (other.path, &other.module));
        let neighbours = context.neighbours.iter().map(|other| (other.path.as_str(), &other.module));
        let file = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        own.chain(neighbours).find(|(path, _)| file(path) == file(name)).map(|(_, module)| module)
    };
    let mut found: Vec<&Module> = Vec::new();
    let mut wanted: Vec<&str> = needed(&this.module);
    // The loader follows libraries of libraries; one seen twice is loaded once.
    while let Some(name) = wanted.pop() {
        match known(name) {
            Some(library) if found.iter().any(|seen| std::ptr::eq(*seen, library)) => {}
            Some(library) => {
                found.push(library);
                wanted.extend(needed(library));
            }
            None => findings.add(
                Code::MISSING_LIBRARY,
                name.to_owned(),
                format!(
                    "it needs the shared library `{name}`, which is not there: the loader refuses the module"
                ),
            ),
        }
    }
    found
}

fn needed(module: &Module) -> Vec<&str> {
    module.dylink.iter().flat_map(|dylink| &dylink.needed).map(String::as_str).collect()
}

/// Checks every import.
pub(super) fn check(this: &Examined<'_>, runtime: &Runtime, libraries: &[&Module], findings: &mut Findings) {
    let mut defined: HashMap<&str, &ExportKind> = HashMap::new();
    for module in libraries.iter().copied().chain([&this.module]) {
        defined.extend(module.exports.iter().map(|export| (export.name.as_str(), &export.kind)));
    }
    let mut check = Check {
        runtime,
        module: &this.module,
        defined,
        missing: Missing::default(),
        used: &this.code.used,
        next_function: 0,
        findings,
    };
    for (from, name, import) in &this.module.imports {
        match from.as_str() {
            "env" | "wasi_snapshot_preview1" => check.check_named(name, import),
            "GOT.mem" | "GOT.func" => check.check_address(from, name, import),
            other => {
                check.next_function += u32::from(matches!(import, Import::Function(_)));
                check.report_foreign(other, name);
            }
        }
    }
    let Check { missing, findings, .. } = check;
    model::check(&missing, runtime, findings);
}

/// Names that the loader keeps for itself and never looks up for a module.
const INTERNAL: [&str; 8] = [
    "__cpp_exception",
    "__c_longjmp",
    "__wasm_apply_data_relocs",
    "__dso_handle",
    "__tls_size",
    "__tls_align",
    "__set_stack_limits",
    "_emscripten_tls_init",
];

struct Check<'a> {
    runtime: &'a Runtime,
    module: &'a Module,
    /// What the module itself and its libraries export.
    defined: HashMap<&'a str, &'a ExportKind>,
    missing: Missing,
    /// The imported functions that something in the module calls or points to, and the number of the next one.
    used: &'a BTreeSet<u32>,
    next_function: u32,
    findings: &'a mut Findings,
}

impl Check<'_> {
    fn report_foreign(&mut self, from: &str, name: &str) {
        let message = format!(
            "it imports `{name}` from `{from}`, a module that Pyodide does not have: the loader throws and the module is not there"
        );
        self.findings.add(Code::FOREIGN_MODULE, format!("{from}.{name}"), message);
    }

    fn check_named(&mut self, name: &str, import: &Import) {
        match import {
            Import::Function(wanted) => {
                let is_used = self.used.contains(&self.next_function);
                self.next_function += 1;
                self.function(name, wanted, is_used);
            }
            Import::Tag(_) if self.runtime.symbols.has_tag(name) => self.tag(name, import),
            // Collected, and reported once: a module for the other exception model misses a dozen names for one reason.
            Import::Tag(_) if exceptions::is_tag(name) => self.missing.take(name),
            Import::Memory(limits) if name == "memory" => self.memory(limits),
            Import::Table(limits) if name == "__indirect_function_table" => self.table(limits),
            Import::Global(ValType::I32, mutability) if self.gives_global(name, *mutability) => {}
            _ => self.other_kind("env", name, import),
        }
    }

    /// What the loader itself provides as a global; the address of data can be imported as one as well.
    fn gives_global(&self, name: &str, mutability: Mutability) -> bool {
        match name {
            "__memory_base" | "__table_base" => mutability == Mutability::Constant,
            "__stack_pointer" => mutability == Mutability::Mutable,
            _ => {
                let provider = self.runtime.symbols.provider(name);
                let is_address =
                    matches!(provider, Some(Provider::Data | Provider::ScriptValue(ScriptValue::Number)));
                is_address && mutability == Mutability::Constant
            }
        }
    }

    fn other_kind(&mut self, from: &str, name: &str, import: &Import) {
        let message = format!(
            "it imports `{name}` from `{from}` as {import}, which nothing in {} is: the engine refuses the module",
            self.release()
        );
        self.findings.add(Code::OTHER_KIND, name.to_owned(), message);
    }

    fn release(&self) -> String {
        format!("Pyodide {}", self.runtime.version)
    }

    /// The tags of all releases have one type: a pointer, and no result.
    fn tag(&mut self, name: &str, import: &Import) {
        let Import::Tag(signature) = import else { return };
        if signature.parameters != [ValType::I32] || !signature.results.is_empty() {
            self.other_kind("env", name, import);
        }
    }

    fn function(&mut self, name: &str, wanted: &Signature, is_used: bool) {
        match self.runtime.symbols.provider(name) {
            Some(Provider::WasmFunction(has))
                if has != *wanted && self.runtime.symbols.is_found_late(name) =>
            {
                self.script_function(name, wanted, &has, is_used);
            }
            Some(Provider::WasmFunction(has)) if has != *wanted => {
                let message = format!(
                    "it imports the function `{name}` as {wanted}, but in {} it is {has}: the engine refuses the module",
                    self.release()
                );
                self.findings.add(Code::FUNCTION_TYPE, name.to_owned(), message);
            }
            Some(Provider::ScriptFunction { exact: Some(has), .. }) if has != *wanted => {
                self.script_function(name, wanted, &has, is_used);
            }
            Some(Provider::WasmFunction(_) | Provider::ScriptFunction { .. }) => {}
            Some(Provider::Data | Provider::ScriptValue(_)) => {
                self.other_kind("env", name, &Import::Function(wanted.clone()));
            }
            None => self.unprovided(name, wanted, is_used),
        }
    }

    /// JavaScript converts numbers into each other, but not numbers into 64-bit integers or back.
    fn script_function(&mut self, name: &str, wanted: &Signature, has: &Signature, is_used: bool) {
        let wide = |kind: Option<&ValType>| kind == Some(&ValType::I64);
        let count = wanted.parameters.len().max(has.parameters.len());
        let mixes = |at: usize| wide(wanted.parameters.get(at)) != wide(has.parameters.get(at));
        let throws = wide(wanted.results.first()) != wide(has.results.first())
            || (0..count).any(|at| mixes(at) && has.parameters.len() > at);
        let lacks = wanted.parameters.len() < has.parameters.len();
        let (code, what) = match (throws, lacks) {
            (true, _) | (_, true) if !is_used => {
                (Code::SCRIPT_FUNCTION_TYPE, "it links, and the call would fail, but nothing calls it")
            }
            (true, _) => (
                Code::FUNCTION_TYPE,
                "the call throws, for JavaScript does not mix numbers and 64-bit integers",
            ),
            (_, true) => (Code::FUNCTION_TYPE, "the function works with what it was not given"),
            _ => (Code::SCRIPT_FUNCTION_TYPE, "it links, and JavaScript converts"),
        };
        let message = format!(
            "it imports the function `{name}` as {wanted}, but {} has it in JavaScript as {has}: {what}",
            self.release()
        );
        self.findings.add(code, name.to_owned(), message);
    }

    /// The release has no such function: the module itself or a library may, else the stub throws.
    fn unprovided(&mut self, name: &str, wanted: &Signature, is_used: bool) {
        match self.defined.get(name) {
            // Through a stub of JavaScript, which links with any type; a different one traps or throws in the call.
            Some(ExportKind::Function(has)) if has == wanted => {}
            Some(ExportKind::Function(has)) => self.script_function(name, wanted, &has.clone(), is_used),
            _ if model::is_telling(name) => self.missing.take(name),
            _ => {
                let message = format!(
                    "it imports the function `{name}`, which nothing in {} provides: the interpreter dies when it is called",
                    self.release()
                );
                self.findings.add(Code::MISSING_FUNCTION, name.to_owned(), message);
            }
        }
    }

    fn memory(&mut self, wanted: &Limits) {
        let has = self.runtime.symbols.memory();
        let own =
            self.module.dylink.as_ref().map_or(0, |dylink| u64::from(dylink.memory_size).div_ceil(65536));
        self.limits("memory", "pages", wanted, Limits { minimum: has.minimum.max(own), ..has });
    }

    fn table(&mut self, wanted: &Limits) {
        let has = self.runtime.symbols.table();
        let own = self.module.dylink.as_ref().map_or(0, |dylink: &Dylink| u64::from(dylink.table_size));
        self.limits("table", "elements", wanted, Limits { minimum: has.minimum + own, ..has });
    }

    fn limits(&mut self, what: &str, unit: &str, wanted: &Limits, has: Limits) {
        let release = self.release();
        let problem = if let Some(kind) = wanted.kind {
            let of_kind = match kind {
                MemoryKind::Wide => "with addresses of 64 bits",
                MemoryKind::Shared => "that threads share (it was compiled with `+atomics`)",
                MemoryKind::NotFunctions => "of something other than functions",
            };
            format!("{of_kind}, {release} has none")
        } else if wanted.minimum > has.minimum {
            format!("of at least {} {unit}, {release} has {}", wanted.minimum, has.minimum)
        } else if let Some(maximum) = wanted.maximum
            && has.maximum.is_none_or(|most| most > maximum)
        {
            let most = has.maximum.map_or("no maximum".to_owned(), |most| most.to_string());
            format!("of at most {maximum} {unit}, {release} has {most}")
        } else {
            return;
        };
        let message = format!("it imports a {what} {problem}: the engine refuses the module");
        self.findings.add(Code::LIMITS, what.to_owned(), message);
    }
}

/// Addresses of data and functions, which the loader looks up by name.
impl Check<'_> {
    fn check_address(&mut self, from: &str, name: &str, import: &Import) {
        if !matches!(import, Import::Global(ValType::I32, Mutability::Mutable)) {
            self.other_kind(from, name, import);
            return;
        }
        let provider = self.runtime.symbols.provider(name);
        let defined = self.defined.get(name).filter(|_| !INTERNAL.contains(&name)).copied();
        let wants_data = from == "GOT.mem";
        let is_data = match (&provider, defined) {
            (_, Some(ExportKind::Function(_)))
            | (Some(Provider::WasmFunction(_) | Provider::ScriptFunction { stated: Some(_), .. }), None) => {
                false
            }
            (_, Some(ExportKind::Global))
            | (
                Some(Provider::Data | Provider::ScriptValue(ScriptValue::Number | ScriptValue::LateNumber)),
                None,
            ) => true,
            (Some(Provider::ScriptFunction { .. } | Provider::ScriptValue(_)), None) => {
                return self.untyped(name);
            }
            (_, _) => return self.no_address(name),
        };
        // The loader keeps both kinds in one table and does not notice: it is the module that goes wrong.
        if is_data != wants_data {
            let kind = |data: bool| if data { "data" } else { "a function" };
            let message = format!(
                "it takes the address of `{name}` as {}, but it is {}: what the module finds there is something else",
                kind(wants_data),
                kind(is_data)
            );
            self.findings.add(Code::WRONG_KIND_OF_ADDRESS, name.to_owned(), message);
        }
    }

    fn untyped(&mut self, name: &str) {
        let message = format!(
            "it takes the address of `{name}`, which is of JavaScript and for which {} states no type: the loader throws",
            self.release()
        );
        self.findings.add(Code::UNTYPED_ADDRESS, name.to_owned(), message);
    }

    fn no_address(&mut self, name: &str) {
        // A weak address may be missing: the loader leaves it null, and the code is written to ask.
        let is_weak =
            self.module.dylink.as_ref().is_some_and(|dylink| dylink.weak.iter().any(|weak| weak == name));
        if is_weak {
            let message = format!("it takes the address of `{name}`, which nothing provides: it is null");
            self.findings.add(Code::WEAK_IS_NULL, name.to_owned(), message);
        } else if model::is_telling(name) {
            self.missing.take(name);
        } else {
            let message = format!(
                "it takes the address of `{name}`, which nothing in {} provides: the loader refuses this module and every later one",
                self.release()
            );
            self.findings.add(Code::MISSING_ADDRESS, name.to_owned(), message);
        }
    }
}
