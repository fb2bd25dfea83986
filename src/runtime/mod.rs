//! Runtimes: unpacked Pyodide releases and the facts read from their files.
//!
//! A runtime comes from the npm package `pyodide` of that version, through the user's own npm, or from a folder. Its
//! facts (Python, Emscripten, ABI, exception model, every importable symbol with its type) are read from the files
//! themselves; only what they cannot say comes from `facts/abis.toml`.

mod data_file;
pub(crate) mod differences;
#[cfg(test)]
pub(crate) mod double;
mod exceptions;
pub(crate) mod javascript;
pub(crate) mod lock_file;
pub(crate) mod markers;
mod python_literal;
pub(crate) mod symbols;
pub(crate) mod sysconfig;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use semver::Version;

pub use javascript::StartUp;
pub use lock_file::{LockFacts, LockedPackage};
pub use symbols::{Provider, Symbols};
pub use sysconfig::SysConfig;

use crate::abi::{EmscriptenVersion, ExceptionModel, Line, LineFacts, PythonVersion, facts_of};
use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::wasm::{Module, code};
use crate::wheel::WheelFilename;

/// Which of a line's platform tags a wheel gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagChoice {
    /// The one that every release of the line installs.
    Line,
    /// The one that the Python package index takes.
    Index,
    /// This one, if the release installs it.
    Named(String),
}

/// An unpacked release and what its files say.
#[derive(Debug)]
pub struct Runtime {
    /// The release.
    pub version: Version,
    /// The folder with `pyodide.asm.wasm`.
    pub folder: PathBuf,
    /// The Python it carries.
    pub python: PythonVersion,
    /// The same with all that belongs to it: `3.15.0rc1`.
    pub python_release: pep440_rs::Version,
    /// The Emscripten it was built with.
    pub emscripten: EmscriptenVersion,
    /// The ABI version that the lock file names: from 0.26 on.
    pub abi_version: Option<String>,
    /// The packages that belong to the release, by normalised name.
    pub packages: BTreeMap<String, LockedPackage>,
    /// How panics unwind in it.
    pub exceptions: ExceptionModel,
    /// What a side module can import.
    pub symbols: Symbols,
    /// What `pthread_create` returns, if it always returns the same: there are no threads, and releases say so with
    /// different errors.
    pub thread_error: Option<i32>,
    /// What the loader does for a module, and what the module must do itself.
    pub start_up: StartUp,
    /// What the files cannot say.
    pub facts: LineFacts,
    extension_suffix: String,
}

impl Runtime {
    /// Reads the facts of an unpacked release.
    ///
    /// # Errors
    /// When a file is missing or cannot be read, or when the files contradict each other or what is known of the line.
    pub fn read(folder: &Path) -> Result<Self> {
        let read = || -> Result<Self> {
            let version = package_version(folder)?;
            let lock = lock_file::read(folder)?;
            // Three files of megabytes, read side by side: every command waits for this.
            let (main_module, thread_error, encodings, script, configured) = std::thread::scope(|scope| {
                let script = scope.spawn(|| javascript::read(folder));
                let configured = scope.spawn(|| SysConfig::read(folder));
                let bytes = fs_err::read(folder.join("pyodide.asm.wasm"))?;
                let read = || {
                    let module = Module::read(&bytes)?;
                    let encodings = exceptions::find_encodings(&bytes, &module)?;
                    anyhow::Ok((module, code::constant(&bytes, "pthread_create")?, encodings))
                };
                let (main_module, thread_error, encodings) = read().context("`pyodide.asm.wasm`")?;
                let script = script.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                let configured =
                    configured.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                anyhow::Ok((main_module, thread_error, encodings, script, configured))
            })?;
            let facts = line_facts_for(&version, &lock, script.start_up)?;
            let exceptions = exceptions::find_model(&main_module, &script, &encodings)?;
            let symbols = Symbols::read(&main_module, &script, exceptions);
            Ok(Self {
                version,
                folder: folder.to_owned(),
                python: lock.python,
                python_release: lock.python_release,
                emscripten: lock.emscripten,
                abi_version: lock.abi_version,
                packages: lock.packages,
                exceptions,
                symbols,
                thread_error,
                start_up: script.start_up,
                facts,
                extension_suffix: configured.extension_suffix()?.to_owned(),
            })
        };
        read().with_context(|| format!("cannot use the Pyodide runtime in `{}`", folder.display()))
    }

    /// The line of this release.
    pub fn line(&self) -> Line {
        Line::of(&self.version)
    }

    /// The platform tag that wheels get.
    ///
    /// # Errors
    /// When the release installs no wheel with such a tag.
    pub fn platform_tag(&self, choice: &TagChoice) -> Result<String> {
        let Self { facts, version, .. } = self;
        match (choice, &facts.index_tag) {
            (TagChoice::Line, _) => Ok(facts.tag.clone()),
            (TagChoice::Named(tag), _) if self.platform_tags().contains(tag) => Ok(tag.clone()),
            (TagChoice::Named(tag), _) => Err(hinted(
                anyhow!("Pyodide {version} does not install wheels with the tag `{tag}`"),
                format!("it installs {}", self.platform_tags().join(", ")),
            )),
            (TagChoice::Index, None) if facts.tag.starts_with("pyemscripten_") => Ok(facts.tag.clone()),
            (TagChoice::Index, Some(index)) if *version >= index.since => Ok(index.tag.clone()),
            (TagChoice::Index, Some(index)) => Err(hinted(
                anyhow!(
                    "Pyodide {version} does not install wheels with the tag that the package index takes"
                ),
                format!("name {} or a later release of its line", index.since),
            )),
            (TagChoice::Index, None) => Err(hinted(
                anyhow!(
                    "the package index takes no wheels for Pyodide {version}: it takes `pyemscripten_*` tags only (PEP 783)"
                ),
                "the first line whose wheels it takes is 0.29; serve older ones from a place of your own",
            )),
        }
    }

    /// How C code that jumps out of functions must be compiled for it.
    pub fn setjmp_model(&self) -> &'static str {
        let row = self.exceptions.row();
        if row.encoding.is_none() && self.symbols.provider("__wasm_setjmp").is_none() {
            return "javascript, before LLVM 19";
        }
        row.setjmp
    }

    /// The folder of its packages on Pyodide's content delivery network, with a slash at its end.
    pub fn network_folder(&self) -> String {
        format!("https://cdn.jsdelivr.net/pyodide/v{}/full/", self.version)
    }

    /// The same in a mirror of the network, if the user names one.
    pub fn network_folder_for(&self, environment: &Environment) -> String {
        match environment.text("CARGO_PYODIDE_MIRROR") {
            Some(mirror) => format!("{}/v{}/full/", mirror.trim_end_matches('/'), self.version),
            None => self.network_folder(),
        }
    }

    /// The suffix of extension modules, `.cpython-313-wasm32-emscripten.so`: `EXT_SUFFIX` of the release's own
    /// configuration.
    pub fn extension_suffix(&self) -> &str {
        &self.extension_suffix
    }
}

/// Which wheels a release installs, and which tag it is given.
impl Runtime {
    /// The platform tags that this release installs, the one that wheels are given first.
    pub fn platform_tags(&self) -> Vec<String> {
        let Self { facts, emscripten, .. } = self;
        // As micropip of each line accepts them, tried in the running releases.
        let mut tags = vec![facts.tag.clone()];
        tags.extend(
            facts.index_tag.iter().filter(|index| self.version >= index.since).map(|index| index.tag.clone()),
        );
        tags.extend(self.abi_version.iter().map(|abi| format!("pyodide_{abi}_wasm32")));
        tags.push(format!("emscripten_{}_{}_{}_wasm32", emscripten.0, emscripten.1, emscripten.2));
        let mut seen = std::collections::BTreeSet::new();
        tags.retain(|tag| seen.insert(tag.clone()));
        tags
    }

    /// Whether this release installs a wheel of this name.
    ///
    /// # Errors
    /// Why it does not.
    pub fn accepts(&self, wheel: &WheelFilename) -> Result<(), String> {
        self.accepts_python(wheel)?;
        self.accepts_platform(wheel)
    }

    /// Whether the Python and ABI tags are for this release's Python, as `packaging.tags` has it.
    ///
    /// # Errors
    /// Why they are not.
    pub fn accepts_python(&self, wheel: &WheelFilename) -> Result<(), String> {
        let own = self.python.tag();
        let minor = |tag: &str, kind: &str| tag.strip_prefix(kind).and_then(|rest| rest.parse::<u32>().ok());
        let fits = |python: &str, abi: &str| match abi {
            "none" => {
                python == own
                    || python == "py3"
                    || minor(python, "py3").is_some_and(|minor| minor <= self.python.minor)
            }
            "abi3" => minor(python, "cp3").is_some_and(|minor| (2..=self.python.minor).contains(&minor)),
            abi => abi == own && python == own,
        };
        let any = wheel.python.split('.').any(|python| wheel.abi.split('.').any(|abi| fits(python, abi)));
        if any {
            return Ok(());
        }
        Err(format!("its Python tag is `{}-{}`, the runtime's is `{own}-{own}`", wheel.python, wheel.abi))
    }

    /// Whether the platform tag is one that this release installs.
    ///
    /// # Errors
    /// Why it is not.
    pub fn accepts_platform(&self, wheel: &WheelFilename) -> Result<(), String> {
        let tags = self.platform_tags();
        // What is for any platform is for no ABI.
        let is_pure = wheel.abi.split('.').any(|abi| abi == "none");
        let fits = |tag: &str| (tag == "any" && is_pure) || tags.iter().any(|accepted| accepted == tag);
        if wheel.platform.split('.').any(fits) {
            return Ok(());
        }
        // A name of the future, which looks right at a glance.
        let wide = if wheel.platform.contains("wasm64") {
            " (addresses of 64 bits, which no Pyodide has)"
        } else {
            ""
        };
        Err(format!(
            "its platform tag is `{}`{wide}, the runtime installs {}",
            wheel.platform,
            tags.join(", ")
        ))
    }

    /// The suffixes of files that Python imports as extension modules.
    pub fn extension_suffixes(&self) -> Vec<String> {
        let mut suffixes = vec![self.extension_suffix().to_owned(), ".abi3.so".into(), ".so".into()];
        if self.knows_stable_suffixes_of_platform() {
            let more = [".abi3-wasm32-emscripten.so", ".abi3t-wasm32-emscripten.so", ".abi3t.so"];
            suffixes.extend(more.map(str::to_owned));
        }
        suffixes
    }
}

/// The version that the folder's `package.json` names. The lock file's own `info.version` is wrong in 0.28.0 to 0.29.3.
fn package_version(folder: &Path) -> Result<Version> {
    #[derive(serde::Deserialize)]
    struct Package {
        name: String,
        version: Version,
    }
    let path = folder.join("package.json");
    let text = fs_err::read_to_string(&path).map_err(|error| {
        hinted(
            error,
            "name a release (`--pyodide 0.29`) or a folder that holds an unpacked `pyodide` npm package",
        )
    })?;
    let package: Package =
        serde_json::from_str(&text).with_context(|| format!("cannot read `{}`", path.display()))?;
    if package.name != "pyodide" {
        return Err(anyhow!("`{}` is of the package `{}`, not of `pyodide`", path.display(), package.name));
    }
    Ok(package.version)
}

/// What is known of a line; for a line to come, what its own files imply, if they show a contract that is known.
fn line_facts_for(version: &Version, lock: &LockFacts, start_up: StartUp) -> Result<LineFacts> {
    let line = Line::of(version);
    if let Some(known) = facts_of(line) {
        return Ok(known);
    }
    let known: Vec<String> = crate::abi::line_facts().iter().map(|(line, _)| line.to_string()).collect();
    let unknown = |new: &str| {
        hinted(
            anyhow!(
                "Pyodide {version} is of the line {line}, which is new to this version of cargo-pyodide, and {new}"
            ),
            format!("update cargo-pyodide; it knows the lines {}", known.join(", ")),
        )
    };
    // A loader that does less than today's is an old one, and those are in the table: this one does something new.
    if !start_up.applies_relocations || !start_up.zeroes_memory {
        return Err(unknown("its loader starts modules in a way that is not known"));
    }
    let abi = lock.abi_version.as_deref().ok_or_else(|| unknown("its lock file names no ABI version"))?;
    Ok(LineFacts::implied_by(line, abi))
}
