//! The features of the crate that maturin's table in `pyproject.toml` turns on.

use pep440_rs::{Version, VersionSpecifiers};
use toml::Value;

use super::back_end::BackEnd;
use super::pyproject::PyProject;
use crate::abi::PythonVersion;

/// The features that a back end turns on by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatedFeatures {
    named: Vec<StatedFeature>,
    /// `--no-default-features`, `--all-features`.
    flags: Vec<String>,
}

/// A feature, and where it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StatedFeature {
    name: String,
    python: Option<VersionSpecifiers>,
    is_for_cpython: bool,
}

impl StatedFeatures {
    /// Those of maturin's table. setuptools-rust has features for each module, and passes them to cargo beside others.
    pub(super) fn read(back_end: BackEnd, pyproject: &PyProject) -> Self {
        let Some(table) = pyproject.tool("maturin").filter(|_| back_end == BackEnd::Maturin) else {
            return Self::default();
        };
        let entries = table.get("features").and_then(Value::as_array).into_iter().flatten();
        let flags = ["no-default-features", "all-features"].into_iter();
        let flags = flags.filter(|flag| table.get(*flag).and_then(Value::as_bool) == Some(true));
        Self {
            named: entries.filter_map(StatedFeature::read).collect(),
            flags: flags.map(|flag| format!("--{flag}")).collect(),
        }
    }

    /// The names of those that are on for a Python.
    pub(crate) fn names(&self, python: PythonVersion) -> Vec<String> {
        let version = Version::new([u64::from(python.major), u64::from(python.minor)]);
        let is_on = |feature: &&StatedFeature| {
            let fits = feature.python.as_ref().is_none_or(|wanted| wanted.contains(&version));
            fits && feature.is_for_cpython
        };
        self.named.iter().filter(is_on).map(|feature| feature.name.clone()).collect()
    }

    /// The same as arguments of cargo.
    pub fn arguments(&self, python: PythonVersion) -> Vec<String> {
        let names = self.names(python);
        let named = (!names.is_empty()).then(|| format!("--features={}", names.join(",")));
        self.flags.iter().cloned().chain(named).collect()
    }
}

impl StatedFeature {
    /// A name, or a table with conditions.
    fn read(entry: &Value) -> Option<Self> {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        Some(Self {
            name: entry.as_str().or_else(|| text("feature"))?.to_owned(),
            python: text("python-version").and_then(|wanted| wanted.parse().ok()),
            is_for_cpython: text("python-implementation").is_none_or(|name| name == "cpython"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(back_end: BackEnd, text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("pyproject.toml"), text).unwrap();
        let python = PythonVersion { major: 3, minor: 10 };
        StatedFeatures::read(back_end, &PyProject::read(folder.path()).unwrap()).arguments(python).join(" ")
    }

    #[test]
    fn features_of_maturins_table_have_conditions() {
        let maturin = |text: &str| check(BackEnd::Maturin, &format!("[tool.maturin]\n{text}"));
        assert_eq!(maturin("features = ['python', 'pyo3/abi3-py39']"), "--features=python,pyo3/abi3-py39");
        assert_eq!(
            maturin(
                "features = [{ feature = 'a', python-version = '>=3.10' }, { feature = 'b', python-version = '>=3.11' }, \
                 { feature = 'c', python-implementation = 'pypy' }]\nno-default-features = true"
            ),
            "--no-default-features --features=a"
        );
        assert_eq!(maturin("features = 'python'"), "");
        assert_eq!(check(BackEnd::Setuptools, "[tool.maturin]\nfeatures = ['python']"), "");
        assert_eq!(check(BackEnd::Maturin, "[build-system]\nrequires = []"), "");
    }
}
