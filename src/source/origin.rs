//! Where a package's files come from, and whose they are.

use std::path::{Path, PathBuf};

use super::archive;
use super::limits::UnpackLimits;
use super::unpacked::{folder_inside, only_folder};
use crate::digest::Sha256Digest;
use crate::error::Result;
use crate::files::with_disk_hint;

/// Where the package's files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder of the user's, built in place.
    Folder(PathBuf),
    /// An archive, unpacked for the build.
    Archive(SourceArchive),
}

/// Whose a source tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeOwner {
    /// The user's: it is built in place and never written to.
    User,
    /// The tool's own: unpacked or copied into the cache.
    Tool,
}

/// A source archive on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceArchive {
    /// The file.
    pub path: PathBuf,
    /// Its SHA-256.
    pub sha256: Sha256Digest,
    /// The package's folder in it.
    pub subdirectory: Option<PathBuf>,
    /// What the user asked for, for messages and the JSON report.
    pub origin: String,
}

impl SourceArchive {
    /// Unpacks it into an empty folder. Returns the package's folder in that.
    ///
    /// # Errors
    /// When it cannot be unpacked, or has no such folder.
    pub(crate) fn unpack(&self, folder: &Path, limits: UnpackLimits) -> Result<PathBuf> {
        archive::unpack(&self.path, folder, limits).map_err(|error| with_disk_hint(error, folder))?;
        match &self.subdirectory {
            Some(inside) => folder_inside(folder, inside),
            None => only_folder(folder),
        }
    }
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
