//! Toolchains: a rustc with its cargo, a wasm-ld, and a standard library for the runtime's exception model.
//!
//! Looks at `RUSTC`, the `PATH`, rustup's toolchains and the system's, and takes the first that can serve: one whose
//! prebuilt standard library fits, else one that carries its sources (`rust-src`), from which a sysroot is built once
//! into the cache. The cargo is the user's own if that called us, else the one beside the compiler. A `rust-toolchain`
//! file in a package is not followed: it may ask for what is not there.

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

/// A compiler that can serve, and where its standard library would come from.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The compiler and its cargo.
    pub rust: RustToolchain,
    /// Its standard library.
    pub library: LibrarySource,
    /// The flags that choose the exception model.
    exception_flags: Vec<String>,
    /// Why each compiler before it in the order cannot serve.
    passed_over: Vec<String>,
}

/// Where a standard library would come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LibrarySource {
    /// The toolchain's own fits.
    Prebuilt,
    /// It is built from these sources.
    Sources(PathBuf),
}

impl Candidate {
    /// Why this compiler, on one line.
    pub fn reason(&self) -> String {
        let library = match self.library {
            LibrarySource::Prebuilt => "its prebuilt standard library fits",
            LibrarySource::Sources(_) => "its standard library is built from `rust-src`",
        };
        match &self.passed_over[..] {
            [] => format!("the first compiler; {library}"),
            passed => format!("{library}; {}", passed.join("; ")),
        }
    }
}

/// Chooses a toolchain that fits a contract and compiles packages that need this Rust version, and builds its sysroot
/// if need be.
///
/// # Errors
/// When none can serve: says what each lacks and how to get it.
pub fn choose(context: &Context, contract: Contract, needs: Option<&Version>) -> Result<Toolchain> {
    if context.environment.get(DRIVER_PLAN).is_some() {
        return Err(hinted(
            anyhow!("this shell compiles for Pyodide already, as `cargo pyodide env` set it up"),
            "build in another shell, or with maturin in this one",
        ));
    }
    let candidates = find_compilers(context)?;
    let wasm_ld = linker::find(context, &candidates)?;
    let found = find_among(context, candidates, contract, needs)?;
    let described = format!("`{}` ({})", found.rust.rustc.display(), found.rust.version);
    context.ui.detail(format!("compiling with {described}: {}", found.reason()));
    let Candidate { rust, library, exception_flags, .. } = found;
    let std = match library {
        LibrarySource::Prebuilt => StandardLibrary::Prebuilt,
        LibrarySource::Sources(sources) => {
            StandardLibrary::Built(sysroot::prepare(context, &rust, &sources, contract, &exception_flags)?)
        }
    };
    // Only now: a standard library is built by the cargo that belongs to it.
    let rust = with_own_cargo(context, rust);
    Ok(Toolchain { rust, wasm_ld, std, exception_flags })
}

/// The compiler that [`choose`] takes, without preparing anything.
///
/// # Errors
/// When none can serve: says what each lacks and how to get it.
pub fn find(context: &Context, contract: Contract) -> Result<Candidate> {
    let found = find_among(context, find_compilers(context)?, contract, None)?;
    Ok(Candidate { rust: with_own_cargo(context, found.rust), ..found })
}

/// The toolchain with the user's cargo, if that called us: it reads the user's configuration and credentials, which an
/// older one may not understand.
fn with_own_cargo(context: &Context, rust: RustToolchain) -> RustToolchain {
    match rust::find_own_cargo(&context.environment) {
        Some(cargo) => {
            context
                .ui
                .detail(format!("the cargo is `{}`, which the variable `CARGO` names", cargo.display()));
            RustToolchain { cargo, ..rust }
        }
        None => rust,
    }
}

fn find_compilers(context: &Context) -> Result<Vec<RustToolchain>> {
    let found = rust::find_all(context);
    if found.is_empty() {
        return Err(hinted(
            anyhow!(
                "no Rust compiler was found: looked at `CARGO_PYODIDE_RUSTC`, `RUSTC`, the `PATH`, rustup's toolchains and `/usr/bin`"
            ),
            rust::ADVICE,
        ));
    }
    Ok(found)
}

fn find_among(
    context: &Context,
    candidates: Vec<RustToolchain>,
    contract: Contract,
    needs: Option<&Version>,
) -> Result<Candidate> {
    let mut refused = Vec::new();
    for rust in candidates {
        match check(context, &rust, contract, needs)? {
            Ok(Fit { library, exception_flags }) => {
                let passed_over = refused.iter().map(describe_refused).collect();
                return Ok(Candidate { rust, library, exception_flags, passed_over });
            }
            Err(reason) => refused.push(RefusedCompiler { rust, reason }),
        }
    }
    let advice = advice(refused.iter().map(|refused| &refused.reason));
    let lines: Vec<String> = refused.iter().map(describe_refused).collect();
    let mut error = anyhow!("no Rust compiler can build for {TARGET}:\n    {}", lines.join("\n    "));
    if refused.iter().any(|refused| matches!(refused.reason, Unsuitable::TooOld(_))) {
        error = with_cause("rust-version", error);
    }
    Err(hinted(error, advice))
}

/// A compiler that cannot serve.
struct RefusedCompiler {
    rust: RustToolchain,
    reason: Unsuitable,
}

fn describe_refused(RefusedCompiler { rust, reason }: &RefusedCompiler) -> String {
    format!("`{}` ({}) {reason}", rust.rustc.display(), rust.version)
}

/// What a compiler that can serve brings.
struct Fit {
    library: LibrarySource,
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
            None => return Ok(Ok(Fit { library: LibrarySource::Prebuilt, exception_flags })),
            Some(reason) => {
                context.ui.detail(format!("not the prebuilt standard library of {}: {reason}", rust.version));
                lacks = Unsuitable::OtherLibrary(reason);
            }
        }
    }
    let Some(sources) = &rust.sources else { return Ok(Err(lacks)) };
    Ok(Ok(Fit { library: LibrarySource::Sources(sources.clone()), exception_flags }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::LAST_RUST_WITH_JAVASCRIPT;

    fn compiler(path: &str, version: &str) -> RustToolchain {
        RustToolchain {
            rustc: path.into(),
            cargo: "/usr/bin/cargo".into(),
            version: version.parse().unwrap(),
            commit: "abc".into(),
            stamp: String::new(),
            host: "x".into(),
            sysroot: "/usr".into(),
            sources: None,
        }
    }

    #[test]
    fn the_choice_of_a_compiler_is_told_with_its_reason() {
        let check = |passed_over: &[RefusedCompiler], library| {
            let passed_over = passed_over.iter().map(describe_refused).collect();
            Candidate {
                rust: compiler("/usr/bin/rustc", "1.96.0"),
                library,
                exception_flags: Vec::new(),
                passed_over,
            }
            .reason()
        };
        let older =
            RefusedCompiler { rust: compiler("/home/rustc", "1.95.0"), reason: Unsuitable::NoLibrary };
        insta::assert_snapshot!(
            [check(&[], LibrarySource::Prebuilt), check(&[older], LibrarySource::Sources("s".into()))].join("\n"),
            @"
        the first compiler; its prebuilt standard library fits
        its standard library is built from `rust-src`; `/home/rustc` (1.95.0) has no standard library for this target and no `rust-src`
        "
        );
    }

    #[test]
    fn the_cargo_that_called_us_drives() {
        let folder = tempfile::tempdir().unwrap();
        let cargo = folder.path().join("cargo");
        fs_err::write(&cargo, "").unwrap();
        let context = |named: &str| {
            let environment = crate::env::Environment::from_iter([("CARGO", named)]);
            let cache = crate::cache::Cache::new("cache".into());
            Context::new(crate::ui::Ui::silent(), environment, cache, crate::context::Network::Allowed)
        };
        let check = |named: &str| with_own_cargo(&context(named), compiler("/r", "1.96.0")).cargo;
        assert_eq!(check(cargo.to_str().unwrap()), cargo);
        assert_eq!(check("/nowhere/cargo"), PathBuf::from("/usr/bin/cargo"), "one that is gone");
        assert_eq!(check(""), PathBuf::from("/usr/bin/cargo"));
    }

    #[test]
    fn advice_follows_the_most_telling_reason() {
        let check = |reasons: &[Unsuitable]| advice(reasons.iter());
        let gone = Unsuitable::Exceptions(sysroot::CannotUnwind::FlagIsUnknown(ExceptionModel::JavaScript));
        assert_eq!(check(&[Unsuitable::NoLibrary]), sysroot::ADVICE);
        assert_eq!(check(&[gone.clone(), Unsuitable::NoLibrary]), sysroot::OLDER_ADVICE);
        assert!(sysroot::OLDER_ADVICE.contains(&format!("install {LAST_RUST_WITH_JAVASCRIPT} ")));
        assert!(ExceptionModel::JavaScript.row().rustc.known_to.ends_with(LAST_RUST_WITH_JAVASCRIPT));
        let too_old = Unsuitable::TooOld(Version::new(1, 99, 0));
        assert!(check(&[gone, too_old]).starts_with("install Rust 1.99.0"));
    }
}
