//! A wheel on disk with its name, metadata and list of files: read once and handed on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::contents::WheelContents;
use super::extension;
use super::filename::{WheelFilename, normalised};
use super::metadata::Metadata;
use super::python_imports::{TakenName, taken_names};
use crate::error::Result;

/// A wheel on disk, its name, its metadata and the paths of its files.
#[derive(Debug, Clone)]
pub struct OpenedWheel {
    path: PathBuf,
    filename: WheelFilename,
    metadata: Metadata,
    files: Vec<String>,
    libraries: Vec<String>,
    taken: Vec<TakenName>,
}

impl OpenedWheel {
    /// Reads a wheel, whatever its RECORD says.
    ///
    /// # Errors
    /// When it cannot be read or is not a wheel.
    pub fn open(path: &Path) -> Result<Self> {
        Self::of(&std::path::absolute(path)?, &WheelContents::open(path)?)
    }

    /// A wheel whose contents are at hand, and the absolute path at which it lies.
    ///
    /// # Errors
    /// When its metadata cannot be read.
    pub fn of(path: &Path, contents: &WheelContents) -> Result<Self> {
        let metadata =
            Metadata::of(contents).with_context(|| format!("cannot use the wheel `{}`", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            filename: contents.filename.clone(),
            metadata,
            files: contents.files.keys().cloned().collect(),
            libraries: libraries(contents),
            taken: taken_names(contents),
        })
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name.
    pub fn filename(&self) -> &WheelFilename {
        &self.filename
    }

    /// Its metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Its normalised name.
    pub fn name(&self) -> String {
        normalised(&self.metadata.name)
    }

    /// Whether it holds a file of this path.
    pub fn has(&self, path: &str) -> bool {
        self.files.iter().any(|file| file == path)
    }

    /// The paths of its extension modules.
    pub fn modules(&self) -> Vec<String> {
        let is_module = |path: &&String| path.ends_with(".so") && !self.libraries.contains(path);
        self.files.iter().filter(is_module).cloned().collect()
    }

    /// The paths of the libraries in it that something else opens.
    pub fn libraries(&self) -> &[String] {
        &self.libraries
    }

    /// The names that its Python files take from its extension modules.
    pub fn taken_names(&self) -> &[TakenName] {
        &self.taken
    }

    /// The first part of each path that is imported, without endings.
    pub fn top_level_names(&self) -> BTreeSet<String> {
        let tops = self.files.iter().filter_map(|path| path.split('/').next());
        let names = tops.filter(|top| !top.ends_with(".dist-info") && !top.ends_with(".data"));
        names.map(|top| top.split('.').next().unwrap_or(top).to_owned()).collect()
    }

    /// The packages and modules at its top that hold code, without tests.
    pub fn importable_names(&self) -> Vec<String> {
        let is_code = |path: &&String| path.ends_with(".py") || path.ends_with(".so");
        let names: BTreeSet<&str> = self
            .files
            .iter()
            .filter(is_code)
            .filter_map(|path| match path.split_once('/') {
                Some((folder, _)) => (!folder.contains('.')).then_some(folder),
                None => path.split('.').next(),
            })
            .filter(|name| {
                // `__pycache__` is no module, and tests are not what a user imports.
                let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
                is_name && !name.starts_with("__") && !["tests", "test"].contains(name)
            })
            .collect();
        names.into_iter().map(str::to_owned).collect()
    }
}

fn libraries(contents: &WheelContents) -> Vec<String> {
    let files = contents.files.iter().filter(|(path, bytes)| extension::is_library(path, bytes));
    files.map(|(path, _)| path.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str]) -> OpenedWheel {
        let metadata = "Metadata-Version: 2.1\nName: A.b\nVersion: 1\n";
        OpenedWheel {
            path: PathBuf::from("/a_b-1-py3-none-any.whl"),
            filename: "a_b-1-py3-none-any.whl".parse().unwrap(),
            metadata: metadata.parse().unwrap(),
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            libraries: Vec::new(),
            taken: Vec::new(),
        }
    }

    #[test]
    fn what_can_be_imported_is_code_at_the_top() {
        let wheel = check(&[
            "a/__init__.py",
            "a/data.json",
            "b.cpython-313-wasm32-emscripten.so",
            "c.py",
            "tests/test_a.py",
            "data/x.json",
            "a_b-1.dist-info/METADATA",
            "__main__.py",
        ]);
        assert_eq!(wheel.importable_names(), ["a", "b", "c"]);
        assert_eq!(wheel.modules(), ["b.cpython-313-wasm32-emscripten.so"]);
        let tops: Vec<String> = wheel.top_level_names().into_iter().collect();
        assert_eq!(tops, ["__main__", "a", "b", "c", "data", "tests"]);
        assert_eq!(wheel.name(), "a-b");
    }

    fn contents(files: &[(&str, &str)]) -> WheelContents {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        WheelContents {
            filename: "a_b-1-py3-none-any.whl".parse().unwrap(),
            files: files.collect(),
            executable: Vec::new(),
        }
    }

    #[test]
    fn a_wheel_is_what_its_metadata_says() {
        let metadata = "Metadata-Version: 2.1\nName: A.b\nVersion: 1.0\nRequires-Dist: c>=2\n";
        let files = [("a_b-1.dist-info/WHEEL", ""), ("a_b-1.dist-info/METADATA", metadata), ("a/_b.so", "")];
        let wheel = OpenedWheel::of(Path::new("/w/a_b-1-py3-none-any.whl"), &contents(&files)).unwrap();
        assert_eq!(wheel.name(), "a-b");
        assert_eq!(wheel.metadata().requires[0].to_string(), "c>=2");
        assert_eq!(wheel.modules(), ["a/_b.so"]);
        assert_eq!(wheel.path(), Path::new("/w/a_b-1-py3-none-any.whl"));
    }

    #[test]
    fn a_wheel_without_usable_metadata_is_named() {
        let refuse = |files: &[(&str, &str)]| {
            format!("{:#}", OpenedWheel::of(Path::new("a.whl"), &contents(files)).unwrap_err())
        };
        let wheel = ("a_b-1.dist-info/WHEEL", "");
        assert_eq!(refuse(&[]), "cannot use the wheel `a.whl`: it has no `*.dist-info/WHEEL`");
        assert_eq!(refuse(&[wheel]), "cannot use the wheel `a.whl`: there is no `a_b-1.dist-info/METADATA`");
        let nameless = ("a_b-1.dist-info/METADATA", "Metadata-Version: 2.1\nVersion: 1\n");
        assert_eq!(refuse(&[wheel, nameless]), "cannot use the wheel `a.whl`: it has no `Name`");
    }
}
