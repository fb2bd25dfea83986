//! Projects that hold nothing that the tool builds, and what they hold instead.

use std::path::{Path, PathBuf};

use super::pyproject::PyProject;
use crate::error::{hinted, with_cause};

/// Why a project has nothing to build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NothingToBuild {
    /// There is no native code in it.
    #[error(
        "`{0}` is pure Python: no `Cargo.toml` and no C or C++ lies in it, and its build asks for no Rust back end"
    )]
    Pure(PathBuf),
    /// There is native code, and none of it is Rust or built by setuptools.
    #[error(
        "`{root}` has no Rust, but other native code (`{sign}`), which its build back end `{back_end}` compiles"
    )]
    OtherNative {
        /// The project's folder.
        root: PathBuf,
        /// The first file that shows it.
        sign: String,
        /// What builds it.
        back_end: String,
    },
    /// There is Rust, of which maturin makes something that Python does not import.
    #[error(
        "maturin makes {} of `{root}`, which says `bindings = \"{bindings}\"`, and no module that Python imports",
        product(bindings)
    )]
    NoModule {
        /// The project's folder.
        root: PathBuf,
        /// `bindings` in maturin's table.
        bindings: String,
    },
}

/// What maturin makes with bindings of a kind.
fn product(bindings: &str) -> &'static str {
    if bindings == "bin" { "a program" } else { "a library" }
}

impl NothingToBuild {
    /// What a tree without Rust holds.
    pub(super) fn of(root: &Path, back_end: &str) -> Self {
        let root = root.to_owned();
        match native_sign(&root) {
            Some(sign) => Self::OtherNative { root, sign, back_end: back_end.to_owned() },
            None => Self::Pure(root),
        }
    }

    /// What maturin makes of a project, if it is no extension module.
    pub(super) fn by_bindings(root: &Path, pyproject: &PyProject) -> Option<Self> {
        let bindings = pyproject.maturin_bindings()?;
        ["bin", "uniffi"]
            .contains(&bindings)
            .then(|| Self::NoModule { root: root.to_owned(), bindings: bindings.to_owned() })
    }

    /// The error, with its cause and advice.
    pub(super) fn into_error(self) -> anyhow::Error {
        match &self {
            Self::Pure(_) => hinted(
                with_cause("no-rust", self),
                "a pure Python package needs no build for Pyodide: its wheel installs as it is",
            ),
            Self::OtherNative { .. } => hinted(
                with_cause("other-native-code", self),
                "cargo-pyodide builds Rust, and C through setuptools: build this package with Pyodide's own `pyodide build`",
            ),
            Self::NoModule { bindings, .. } => {
                let advice = match bindings.as_str() {
                    "bin" => "Pyodide starts no programs: nothing of this package can run there",
                    _ => {
                        "cargo-pyodide builds extension modules, such as those of PyO3, and libraries that cffi opens: not yet those of UniFFI"
                    }
                };
                hinted(with_cause("other-bindings", self), advice)
            }
        }
    }
}

/// How deep below the root native code is looked for.
const DEPTH: usize = 6;

/// A file that is compiled, by its name; none if nothing looks like native code.
pub(crate) fn native_sign(root: &Path) -> Option<String> {
    find_sign(root, DEPTH)
}

fn find_sign(folder: &Path, depth: usize) -> Option<String> {
    let mut entries: Vec<_> = fs_err::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let endings = ["c", "cc", "cpp", "cxx", "pyx", "f", "f90", "zig", "go"];
    let is_native = |path: &Path| {
        path.file_name().is_some_and(|name| name == "meson.build" || name == "CMakeLists.txt")
            || path
                .extension()
                .and_then(|ending| ending.to_str())
                .is_some_and(|ending| endings.contains(&ending))
    };
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    if let Some(found) = entries.iter().find(|path| path.is_file() && is_native(path)) {
        return name(found);
    }
    // An example in C does not make a package native.
    let not_code = ["docs", "doc", "tests", "test", "examples", "benchmarks", "target"];
    let is_code = |name: String| !not_code.contains(&name.as_str()) && !name.starts_with('.');
    let folders = entries.iter().filter(|path| path.is_dir() && name(path).is_some_and(is_code));
    if depth == 0 { None } else { folders.into_iter().find_map(|folder| find_sign(folder, depth - 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_that_make_no_module_are_told() {
        let check = |table: &str| {
            let folder = tempfile::tempdir().unwrap();
            let text = format!("[build-system]\nrequires = ['maturin']\nbuild-backend = 'maturin'\n{table}");
            fs_err::write(folder.path().join("pyproject.toml"), text).unwrap();
            let pyproject = PyProject::read(folder.path()).unwrap();
            NothingToBuild::by_bindings(Path::new("DIR"), &pyproject).map(|nothing| nothing.to_string())
        };
        assert_eq!(
            check("[tool.maturin]\nbindings = 'uniffi'").unwrap(),
            "maturin makes a library of `DIR`, which says `bindings = \"uniffi\"`, and no module that Python imports"
        );
        assert!(check("[tool.maturin]\nbindings = 'bin'").unwrap().starts_with("maturin makes a program of"));
        assert_eq!(check("[tool.maturin]\nbindings = 'cffi'"), None);
        assert_eq!(check("[tool.maturin]\nbindings = 'pyo3'"), None);
        assert_eq!(check(""), None);
    }
}
