//! Unpacks source archives, and refuses what no honest sdist holds.
//!
//! Refused: names with `..`, absolute names, links that lead out of the tree, device files and pipes. File times are
//! kept, since cargo compares them.

use std::io::{Read, Seek};
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;

use crate::error::{Result, hinted};

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
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
    /// It is not an archive at all.
    #[error("it is neither a gzip-compressed tar file nor a zip file")]
    NotAnArchive,
}

/// Unpacks an archive into an empty folder.
///
/// # Errors
/// When the archive cannot be read whole, or holds what is refused.
pub fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    let unpacked = open(archive).and_then(|kind| match kind {
        Kind::TarGz(file) => unpack_tar(file, folder),
        Kind::Zip(file) => unpack_zip(file, folder),
    });
    unpacked.with_context(|| format!("cannot unpack `{}`", archive.display())).map_err(|error| {
        let damaged =
            error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(is_damage));
        if damaged { hinted(error, "the file is damaged or cut short: get it again") } else { error }
    })
}

fn is_damage(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput)
}

enum Kind {
    TarGz(fs_err::File),
    Zip(fs_err::File),
}

fn open(archive: &Path) -> Result<Kind> {
    let mut file = fs_err::File::open(archive)?;
    let mut start = Vec::new();
    (&mut file).take(4).read_to_end(&mut start)?;
    file.rewind()?;
    match start[..] {
        [0x1f, 0x8b, ..] => Ok(Kind::TarGz(file)),
        [b'P', b'K', ..] => Ok(Kind::Zip(file)),
        _ => Err(Refused::NotAnArchive.into()),
    }
}

fn unpack_tar(file: fs_err::File, folder: &Path) -> Result<()> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    archive.set_preserve_permissions(false);
    archive.set_preserve_mtime(true);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let inside = inside(&path)?;
        let kind = entry.header().entry_type();
        let name = || path.display().to_string();
        if kind.is_symlink() || kind.is_hard_link() {
            let target = entry.link_name()?.map(std::borrow::Cow::into_owned).unwrap_or_default();
            let base =
                if kind.is_symlink() { inside.parent().unwrap_or(Path::new("")) } else { Path::new("") };
            if !stays_inside(base, &target) {
                return Err(Refused::Link { link: name(), target: target.display().to_string() }.into());
            }
        } else if !(kind.is_file() || kind.is_dir() || kind.is_contiguous()) {
            if kind.is_pax_global_extensions() || kind.is_pax_local_extensions() || kind.is_gnu_longname() {
                continue;
            }
            return Err(Refused::Special(name()).into());
        }
        // `unpack_in` follows no link out of the folder, whatever came before in the archive.
        if !entry.unpack_in(folder)? {
            return Err(Refused::Outside(name()).into());
        }
    }
    Ok(())
}

fn unpack_zip(file: fs_err::File, folder: &Path) -> Result<()> {
    let mut archive = zip::ZipArchive::new(std::io::BufReader::new(file))?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry.name().context("an entry whose name is not text")?.into_owned();
        let path = folder.join(inside(Path::new(&name))?);
        if entry.encrypted() {
            return Err(Refused::Encrypted(name).into());
        }
        if entry.is_symlink() {
            return Err(Refused::Special(name).into());
        }
        if entry.is_dir() {
            fs_err::create_dir_all(&path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        let mut target = fs_err::File::create(&path)?;
        std::io::copy(&mut entry, &mut target).with_context(|| format!("the entry `{name}`"))?;
        set_fixed_time(target)?;
    }
    Ok(())
}

/// Zip files keep local times of two seconds: a fixed one serves cargo better.
fn set_fixed_time(file: fs_err::File) -> Result<()> {
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_hours(24 * 365 * 10);
    file.into_parts().0.set_modified(time).context("cannot set a file's time")
}

/// The name as a relative path without detours.
fn inside(path: &Path) -> Result<PathBuf, Refused> {
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

/// Whether a link in `base` to `target` stays in the folder that `base` is relative to.
fn stays_inside(base: &Path, target: &Path) -> bool {
    let mut depth = base.components().count();
    for component in target.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_on_paper() {
        let check = |base: &str, target: &str| stays_inside(Path::new(base), Path::new(target));
        assert!(check("a/b", "../../c"));
        assert!(check("a", "b"));
        assert!(!check("a", "../../c"));
        assert!(!check("", "../c"));
        assert!(!check("a", "/etc/passwd"));
    }
}
