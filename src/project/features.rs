//! The features of the crate that the back end's table in `pyproject.toml` turns on.

use toml::Value;

use super::manifest::setuptools_modules;
use super::pyproject::PyProject;

/// The features by name. Those that maturin turns on for some Pythons only are among them.
pub(super) fn stated(pyproject: &PyProject) -> Vec<String> {
    let of_maturin = pyproject.tool("maturin").and_then(|maturin| maturin.get("features"));
    let of_setuptools = setuptools_modules(pyproject).filter_map(|module| module.get("features"));
    let lists = of_maturin.into_iter().chain(of_setuptools).filter_map(Value::as_array).flatten();
    let mut names: Vec<String> = Vec::new();
    for name in lists.filter_map(|entry| entry.as_str().or_else(|| entry.get("feature")?.as_str())) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("pyproject.toml"), text).unwrap();
        stated(&PyProject::read(folder.path()).unwrap()).join(" ")
    }

    #[test]
    fn features_stand_in_the_table_of_the_back_end() {
        assert_eq!(
            check("[tool.maturin]\nfeatures = ['python', 'pyo3/abi3-py39', 'python']"),
            "python pyo3/abi3-py39"
        );
        assert_eq!(
            check("[tool.maturin]\nfeatures = [{ feature = 'a', python-version = '>=3.9' }, 'b']"),
            "a b"
        );
        assert_eq!(check("[[tool.setuptools-rust.ext-modules]]\ntarget = 'a._a'\nfeatures = ['c']"), "c");
        assert_eq!(check("[tool.maturin]\nfeatures = 'python'"), "");
        assert_eq!(check("[build-system]\nrequires = []"), "");
    }
}
