//! Unpacks source archives, and refuses what no honest sdist holds.
//!
//! Refused: names with `..`, absolute names, links that lead out of the tree, device files and pipes, and what exceeds a
//! limit. File times are kept, since cargo compares them.

use std::io::{Read, Seek};
use std::path::Path;

use anyhow::Context as _;

use super::limits::{Count, UnpackLimits, VARIABLE};
use super::refused::{Refused, inside};
use super::tar_gz;
use crate::error::{Result, hinted};

/// Unpacks an archive into an empty folder.
///
/// # Errors
/// When the archive cannot be read whole, or holds what is refused.
pub(crate) fn unpack(archive: &Path, folder: &Path, limits: UnpackLimits) -> Result<()> {
    let unpacked = open(archive).and_then(|kind| {
        let packed = fs_err::metadata(archive)?.len();
        match kind {
            Kind::TarGz(file) => tar_gz::unpack(file, packed, folder, limits),
            Kind::Zip(file) => unpack_zip(file, packed, folder, limits),
        }
    });
    unpacked.with_context(|| format!("cannot unpack `{}`", archive.display())).map_err(|error| {
        let damaged =
            error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(is_damage));
        if damaged {
            return hinted(error, "the file is damaged or cut short: get it again");
        }
        if exceeds(&error) {
            return hinted(error, format!("if you trust it, set `{VARIABLE}`, `8G` for example"));
        }
        error
    })
}

/// Whether a limit that the user can raise was exceeded. Readers pass our error on inside of theirs.
fn exceeds(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let read = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let own = cause.downcast_ref::<Refused>();
        read == Some(std::io::ErrorKind::FileTooLarge)
            || matches!(own, Some(Refused::Size(_) | Refused::Entries(_)))
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

fn unpack_zip(file: fs_err::File, packed: u64, folder: &Path, limits: UnpackLimits) -> Result<()> {
    let mut archive = zip::ZipArchive::new(std::io::BufReader::new(file))?;
    let mut count = Count::new(limits);
    let mut left = limits.bound(std::io::empty(), packed);
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry.name().context("an entry whose name is not text")?.into_owned();
        count.take()?;
        count.check_path(Path::new(&name))?;
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
        let mut bounded = left.over(&mut entry);
        std::io::copy(&mut bounded, &mut target).with_context(|| format!("the entry `{name}`"))?;
        left = bounded.over(std::io::empty());
        set_fixed_time(target)?;
    }
    Ok(())
}

/// Zip files keep local times of two seconds: a fixed one serves cargo better.
fn set_fixed_time(file: fs_err::File) -> Result<()> {
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_hours(24 * 365 * 10);
    file.into_parts().0.set_modified(time).context("cannot set a file's time")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tar::EntryType::{self, Directory, Link, Regular, Symlink, XHeader};

    use super::*;

    /// One entry of an archive, with a header that honest writers refuse.
    struct Entry<'a>(&'a str, EntryType, &'a str, &'a [u8]);

    fn tar_gz(entries: &[Entry<'_>]) -> Vec<u8> {
        let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let mut archive = tar::Builder::new(encoder);
        for Entry(name, kind, link, bytes) in entries {
            let mut header = tar::Header::new_ustar();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(bytes.len() as u64);
            header.set_mode(0o755);
            header.set_cksum();
            archive.append(&header, *bytes).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn unpack_bytes(bytes: &[u8], limits: UnpackLimits) -> Result<tempfile::TempDir, String> {
        let place = tempfile::tempdir().unwrap();
        fs_err::write(place.path().join("archive"), bytes).unwrap();
        let folder = place.path().join("folder");
        fs_err::create_dir_all(&folder).unwrap();
        match unpack(&place.path().join("archive"), &folder, limits) {
            Ok(()) => Ok(place),
            Err(error) => Err(crate::error::render(&error).replace(&place.path().display().to_string(), "")),
        }
    }

    fn check(bytes: &[u8], limits: UnpackLimits) -> String {
        let refused = unpack_bytes(bytes, limits).expect_err("it is refused");
        refused.lines().skip(1).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_limit_is_kept() {
        let limits = UnpackLimits {
            size: 100_000,
            entries: 50,
            depth: 5,
            name: 60,
            header: 2000,
            ..UnpackLimits::default()
        };
        let ratio = UnpackLimits { ratio: 10, ratio_from: 1000, ..UnpackLimits::default() };
        let zeros = vec![0; 200_000];
        let pax = format!("5000 comment={}\n", "x".repeat(4986));
        let many: Vec<String> = (0..60).map(|number| format!("x/{number}")).collect();
        let many_tar: Vec<Entry<'_>> = many.iter().map(|name| Entry(name, Regular, "", b"")).collect();
        let many_zip: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let long = "n".repeat(61);
        let cases = [
            check(&tar_gz(&[Entry("x/zeros", Regular, "", &zeros)]), limits),
            check(&tar_gz(&[Entry("x/zeros", Regular, "", &zeros)]), ratio),
            check(&zip(&[("x/zeros", &zeros)]), limits),
            check(&zip(&[("x/zeros", &zeros)]), ratio),
            check(&zip(&[("x/a", &zeros[..60_000]), ("x/b", &zeros[..60_000])]), limits),
            check(&tar_gz(&many_tar), limits),
            check(&zip(&many_zip), limits),
            check(&tar_gz(&[Entry("1/2/3/4/5/6", Directory, "", b"")]), limits),
            check(&zip(&[("1/2/3/4/5/6", b"")]), limits),
            check(&tar_gz(&[Entry(&long, Regular, "", b"")]), limits),
            check(&zip(&[(&long, b"")]), limits),
            check(&tar_gz(&[Entry("pax", XHeader, "", pax.as_bytes())]), limits),
            check(&tar_gz(&[Entry("L", EntryType::GNULongName, "", &[b'n'; 3000])]), limits),
        ];
        insta::assert_snapshot!(cases.join("\n"));
    }

    #[cfg(unix)]
    #[test]
    fn no_link_leads_out_through_another() {
        let limits = UnpackLimits::default();
        let cases = [
            check(
                &tar_gz(&[Entry("p/x", Symlink, ".", b""), Entry("p/y", Symlink, "x/x/../..", b"")]),
                limits,
            ),
            check(
                &tar_gz(&[Entry("p/y", Symlink, "x/x/../..", b""), Entry("p/x", Symlink, ".", b"")]),
                limits,
            ),
            check(&tar_gz(&[Entry("p/h", Link, "../archive", b"")]), limits),
            check(&tar_gz(&[Entry("p/h", Link, "absent", b"")]), limits),
        ];
        insta::assert_snapshot!(cases.join("\n"));
        // Nothing is written through a link, wherever it leads.
        let through = [Entry("p/x", Symlink, "q", b""), Entry("p/x/file", Regular, "", b"1")];
        assert!(unpack_bytes(&tar_gz(&through), limits).is_err());
        let honest = [
            Entry("p/a/file", Regular, "", b"1"),
            Entry("p/b", Symlink, "a/file", b""),
            Entry("p/c", Link, "p/a/file", b""),
            Entry("p/d", Regular, "", b"2"),
            Entry("p/d", Symlink, "b", b""),
        ];
        let place = unpack_bytes(&tar_gz(&honest), limits).unwrap();
        let read = |name: &str| fs_err::read_to_string(place.path().join("folder/p").join(name)).unwrap();
        assert_eq!(["b", "c", "d"].map(read), ["1", "1", "1"]);
        let mode = std::os::unix::fs::PermissionsExt::mode;
        let file = fs_err::metadata(place.path().join("folder/p/a/file")).unwrap();
        assert_ne!(mode(&file.permissions()) & 0o100, 0, "what can be run can still be run");
    }

    #[test]
    fn names_longer_than_a_header_are_read() {
        let name = format!("p/{}/file", "n".repeat(120));
        let body = format!("path={name}\n");
        let record = format!("{} {body}", body.len() + 4);
        assert_eq!(record.len(), body.len() + 4);
        let entries =
            [Entry("p/PaxHeader", XHeader, "", record.as_bytes()), Entry("p/short", Regular, "", b"1")];
        let place = unpack_bytes(&tar_gz(&entries), UnpackLimits::default()).unwrap();
        assert!(place.path().join("folder").join(name).is_file());
    }
}
