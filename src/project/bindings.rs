//! What binds a package's Rust to Python, and which Pythons its PyO3 knows: asked before anything is compiled, since an
//! old one builds for a Python that it does not know and gives a module that crashes.
//!
//! The range stands in the build script of the crate `pyo3-ffi`, in the source that cargo has fetched. Releases before
//! 0.20 state no newest Python; for them a table says which one they were made for.

use std::fmt;

use semver::Version;

use super::graph::Graph;
use super::{BackEnd, Project};
use crate::abi::PythonVersion;

/// The Pythons that a PyO3 knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownPythons {
    /// The version of PyO3.
    pub pyo3: Version,
    /// The oldest.
    pub oldest: PythonVersion,
    /// The newest.
    pub newest: PythonVersion,
}

impl fmt::Display for KnownPythons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pyo3 {} knows Python {} to {}", self.pyo3, self.oldest, self.newest)
    }
}

/// The Pythons that the PyO3 in a dependency graph knows. Nothing if there is no
/// PyO3, or if it builds for the stable ABI, which newer Pythons keep.
pub(crate) fn known_pythons(graph: &Graph) -> Option<KnownPythons> {
    let pyo3 = graph.find("pyo3-ffi").or_else(|| graph.find("pyo3"))?;
    // A module for the stable ABI works in newer Pythons, whatever its PyO3 knows.
    if pyo3.features.iter().any(|feature| feature.starts_with("abi3")) {
        return None;
    }
    let script = fs_err::read_to_string(pyo3.manifest.with_file_name("build.rs")).unwrap_or_default();
    let (oldest, newest) = parse_range(&script).or_else(|| assume_range(&pyo3.version))?;
    Some(KnownPythons { pyo3: pyo3.version.clone(), oldest, newest })
}

/// Whether maturin makes a library that Python opens through cffi: told to, or where it finds no bindings among the crates.
pub(crate) fn make_library(project: &Project, graph: Option<&Graph>) -> bool {
    const BINDINGS: [&str; 4] = ["pyo3", "pyo3-ffi", "cpython", "uniffi"];
    match (&project.bindings, graph) {
        _ if project.back_end != BackEnd::Maturin => false,
        (Some(stated), _) => stated == "cffi",
        (None, Some(graph)) => BINDINGS.iter().all(|name| graph.find(name).is_none()),
        (None, None) => false,
    }
}

/// The stable ABI that PyO3's configuration file must name. PyO3 up to 0.22 uses the file as it is; later versions adjust
/// it to their features. None if PyO3 does not build for the stable ABI, or is one of the later versions.
pub(crate) fn stable_abi(graph: &Graph) -> Option<StableAbi> {
    let pyo3 = graph.find("pyo3-ffi").or_else(|| graph.find("pyo3"))?;
    if pyo3.version >= Version::new(0, 23, 0) {
        return None;
    }
    let minors = pyo3.features.iter().filter_map(|feature| feature.strip_prefix("abi3-py3")?.parse().ok());
    let floor = minors.min().map(|minor| PythonVersion { major: 3, minor });
    let is_stable = floor.is_some() || pyo3.features.iter().any(|feature| feature == "abi3");
    is_stable.then_some(StableAbi { floor })
}

/// The stable ABI that a package builds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StableAbi {
    /// The oldest Python, if it is not the target's.
    pub floor: Option<PythonVersion>,
}

/// What the build script states: `SUPPORTED_VERSIONS_CPYTHON`, with `minor: 13` or a constant `PY_3_13`.
fn parse_range(script: &str) -> Option<(PythonVersion, PythonVersion)> {
    let block = script.split("SUPPORTED_VERSIONS_CPYTHON: SupportedVersions").nth(1)?.split("};").next()?;
    let of = |field: &str| {
        let text = block.split(field).nth(1)?;
        let digits = ["PY_3_", "minor: "].iter().filter_map(|mark| Some((text.find(mark)?, mark))).min()?;
        let number: String =
            text[digits.0 + digits.1.len()..].chars().take_while(char::is_ascii_digit).collect();
        Some(PythonVersion { major: 3, minor: number.parse().ok()? })
    };
    Some((of("min:")?, of("max:")?))
}

/// The newest Python at the time of the last release of each series that does not state one.
fn assume_range(version: &Version) -> Option<(PythonVersion, PythonVersion)> {
    let newest = match version.minor {
        0..=16 => 10,
        17 | 18 => 11,
        19 => 12,
        _ => return None,
    };
    let python = |minor| PythonVersion { major: 3, minor };
    (version.major == 0).then(|| (python(7), python(newest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &str) -> Option<String> {
        parse_range(script).map(|(oldest, newest)| format!("{oldest} to {newest}"))
    }

    /// A graph of one crate.
    fn graph(name: &str, version: &str, features: &[&str]) -> Graph {
        let only = super::super::graph::Crate {
            name: name.into(),
            version: version.parse().unwrap(),
            features: features.iter().map(|text| (*text).to_owned()).collect(),
            source: None,
            manifest: "Cargo.toml".into(),
            dependencies: Vec::new(),
            elsewhere: Vec::new(),
            is_linked: true,
        };
        Graph { crates: vec![only], ..Graph::default() }
    }

    #[test]
    fn maturin_makes_a_library_where_it_is_told_to_or_finds_no_bindings() {
        let check = |back_end: &str, table: &str, only: &str| {
            let folder = tempfile::tempdir().unwrap();
            let text = format!("[build-system]\nrequires = []\nbuild-backend = '{back_end}'\n{table}");
            fs_err::write(folder.path().join("pyproject.toml"), text).unwrap();
            fs_err::write(folder.path().join("Cargo.toml"), "[package]\nname = 'x'").unwrap();
            let pyproject = super::super::PyProject::read(folder.path()).unwrap();
            let project = Project::read(folder.path(), &pyproject).unwrap();
            make_library(&project, Some(&graph(only, "1.0.0", &[])))
        };
        assert!(check("maturin", "[tool.maturin]\nbindings = 'cffi'", "pyo3"));
        assert!(check("maturin", "", "rand"));
        assert!(!check("maturin", "", "pyo3"));
        assert!(!check("maturin", "[tool.maturin]\nbindings = 'pyo3'", "rand"));
        assert!(!check("setuptools.build_meta", "", "rand"));
    }

    #[test]
    fn old_releases_are_told_of_the_stable_abi() {
        let check = |version: &str, features: &[&str]| {
            let found = stable_abi(&graph("pyo3", version, features))?;
            Some(found.floor.map_or("target".to_owned(), |floor| floor.to_string()))
        };
        assert_eq!(check("0.17.3", &["abi3", "abi3-py37", "abi3-py38"]).as_deref(), Some("3.7"));
        assert_eq!(check("0.22.6", &["abi3"]).as_deref(), Some("target"));
        assert_eq!(check("0.19.0", &["macros"]), None);
        assert_eq!(check("0.23.0", &["abi3", "abi3-py37"]), None);
    }

    #[test]
    fn ranges_are_read_from_build_scripts() {
        let plain = "const SUPPORTED_VERSIONS_CPYTHON: SupportedVersions = SupportedVersions {\n    min: PythonVersion { major: 3, minor: 7 },\n    max: PythonVersion {\n        major: 3,\n        minor: 14,\n    },\n};\nconst OTHER: X = X { max: PythonVersion { major: 3, minor: 99 } };";
        assert_eq!(check(plain).unwrap(), "3.7 to 3.14");
        let constants = "const PY_3_9: PythonVersion = PythonVersion { major: 3, minor: 9 };\nconst SUPPORTED_VERSIONS_CPYTHON: SupportedVersions = SupportedVersions {\n    min: PY_3_9,\n    max: PY_3_15,\n};";
        assert_eq!(check(constants).unwrap(), "3.9 to 3.15");
        assert_eq!(check("const MINIMUM_SUPPORTED_VERSION: PythonVersion = 1;"), None);
        let old = assume_range(&Version::new(0, 18, 3)).unwrap();
        assert_eq!(old.1.to_string(), "3.11");
        assert_eq!(assume_range(&Version::new(0, 31, 0)), None);
    }
}
