//! Wheels on the package index: what the micropip of a release would find there.
//!
//! Since PEP 783 the index serves wheels for Pyodide (`pyemscripten_*`) beside pure ones.
//! <https://peps.python.org/pep-0783/>

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
use crate::runtime::Runtime;
use crate::wheel::WheelFilename;

/// The newest wheel that fits and that the release installs, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IndexWheel {
    /// The wheel.
    Found(IndexFile),
    /// The project has files, and none of them will do.
    None,
    /// The index does not know the project.
    NoProject,
}

/// A wheel on the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    /// Its version.
    pub version: Version,
    /// Its file name.
    pub filename: PlainName,
    /// Whether it is pure Python.
    pub is_pure: bool,
    /// Its address.
    url: Redacted<Url>,
    /// Its SHA-256, if the index states it.
    sha256: Option<Sha256Digest>,
}

#[cfg(test)]
impl IndexFile {
    /// A file that no index has.
    pub(crate) fn double(filename: &str) -> Self {
        let wheel: WheelFilename = filename.parse().unwrap();
        Self {
            version: wheel.version.parse().unwrap(),
            filename: filename.parse().unwrap(),
            is_pure: wheel.is_pure(),
            url: Redacted::new(Url::parse("http://localhost/").unwrap()),
            sha256: None,
        }
    }
}

/// Looks for a wheel of a normalised name whose version fits and that this release installs.
///
/// # Errors
/// When the index cannot be asked.
pub(crate) fn find(
    context: &Context,
    name: &str,
    fits: &dyn Fn(&Version) -> bool,
    runtime: &Runtime,
) -> Result<IndexWheel> {
    let Some(project) = context.index()?.find_project(name)? else { return Ok(IndexWheel::NoProject) };
    Ok(choose(context, &project, fits, runtime)?.map_or(IndexWheel::None, IndexWheel::Found))
}

/// The same among what the index told before in this run: nothing is asked.
pub(crate) fn find_asked(
    context: &Context,
    name: &str,
    fits: &dyn Fn(&Version) -> bool,
    runtime: &Runtime,
) -> Option<IndexFile> {
    let project = context.asked_index()?.asked_project(name)?;
    choose(context, &project, fits, runtime).ok().flatten()
}

fn choose(
    context: &Context,
    project: &Project,
    fits: &dyn Fn(&Version) -> bool,
    runtime: &Runtime,
) -> Result<Option<IndexFile>> {
    let python = runtime.python_release.only_release();
    let rank = |wheel: &WheelFilename| rank(wheel, runtime);
    let Some(Candidate { version, is_pure, file, .. }) = newest(project, fits, &python, &rank) else {
        return Ok(None);
    };
    Ok(Some(IndexFile {
        version,
        filename: file.plain_name()?,
        is_pure,
        url: Redacted::new(context.index()?.file_url(file)?),
        sha256: file.stated_digest()?,
    }))
}

/// Downloads a wheel, or takes it from the cache. Returns its path.
///
/// # Errors
/// When it cannot be had, or is not the one that the index means.
pub(crate) fn download(context: &Context, file: &IndexFile) -> Result<PathBuf> {
    let IndexFile { filename, url, sha256, .. } = file;
    let stated = StatedFile { name: filename, url: url.expose(), sha256: *sha256 };
    stated.check_policy(context)?;
    let key = stated.key(context.index()?.url());
    let Context { ui, cache, .. } = context;
    let kept = cache.entry(Kind::Files, &key)?.join(filename);
    if cache.has(Kind::Files, &key) && !stated.is_in(&kept) {
        ui.detail(format!("`{}` is not the file of the index: it is fetched again", kept.display()));
        cache.discard(ui, Kind::Files, &key)?;
    }
    cache.get_or_make(ui, Kind::Files, &key, |folder| {
        stated.download(context, &folder.join(filename)).map(drop)
    })?;
    Ok(kept)
}

/// A wheel that will do.
struct Candidate<'a> {
    version: Version,
    rank: u8,
    is_pure: bool,
    file: &'a File,
}

/// How much micropip prefers a wheel to others of its version, by the order of the tags that its Python takes; none if the
/// release does not install it.
fn rank(wheel: &WheelFilename, runtime: &Runtime) -> Option<u8> {
    let takes = runtime.accepts(wheel).is_ok() && (wheel.is_pure() || runtime.finds_native_on_index(wheel));
    takes.then_some(match (wheel.is_pure(), wheel.is_abi3()) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    })
}

/// The newest wheel that fits. A pre-release is taken only where nothing else fits.
fn newest<'a>(
    project: &'a Project,
    fits: &dyn Fn(&Version) -> bool,
    python: &Version,
    rank: &dyn Fn(&WheelFilename) -> Option<u8>,
) -> Option<Candidate<'a>> {
    let candidates = project.files.iter().filter_map(|file| {
        let wheel: WheelFilename = file.filename.parse().ok()?;
        let version: Version = wheel.version.parse().ok()?;
        let allowed = file.requires_python.as_deref().is_none_or(|text| {
            text.parse::<VersionSpecifiers>().map_or(true, |wanted| wanted.contains(python))
        });
        if !allowed || file.is_yanked() || !fits(&version) {
            return None;
        }
        Some(Candidate { rank: rank(&wheel)?, is_pure: wheel.is_pure(), version, file })
    });
    candidates.max_by_key(|found| (found.version.is_stable(), found.version.clone(), found.rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_wheel_for_the_release_is_found() {
        let files: Vec<serde_json::Value> = [
            ("a-1.0-py3-none-any.whl", None),
            ("a-2.0-py3-none-any.whl", Some(">=3.20")),
            ("a-2.2-py3-none-any.whl", None),
            ("a-2.2-cp313-cp313-pyemscripten_2025_0_wasm32.whl", None),
            ("a-2.3-cp314-cp314-pyemscripten_2026_0_wasm32.whl", None),
            ("a-2.5-py2-none-any.whl", None),
            ("a-3.0rc1-py2.py3-none-any.whl", None),
            ("a-3.0-cp313-cp313-linux_x86_64.whl", None),
            ("a-3.0.tar.gz", None),
        ]
        .map(|(name, python)| serde_json::json!({"filename": name, "url": name, "requires-python": python}))
        .into();
        let project: Project = serde_json::from_value(serde_json::json!({ "files": files })).unwrap();
        let python = Version::new([3, 13, 2]);
        let rank = |wheel: &WheelFilename| {
            let pure = wheel.is_pure() && wheel.python.contains("py3");
            let native = wheel.platform.starts_with("pyemscripten_2025_0");
            (pure || native).then_some(u8::from(native))
        };
        let check = |fits: &dyn Fn(&Version) -> bool| {
            newest(&project, fits, &python, &rank).map(|found| found.file.filename.clone())
        };
        assert_eq!(check(&|_| true).as_deref(), Some("a-2.2-cp313-cp313-pyemscripten_2025_0_wasm32.whl"));
        assert_eq!(check(&|version| *version < Version::new([2])).as_deref(), Some("a-1.0-py3-none-any.whl"));
        let later = check(&|version| *version > Version::new([2, 2]));
        assert_eq!(later.as_deref(), Some("a-3.0rc1-py2.py3-none-any.whl"));
        assert_eq!(check(&|version| *version > Version::new([4])), None);
    }
}
