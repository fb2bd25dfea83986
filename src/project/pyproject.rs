//! `pyproject.toml`, read once and handed on.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use toml::Value;

use crate::error::Result;

/// The text and the tables of a `pyproject.toml`. Both are empty where there is no such file.
#[derive(Debug, Clone, Default)]
pub struct PyProject {
    path: PathBuf,
    text: Option<String>,
    table: toml::Table,
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

impl PyProject {
    /// Reads the file of a folder, if there is one.
    ///
    /// # Errors
    /// When it cannot be read, or is not TOML.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("pyproject.toml");
        if !path.is_file() {
            return Ok(Self { path, ..Self::default() });
        }
        let text = fs_err::read_to_string(&path)?;
        let table = text.parse().with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(Self { path, text: Some(text), table })
    }

    /// Where the file is, or would be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a file.
    pub fn exists(&self) -> bool {
        self.text.is_some()
    }

    /// Its text.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// A table at the top.
    pub fn table(&self, name: &str) -> Option<&toml::Table> {
        self.table.get(name)?.as_table()
    }

    /// The table `[tool.NAME]`.
    pub fn tool(&self, name: &str) -> Option<&toml::Table> {
        self.table("tool")?.get(name)?.as_table()
    }

    /// The kind of bindings that `pyproject.toml` tells maturin.
    pub fn maturin_bindings(&self) -> Option<&str> {
        self.tool("maturin")?.get("bindings")?.as_str()
    }

    /// A text of the table `[project]` (PEP 621).
    pub fn project_text(&self, key: &str) -> Option<&str> {
        self.table("project")?.get(key)?.as_str()
    }

    /// The texts of an array of the table `[project]`; nothing if there is no such array.
    pub fn project_list(&self, key: &str) -> Vec<&str> {
        let array = self.table("project").and_then(|project| project.get(key)?.as_array());
        array.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Whether the back end computes a field of the table `[project]`.
    pub fn is_dynamic(&self, key: &str) -> bool {
        self.project_list("dynamic").contains(&key)
    }

    /// How the package is built.
    ///
    /// # Errors
    /// When the table is not as PEP 518 has it.
    pub fn build_system(&self) -> Result<BuildSystem> {
        match self.table.get("build-system") {
            None => Ok(BuildSystem::legacy()),
            Some(value) => value
                .clone()
                .try_into()
                .with_context(|| format!("the table `[build-system]` of `{}`", self.path.display())),
        }
    }
}

impl BuildSystem {
    /// What PEP 517 says to use for a package without the table.
    fn legacy() -> Self {
        Self {
            requires: vec!["setuptools>=40.8.0".into(), "wheel".into()],
            build_backend: legacy_backend(),
            backend_path: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> PyProject {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("pyproject.toml"), text).unwrap();
        PyProject::read(folder.path()).unwrap()
    }

    #[test]
    fn tables_that_are_not_there_are_empty() {
        let empty = PyProject::read(Path::new("nowhere")).unwrap();
        assert!(!empty.exists() && empty.project_list("dynamic").is_empty());
        assert_eq!(empty.build_system().unwrap().build_backend, "setuptools.build_meta:__legacy__");
    }

    #[test]
    fn what_the_project_says_is_read() {
        let read = check(
            "[project]\nname = 'a'\ndynamic = ['version', 1]\n[tool.x]\ny = 1\n[build-system]\nrequires = ['b']\n",
        );
        assert_eq!(read.project_text("name"), Some("a"));
        assert!(read.is_dynamic("version") && !read.is_dynamic("dependencies"));
        assert!(read.tool("x").is_some() && read.tool("z").is_none());
        assert_eq!(read.build_system().unwrap().requires, ["b"]);
    }

    #[test]
    fn a_wrong_table_is_told_with_its_file() {
        let error = check("[build-system]\nbuild-backend = 'x'\n").build_system().unwrap_err();
        assert!(format!("{error:#}").contains("[build-system]"), "{error:#}");
    }

    #[test]
    fn values_of_another_kind_are_as_if_they_were_not_there() {
        let read = check("project = 1\ntool = { x = 1 }\n[other]\nname = ['a']\n");
        assert_eq!((read.project_text("name"), read.project_list("name")), (None, Vec::new()));
        assert!(read.tool("x").is_none() && read.table("project").is_none() && read.table("other").is_some());
        let read = check("[project]\nname = 1\ndynamic = 'version'\n");
        assert_eq!(read.project_text("name"), None);
        assert!(!read.is_dynamic("version"));
    }

    #[test]
    fn a_back_end_that_is_not_named_is_that_of_setuptools() {
        let system =
            check("[build-system]\nrequires = ['a']\nbackend-path = ['.']\n").build_system().unwrap();
        assert_eq!(system.build_backend, "setuptools.build_meta:__legacy__");
        assert_eq!(system.backend_path, ["."]);
    }

    #[test]
    fn a_file_that_is_no_toml_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("pyproject.toml"), "[project\n").unwrap();
        let error = PyProject::read(folder.path()).unwrap_err();
        let path = folder.path().join("pyproject.toml");
        assert_eq!(error.to_string(), format!("cannot read `{}`", path.display()));
    }
}
