//! Sources: finds the package that is to be built and gives its source archive or folder.
//!
//! A folder is built where it is. Everything else becomes an archive in the cache, checked by digest, which the build
//! unpacks anew each time; nothing that a build writes reaches the archive.

pub mod archive;
mod client;
pub mod file;
pub mod git;
pub mod index;
pub mod pip;
pub mod pure;
pub mod request;

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

pub use request::SourceRequest;

use crate::cache::Cache;
use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::runtime::releases::Network;
use crate::ui::Ui;

/// Where the package's files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder of the user's, built in place.
    Folder(PathBuf),
    /// An archive, unpacked for the build.
    Archive(SourceArchive),
}

/// A source archive on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceArchive {
    /// The file.
    pub path: PathBuf,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// What the user asked for, for messages and the JSON report.
    pub origin: String,
}

impl Source {
    /// What the user asked for, in a word.
    pub fn origin(&self) -> String {
        match self {
            Source::Folder(folder) => folder.display().to_string(),
            Source::Archive(archive) => archive.origin.clone(),
        }
    }
}

/// What finding a source may use.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// Where to say what goes on.
    pub ui: Ui,
    /// Where archives are kept.
    pub cache: &'a Cache,
    /// The user's environment.
    pub environment: &'a Environment,
    /// Whether the network may be asked.
    pub network: Network,
    /// The host's Python, whose pip knows the package index.
    pub python: &'a Path,
}

/// Finds the source that a request means.
///
/// # Errors
/// When it is not there, cannot be had, or is not what it should be.
pub fn find(request: &SourceRequest, access: Access<'_>) -> Result<Source> {
    match request {
        SourceRequest::Folder(folder) => folder_source(folder),
        SourceRequest::Archive(path) => archive_source(path).map(Source::Archive),
        SourceRequest::Package { name, version } => {
            index::sdist(name, version.as_ref(), access).map(Source::Archive)
        }
        SourceRequest::Git { url, revision } => {
            git::archive(url, revision.as_deref(), access).map(Source::Archive)
        }
    }
}

fn folder_source(folder: &Path) -> Result<Source> {
    let folder = fs_err::canonicalize(folder)
        .map_err(|error| hinted(error, "name a folder, an sdist, `NAME==VERSION` or `git+URL@REV`"))?;
    Ok(Source::Folder(plain(folder)))
}

/// A canonical path without Windows' `\\?\` prefix, which build tools do not expect.
fn plain(path: PathBuf) -> PathBuf {
    match path.to_str().and_then(|text| text.strip_prefix(r"\\?\")) {
        Some(rest) => PathBuf::from(rest),
        None => path,
    }
}

fn archive_source(path: &Path) -> Result<SourceArchive> {
    let bytes = fs_err::read(path)
        .map_err(|error| hinted(error, "name a folder, an sdist, `NAME==VERSION` or `git+URL@REV`"))?;
    let path = plain(fs_err::canonicalize(path)?);
    Ok(SourceArchive { sha256: crate::digest::sha256(&bytes), origin: path.display().to_string(), path })
}

/// The one folder that an sdist holds, in which `pyproject.toml` or `setup.py` lies.
///
/// # Errors
/// When it holds none or several, and it is not clear which one is meant.
pub fn only_folder(unpacked: &Path) -> Result<PathBuf> {
    let is_project =
        |folder: &Path| folder.join("pyproject.toml").is_file() || folder.join("setup.py").is_file();
    if is_project(unpacked) {
        return Ok(unpacked.to_owned());
    }
    let folders: Vec<PathBuf> = fs_err::read_dir(unpacked)?
        .collect::<Result<Vec<_>, _>>()
        .context("cannot list what was unpacked")?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    let projects: Vec<&PathBuf> = folders.iter().filter(|folder| is_project(folder)).collect();
    match (&projects[..], &folders[..]) {
        ([one], _) => Ok((*one).clone()),
        ([], [one]) => Ok(one.clone()),
        ([], _) => Err(anyhow!(
            "the archive holds no Python project: no folder in it has a `pyproject.toml` or `setup.py`"
        )),
        _ => Err(anyhow!("the archive holds several Python projects: it is not an sdist")),
    }
}
