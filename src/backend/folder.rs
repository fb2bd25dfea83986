//! The folder of the cache in which one package is built, again and again.

use std::path::PathBuf;

use semver::Version;

use crate::cache::{EntryLock, Kind};
use crate::context::Context;
use crate::error::Result;
use crate::files::with_disk_hint;
use crate::source::Source;

/// A folder of the cache in which one package is built, again and again.
#[derive(Debug)]
pub struct BuildFolder {
    /// The folder.
    pub root: PathBuf,
    /// Keeps other processes out.
    _lock: EntryLock,
}

impl BuildFolder {
    /// The folder for a source.
    ///
    /// # Errors
    /// When it cannot be made or locked.
    pub fn open(context: &Context, source: &Source) -> Result<Self> {
        Self::open_with(context, source, &[])
    }

    /// The folder with the settings of a shell that builds a source for a release by itself: builds of ours do not touch it.
    ///
    /// # Errors
    /// When it cannot be made or locked.
    pub fn open_for_shell(context: &Context, source: &Source, release: &Version) -> Result<Self> {
        Self::open_with(context, source, &["shell", &release.to_string()])
    }

    /// The folder for a source and what else tells it from others.
    fn open_with(context: &Context, source: &Source, more: &[&str]) -> Result<Self> {
        // A folder by its path, since its content changes; an archive by its content, wherever it lies.
        let (name, identity) = match source {
            Source::Folder(path) => (path.file_name(), path.to_string_lossy().into_owned()),
            Source::Archive(archive) => {
                let identity = match &archive.subdirectory {
                    Some(inside) => format!("{} {}", archive.sha256, inside.display()),
                    None => archive.sha256.to_string(),
                };
                (archive.path.file_name(), identity)
            }
        };
        let name = name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // The name is for people who look into the cache; the digest tells sources apart.
        let name = name.trim_end_matches(".tar.gz").trim_end_matches(".zip");
        let plain = name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c));
        // A key neither begins with a dot nor is longer than a file name may be.
        let plain: String = plain.skip_while(|c| *c == '.').take(100).collect();
        let key = format!("{plain}-{}", crate::digest::key(&[&[&*identity], more].concat()));
        let lock = context.cache.lock(&context.ui, Kind::Builds, &key)?;
        let root = context.cache.entry(Kind::Builds, &key)?;
        fs_err::create_dir_all(&root).map_err(|error| with_disk_hint(error.into(), &root))?;
        Ok(Self { root, _lock: lock })
    }
}
