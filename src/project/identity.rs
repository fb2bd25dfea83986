//! A package's name and version, as far as its source tree tells them before anything is built.

use std::path::Path;

use pep440_rs::Version;

use super::manifest::{self, inherited, read_toml};
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
        let of_crate = |key: &str| {
            let value = cargo.get("package")?.get(key)?;
            value.as_str().map(str::to_owned).or_else(|| inherited(&manifest::find(root, pyproject)?, key))
        };
        let name = field("Name").or_else(|| project("name")).or_else(|| of_crate("name"));
        let version = field("Version").or_else(|| project("version")).or_else(|| of_crate("version"));
        Self {
            name: name.map(|name| normalised(&name)),
            version: version.and_then(|version| version.parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs_err::write(folder.path().join(name), text).unwrap();
        }
        let Identity { name, version } =
            Identity::of(folder.path(), &PyProject::read(folder.path()).unwrap());
        let version = version.map_or("-".to_owned(), |version| version.to_string());
        format!("{} {version}", name.unwrap_or("-".to_owned()))
    }

    #[test]
    fn a_package_is_what_its_sdist_says_then_its_project_then_its_crate() {
        let sdist = ("PKG-INFO", "Metadata-Version: 2.1\nName: One.Name\nVersion: 1.0\n");
        let project = ("pyproject.toml", "[project]\nname = 'two'\nversion = '2.0'");
        let cargo = ("Cargo.toml", "[package]\nname = 'Three_Name'\nversion = '3.0.0'");
        assert_eq!(check(&[sdist, project, cargo]), "one-name 1.0");
        assert_eq!(check(&[project, cargo]), "two 2.0");
        assert_eq!(check(&[cargo]), "three-name 3.0.0");
        assert_eq!(check(&[]), "- -");
    }

    #[test]
    fn name_and_version_may_stand_at_different_places() {
        let project = ("pyproject.toml", "[project]\nname = 'two'\ndynamic = ['version']");
        assert_eq!(
            check(&[project, ("Cargo.toml", "[package]\nname = 'three'\nversion = '3.0.0'")]),
            "two 3.0.0"
        );
        let inherits = "[package]\nversion.workspace = true\n";
        assert_eq!(check(&[project, ("Cargo.toml", inherits)]), "two -");
        let root = format!("{inherits}[workspace.package]\nversion = '4.0.0-rc.1'");
        assert_eq!(check(&[project, ("Cargo.toml", &root)]), "two 4.0.0rc1");
        assert_eq!(check(&[project, ("Cargo.toml", "[package]\nversion = 'x'")]), "two -");
    }
}
