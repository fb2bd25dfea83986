//! Where a package's files come from, and whose they are.

use std::ffi::OsString;
use std::path::PathBuf;

use url::Url;

use crate::digest::Sha256Digest;

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
    /// The archive as pip is told of it, with the package's folder in it.
    pub(crate) fn as_pip_names_it(&self) -> OsString {
        match (&self.subdirectory, Url::from_file_path(&self.path)) {
            (Some(inside), Ok(mut url)) => {
                url.set_fragment(Some(&format!("subdirectory={}", inside.display())));
                url.to_string().into()
            }
            _ => self.path.clone().into_os_string(),
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
