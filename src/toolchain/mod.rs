//! Toolchains: a rustc with its cargo, a wasm-ld, and a standard library for the runtime's exception model.
//!
//! Looks at `RUSTC`, the `PATH`, rustup's toolchains and the system's, and takes the first that can serve: one whose
//! prebuilt standard library fits, else one that carries its sources (`rust-src`), from which a sysroot is built once
//! into the cache. A `rust-toolchain` file in a package is not followed: it may ask for what is not there.

pub mod c_compiler;
pub mod headers;
pub mod linker;
pub mod prebuilt;
pub mod rust;
pub mod sysroot;

use std::path::PathBuf;

use anyhow::anyhow;
use semver::Version;
use serde::{Deserialize, Serialize};

pub use linker::WasmLd;
pub use rust::RustToolchain;

use crate::abi::{EmscriptenVersion, ExceptionModel};
use crate::cache::Cache;
use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::ui::Ui;

/// The target that side modules are compiled for.
pub const TARGET: &str = "wasm32-unknown-emscripten";

/// What a sysroot must fit: how panics unwind and how structs are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// The exception model of the runtime.
    pub exceptions: ExceptionModel,
    /// The Emscripten that the runtime was built with, whose struct layouts are used.
    pub emscripten: EmscriptenVersion,
}

/// Where the standard library comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StandardLibrary {
    /// The toolchain's own, as rustup delivers it.
    Prebuilt,
    /// Built from the toolchain's sources into this folder.
    Built(PathBuf),
}

/// Everything that compiles and links.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// The compiler and its cargo.
    pub rust: RustToolchain,
    /// The linker.
    pub wasm_ld: WasmLd,
    /// The standard library.
    pub std: StandardLibrary,
    /// The unstable flags that the exception model takes: none for WebAssembly exceptions.
    pub exception_flags: Vec<String>,
}

/// What choosing a toolchain may use.
#[derive(Debug, Clone, Copy)]
pub struct Tools<'a> {
    /// Where to say what goes on.
    pub ui: Ui,
    /// Where sysroots are kept.
    pub cache: &'a Cache,
    /// The user's environment.
    pub environment: &'a Environment,
}

/// Chooses a toolchain that fits a contract and compiles packages that need this Rust version, and builds its sysroot
/// if need be.
///
/// # Errors
/// When none can serve: says what each lacks and how to get it.
pub fn choose(tools: Tools<'_>, contract: Contract, needs: Option<&Version>) -> Result<Toolchain> {
    let ui = tools.ui;
    let candidates = rust::candidates(tools);
    if candidates.is_empty() {
        return Err(hinted(
            anyhow!(
                "no Rust compiler was found: looked at `CARGO_PYODIDE_RUSTC`, `RUSTC`, the `PATH`, rustup's toolchains and `/usr/bin`"
            ),
            rust::ADVICE,
        ));
    }
    let wasm_ld = linker::find(tools, &candidates)?;
    let mut refused = Vec::new();
    for rust in candidates {
        let served = suits(ui, &rust, (contract, needs))
            .and_then(|flags| Ok((standard_library(tools, &rust, contract)?, flags)));
        match served {
            Ok((std, exception_flags)) => {
                ui.detail(format!("compiling with `{}` ({})", rust.rustc.display(), rust.version));
                return Ok(Toolchain { rust, wasm_ld, std, exception_flags });
            }
            Err(Unsuitable::Because(reason)) => {
                ui.detail(format!("not `{}` ({}): {reason}", rust.rustc.display(), rust.version));
                refused.push(format!("`{}` ({}) {reason}", rust.rustc.display(), rust.version));
            }
            Err(Unsuitable::Failed(error)) => return Err(error),
        }
    }
    let any = |words: &str| refused.iter().any(|reason| reason.contains(words));
    let advice = match needs.filter(|_| any("is older than Rust")) {
        Some(needed) => format!("install Rust {needed} or newer (`rustup update`), with `rust-src`"),
        None if any(sysroot::FLAG_IS_GONE) => sysroot::OLDER_ADVICE.to_owned(),
        None => sysroot::ADVICE.to_owned(),
    };
    Err(hinted(anyhow!("no Rust compiler can build for {TARGET}:\n    {}", refused.join("\n    ")), advice))
}

enum Unsuitable {
    Because(String),
    Failed(anyhow::Error),
}

fn suits(
    ui: Ui,
    rust: &RustToolchain,
    (contract, needs): (Contract, Option<&Version>),
) -> Result<Vec<String>, Unsuitable> {
    if let Some(needed) = needs.filter(|needed| **needed > rust.version_without_channel()) {
        return Err(Unsuitable::Because(format!("is older than Rust {needed}, which the package needs")));
    }
    sysroot::exception_flags(ui, rust, contract.exceptions).map_err(Unsuitable::Because)
}

fn standard_library(
    tools: Tools<'_>,
    rust: &RustToolchain,
    contract: Contract,
) -> Result<StandardLibrary, Unsuitable> {
    let mut lacks = "has no standard library for this target and no `rust-src`".to_owned();
    if rust.has_prebuilt_std() {
        match prebuilt::misfit(tools, rust, contract) {
            Ok(None) => return Ok(StandardLibrary::Prebuilt),
            Ok(Some(reason)) => {
                tools.ui.detail(format!("not the prebuilt standard library of {}: {reason}", rust.version));
                lacks = format!("has a standard library that does not fit ({reason}) and no `rust-src`");
            }
            Err(error) => return Err(Unsuitable::Failed(error)),
        }
    }
    let Some(sources) = &rust.sources else { return Err(Unsuitable::Because(lacks)) };
    sysroot::built(tools, rust, (sources, contract)).map(StandardLibrary::Built).map_err(Unsuitable::Failed)
}
