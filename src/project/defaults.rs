//! `[tool.cargo-pyodide.defaults]`: what a package's own `pyproject.toml` says where the command line says nothing.

use anyhow::Context as _;
use serde::Deserialize;

use super::PyProject;
use crate::error::{Result, hinted};

/// Defaults of a package. They count for its own folder alone: what somebody else builds for is their choice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Defaults {
    /// What `--pyodide` takes: `pyodide = ["0.29", "314"]`.
    pub pyodide: Vec<String>,
    /// What `--profile` takes: `profile = "small"`.
    pub profile: Option<String>,
    /// Where tests run, as `--in` has it: `test-in = ["node", "worker"]`.
    pub test_in: Vec<String>,
}

impl Defaults {
    /// The defaults that a `pyproject.toml` states.
    ///
    /// # Errors
    /// When a key is unknown or a value is wrong.
    pub fn of(pyproject: &PyProject) -> Result<Self> {
        let Some(table) = pyproject.tool("cargo-pyodide").and_then(|own| own.get("defaults")) else {
            return Ok(Self::default());
        };
        table
            .clone()
            .try_into()
            .with_context(|| format!("`[tool.cargo-pyodide.defaults]` of `{}`", pyproject.path().display()))
            .map_err(|error| hinted(error, "the keys are `pyodide`, `profile` and `test-in`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("pyproject.toml"), text).unwrap();
        match Defaults::of(&PyProject::read(folder.path()).unwrap()) {
            Ok(Defaults { pyodide, profile, test_in }) => format!("{pyodide:?} {profile:?} {test_in:?}"),
            Err(error) => format!("{}", error.root_cause()).lines().next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn defaults_are_those_of_the_table() {
        insta::assert_snapshot!(
            [
                "[project]",
                "[tool.cargo-pyodide.defaults]\npyodide = ['0.29', '314']\nprofile = 'small'\ntest-in = ['node']",
                "[tool.cargo-pyodide.defaults]\npyodide = '314'",
                "[tool.cargo-pyodide.defaults]\nprofiles = 'x'",
                "[tool.cargo-pyodide]\ndefaults = 3",
            ]
            .map(check)
            .join("\n"),
            @r#"
        [] None []
        ["0.29", "314"] Some("small") ["node"]
        invalid type: string "314", expected a sequence
        unknown field `profiles`, expected one of `pyodide`, `profile`, `test-in`
        invalid type: integer `3`, expected struct Defaults
        "#
        );
    }
}
