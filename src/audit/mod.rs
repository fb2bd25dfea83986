//! The audit: proves by reading that a wheel's modules will load in a runtime.
//!
//! What is checked so far, at the end of each build: every import has a provider in the release, with the same type;
//! the module starts with `dylink.0`; `PyInit_NAME` is exported with the right type. Findings are values.

pub mod imports;

use std::fmt;

use crate::runtime::Runtime;
use crate::wasm::Module;
use crate::wheel::extension;
use crate::wheel::finish::FinishedWheel;

/// One thing that keeps a wheel from working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The module's path in the wheel.
    pub file: String,
    /// What was found.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.file, self.message)
    }
}

/// Holds a finished wheel against a runtime. No finding means that its modules load.
pub fn audit(wheel: &FinishedWheel, runtime: &Runtime) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in &wheel.modules {
        let bytes = wheel.contents.files.get(path).map(Vec::as_slice).unwrap_or_default();
        let messages = match Module::read(bytes) {
            Ok(module) => audit_module(&module, path, runtime),
            Err(error) => vec![error.to_string()],
        };
        findings.extend(messages.into_iter().map(|message| Finding { file: path.clone(), message }));
    }
    findings
}

fn audit_module(module: &Module, path: &str, runtime: &Runtime) -> Vec<String> {
    let mut messages = imports::unprovided(module, &runtime.symbols);
    if !module.starts_with_dylink {
        messages.push("its first section is not `dylink.0`: it is no side module".to_owned());
    }
    messages.extend(
        module
            .needed
            .iter()
            .map(|name| format!("it needs the shared library `{name}`, which the wheel does not hold")),
    );
    if let Some(name) = extension::parse(path) {
        let entry = name.entry();
        match module.exported_function(&entry) {
            None => messages.push(format!("it does not export `{entry}`: Python cannot import it")),
            Some(signature) if signature.to_string() != "() -> (i32)" => {
                messages.push(format!("its `{entry}` has the type {signature}, not () -> (i32)"));
            }
            Some(_) => {}
        }
    }
    messages
}
