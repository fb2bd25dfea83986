//! Sources: finds the package that is to be built and gives its source archive or folder.
//!
//! A folder is built where it is. Everything else becomes an archive in the cache, checked by digest, which the build
//! unpacks anew each time; nothing that a build writes reaches the archive.

pub(crate) mod archive;
pub(crate) mod file;
pub(crate) mod git;
pub(crate) mod index_wheel;
pub(crate) mod limits;
mod links;
mod namesake;
mod origin;
pub(crate) mod refused;
pub(crate) mod request;
pub(crate) mod sdist;
mod stated;
mod tar_gz;
mod unpacked;

use std::path::{Path, PathBuf};

pub use namesake::refuse_namesake;
pub use origin::{Source, SourceArchive, TreeOwner};
pub use request::SourceRequest;

use crate::context::Context;
use crate::digest::Sha256Digest;
use crate::error::{Result, hinted};

/// Finds the source that a request means.
///
/// # Errors
/// When it is not there, cannot be had, or is not what it should be.
pub fn find(request: &SourceRequest, context: &Context) -> Result<Source> {
    match request {
        SourceRequest::Folder(folder) => folder_source(folder),
        SourceRequest::Archive(path) => archive_source(path).map(Source::Archive),
        SourceRequest::Package { name, version } => {
            sdist::find(name, version.as_ref(), context).map(Source::Archive)
        }
        SourceRequest::Git { url, revision, subdirectory } => {
            let archive = git::archive(url, revision.as_deref(), context)?;
            Ok(Source::Archive(SourceArchive { subdirectory: subdirectory.clone(), ..archive }))
        }
    }
}

fn folder_source(folder: &Path) -> Result<Source> {
    // One spelling for a folder, since it is the key of its builds.
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
    let origin = path.display().to_string();
    Ok(SourceArchive { sha256: Sha256Digest::of(&bytes), subdirectory: None, origin, path })
}
