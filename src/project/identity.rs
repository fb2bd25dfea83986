//! A package's name and version, as far as its source tree tells them before anything is built.

use std::path::Path;

use pep440_rs::Version;

use super::manifest::{self, read_toml};
use super::pyproject::PyProject;
use crate::wheel::filename::normalised;
use crate::wheel::metadata::Fields;

/// Which package a source tree holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The normalised name.
    pub name: Option<String>,
    /// The version.
    pub version: Option<Version>,
}

impl Identity {
    /// Reads `PKG-INFO`, which every sdist has, else `pyproject.toml`, else what the Cargo manifest says, from which
    /// maturin takes both.
    pub fn of(root: &Path, pyproject: &PyProject) -> Self {
        let pkg_info = fs_err::read_to_string(root.join("PKG-INFO")).unwrap_or_default();
        let fields = Fields::parse(&pkg_info);
        let field = |name: &str| fields.first(name).map(str::to_owned);
        let project = |key: &str| pyproject.project_text(key).map(str::to_owned);
        let cargo =
            || manifest::find(root, pyproject).and_then(|path| read_toml(&path).ok()).unwrap_or_default();
        let cargo = std::cell::LazyCell::new(cargo);
        let of_crate = |key: &str| Some(cargo.get("package")?.get(key)?.as_str()?.to_owned());
        let name = field("Name").or_else(|| project("name")).or_else(|| of_crate("name"));
        let version = field("Version").or_else(|| project("version")).or_else(|| of_crate("version"));
        Self {
            name: name.map(|name| normalised(&name)),
            version: version.and_then(|version| version.parse().ok()),
        }
    }
}
