//! Unpacks gzip-compressed tar archives, header by header: long names and PAX records are read here, within limits.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use tar::{Entry, EntryType, PaxExtensions};

use super::limits::{Count, UnpackLimits};
use super::links::Links;
use super::refused::{Refused, inside};
use crate::error::Result;

/// What headers before an entry say of it.
#[derive(Debug, Default)]
struct Extension {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

/// Unpacks an archive of this many bytes into an empty folder.
pub(super) fn unpack(archive: impl Read, packed: u64, folder: &Path, limits: UnpackLimits) -> Result<()> {
    let reader = limits.bound(flate2::read::GzDecoder::new(archive), packed);
    let mut archive = tar::Archive::new(reader);
    let (mut count, mut links) = (Count::new(limits), Links::default());
    let mut extension = Extension::default();
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        count.take()?;
        let kind = entry.header().entry_type();
        if extension.take(&mut entry, kind, limits.header)? || kind.is_pax_global_extensions() {
            continue;
        }
        let Extension { path, link } = std::mem::take(&mut extension);
        let path = to_path(path.unwrap_or_else(|| entry.header().path_bytes().into_owned()))?;
        count.check_path(&path)?;
        let inside = inside(&path)?;
        let target = || -> Result<PathBuf> {
            let bytes = link.or_else(|| entry.header().link_name_bytes().map(std::borrow::Cow::into_owned));
            to_path(bytes.unwrap_or_default())
        };
        match kind {
            EntryType::Symlink => links.add(inside, target()?),
            EntryType::Link => {
                let target = target()?;
                link_file(folder, &inside, &target)?;
                links.forget(&inside);
            }
            EntryType::Directory => fs_err::create_dir_all(folder.join(&inside))?,
            EntryType::Regular | EntryType::Continuous => {
                links.forget(&inside);
                write_file(&mut entry, &folder.join(&inside))?;
            }
            _ => return Err(Refused::Special(path.display().to_string()).into()),
        }
    }
    links.make(folder)
}

impl Extension {
    /// Whether an entry is a header that says something of the next one.
    fn take(&mut self, entry: &mut Entry<'_, impl Read>, kind: EntryType, most: u64) -> Result<bool> {
        match kind {
            EntryType::GNULongName => self.path = Some(trimmed(read_header(entry, most)?)),
            EntryType::GNULongLink => self.link = Some(trimmed(read_header(entry, most)?)),
            EntryType::XHeader => {
                let bytes = read_header(entry, most)?;
                for record in PaxExtensions::new(&bytes) {
                    let record = record.context("a PAX header that is damaged")?;
                    match record.key_bytes() {
                        b"path" => self.path = Some(record.value_bytes().to_owned()),
                        b"linkpath" => self.link = Some(record.value_bytes().to_owned()),
                        // Only files that the plain header cannot describe, of 8 GiB and with holes, need these.
                        b"size" => {
                            bail!("an entry states its size in a PAX header: no sdist holds one so large")
                        }
                        key if key.starts_with(b"GNU.sparse.") => {
                            bail!("an entry is stored with holes (GNU sparse), which no sdist needs");
                        }
                        _ => {}
                    }
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn read_header(entry: &mut Entry<'_, impl Read>, most: u64) -> Result<Vec<u8>> {
    if entry.size() > most {
        return Err(Refused::Header { size: entry.size(), most }.into());
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Long names end in a zero.
fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere a path is text")]
fn to_path(bytes: Vec<u8>) -> Result<PathBuf> {
    Ok(PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes)))
}

#[cfg(not(unix))]
fn to_path(bytes: Vec<u8>) -> Result<PathBuf> {
    Ok(PathBuf::from(String::from_utf8(bytes).context("an entry whose name is not UTF-8")?))
}

/// A hard link is to a file that came before; it takes no room.
fn link_file(folder: &Path, path: &Path, target: &Path) -> Result<()> {
    let refused = || Refused::Link { link: path.display().to_string(), target: target.display().to_string() };
    // No link is in the folder yet, so that this is the file that the archive brought.
    let source = folder.join(inside(target).map_err(|_| refused())?);
    if !source.is_file() {
        bail!(
            "the hard link `{}` is to `{}`, which did not come before it",
            path.display(),
            target.display()
        );
    }
    let copy = folder.join(path);
    if copy == source {
        return Ok(());
    }
    make_parent(&copy)?;
    if copy.is_file() {
        fs_err::remove_file(&copy)?;
    }
    fs_err::hard_link(source, copy)?;
    Ok(())
}

fn make_parent(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), |parent| Ok(fs_err::create_dir_all(parent)?))
}

fn write_file(entry: &mut Entry<'_, impl Read>, path: &Path) -> Result<()> {
    make_parent(path)?;
    let mut file = fs_err::File::create(path)?;
    let (size, written) = (entry.size(), std::io::copy(entry, &mut file)?);
    if written != size {
        return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
    }
    if entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0) {
        make_executable(&file)?;
    }
    // Cargo compares the times of files.
    let seconds = entry.header().mtime().unwrap_or_default();
    if let Some(time) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) {
        file.into_parts().0.set_modified(time).context("cannot set a file's time")?;
    }
    Ok(())
}

/// Who may read it may run it.
#[cfg(unix)]
fn make_executable(file: &fs_err::File) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata()?.permissions().mode();
    file.set_permissions(PermissionsExt::from_mode(mode | (mode & 0o444) >> 2))?;
    Ok(())
}

#[cfg(not(unix))]
fn make_executable(_: &fs_err::File) -> Result<()> {
    Ok(())
}
