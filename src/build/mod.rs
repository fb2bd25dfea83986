//! Builds: calls the package's own build back end in an isolated environment, with cargo steered to our toolchain.
//!
//! The back end is not told about Pyodide: it builds for its host with cargo's target set, and the wheel that it
//! returns is finished later ([`crate::wheel`]). So any Python of the host serves, whatever the target's version.

pub mod backend;
pub mod cargo_config;
pub mod environment;
pub mod failure;
pub mod metadata;
pub mod not_in_browser;
pub mod paths;
mod python_headers;
pub mod source_tree;
mod target_folder;
mod variables;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;

pub use environment::HostPython;
pub use target_folder::CratesKept;

use crate::cache::{Cache, EntryLock, Kind};
use crate::driver::c::C_TOOLS;
use crate::env::Environment;
use crate::error::Result;
use crate::overlay::changes::CargoChanges;
use crate::overlay::crates::CrateRecipe;
use crate::project::Project;
use crate::project::bindings::StableAbi;
use crate::runtime::Runtime;
use crate::runtime::releases::Network;
use crate::source::{Access, Source, archive, only_folder};
use crate::toolchain::c_compiler::CToolchain;
use crate::toolchain::{self, Contract, Toolchain};
use crate::ui::Ui;

/// What every build of one run shares.
#[derive(Debug, Clone, Copy)]
pub struct Workshop<'a> {
    /// Where to say what goes on.
    pub ui: Ui,
    /// The cache.
    pub cache: &'a Cache,
    /// The user's environment.
    pub environment: &'a Environment,
    /// Whether the network may be used.
    pub network: Network,
    /// The host's Python.
    pub python: &'a HostPython,
}

impl<'a> Workshop<'a> {
    /// What finding sources may use.
    pub fn access(&self) -> Access<'a> {
        let Self { ui, cache, environment, network, python } = *self;
        Access { ui, cache, environment, network, python: &python.program }
    }
}

/// The user's choices for cargo.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CargoChoices {
    /// A profile instead of `release`.
    pub profile: Option<String>,
    /// `--features` and `--no-default-features`, as cargo takes them.
    pub features: Vec<String>,
    /// What overlays say beyond that.
    pub overlay: CargoChanges,
    /// What single crates need.
    pub crates: Vec<CrateRecipe>,
    /// What of this cargo does not notice, if there is anything.
    pub key: Option<String>,
    /// The stable ABI that PyO3 must be told of.
    pub stable_abi: Option<StableAbi>,
    /// Where compiled crates are kept.
    pub crates_kept: CratesKept,
    /// A folder with headers of Python, for extensions in C.
    pub headers: Option<PathBuf>,
    /// What compiles C.
    pub c_toolchain: CToolchain,
}

/// What a build gave, before it is finished.
#[derive(Debug)]
pub struct RawBuild {
    /// The wheel that the back end returned.
    pub wheel: PathBuf,
    /// What was compiled with.
    pub toolchain: Toolchain,
    /// Seconds a step.
    pub seconds: Vec<(&'static str, f64)>,
    /// The log of the back end and cargo.
    pub log: PathBuf,
    /// Local folders, and what the wheel must say instead.
    pub hidden: Vec<(PathBuf, &'static str)>,
    /// Keeps other processes from building the same package while the wheel is being used.
    pub lock: EntryLock,
}

/// A folder of the cache in which one package is built, again and again.
#[derive(Debug)]
pub struct BuildFolder {
    /// The folder.
    pub root: PathBuf,
    /// Keeps other processes out.
    pub lock: EntryLock,
}

impl BuildFolder {
    /// The folder for a source.
    ///
    /// # Errors
    /// When it cannot be made or locked.
    pub fn open(workshop: Workshop<'_>, source: &Source) -> Result<Self> {
        let (name, identity) = match source {
            Source::Folder(path) => (path.file_name(), path.to_string_lossy().into_owned()),
            Source::Archive(archive) => (archive.path.file_name(), archive.sha256.clone()),
        };
        let name = name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let plain: String =
            name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
        let plain = plain.trim_end_matches(".tar.gz").trim_end_matches(".zip");
        let key = format!("{plain}-{}", crate::digest::key(&[&identity]));
        let lock = workshop.cache.lock(workshop.ui, Kind::Builds, &key)?;
        let root = workshop.cache.entry(Kind::Builds, &key);
        fs_err::create_dir_all(&root).map_err(|error| crate::cache::with_disk_hint(error.into(), &root))?;
        Ok(Self { root, lock })
    }

    /// The source tree: the user's folder, or the archive unpacked anew.
    ///
    /// # Errors
    /// When the archive cannot be unpacked or holds no project.
    pub fn tree(&self, source: &Source) -> Result<PathBuf> {
        match source {
            Source::Folder(folder) => Ok(folder.clone()),
            Source::Archive(source) => {
                let tree = self.root.join("tree");
                crate::cache::remove_folder(&tree)?;
                fs_err::create_dir_all(&tree)?;
                archive::unpack(&source.path, &tree)
                    .map_err(|error| crate::cache::with_disk_hint(error, &self.root))?;
                only_folder(&tree)
            }
        }
    }
}

/// The toolchain for a project and a runtime.
///
/// # Errors
/// When none serves.
pub fn toolchain_for(workshop: Workshop<'_>, project: &Project, runtime: &Runtime) -> Result<Toolchain> {
    let tools =
        toolchain::Tools { ui: workshop.ui, cache: workshop.cache, environment: workshop.environment };
    let contract = Contract { exceptions: runtime.exceptions, emscripten: runtime.emscripten };
    toolchain::choose(tools, contract, project.rust_version.as_ref())
}

/// Builds a project for a runtime.
///
/// # Errors
/// When the environment cannot be made, or the package does not build.
pub fn build(
    workshop: Workshop<'_>,
    project: &Project,
    (runtime, toolchain, choices): (&Runtime, Toolchain, &CargoChoices),
    folder: BuildFolder,
) -> Result<RawBuild> {
    let mut clock = Clock::default();
    let log = folder.root.join("build.log");
    for stale in [&log, &folder.root.join("driver.log"), &folder.root.join(C_TOOLS)] {
        let _ = fs_err::remove_file(stale);
    }
    let steering = cargo_config::steer(workshop, project, (runtime, &toolchain, choices), &folder.root)?;
    clock.step("plan");
    let backend = backend::Backend { workshop, project, steering: &steering, log: &log };
    let environment = backend.environment()?;
    clock.step("environment");
    workshop.ui.phase("Compiling", format!("{} for Pyodide {}", shown_name(&project.root), runtime.version));
    let wheel = backend.build_wheel(&environment, &folder.root.join("raw"))?;
    clock.step("compile");
    let hidden = steering.hidden;
    Ok(RawBuild { wheel, toolchain, seconds: clock.steps, log, hidden, lock: folder.lock })
}

fn shown_name(root: &Path) -> String {
    root.file_name().map_or_else(|| root.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Measures the steps of a build.
#[derive(Debug)]
pub struct Clock {
    last: Instant,
    steps: Vec<(&'static str, f64)>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { last: Instant::now(), steps: Vec::new() }
    }
}

impl Clock {
    /// Ends a step.
    pub fn step(&mut self, name: &'static str) {
        self.steps.push((name, self.last.elapsed().as_secs_f64()));
        self.last = Instant::now();
    }

    /// The steps so far.
    pub fn into_steps(self) -> Vec<(&'static str, f64)> {
        self.steps
    }
}

/// Writes a file only if its content changes, so that tools which compare times see no change.
pub(crate) fn write_if_changed(path: &Path, content: &str) -> Result<()> {
    if fs_err::read_to_string(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    fs_err::write(path, content).with_context(|| "cannot write a file of the build")
}
