//! The driver's plan for one build, and its key: everything besides the inputs on which compiling and linking depend.

use std::path::{Path, PathBuf};

use super::choices::{CargoChoices, LockUse};
use super::request::BackEndBuild;
use crate::abi::ENOTSUP;
use crate::context::Context;
use crate::error::Result;
use crate::files::write_if_changed;
use crate::plan::{CPlan, CargoPlan, DriverPlan, Jumps, RustcPlan, Supplement, SupplementPlan};
use crate::project::Core;
use crate::runtime::Runtime;
use crate::toolchain::c_compiler::CToolchain;
use crate::toolchain::{StandardLibrary, Toolchain, emsdk, python_headers};

/// The header that gives C the names of functions for narrow times.
const NARROW_TIME: &str = include_str!("narrow_time.h");

/// The file beside a build's plan that lists what C code can use of the release.
const SYMBOLS: &str = "symbols.txt";

/// The plan of a build. `config` is cargo's configuration file, `hidden` are local folders and what the wheel says instead.
///
/// # Errors
/// When headers or an emsdk that the build needs cannot be had, or the build's folder cannot be written.
pub(super) fn driver_plan(
    context: &Context,
    build: BackEndBuild<'_>,
    config: PathBuf,
    hidden: &[(PathBuf, &'static str)],
) -> Result<DriverPlan> {
    let BackEndBuild { project, runtime, toolchain, choices, folder, .. } = build;
    // A back end that passes the choices to cargo itself must know them, to choose its bindings.
    let (profile, features) = if project.back_end.passes_cargo_choices() {
        (None, Vec::new())
    } else {
        (choices.profile.clone(), choices.features.clone())
    };
    // CMake and configure scripts find out what the C library has by linking: the driver answers from this list.
    write_symbols(runtime, &folder.root)?;
    // A debugger looks for the sources where they are.
    let hidden = if choices.keeps_debug_info() { &[] } else { hidden };
    Ok(DriverPlan {
        keeps_debug_info: choices.keeps_debug_info(),
        links_library: choices.links_library,
        emscripten: runtime.emscripten,
        wasm_ld: Some(toolchain.wasm_ld.clone()),
        cargo: Some(CargoPlan {
            program: toolchain.rust.cargo.clone(),
            config,
            profile,
            features,
            is_locked: choices.lock == LockUse::Kept,
        }),
        rustc: Some(RustcPlan {
            program: toolchain.rust.rustc.clone(),
            flags: toolchain.exception_flags.clone(),
            // In the plan and not among the flags: cargo and a compiler cache see the same command line on every
            // machine.
            sysroot: built_sysroot(toolchain).map(Path::to_owned),
            remap: hidden.iter().map(|(path, name)| (path.clone(), (*name).to_owned())).collect(),
            crates: choices.crates.clone(),
        }),
        supplements: supplement_plan(runtime, toolchain),
        c: Some(c_plan(context, build)?),
        log: folder.root.join("driver.log"),
    })
}

fn write_symbols(runtime: &Runtime, folder: &Path) -> Result<()> {
    let mut names: Vec<&str> = runtime.symbols.names().map(|(name, _)| name).collect();
    if runtime.symbols.counts_narrow_seconds() {
        names.extend(
            NARROW_TIME.lines().filter_map(|line| line.strip_prefix("#pragma ")?.split(' ').next_back()),
        );
    }
    names.sort_unstable();
    write_if_changed(&folder.join(SYMBOLS), &names.join("\n"))
}

/// The header that C is to read first; none where it needs none.
fn write_first_header(runtime: &Runtime, folder: &Path) -> Result<Option<PathBuf>> {
    if !runtime.symbols.counts_narrow_seconds() {
        return Ok(None);
    }
    let path = folder.join("narrow-time.h");
    write_if_changed(&path, NARROW_TIME)?;
    Ok(Some(path))
}

fn c_plan(context: &Context, build: BackEndBuild<'_>) -> Result<CPlan> {
    let BackEndBuild { project, runtime, choices, folder, .. } = build;
    let jumps =
        if runtime.symbols.provider("__wasm_setjmp").is_some() { Jumps::Served } else { Jumps::OldHelpers };
    let emsdk = match choices.c_toolchain {
        CToolchain::Emsdk => Some(emsdk::find(context, runtime.emscripten)?),
        CToolchain::Clang => None,
    };
    let python = if project.compiles_against_python() {
        match python_headers::prepare(context, runtime, choices.headers.as_deref(), project.core) {
            Ok(headers) => Some(headers),
            Err(error) if project.core == Core::C => return Err(error),
            // It may do without: a build script that mentions them need not use them here.
            Err(error) => {
                context.ui.warn(format!("C code in this package may need Python's headers: {error}"));
                None
            }
        }
    } else {
        None
    };
    Ok(CPlan {
        exceptions: runtime.exceptions,
        jumps,
        cache: context.cache.root().to_owned(),
        symbols: folder.root.join(SYMBOLS),
        first_header: write_first_header(runtime, &folder.root)?,
        emsdk,
        python,
    })
}

fn built_sysroot(toolchain: &Toolchain) -> Option<&Path> {
    match &toolchain.std {
        StandardLibrary::Built(folder) => Some(folder),
        StandardLibrary::Prebuilt => None,
    }
}

/// The function with which landing pads of exceptions through JavaScript number types.
const LANDING_PADS: &str = "llvm_eh_typeid_for";

/// What must be linked in for this runtime, by what its files lack.
fn supplement_plan(runtime: &Runtime, toolchain: &Toolchain) -> Option<SupplementPlan> {
    let has = |name: &str| runtime.symbols.provider(name).is_some();
    // Read from the release's files and not from its version: a patch release may mend what it lacks.
    let pads = runtime.exceptions.row().is_told_by(LANDING_PADS) && !has(LANDING_PADS);
    let narrow = runtime.symbols.counts_narrow_seconds();
    // Any other error says that there are too many threads for now: rayon then gives up for good instead of going on
    // with one.
    let no_threads = runtime.thread_error.is_some_and(|error| error != ENOTSUP);
    let wide_invokes = runtime.symbols.wide_invokes();
    if !pads && !narrow && !no_threads && wide_invokes.is_none() {
        return None;
    }
    let sysroot = built_sysroot(toolchain).map(Path::to_owned);
    Some(SupplementPlan {
        rustc: toolchain.rust.rustc.clone(),
        sysroot,
        wanted: [pads.then_some(Supplement::LandingPads), narrow.then_some(Supplement::NarrowTime)]
            .into_iter()
            .flatten()
            .collect(),
        on_demand: no_threads
            .then(|| ("pthread_create".to_owned(), Supplement::NoThreads))
            .into_iter()
            .collect(),
        wide_invokes,
    })
}

/// Hash of everything besides the inputs on which compiling and linking depend.
pub(super) fn plan_key(runtime: &Runtime, toolchain: &Toolchain, choices: &CargoChoices) -> Result<String> {
    // Everything that changes what is compiled and that cargo cannot see. Lines with the same key share objects.
    let linker = serde_json::to_string(&toolchain.wasm_ld)?;
    let layout = runtime.emscripten.layout().to_string();
    let mut supplements = supplement_plan(runtime, toolchain);
    if let Some(plan) = &mut supplements {
        // It stands below, without the place of the cache.
        plan.sysroot = None;
    }
    let supplements = serde_json::to_string(&supplements)?;
    let sysroot = built_sysroot(toolchain).and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let exceptions = runtime.exceptions.to_string();
    let mut parts = vec![env!("CARGO_PKG_VERSION"), &linker, &layout, &supplements, &sysroot, &exceptions];
    parts.extend((choices.c_toolchain == CToolchain::Emsdk).then_some("emsdk"));
    parts.extend(choices.keeps_debug_info().then_some("debug"));
    // Objects of C that were compiled without it call functions that convert for Rust.
    parts.extend(runtime.symbols.counts_narrow_seconds().then_some(NARROW_TIME));
    parts.extend(choices.key.as_deref());
    Ok(crate::digest::key(&parts))
}

#[cfg(test)]
mod tests;
