//! Toolchains: a rustc with its cargo, a wasm-ld, and a standard library for the runtime's exception model.
//!
//! Looks at `RUSTC`, the `PATH`, rustup's toolchains and the system's, and takes the first that can serve: one whose
//! prebuilt standard library fits, else one that carries its sources (`rust-src`), from which a sysroot is built once
//! into the cache. A `rust-toolchain` file in a package is not followed: it may ask for what is not there.

pub mod c_compiler;
pub(crate) mod c_headers;
pub(crate) mod emsdk;
pub mod linker;
pub(crate) mod prebuilt;
pub(crate) mod probe;
pub(crate) mod python_headers;
pub mod rust;
pub mod sysroot;
pub mod wasm_opt;

use std::path::PathBuf;

use anyhow::anyhow;
use semver::Version;

pub use rust::RustToolchain;

use crate::abi::{Contract, ExceptionModel, TARGET};
use crate::context::Context;
use crate::env::DRIVER_PLAN;
use crate::error::{Result, hinted, with_cause};
use crate::plan::WasmLd;

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
    /// The flags that choose the exception model.
    pub exception_flags: Vec<String>,
}

/// Chooses a toolchain that fits a contract and compiles packages that need this Rust version, and builds its sysroot
/// if need be.
///
/// # Errors
/// When none can serve: says what each lacks and how to get it.
pub fn choose(context: &Context, contract: Contract, needs: Option<&Version>) -> Result<Toolchain> {
    let ui = &context.ui;
    if context.environment.get(DRIVER_PLAN).is_some() {
        return Err(hinted(
            anyhow!("this shell compiles for Pyodide already, as `cargo pyodide env` set it up"),
            "build in another shell, or with maturin in this one",
        ));
    }
    let candidates = rust::find_all(context);
    if candidates.is_empty() {
        return Err(hinted(
            anyhow!(
                "no Rust compiler was found: looked at `CARGO_PYODIDE_RUSTC`, `RUSTC`, the `PATH`, rustup's toolchains and `/usr/bin`"
            ),
            rust::ADVICE,
        ));
    }
    let wasm_ld = linker::find(context, &candidates)?;
    let mut refused = Vec::new();
    for rust in candidates {
        match check(context, &rust, contract, needs)? {
            Ok(fit) => {
                ui.detail(format!("compiling with `{}` ({})", rust.rustc.display(), rust.version));
                let Fit { std, exception_flags } = fit;
                return Ok(Toolchain { rust, wasm_ld, std, exception_flags });
            }
            Err(reason) => {
                ui.detail(format!("not `{}` ({}): {reason}", rust.rustc.display(), rust.version));
                refused.push((rust, reason));
            }
        }
    }
    let advice = advice(refused.iter().map(|(_, reason)| reason));
    let lines: Vec<String> = refused
        .iter()
        .map(|(rust, reason)| format!("`{}` ({}) {reason}", rust.rustc.display(), rust.version))
        .collect();
    let mut error = anyhow!("no Rust compiler can build for {TARGET}:\n    {}", lines.join("\n    "));
    if refused.iter().any(|(_, reason)| matches!(reason, Unsuitable::TooOld(_))) {
        error = with_cause("rust-version", error);
    }
    Err(hinted(error, advice))
}

/// What a compiler that can serve brings.
struct Fit {
    std: StandardLibrary,
    exception_flags: Vec<String>,
}

/// Why a compiler cannot serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Unsuitable {
    #[error("is older than Rust {0}, which the package needs")]
    TooOld(Version),
    #[error("{0}")]
    Exceptions(sysroot::CannotUnwind),
    #[error("has no standard library for this target and no `rust-src`")]
    NoLibrary,
    #[error("has a standard library that does not fit ({0}) and no `rust-src`")]
    OtherLibrary(String),
}

/// What to do when no compiler serves: what the package needs comes first.
fn advice<'a>(reasons: impl Iterator<Item = &'a Unsuitable>) -> String {
    let mut advice = sysroot::ADVICE.to_owned();
    for reason in reasons {
        match reason {
            Unsuitable::TooOld(needed) => {
                return format!("install Rust {needed} or newer (`rustup update`), with `rust-src`");
            }
            Unsuitable::Exceptions(sysroot::CannotUnwind::FlagIsUnknown(ExceptionModel::JavaScript)) => {
                sysroot::OLDER_ADVICE.clone_into(&mut advice);
            }
            _ => {}
        }
    }
    advice
}

/// Whether a compiler can serve. The outer error ends the search.
fn check(
    context: &Context,
    rust: &RustToolchain,
    contract: Contract,
    needs: Option<&Version>,
) -> Result<Result<Fit, Unsuitable>> {
    if let Some(needed) = needs.filter(|needed| **needed > rust.version_without_channel()) {
        return Ok(Err(Unsuitable::TooOld(needed.clone())));
    }
    let exception_flags = match sysroot::exception_flags(context, rust, contract.exceptions) {
        Ok(flags) => flags,
        Err(reason) => return Ok(Err(Unsuitable::Exceptions(reason))),
    };
    let mut lacks = Unsuitable::NoLibrary;
    if rust.has_prebuilt_std() {
        match prebuilt::find_misfit(context, rust, contract)? {
            None => return Ok(Ok(Fit { std: StandardLibrary::Prebuilt, exception_flags })),
            Some(reason) => {
                context.ui.detail(format!("not the prebuilt standard library of {}: {reason}", rust.version));
                lacks = Unsuitable::OtherLibrary(reason);
            }
        }
    }
    let Some(sources) = &rust.sources else { return Ok(Err(lacks)) };
    let folder = sysroot::prepare(context, rust, sources, contract, &exception_flags)?;
    Ok(Ok(Fit { std: StandardLibrary::Built(folder), exception_flags }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_follows_the_most_telling_reason() {
        let check = |reasons: &[Unsuitable]| advice(reasons.iter());
        let gone = Unsuitable::Exceptions(sysroot::CannotUnwind::FlagIsUnknown(ExceptionModel::JavaScript));
        assert_eq!(check(&[Unsuitable::NoLibrary]), sysroot::ADVICE);
        assert_eq!(check(&[gone.clone(), Unsuitable::NoLibrary]), sysroot::OLDER_ADVICE);
        let too_old = Unsuitable::TooOld(Version::new(1, 99, 0));
        assert!(check(&[gone, too_old]).starts_with("install Rust 1.99.0"));
    }
}
