//! Why an archive is refused, and the paths that its entries may have.

use std::path::{Component, Path, PathBuf};

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// A name that leads out of the folder.
    #[error("the entry `{0}` would be written outside of the folder")]
    Outside(String),
    /// A link that leads out of the folder.
    #[error("the link `{link}` points to `{target}`, outside of the folder")]
    Link {
        /// The link.
        link: String,
        /// Where it points.
        target: String,
    },
    /// A device, a pipe, or another thing that is no file.
    #[error("the entry `{0}` is a device or another special file")]
    Special(String),
    /// An encrypted entry of a zip file.
    #[error("the entry `{0}` is encrypted")]
    Encrypted(String),
    /// More bytes than allowed.
    #[error("it unpacks to more than {0} bytes")]
    Size(u64),
    /// More entries than allowed.
    #[error("it holds more than {0} entries")]
    Entries(u64),
    /// A path with more folders than allowed.
    #[error("the entry `{name}…` lies more than {most} folders deep")]
    Deep {
        /// The beginning of the path.
        name: String,
        /// The limit.
        most: usize,
    },
    /// A path with more bytes than allowed.
    #[error("the entry `{name}…` has a name of more than {most} bytes")]
    LongName {
        /// The beginning of the path.
        name: String,
        /// The limit.
        most: usize,
    },
    /// A header with more bytes than allowed.
    #[error("an entry has a header of {size} bytes, more than {most}")]
    Header {
        /// The header's bytes.
        size: u64,
        /// The limit.
        most: u64,
    },
    /// It is not an archive at all.
    #[error("it is neither a gzip-compressed tar file nor a zip file")]
    NotAnArchive,
}

/// The name as a relative path without detours.
pub(super) fn inside(path: &Path) -> Result<PathBuf, Refused> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => clean.push(part),
            Component::CurDir => {}
            _ => return Err(Refused::Outside(path.display().to_string())),
        }
    }
    Ok(clean)
}
