//! Steers cargo, maturin and setuptools-rust to our toolchain, through the environment and one configuration file.
//!
//! Flags for the target go into a file that our stand-in for cargo adds with `--config`: cargo joins them with the
//! package's own `target.…rustflags`. Flags in `build.rustflags` and `RUSTFLAGS`, which cargo would ignore beside
//! target flags, are read and joined too. No path of this machine is among them: our stand-in for rustc adds those.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::target_folder::TargetFolder;
use super::{CargoChoices, Workshop, paths, python_headers, variables, write_if_changed};
use crate::abi::ExceptionModel;
use crate::cache::Cache;
use crate::driver::c::{CPlan, Jumps};
use crate::driver::install::driver_folder;
use crate::driver::supplements::Supplement;
use crate::driver::{CargoPlan, DriverPlan, RustcPlan, SupplementPlan};
use crate::error::Result;
use crate::overlay::changes::CargoChanges;
use crate::project::bindings::StableAbi;
use crate::project::{Core, Project};
use crate::runtime::Runtime;
use crate::toolchain::c_compiler::{self, CToolchain};
use crate::toolchain::{StandardLibrary, TARGET, Toolchain};

/// What a back end's process is given.
#[derive(Debug, Default)]
pub(super) struct Steering {
    /// Environment variables.
    pub(super) variables: Vec<(String, String)>,
    /// Folders at the front of `PATH`.
    pub(super) path_folders: Vec<PathBuf>,
    /// Local folders, and what the wheel must say instead; the shortest comes first.
    pub(super) hidden: Vec<(PathBuf, &'static str)>,
    /// Cargo's target folder, locked as long as this lives.
    _target: Option<TargetFolder>,
}

/// Writes the plan and the configuration of a build into its folder.
///
/// # Errors
/// When they cannot be written.
pub(super) fn steer(
    workshop: Workshop<'_>,
    project: &Project,
    (runtime, toolchain, choices): (&Runtime, &Toolchain, &CargoChoices),
    folder: &Path,
) -> Result<Steering> {
    let drivers = driver_folder(workshop.ui, workshop.cache)?;
    let config = folder.join("cargo-config.toml");
    let key = plan_key(runtime, toolchain, choices)?;
    let target_key = format!("{}-{}-{key}", runtime.python, runtime.exceptions);
    let target = TargetFolder::prepared(workshop, (choices.crates_kept, folder), &target_key)?;
    let flags = rust_flags(workshop, project, (choices, &key), folder)?;
    write_if_changed(&config, &cargo_config(&flags, choices))?;
    let pyo3 = write_pyo3_config(target.parent(), runtime, choices.stable_abi)?;
    let hidden = hidden_folders(workshop, (&project.root, choices), (folder, &target))?;
    let mut plan =
        driver_plan((runtime, toolchain, choices), (project, workshop.cache), (config, folder, &hidden));
    if let (CToolchain::Emsdk, Some(c)) = (choices.c_toolchain, &mut plan.c) {
        let folder = c_compiler::find_emsdk(workshop.ui, workshop.environment, runtime.emscripten)?;
        c.emsdk = Some(folder);
    }
    if let (true, Some(c)) = (project.compiles_against_python(), &mut plan.c) {
        let headers = python_headers::prepared(workshop, runtime, (choices.headers.as_deref(), project.core));
        c.python = match (headers, project.core) {
            (Ok(headers), _) => Some(headers),
            (Err(error), Core::C) => return Err(error),
            // It may do without: a build script that mentions them need not use them here.
            (Err(error), Core::Rust) => {
                workshop.ui.warn(format!("its C may need Python's headers: {error}"));
                None
            }
        };
    }
    write_symbols(runtime, folder)?;
    let plan_path = folder.join("plan.json");
    write_if_changed(&plan_path, &serde_json::to_string_pretty(&plan)?)?;
    let mut variables = vec![
        (crate::env::DRIVER_PLAN.to_owned(), text(&plan_path)),
        ("CARGO".to_owned(), text(&drivers.program("cargo"))),
        ("RUSTC".to_owned(), text(&drivers.program("rustc"))),
        ("CARGO_BUILD_TARGET".to_owned(), TARGET.to_owned()),
        ("CARGO_TARGET_DIR".to_owned(), text(&target.path)),
        ("CARGO_TERM_COLOR".to_owned(), "never".to_owned()),
        ("PYO3_CONFIG_FILE".to_owned(), text(&pyo3)),
        ("SOURCE_DATE_EPOCH".to_owned(), "315532800".to_owned()),
    ];
    variables.extend(variables::of_project(workshop, project, (choices, &key), folder)?);
    let path_folders = drivers.program(LINKER).parent().map(Path::to_owned).into_iter().collect();
    Ok(Steering { variables, path_folders, hidden, _target: Some(target) })
}

/// The driver, found on the `PATH` by the name under which it links.
const LINKER: &str = "emcc";

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn driver_plan(
    (runtime, toolchain, choices): (&Runtime, &Toolchain, &CargoChoices),
    (project, cache): (&Project, &Cache),
    (config, folder, hidden): (PathBuf, &Path, &[(PathBuf, &'static str)]),
) -> DriverPlan {
    // maturin passes the choices itself, and must know them to choose its bindings.
    let (profile, features) = if project.uses_maturin() {
        (None, Vec::new())
    } else {
        (choices.profile.clone(), choices.features.clone())
    };
    DriverPlan {
        emscripten: runtime.emscripten,
        wasm_ld: Some(toolchain.wasm_ld.clone()),
        cargo: Some(CargoPlan { program: toolchain.rust.cargo.clone(), config, profile, features }),
        rustc: Some(RustcPlan {
            program: toolchain.rust.rustc.clone(),
            flags: toolchain.exception_flags.clone(),
            sysroot: built_sysroot(toolchain).map(Path::to_owned),
            remap: hidden.iter().map(|(path, name)| (path.clone(), (*name).to_owned())).collect(),
            crates: choices.crates.clone(),
        }),
        supplements: supplement_plan(runtime, toolchain),
        c: Some(c_plan(runtime, cache, folder)),
        log: folder.join("driver.log"),
    }
}

/// The file beside a build's plan that lists what C code can use of the release.
const SYMBOLS: &str = "symbols.txt";

fn write_symbols(runtime: &Runtime, folder: &Path) -> Result<()> {
    let mut names: Vec<&str> = runtime.symbols.names().map(|(name, _)| name).collect();
    names.sort_unstable();
    write_if_changed(&folder.join(SYMBOLS), &names.join("\n"))
}

fn c_plan(runtime: &Runtime, cache: &Cache, folder: &Path) -> CPlan {
    let jumps =
        if runtime.symbols.provider("__wasm_setjmp").is_some() { Jumps::Served } else { Jumps::OtherHelpers };
    CPlan::new(runtime.exceptions, jumps, (cache.root(), folder.join(SYMBOLS)))
}

fn built_sysroot(toolchain: &Toolchain) -> Option<&Path> {
    match &toolchain.std {
        StandardLibrary::Built(folder) => Some(folder),
        StandardLibrary::Prebuilt => None,
    }
}

/// What `pthread_create` should return where there are no threads: `ENOTSUP` of Emscripten's C library.
const ENOTSUP: i32 = 138;

/// What must be linked in for this runtime, by what its files lack.
fn supplement_plan(runtime: &Runtime, toolchain: &Toolchain) -> Option<SupplementPlan> {
    let has = |name: &str| runtime.symbols.provider(name).is_some();
    let pads = runtime.exceptions == ExceptionModel::JavaScript && !has("llvm_eh_typeid_for");
    let narrow = runtime.symbols.counts_narrow_seconds();
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

/// What pyo3 would otherwise ask a Python of the target: <https://pyo3.rs/main/building-and-distribution>.
fn write_pyo3_config(folder: &Path, runtime: &Runtime, stable: Option<StableAbi>) -> Result<PathBuf> {
    let is_stable = stable.is_some();
    let version = stable.and_then(|stable| stable.floor).unwrap_or(runtime.python);
    let path = folder.join(format!("pyo3-{version}{}.txt", if is_stable { "-abi3" } else { "" }));
    let content = format!(
        "implementation=CPython\nversion={version}\nshared=true\nabi3={is_stable}\npointer_width=32\nsuppress_build_script_link_lines=true\n"
    );
    write_if_changed(&path, &content)?;
    Ok(path)
}

fn cargo_config(flags: &[String], choices: &CargoChoices) -> String {
    let mut target = toml::Table::new();
    target.insert("linker".into(), LINKER.into());
    target.insert("rustflags".into(), flags.to_vec().into());
    let mut targets = toml::Table::new();
    targets.insert(TARGET.into(), target.into());
    let mut config = toml::Table::new();
    config.insert("target".into(), targets.into());
    let CargoChanges { profile, patch, .. } = &choices.overlay;
    let settings = profile.table();
    if !settings.is_empty() {
        let name = choices.profile.clone().unwrap_or_else(|| "release".to_owned());
        config.insert("profile".into(), toml::Table::from_iter([(name, settings.into())]).into());
    }
    if !patch.is_empty() {
        let crates = patch.iter().map(|(name, folder)| {
            (name.clone(), toml::Table::from_iter([("path".to_owned(), text(folder).into())]).into())
        });
        let registry =
            toml::Table::from_iter([("crates-io".to_owned(), crates.collect::<toml::Table>().into())]);
        config.insert("patch".into(), registry.into());
    }
    toml::to_string(&config).unwrap_or_default()
}

fn rust_flags(
    workshop: Workshop<'_>,
    project: &Project,
    (choices, key): (&CargoChoices, &str),
    folder: &Path,
) -> Result<Vec<String>> {
    let mut flags = other_flags(workshop, &project.root)?;
    flags.extend(choices.overlay.rustflags.iter().cloned());
    flags.extend(["-C".to_owned(), "link-self-contained=no".to_owned()]);
    if project.root.starts_with(folder) {
        // What newer compilers refuse by lint is no matter of who builds another's package: cargo, too, caps lints of
        // dependencies.
        flags.push("--cap-lints=warn".to_owned());
    }
    // Cargo does not see that the plan changed: an argument that the driver ignores tells it.
    flags.extend(["-C".to_owned(), format!("link-arg=--cargo-pyodide-plan={key}")]);
    Ok(flags)
}

/// What compiling and linking depend on beside their inputs.
fn plan_key(runtime: &Runtime, toolchain: &Toolchain, choices: &CargoChoices) -> Result<String> {
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
    parts.extend(choices.key.as_deref());
    Ok(crate::digest::key(&parts))
}

/// Local folders and what a wheel says instead, so that it tells nothing of the machine and is the same bytes
/// everywhere; the shortest comes first, since rustc takes the last that fits.
fn hidden_folders(
    workshop: Workshop<'_>,
    (root, choices): (&Path, &CargoChoices),
    (folder, target): (&Path, &TargetFolder),
) -> Result<Vec<(PathBuf, &'static str)>> {
    let mut hidden = vec![
        (root.to_owned(), "/source"),
        (workspace_root(root), "/source"),
        (folder.to_owned(), "/build"),
        (target.parent().to_owned(), "/build/targets"),
        (workshop.cache.root().to_owned(), "/cargo-pyodide"),
        (paths::cargo_home_of(workshop.environment)?, "/cargo"),
    ];
    hidden.extend(choices.overlay.patch.values().map(|folder| (folder.clone(), "/overlay")));
    if let Ok(home) = etcetera::home_dir() {
        hidden.push((home, "/home"));
    }
    hidden.sort_by_key(|(path, _)| path.as_os_str().len());
    hidden.dedup();
    Ok(hidden)
}

/// The outermost folder above a project whose `Cargo.toml` is a workspace's, or the project itself.
pub(super) fn workspace_root(root: &Path) -> PathBuf {
    let is_workspace = |folder: &&Path| {
        let text = fs_err::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        text.parse::<toml::Table>().is_ok_and(|table| table.contains_key("workspace"))
    };
    root.ancestors().filter(is_workspace).last().unwrap_or(root).to_owned()
}

/// `RUSTFLAGS` and `build.rustflags` of the configuration files that cargo would read, which target flags would hide.
fn other_flags(workshop: Workshop<'_>, root: &Path) -> Result<Vec<String>> {
    let environment = workshop.environment;
    if let Some(encoded) = environment.text("CARGO_ENCODED_RUSTFLAGS") {
        return Ok(encoded.split('\u{1f}').map(str::to_owned).collect());
    }
    if let Some(flags) = environment.text("RUSTFLAGS").or_else(|| environment.text("CARGO_BUILD_RUSTFLAGS")) {
        return Ok(flags.split_whitespace().map(str::to_owned).collect());
    }
    let home = paths::cargo_home_of(environment)?;
    let mut folders: Vec<PathBuf> = root.ancestors().map(|folder| folder.join(".cargo")).collect();
    if !folders.contains(&home) {
        folders.push(home);
    }
    let files =
        folders.iter().rev().flat_map(|folder| ["config", "config.toml"].map(|name| folder.join(name)));
    Ok(files.filter_map(|file| build_flags(&file)).flatten().collect())
}

fn build_flags(file: &Path) -> Option<Vec<String>> {
    let table: toml::Table = fs_err::read_to_string(file).ok()?.parse().ok()?;
    match serde_json::to_value(table.get("build")?.get("rustflags")?).ok()? {
        Value::Array(flags) => {
            Some(flags.iter().filter_map(|flag| flag.as_str().map(str::to_owned)).collect())
        }
        Value::String(flags) => Some(flags.split_whitespace().map(str::to_owned).collect()),
        _ => None,
    }
}
