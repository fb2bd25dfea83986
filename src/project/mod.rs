//! The project in a source tree: what `pyproject.toml` and `Cargo.toml` say before anything is built.
//!
//! Reads only what the build needs: the back end, whether there is Rust at all, and which Rust it asks for. What does
//! not parse here is left to the tools whose file it is; they say it better.

pub(crate) mod back_end;
pub(crate) mod bindings;
pub(crate) mod cfg_gates;
pub(crate) mod cfg_predicates;
mod defaults;
pub(crate) mod doc_files;
mod features;
pub(crate) mod graph;
mod identity;
pub mod lock_file;
pub(crate) mod manifest;
mod members;
mod nothing_to_build;
mod project_files;
pub(crate) mod pyproject;
mod rust_tokens;
pub(crate) mod sources;

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use semver::Version;

pub use back_end::BackEnd;
pub use defaults::Defaults;
pub use features::StatedFeatures;
pub use identity::Identity;
pub use members::{Member, advise_members, list_members};
pub use nothing_to_build::NothingToBuild;
pub(crate) use nothing_to_build::native_sign;
pub use project_files::{is_project, is_project_or_crate};
pub use pyproject::{BuildSystem, PyProject};

use crate::error::{Result, hinted};
use crate::files;

/// A Python project with a native core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The folder with `pyproject.toml` or `setup.py`.
    pub root: PathBuf,
    /// How it is built.
    pub build_system: BuildSystem,
    /// What builds it.
    pub back_end: BackEnd,
    /// Its Cargo manifest, as far as it can be found without building.
    pub manifest: Option<PathBuf>,
    /// The features that the back end turns on by itself.
    pub features: StatedFeatures,
    /// The oldest Rust that its manifest asks for.
    pub rust_version: Option<Version>,
    /// Which Python versions it says it runs on.
    pub requires_python: Option<String>,
    /// What its extension is written in.
    pub core: Core,
    /// What binds Rust to Python, where maturin's table says it.
    pub bindings: Option<String>,
}

/// What an extension is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Core {
    /// Rust, with or without C below it.
    Rust,
    /// C or C++ alone.
    C,
}

impl Project {
    /// Reads the project in a folder, whose `pyproject.toml` was read.
    ///
    /// # Errors
    /// When it is not a Python project, a table in its `pyproject.toml` is wrong, or nothing in it is written in Rust or C.
    pub fn read(root: &Path, pyproject: &PyProject) -> Result<Self> {
        if !pyproject.exists() && !root.join("setup.py").is_file() {
            return Err(no_project(root));
        }
        let build_system = pyproject.build_system()?;
        let back_end = BackEnd::of(&build_system.build_backend);
        if back_end == BackEnd::Maturin
            && let Some(other) = NothingToBuild::by_bindings(root, pyproject)
        {
            return Err(other.into_error());
        }
        let manifest = manifest::find(root, pyproject);
        // A manifest that cannot be found may be made by the build: a back end for Rust is enough.
        let core = if manifest.is_some() || mentions_rust(&build_system, root) {
            Core::Rust
        } else if back_end.compiles_c() && has_c_sources(root) {
            Core::C
        } else {
            return Err(NothingToBuild::of(root, &build_system.build_backend).into_error());
        };
        Ok(Self {
            root: root.to_owned(),
            build_system,
            back_end,
            features: StatedFeatures::read(back_end, pyproject),
            rust_version: manifest.as_deref().and_then(manifest::rust_version),
            requires_python: pyproject.project_text("requires-python").map(str::to_owned),
            manifest,
            core,
            bindings: pyproject.maturin_bindings().map(str::to_owned),
        })
    }

    /// Whether a `rust-toolchain` file of the package asks for a nightly compiler: then it may use unstable features.
    pub fn wants_nightly(&self, workspace: Option<&Path>) -> bool {
        // From the manifest up to the workspace's root: rustup would look there, too.
        let beside = self.manifest.as_deref().and_then(Path::parent).unwrap_or(&self.root);
        let top = workspace.filter(|top| beside.starts_with(top)).unwrap_or(&self.root);
        let folders = beside.ancestors().take_while(|folder| folder.starts_with(top)).chain([&*self.root]);
        let files = folders
            .flat_map(|folder| ["rust-toolchain.toml", "rust-toolchain"].map(|name| folder.join(name)));
        files.filter_map(|file| fs_err::read_to_string(file).ok()).any(|text| text.contains("nightly"))
    }

    /// Whether something in it compiles C against Python's headers: an extension in C, or a build script of a Rust core.
    pub fn compiles_against_python(&self) -> bool {
        const DEPTH: usize = 6;
        if self.core == Core::C {
            return true;
        }
        let mut scripts = files::walk(&self.root, DEPTH, |name| name != "target")
            .filter(|entry| entry.file_name() == "build.rs" && entry.file_type().is_file());
        scripts.any(|script| asks_for_headers(script.path()))
    }
}

fn no_project(root: &Path) -> anyhow::Error {
    let hint = advise_members(root).unwrap_or_else(|| {
        let plain = if root.join("Cargo.toml").is_file() {
            "it is a Rust package without Python packaging: `maturin init` adds a `pyproject.toml`"
        } else {
            "name the folder that holds one of the two"
        };
        plain.to_owned()
    });
    hinted(
        anyhow!(
            "`{}` is not a Python project: it has neither `pyproject.toml` nor `setup.py`",
            root.display()
        ),
        hint,
    )
}

/// Whether a build script asks a Python where its headers are.
fn asks_for_headers(script: &Path) -> bool {
    let text = fs_err::read_to_string(script).unwrap_or_default();
    let asks = ["sysconfig", "include_dirs", "PYO3_PYTHON", "PYO3_CROSS_LIB_DIR"];
    text.contains("Python.h") || text.contains("include") && asks.iter().any(|words| text.contains(words))
}

/// Endings of sources that setuptools compiles as an extension.
const C_SOURCES: [&str; 5] = ["c", "cc", "cpp", "cxx", "pyx"];

/// Whether C or C++ lies in a folder, or in one of the folders below that setuptools would look at.
fn has_c_sources(folder: &Path) -> bool {
    const DEPTH: usize = 4;
    files::walk(folder, DEPTH, |_| true).any(|entry| {
        let ending = entry.path().extension().and_then(|ending| ending.to_str());
        entry.file_type().is_file() && ending.is_some_and(|ending| C_SOURCES.contains(&ending))
    })
}

fn mentions_rust(build_system: &BuildSystem, root: &Path) -> bool {
    let setup = fs_err::read_to_string(root.join("setup.py")).unwrap_or_default();
    let is_for_rust =
        |requirement: &String| back_end::RUST_REQUIREMENTS.iter().any(|name| requirement.starts_with(name));
    build_system.requires.iter().any(is_for_rust) || setup.contains("setuptools_rust")
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
        let shown = match PyProject::read(folder.path()).and_then(|read| Project::read(folder.path(), &read))
        {
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
            check(&[
                ("pyproject.toml", "[build-system]\nrequires=[\"meson-python\"]\nbuild-backend=\"mesonpy\""),
                ("src/meson.build", ""),
                ("tests/a.c", ""),
            ]),
            check(&[cargo]),
            check(&[("Cargo.toml", "[workspace]"), ("a/Cargo.toml", ""), ("a/py/pyproject.toml", "")]),
            check(&[("b/setup.py", ""), ("a/pyproject.toml", ""), ("target/x/pyproject.toml", "")]),
            check(&[("README", "")]),
            check(&[("pyproject.toml", "[build-system\n"), cargo]),
            check(&[("pyproject.toml", "[build-system]\nbuild-backend=\"maturin\"\n"), cargo]),
        ];
        insta::assert_snapshot!(cases.join("\n\n"));
    }
}
