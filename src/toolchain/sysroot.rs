//! Sysroots: the standard library built from source, once, into the cache.
//!
//! Cargo's own `-Zbuild-std` builds it, with `RUSTC_BOOTSTRAP=1` for this one command: packages are then compiled with
//! `--sysroot` and no unstable flag at all. A sysroot is keyed by compiler, exception model and struct layout. Local
//! paths are mapped away, so that the libraries are the same bytes wherever they are built.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use semver::Version;

use super::{RustToolchain, probe, rust};
use crate::abi::exceptions::RustcSupport;
use crate::abi::{Contract, ExceptionModel, TARGET};
use crate::cache::Kind;
use crate::context::Context;
use crate::error::{Result, hinted};
use crate::plan::stand_in::{self, DriverFolder};
use crate::plan::{DriverPlan, RustcPlan};
use crate::process::{Invocation, PROGRESS_VARIABLES, show_progress};

/// How to get a standard library.
pub const ADVICE: &str = "run `rustup target add wasm32-unknown-emscripten` (fits Pyodide 0.28 and later) or `rustup component add rust-src`; \
     without rustup, install the sources of the system's Rust (Debian: `apt-get install rustc-web cargo-web rust-web-src`)";

/// What to do when a compiler can no longer unwind through JavaScript.
pub(super) const OLDER_ADVICE: &str = "install an older compiler with its sources beside yours: `rustup toolchain install 1.97 --component rust-src`";

/// Why a compiler cannot unwind as a release does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotUnwind {
    /// It is too old: it unwinds through JavaScript alone.
    #[error("unwinds through JavaScript: WebAssembly exceptions came with Rust {}.{}", .0.major, .0.minor)]
    OnlyJavaScript(&'static Version),
    /// It does not know the flag that chooses the model.
    #[error(
        "does not know `{}`, with which panics unwind through {}: {} does",
        .0.row().rustc.flag,
        .0.row().in_words,
        .0.row().rustc.known_to
    )]
    FlagIsUnknown(ExceptionModel),
}

/// The flags with which every crate must be compiled for an exception model.
///
/// # Errors
/// Why the compiler cannot unwind this way.
pub fn exception_flags(
    context: &Context,
    rust: &RustToolchain,
    exceptions: ExceptionModel,
) -> Result<Vec<String>, CannotUnwind> {
    let RustcSupport { flag, first, default_before, .. } = &exceptions.row().rustc;
    let version = rust.version_without_channel();
    if let Some(first) = first.as_ref().filter(|first| version < **first) {
        return Err(CannotUnwind::OnlyJavaScript(first));
    }
    if knows_flag(context, rust, flag) {
        return Ok(vec![(*flag).to_owned()]);
    }
    let is_default = default_before.as_ref().is_some_and(|before| version < *before);
    if is_default { Ok(Vec::new()) } else { Err(CannotUnwind::FlagIsUnknown(exceptions)) }
}

/// Whether the compiler takes the flag: asked, not assumed from its version.
fn knows_flag(context: &Context, rust: &RustToolchain, flag: &str) -> bool {
    let question =
        rust.compiler().env("RUSTC_BOOTSTRAP", "1").args([flag, "--print=cfg", "--target", TARGET]);
    // An answer that cannot be kept is no answer: then the compiler is not used for these lines.
    probe::ask(context, rust, flag, || Ok(question.output(&context.ui).is_ok())).unwrap_or(false)
}

/// The sysroot for a contract, built if it is not in the cache. `flags` are those of the contract's exceptions.
///
/// # Errors
/// When building fails.
pub fn prepare(
    context: &Context,
    rust: &RustToolchain,
    sources: &Path,
    contract: Contract,
    flags: &[String],
) -> Result<PathBuf> {
    // Three today: JavaScript exceptions with a padded `stat` (0.21 to 0.23) and without (0.24 to 0.27), WebAssembly
    // exceptions (0.28 and later). Lines share them.
    let layout = if contract.emscripten.pads_stat() { "stat-padded" } else { "stat" };
    let key = format!(
        "{}-{}-{layout}-{}",
        rust.version,
        contract.exceptions,
        crate::digest::key(&[&rust.commit, &rust.host, &flags.join(" "), RECIPE])
    );
    context.cache.get_or_make(&context.ui, Kind::Sysroots, &key, |folder| {
        context.ui.phase(
            "Preparing",
            format!(
                "the standard library of Rust {} ({} exceptions), once for this compiler: about a minute",
                rust.version, contract.exceptions
            ),
        );
        build(context, rust, sources, contract, flags, folder)
    })
}

fn build(
    context: &Context,
    rust: &RustToolchain,
    sources: &Path,
    contract: Contract,
    exceptions: &[String],
    folder: &Path,
) -> Result<()> {
    let work = tempfile::tempdir_in(folder)?;
    let project = work.path().join("empty");
    fs_err::create_dir_all(project.join("src"))?;
    fs_err::write(project.join("Cargo.toml"), MANIFEST)?;
    fs_err::write(project.join("src/lib.rs"), "#![no_std]\n")?;
    let drivers = stand_in::find_folder(context)?;
    let driver_log = work.path().join("driver.log");
    let target = work.path().join("target");
    let compiler = RustcPlan {
        program: rust.rustc.clone(),
        flags: Vec::new(),
        sysroot: None,
        remap: hidden_folders(context, rust, sources, &target),
        crates: Vec::new(),
    };
    let plan = DriverPlan::for_sysroot(contract.emscripten, compiler, driver_log);
    let plan_path = work.path().join("plan.json");
    fs_err::write(&plan_path, serde_json::to_vec(&plan)?)?;
    let log = context.cache.folder(Kind::Sysroots).join("last-build.log");
    let _ = fs_err::remove_file(&log);
    let task = context.ui.task("building the standard library");
    let command = cargo_command(context, rust, &project, &drivers)
        .arg("--target-dir")
        .arg(&target)
        .env(crate::env::DRIVER_PLAN, &plan_path)
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(exceptions).join("\u{1f}"));
    let command =
        PROGRESS_VARIABLES.iter().fold(command, |command, (name, value)| command.env(*name, *value));
    let status = command.run_logged(&context.ui, &log, |line| show_progress(&context.ui, &*task, line))?;
    drop(task);
    if !status.success() {
        let printed = fs_err::read_to_string(&log).unwrap_or_default();
        return Err(hinted(
            command.failed(status, &printed).context(format!(
                "the standard library of `{}` could not be built; the full log is `{}`",
                rust.rustc.display(),
                log.display()
            )),
            "its crates come from cargo's registry: check the network, or run `rustup target add wasm32-unknown-emscripten`",
        ));
    }
    copy_libraries(&target, folder)
}

/// Changes when a sysroot is made in another way: older ones in the cache no longer count.
const RECIPE: &str = "5";

/// The library's features: cargo's choice without `backtrace`. On Emscripten that feature names no frame, whatever
/// compiles; it costs a fifth of the library's build and, in every wheel, the code that prints nameless frames.
const FEATURES: &str = "-Zbuild-std-features=panic-unwind";

const MANIFEST: &str =
    "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n";

// Cargo itself and not the crate rustc-build-sysroot, which starts processes past our one door and takes compiler
// flags from the user's configuration.
fn cargo_command(
    context: &Context,
    rust: &RustToolchain,
    project: &Path,
    drivers: &DriverFolder,
) -> Invocation {
    rust::without_rust_settings(Invocation::new(&rust.cargo))
        .args([
            "build",
            "--release",
            "-Zbuild-std=std,panic_unwind,panic_abort",
            FEATURES,
            "--target",
            TARGET,
        ])
        .env_remove("CARGO_PYODIDE_CACHE_DIR")
        .current_dir(project)
        .env("RUSTC", drivers.program("rustc"))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("PATH", drivers.before(&context.environment))
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env("CARGO_TERM_COLOR", "never")
}

fn rust_flags(exceptions: &[String]) -> Vec<String> {
    let mut flags = exceptions.to_vec();
    // Packages whose profile asks for link-time optimisation need the library's bitcode.
    flags.push("-Cembed-bitcode=yes".to_owned());
    flags
}

/// Local folders and what the library says instead, so that it is the same bytes wherever it is built.
fn hidden_folders(
    context: &Context,
    rust: &RustToolchain,
    sources: &Path,
    target: &Path,
) -> Vec<(PathBuf, String)> {
    let real = fs_err::canonicalize(sources).unwrap_or_else(|_| sources.to_owned());
    let virtual_sources = format!("/rustc/{}/library", rust.commit);
    let mut hidden: Vec<(PathBuf, String)> =
        [sources.to_owned(), real].map(|path| (path, virtual_sources.clone())).into();
    hidden.push((target.to_owned(), "/target".to_owned()));
    if let Ok(home) = context.environment.cargo_home() {
        hidden.push((home, "/cargo".to_owned()));
    }
    hidden
}

fn copy_libraries(target: &Path, folder: &Path) -> Result<()> {
    let libraries = folder.join("lib").join("rustlib").join(TARGET).join("lib");
    fs_err::create_dir_all(&libraries)?;
    let built = target.join(TARGET).join("release").join("deps");
    let mut copied = 0;
    for entry in fs_err::read_dir(built).context("cargo built no libraries")? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libempty") {
            fs_err::copy(entry.path(), libraries.join(name))?;
            copied += 1;
        }
    }
    if copied == 0 {
        bail!("cargo built no libraries");
    }
    Ok(())
}
