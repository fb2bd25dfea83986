//! Pure Python wheels on the package index: what micropip would find there.

use pep440_rs::{Version, VersionSpecifiers};

use super::Access;
use super::client::Client;
use super::index::{File, Project};
use super::pip::settings;
use crate::error::Result;
use crate::wheel::WheelFilename;

/// A connection to the index that is asked for pure wheels.
#[derive(Debug)]
pub struct PureIndex {
    client: Client,
}

/// The newest pure wheel that fits, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PureWheel {
    /// Its version.
    Found(Version),
    /// The project has files, and none of them will do.
    None,
    /// The index does not know the project.
    NoProject,
}

impl PureIndex {
    /// A connection to the index that pip is configured for.
    ///
    /// # Errors
    /// When pip's configuration cannot be read or used.
    pub fn open(access: Access<'_>) -> Result<Self> {
        Ok(Self { client: Client::new(&settings((access.ui, access.environment), access.python)?)? })
    }

    /// Looks for a wheel of a normalised name whose version fits, for this Python.
    ///
    /// # Errors
    /// When the index cannot be asked.
    pub fn find(&self, name: &str, fits: &dyn Fn(&Version) -> bool, python: &Version) -> Result<PureWheel> {
        let Some(project) = self.client.known_project(name)? else { return Ok(PureWheel::NoProject) };
        Ok(newest(&project, fits, python).map_or(PureWheel::None, PureWheel::Found))
    }
}

fn newest(project: &Project, fits: &dyn Fn(&Version) -> bool, python: &Version) -> Option<Version> {
    let usable = |file: &File| {
        let wheel: WheelFilename = file.filename.parse().ok()?;
        let is_for_python = wheel.python.split('.').any(|tag| tag.starts_with("py3"));
        let version: Version = wheel.version.parse().ok()?;
        let allowed = file.requires_python.as_deref().is_none_or(|text| {
            text.parse::<VersionSpecifiers>().map_or(true, |wanted| wanted.contains(python))
        });
        (wheel.is_pure() && is_for_python && allowed && !file.is_yanked() && fits(&version))
            .then_some(version)
    };
    let versions = project.files.iter().filter_map(usable);
    // A pre-release is taken only where nothing else fits.
    versions.max_by_key(|version| (version.is_stable(), version.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_pure_wheel_for_the_python_is_found() {
        let files: Vec<serde_json::Value> = [
            ("a-1.0-py3-none-any.whl", None),
            ("a-2.0-py3-none-any.whl", Some(">=3.20")),
            ("a-2.5-py2-none-any.whl", None),
            ("a-3.0rc1-py2.py3-none-any.whl", None),
            ("a-3.0-cp313-cp313-linux_x86_64.whl", None),
            ("a-3.0.tar.gz", None),
        ]
        .map(|(name, python)| serde_json::json!({"filename": name, "url": name, "requires-python": python}))
        .into();
        let project: Project = serde_json::from_value(serde_json::json!({ "files": files })).unwrap();
        let python = Version::new([3, 13, 2]);
        let check = |fits: &dyn Fn(&Version) -> bool| {
            newest(&project, fits, &python).map(|version| version.to_string())
        };
        assert_eq!(check(&|_| true).as_deref(), Some("1.0"));
        assert_eq!(check(&|version| *version > Version::new([2])).as_deref(), Some("3.0rc1"));
        assert_eq!(check(&|version| *version > Version::new([4])), None);
    }
}
