//! The environment, read once: which variables matter and what they say.
//!
//! Nothing else in the crate reads the process's environment. Our own variables are `CARGO_PYODIDE_*`; README lists
//! them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The variable that tells our executable that it is being called as a compiler driver, and with which plan. Its name does
/// not begin with `CARGO_`: sccache takes all such variables for something that the compiled crate depends on.
pub const DRIVER_PLAN: &str = "PYODIDE_DRIVER_PLAN";

/// A snapshot of the process's environment.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Takes the snapshot.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn read() -> Self {
        Self { variables: std::env::vars_os().collect() }
    }

    /// A variable's value, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A variable's value as text, if it is set, not empty and UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(OsStr::to_str)
    }

    /// All variables whose names and values are UTF-8.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
    }

    /// The folders that `PATH` names, in order.
    pub fn path_folders(&self) -> Vec<PathBuf> {
        self.get("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default()
    }

    /// The folder of the cache: `CARGO_PYODIDE_CACHE_DIR`, or the user's cache folder by the platform's convention.
    ///
    /// # Errors
    /// When no home folder can be found.
    pub fn cache_folder(&self) -> crate::error::Result<PathBuf> {
        use etcetera::BaseStrategy;
        if let Some(folder) = self.get("CARGO_PYODIDE_CACHE_DIR") {
            return Ok(std::path::absolute(folder)?);
        }
        match etcetera::choose_base_strategy() {
            Ok(strategy) => Ok(strategy.cache_dir().join("cargo-pyodide")),
            Err(error) => Err(crate::error::hinted(
                anyhow::Error::new(error).context("cannot find a home folder for the cache"),
                "set `CARGO_PYODIDE_CACHE_DIR` to a folder",
            )),
        }
    }
}
