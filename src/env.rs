//! The environment, read once: which variables matter and what they say.
//!
//! Nothing else in the crate reads the process's environment. Our own variables are `CARGO_PYODIDE_*`; docs/environment.md lists
//! them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The variable that tells our executable that it is being called as a compiler driver, and with which plan. Its name does
/// not begin with `CARGO_`: sccache takes all such variables for something that the compiled crate depends on.
pub const DRIVER_PLAN: &str = "PYODIDE_DRIVER_PLAN";

/// The variable that tells our executable which process supervises it, by its number.
pub const SUPERVISOR: &str = "PYODIDE_SUPERVISOR";

/// The variable that names the folder of a command's temporary files, for the drivers that it starts.
pub const TEMPORARY_FOLDER: &str = "PYODIDE_TEMPORARY_FOLDER";

/// The variable that keeps the user's folder of temporary files for cargo, where a back end has ours.
pub const USER_TEMPORARY_FOLDER: &str = "PYODIDE_USER_TEMPORARY_FOLDER";

/// A snapshot of the process's environment.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Takes the snapshot of this process's environment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn read() -> Self {
        Self { variables: std::env::vars_os().collect() }
    }

    /// An environment of just these variables.
    #[cfg(test)]
    pub(crate) fn from_iter<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let owned = |(name, value): (&str, &str)| (OsString::from(name), OsString::from(value));
        Self { variables: variables.into_iter().map(owned).collect() }
    }

    /// A variable's value, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A variable's value as text, if it is set, not empty and UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(OsStr::to_str)
    }

    /// A variable's value as a size: bytes, or a number with `M` or `G`; none if it is not set.
    ///
    /// # Errors
    /// When it is set and not a size.
    pub fn size(&self, name: &str) -> crate::error::Result<Option<u64>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let size = parse_size(text).ok_or_else(|| {
            crate::error::hinted(
                anyhow::anyhow!("`{name}` is `{text}`, which is not a size"),
                "write bytes, or a number with `M` or `G`: `8G`",
            )
        })?;
        Ok(Some(size))
    }

    /// All variables whose names and values are UTF-8.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
    }

    /// The folders that `PATH` names, in order.
    pub fn path_folders(&self) -> Vec<PathBuf> {
        self.get("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default()
    }

    /// Cargo's home: `CARGO_HOME`, or `.cargo` in the user's home.
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn cargo_home(&self) -> crate::error::Result<PathBuf> {
        match self.get("CARGO_HOME") {
            Some(home) => Ok(PathBuf::from(home)),
            None => Ok(etcetera::home_dir()?.join(".cargo")),
        }
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

/// `8G`, `500M`, or bytes.
fn parse_size(text: &str) -> Option<u64> {
    let (digits, shift) = match text.char_indices().last()? {
        (at, 'M' | 'm') => (&text[..at], 20),
        (at, 'G' | 'g') => (&text[..at], 30),
        _ => (text, 0),
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_one_that_is_not_set() {
        let environment = Environment::from_iter([("A", ""), ("B", "x")]);
        assert_eq!(
            (environment.get("A"), environment.text("B"), environment.text("C")),
            (None, Some("x"), None)
        );
        assert_eq!(environment.texts().collect::<Vec<_>>(), [("A", ""), ("B", "x")]);
    }

    #[test]
    fn folders_are_where_variables_say() {
        let path = std::env::join_paths(["/b", "/a"]).unwrap();
        let environment = Environment::from_iter([
            ("PATH", path.to_str().unwrap()),
            ("CARGO_HOME", "/cargo"),
            ("CARGO_PYODIDE_CACHE_DIR", "kept"),
        ]);
        assert_eq!(environment.path_folders(), ["/b", "/a"].map(PathBuf::from));
        assert_eq!(environment.cargo_home().unwrap(), PathBuf::from("/cargo"));
        let cache = environment.cache_folder().unwrap();
        assert!(cache.is_absolute() && cache.ends_with("kept"), "{}", cache.display());
        assert!(Environment::default().path_folders().is_empty());
    }

    #[test]
    fn without_variables_folders_are_those_of_the_user() {
        let home = etcetera::home_dir().unwrap();
        let environment = Environment::from_iter([("CARGO_HOME", ""), ("CARGO_PYODIDE_CACHE_DIR", "")]);
        assert_eq!(environment.cargo_home().unwrap(), home.join(".cargo"));
        assert!(environment.cache_folder().unwrap().ends_with("cargo-pyodide"));
    }
}
