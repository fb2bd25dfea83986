//! A runtime for tests: what is known of its line, without files of a release.

use std::collections::BTreeMap;

use semver::Version;

use super::javascript;
use super::{LockedPackage, Runtime, StartUp, Symbols};
use crate::abi::{ExceptionModel, Line, facts_of};
use crate::wasm::Module;

/// A release of a known line, which provides no symbols and has no packages.
pub(crate) fn runtime(version: &str, python: &str) -> Runtime {
    let version: Version = version.parse().unwrap();
    let facts = facts_of(Line::of(&version)).unwrap();
    let first_of_wasm: Line = "0.28".parse().unwrap();
    let exceptions = if Line::of(&version) >= first_of_wasm {
        ExceptionModel::WasmLegacy
    } else {
        ExceptionModel::JavaScript
    };
    Runtime {
        python: python.parse().unwrap(),
        python_release: python.parse().unwrap(),
        emscripten: facts.emscripten.as_ref().unwrap().parse().unwrap(),
        abi_version: None,
        packages: BTreeMap::new(),
        exceptions,
        symbols: read_symbols(&[], exceptions),
        thread_error: None,
        start_up: StartUp::default(),
        extension_suffix: format!(".cpython-{}-wasm32-emscripten.so", python.replace('.', "")),
        folder: "runtime".into(),
        version,
        facts,
    }
}

/// A package of a release.
pub(crate) fn package(version: &str, file_name: &str, depends: &[&str]) -> LockedPackage {
    LockedPackage {
        version: version.to_owned(),
        file_name: file_name.parse().ok(),
        sha256: None,
        depends: depends.iter().map(|name| (*name).to_owned()).collect(),
        imports: Vec::new(),
        package_type: None,
    }
}

/// The symbols of a release whose exceptions go through JavaScript, and whose start-up script has these functions.
pub(crate) fn symbols(functions: &[&str]) -> Symbols {
    read_symbols(functions, ExceptionModel::JavaScript)
}

fn read_symbols(functions: &[&str], exceptions: ExceptionModel) -> Symbols {
    let bytes = wat::parse_str("(module)").unwrap();
    let entries: Vec<String> = functions.iter().map(|name| format!("\"{name}\":_f")).collect();
    let script = javascript::parse(&format!("var wasmImports={{{}}};", entries.join(","))).unwrap();
    Symbols::read(&Module::read(&bytes).unwrap(), &script, exceptions)
}
