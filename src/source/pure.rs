//! Pure Python wheels on the package index: what micropip would find there.

use std::path::PathBuf;

use pep440_rs::{Version, VersionSpecifiers};
use url::Url;

use super::stated::StatedFile;
use crate::cache::Kind;
use crate::context::Context;
use crate::digest::Sha256Digest;
use crate::error::Result;
use crate::index::page::{File, Project};
use crate::plain_name::PlainName;
use crate::redacted::Redacted;
use crate::wheel::WheelFilename;

/// The newest pure wheel that fits, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PureWheel {
    /// The wheel.
    Found(PureFile),
    /// The project has files, and none of them will do.
    None,
    /// The index does not know the project.
    NoProject,
}

/// A pure wheel on the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PureFile {
    /// Its version.
    pub version: Version,
    /// Its file name.
    pub filename: PlainName,
    /// Its address.
    url: Redacted<Url>,
    /// Its SHA-256, if the index states it.
    sha256: Option<Sha256Digest>,
}

/// Looks for a wheel of a normalised name whose version fits, for this Python.
///
/// # Errors
/// When the index cannot be asked.
pub fn find(
    context: &Context,
    name: &str,
    fits: &dyn Fn(&Version) -> bool,
    python: &Version,
) -> Result<PureWheel> {
    let index = context.index()?;
    let Some(project) = index.find_project(name)? else { return Ok(PureWheel::NoProject) };
    let Some((version, file)) = newest(&project, fits, python) else { return Ok(PureWheel::None) };
    Ok(PureWheel::Found(PureFile {
        version,
        filename: file.plain_name()?,
        url: Redacted::new(index.file_url(name, file)?),
        sha256: file.stated_digest()?,
    }))
}

/// Downloads a wheel, or takes it from the cache. Returns its path.
///
/// # Errors
/// When it cannot be had, or is not the one that the index means.
pub fn download(context: &Context, file: &PureFile) -> Result<PathBuf> {
    let PureFile { filename, url, sha256, .. } = file;
    let stated = StatedFile { name: filename, url: url.expose(), sha256: *sha256 };
    stated.check_policy(context)?;
    let key = stated.key(context.index()?.url());
    let Context { ui, cache, .. } = context;
    let kept = cache.entry(Kind::Files, &key)?.join(filename);
    if cache.has(Kind::Files, &key) && !stated.is_in(&kept) {
        ui.detail(format!("`{}` is not what the index means: it is fetched again", kept.display()));
        cache.discard(ui, Kind::Files, &key)?;
    }
    cache.get_or_make(ui, Kind::Files, &key, |folder| {
        stated.download(context, &folder.join(filename)).map(drop)
    })?;
    Ok(kept)
}

fn newest<'a>(
    project: &'a Project,
    fits: &dyn Fn(&Version) -> bool,
    python: &Version,
) -> Option<(Version, &'a File)> {
    let usable = |file: &'a File| {
        let wheel: WheelFilename = file.filename.parse().ok()?;
        let is_for_python = wheel.python.split('.').any(|tag| tag.starts_with("py3"));
        let version: Version = wheel.version.parse().ok()?;
        let allowed = file.requires_python.as_deref().is_none_or(|text| {
            text.parse::<VersionSpecifiers>().map_or(true, |wanted| wanted.contains(python))
        });
        (wheel.is_pure() && is_for_python && allowed && !file.is_yanked() && fits(&version))
            .then_some((version, file))
    };
    let versions = project.files.iter().filter_map(usable);
    // A pre-release is taken only where nothing else fits.
    versions.max_by_key(|(version, _)| (version.is_stable(), version.clone()))
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
            newest(&project, fits, &python).map(|(version, _)| version.to_string())
        };
        assert_eq!(check(&|_| true).as_deref(), Some("1.0"));
        assert_eq!(check(&|version| *version > Version::new([2])).as_deref(), Some("3.0rc1"));
        assert_eq!(check(&|version| *version > Version::new([4])), None);
    }
}
