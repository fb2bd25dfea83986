//! The project in a source tree: what `pyproject.toml` and `Cargo.toml` say before anything is built.
//!
//! Reads only what the build needs: the back end, whether there is Rust at all, and which Rust it asks for. What does
//! not parse here is left to the tools whose file it is; they say it better.

pub mod bindings;
pub mod graph;
mod identity;

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use semver::Version;
use serde::Deserialize;
use toml::Value;

pub use identity::Identity;

use crate::error::{Result, hinted};

/// A Python project with a Rust core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The folder with `pyproject.toml` or `setup.py`.
    pub root: PathBuf,
    /// How it is built.
    pub build_system: BuildSystem,
    /// Its Cargo manifest, as far as it can be found without building.
    pub manifest: Option<PathBuf>,
    /// The oldest Rust that its manifest asks for.
    pub rust_version: Option<Version>,
    /// Which Python versions it says it runs on.
    pub requires_python: Option<String>,
    /// What its extension is written in.
    pub core: Core,
}

/// What an extension is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Core {
    /// Rust, with or without C below it.
    Rust,
    /// C or C++ alone.
    C,
}

/// The `[build-system]` table (PEP 518), or what stands for one that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BuildSystem {
    /// What must be installed to build.
    pub requires: Vec<String>,
    /// The back end: a Python object.
    #[serde(default = "legacy_backend")]
    pub build_backend: String,
    /// Folders of the tree in which the back end lies.
    #[serde(default)]
    pub backend_path: Vec<String>,
}

fn legacy_backend() -> String {
    "setuptools.build_meta:__legacy__".to_owned()
}

impl BuildSystem {
    fn uses_setuptools(&self) -> bool {
        self.build_backend.starts_with("setuptools.")
    }

    /// What PEP 517 says to use for a package without the table.
    fn legacy() -> Self {
        Self {
            requires: vec!["setuptools>=40.8.0".into(), "wheel".into()],
            build_backend: legacy_backend(),
            backend_path: Vec::new(),
        }
    }
}

impl Project {
    /// Reads the project in a folder.
    ///
    /// # Errors
    /// When it is not a Python project, its `pyproject.toml` does not parse, or nothing in it is written in Rust.
    pub fn read(root: &Path) -> Result<Self> {
        let pyproject = root.join("pyproject.toml");
        let has_pyproject = pyproject.is_file();
        if !has_pyproject && !root.join("setup.py").is_file() {
            let hint = if root.join("Cargo.toml").is_file() {
                "it is a Rust package without Python packaging: `maturin init` adds a `pyproject.toml`"
            } else {
                "name the folder that holds one of the two"
            };
            return Err(hinted(
                anyhow!(
                    "`{}` is not a Python project: it has neither `pyproject.toml` nor `setup.py`",
                    root.display()
                ),
                hint,
            ));
        }
        let table = if has_pyproject { read_toml(&pyproject)? } else { toml::Table::new() };
        let build_system = match table.get("build-system") {
            Some(value) => value
                .clone()
                .try_into()
                .with_context(|| format!("the table `[build-system]` of `{}`", pyproject.display()))?,
            None => BuildSystem::legacy(),
        };
        let manifest = manifest(root, &table);
        let core = if manifest.is_some() || mentions_rust(&build_system, root) {
            Core::Rust
        } else if build_system.uses_setuptools() && has_c_sources(root, 3) {
            Core::C
        } else {
            return Err(hinted(
                anyhow!(
                    "`{}` has no Rust extension: there is no `Cargo.toml`, its build needs no Rust back end, and setuptools \
                     would compile no C",
                    root.display()
                ),
                "a pure Python package needs no build for Pyodide: its wheel installs as it is",
            ));
        };
        Ok(Self {
            root: root.to_owned(),
            build_system,
            rust_version: manifest.as_deref().and_then(rust_version),
            requires_python: requires_python(&table),
            manifest,
            core,
        })
    }

    /// Whether the release profile, which stands in the manifest or its workspace's, aborts on panic.
    pub fn aborts_on_panic(&self) -> bool {
        let Some(manifest) = &self.manifest else { return false };
        let aborts = |table: &toml::Table| {
            let panic =
                table.get("profile").and_then(|profile| profile.get("release")?.get("panic")?.as_str());
            panic == Some("abort")
        };
        let tables =
            manifest.ancestors().skip(1).filter_map(|folder| read_toml(&folder.join("Cargo.toml")).ok());
        tables.filter(aborts).count() > 0
    }

    /// Whether a `rust-toolchain` file of the package asks for a nightly compiler: then it may use unstable features.
    pub fn wants_nightly(&self) -> bool {
        let beside = self.manifest.as_deref().and_then(Path::parent).unwrap_or(&self.root);
        let folders = beside.ancestors().take_while(|folder| folder.starts_with(&self.root));
        let files = folders
            .flat_map(|folder| ["rust-toolchain.toml", "rust-toolchain"].map(|name| folder.join(name)));
        files.filter_map(|file| fs_err::read_to_string(file).ok()).any(|text| text.contains("nightly"))
    }

    /// Whether something in it compiles C against Python's headers: an extension in C, or a build script of a Rust core.
    pub fn compiles_against_python(&self) -> bool {
        self.core == Core::C || build_scripts(&self.root, 5).iter().any(|path| asks_for_headers(path))
    }

    /// Whether the back end is maturin, called straight: it takes cargo's choices itself.
    pub fn uses_maturin(&self) -> bool {
        self.build_system.build_backend == "maturin"
    }
}

fn read_toml(path: &Path) -> Result<toml::Table> {
    let text = fs_err::read_to_string(path)?;
    text.parse().with_context(|| format!("cannot read `{}`", path.display()))
}

fn requires_python(table: &toml::Table) -> Option<String> {
    table.get("project")?.get("requires-python")?.as_str().map(str::to_owned)
}

/// The package's Cargo manifest: where maturin's table says, in the root, or the first one below it.
fn manifest(root: &Path, table: &toml::Table) -> Option<PathBuf> {
    let named = table.get("tool").and_then(|tool| tool.get("maturin")?.get("manifest-path")?.as_str());
    let candidates = named.into_iter().chain(["Cargo.toml", "rust/Cargo.toml", "src/rust/Cargo.toml"]);
    candidates.map(|path| root.join(path)).find(|path| path.is_file()).or_else(|| first_manifest(root, 3))
}

fn first_manifest(folder: &Path, depth: usize) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = fs_err::read_dir(folder)
        .ok()?
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter(|entry| {
            !entry.file_name().to_string_lossy().starts_with('.') && entry.file_name() != "target"
        })
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    let here = folders.iter().map(|folder| folder.join("Cargo.toml")).find(|path| path.is_file());
    here.or_else(|| {
        (depth > 1).then(|| folders.iter().find_map(|folder| first_manifest(folder, depth - 1)))?
    })
}

/// The build scripts in a folder, or so many levels below.
fn build_scripts(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if name == "build.rs" {
            found.push(path);
        } else if depth > 0 && name != "target" && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(build_scripts(&path, depth - 1));
        }
    }
    found
}

/// Whether a build script asks a Python where its headers are.
fn asks_for_headers(script: &Path) -> bool {
    let text = fs_err::read_to_string(script).unwrap_or_default();
    let asks = ["sysconfig", "include_dirs", "PYO3_PYTHON", "PYO3_CROSS_LIB_DIR"];
    text.contains("Python.h") || text.contains("include") && asks.iter().any(|words| text.contains(words))
}

/// Whether C or C++ lies in a folder, or so many levels below.
fn has_c_sources(folder: &Path, depth: usize) -> bool {
    let Ok(entries) = fs_err::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return depth > 0 && has_c_sources(&path, depth - 1);
        }
        path.extension()
            .is_some_and(|ending| ["c", "cc", "cpp", "cxx", "pyx"].iter().any(|known| ending == *known))
    })
}

fn mentions_rust(build_system: &BuildSystem, root: &Path) -> bool {
    let setup = fs_err::read_to_string(root.join("setup.py")).unwrap_or_default();
    let rust = ["maturin", "setuptools-rust", "setuptools_rust"];
    build_system.requires.iter().any(|requirement| rust.iter().any(|name| requirement.starts_with(name)))
        || setup.contains("setuptools_rust")
}

/// `rust-version` of a manifest, or of the workspace it inherits from.
fn rust_version(manifest: &Path) -> Option<Version> {
    let own = read_toml(manifest).ok()?;
    let of_workspace = |table: &toml::Table| {
        parse_rust_version(table.get("workspace")?.get("package")?.get("rust-version")?.as_str()?)
    };
    let Some(package) = own.get("package") else { return of_workspace(&own) };
    match package.get("rust-version")? {
        Value::String(text) => parse_rust_version(text),
        _ => manifest
            .ancestors()
            .skip(1)
            .find_map(|folder| of_workspace(&read_toml(&folder.join("Cargo.toml")).ok()?)),
    }
}

/// `1.83` or `1.83.0`.
fn parse_rust_version(text: &str) -> Option<Version> {
    let dots = text.matches('.').count();
    Version::parse(&format!("{text}{}", ".0".repeat(2usize.saturating_sub(dots)))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let shown = match Project::read(folder.path()) {
            Ok(project) => format!(
                "{} {:?} rust {:?} python {:?}",
                project.build_system.build_backend,
                project.build_system.requires,
                project.rust_version.map(|version| version.to_string()),
                project.requires_python
            ),
            Err(error) => crate::error::render(&error),
        };
        shown.replace(&*folder.path().to_string_lossy(), "ROOT")
    }

    #[test]
    fn projects_are_told_from_other_folders() {
        let cargo = ("Cargo.toml", "[package]\nname = \"x\"\nrust-version = \"1.83\"\n");
        let cases = [
            check(&[
                (
                    "pyproject.toml",
                    "[build-system]\nrequires=[\"maturin>=1\"]\nbuild-backend=\"maturin\"\n[project]\nrequires-python=\">=3.9\"",
                ),
                cargo,
            ]),
            check(&[("setup.py", "from setuptools_rust import *")]),
            check(&[
                ("pyproject.toml", ""),
                ("rust/a/Cargo.toml", "[package]\nname=\"a\"\nrust-version.workspace=true"),
                ("rust/Cargo.toml", "[workspace.package]\nrust-version=\"1.70.1\""),
            ]),
            check(&[(
                "pyproject.toml",
                "[build-system]\nrequires=[\"hatchling\"]\nbuild-backend=\"hatchling.build\"",
            )]),
            check(&[cargo]),
            check(&[("README", "")]),
            check(&[("pyproject.toml", "[build-system\n"), cargo]),
            check(&[("pyproject.toml", "[build-system]\nbuild-backend=\"maturin\"\n"), cargo]),
        ];
        insta::assert_snapshot!(cases.join("\n\n"));
    }
}
