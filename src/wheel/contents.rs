//! A wheel's files in memory.

use std::collections::BTreeMap;
use std::io::{Read, Seek, Write};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};

use super::deflate::{self, Compression, Packing};
use super::filename::WheelFilename;
use super::{directory, record};
use crate::error::Result;
use crate::files::write_whole;

/// What every archive may unpack to, and how many times its own size beyond that. Deflate makes at most 1032 out of 1;
/// modules of WebAssembly, which compress well, are made 3 to 10 times smaller.
const ALWAYS: u64 = 32 << 20;
const TIMES: u64 = 100;

/// A wheel that was read.
#[derive(Debug, Clone)]
pub struct WheelContents {
    /// Its name.
    pub filename: WheelFilename,
    /// Path → bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Paths of files that are executable.
    pub executable: Vec<String>,
}

impl WheelContents {
    /// Reads a wheel and checks it against its RECORD.
    ///
    /// # Errors
    /// When it cannot be read, is not a wheel, or its RECORD does not describe it.
    pub fn read(path: &Path) -> Result<Self> {
        let contents = Self::open(path)?;
        let check = || -> Result<()> { Ok(record::check(&contents.files, &contents.record_path()?)?) };
        check().with_context(|| cannot_use(path))?;
        Ok(contents)
    }

    /// Reads a wheel, whatever its RECORD says.
    ///
    /// # Errors
    /// When it cannot be read or is not a wheel.
    pub fn open(path: &Path) -> Result<Self> {
        let open = || -> Result<Self> {
            let filename: WheelFilename =
                path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default().parse()?;
            Self::from_zip(filename, std::io::BufReader::new(fs_err::File::open(path)?))
        };
        open().with_context(|| cannot_use(path))
    }

    /// Reads the zip archive of a wheel with this name.
    ///
    /// # Errors
    /// When it is no such archive, or unpacks to more than a wheel of its size can hold.
    pub fn from_zip(filename: WheelFilename, mut file: impl Read + Seek) -> Result<Self> {
        let size = file.seek(std::io::SeekFrom::End(0))?;
        let listed = directory::check(&mut file, size)?;
        let mut archive = zip::ZipArchive::new(file).context("it is not a zip file")?;
        if listed.is_some_and(|listed| listed != archive.len() as u64) {
            bail!("it holds an entry twice");
        }
        let mut contents = Self { filename, files: BTreeMap::new(), executable: Vec::new() };
        let mut total = 0;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index)?;
            let name = entry.name().context("an entry whose name is not text")?.into_owned();
            if entry.is_dir() {
                continue;
            }
            // Some installers unpack such names where they say, and Python leaves them out without a word.
            if entry.enclosed_name().is_none() || is_absolute(&name) {
                bail!("its entry `{name}` would be written outside of the folder");
            }
            if entry.unix_mode().is_some_and(|mode| mode & FILE_TYPE == LINK) {
                bail!("its entry `{name}` is a link: installers write a file with the link's target instead");
            }
            total += entry.size();
            let most = |packed: u64| ALWAYS.max(packed.saturating_mul(TIMES));
            if entry.size() > most(entry.compressed_size()) || total > most(size) {
                bail!(
                    "its entry `{name}` unpacks to {} bytes: more than any wheel of this size holds",
                    entry.size()
                );
            }
            let mut bytes = Vec::new();
            let stated = entry.size();
            (&mut entry)
                .take(stated + 1)
                .read_to_end(&mut bytes)
                .with_context(|| format!("its entry `{name}` cannot be unpacked"))?;
            if bytes.len() as u64 != stated {
                bail!("its entry `{name}` does not unpack to the {stated} bytes that it states");
            }
            if entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0) {
                contents.executable.push(name.clone());
            }
            // Which of the two an installer takes is anybody's guess.
            if contents.files.insert(name.clone(), bytes).is_some() {
                bail!("it holds `{name}` twice");
            }
        }
        Ok(contents)
    }

    /// The name of the `.dist-info` folder.
    ///
    /// # Errors
    /// When there is none.
    pub fn dist_info(&self) -> Result<String> {
        let ending = ".dist-info/WHEEL";
        let mut found =
            self.files.keys().filter(|path| path.ends_with(ending) && path.matches('/').count() == 1);
        let path = found.next().ok_or_else(|| anyhow!("it has no `*.dist-info/WHEEL`"))?;
        Ok(path.trim_end_matches("/WHEEL").to_owned())
    }

    /// The path of RECORD.
    ///
    /// # Errors
    /// When there is no `.dist-info` folder.
    pub fn record_path(&self) -> Result<String> {
        Ok(format!("{}/RECORD", self.dist_info()?))
    }

    /// Packs the wheel into an archive: sorted entries, fixed times.
    ///
    /// # Errors
    /// When a file cannot be packed.
    pub fn pack(&self, time: zip::DateTime, packing: Packing<'_>) -> Result<Vec<u8>> {
        let mut archive = std::io::Cursor::new(Vec::new());
        self.write_zip(&mut archive, time, packing)?;
        Ok(archive.into_inner())
    }

    /// Writes the wheel, quickly packed, into a folder under its name: whole or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, folder: &Path, time: zip::DateTime) -> Result<std::path::PathBuf> {
        let path = folder.join(self.filename.to_string());
        fs_err::create_dir_all(folder)?;
        write_whole(&path, &self.pack(time, Packing::default())?)?;
        Ok(path)
    }

    fn write_zip(&self, target: impl Write + Seek, time: zip::DateTime, packing: Packing<'_>) -> Result<()> {
        let mut archive = zip::ZipWriter::new(target);
        let entries = self.entries(time)?;
        match packing.compression {
            Compression::Fast => {
                for entry in entries {
                    archive.start_file(entry.path, entry.options())?;
                    archive.write_all(entry.bytes)?;
                }
            }
            Compression::Best => {
                for deflated in deflate::deflate_all(&entries, packing)? {
                    let mut deflated = zip::ZipArchive::new(std::io::Cursor::new(deflated))?;
                    archive.raw_copy_file(deflated.by_index_raw(0)?)?;
                }
            }
        }
        archive.finish()?.flush()?;
        Ok(())
    }

    /// The files in the order in which they are written.
    fn entries(&self, time: zip::DateTime) -> Result<Vec<deflate::Entry<'_>>> {
        let dist_info = self.dist_info()?;
        // The convention puts `.dist-info` last, so that readers find the metadata near the directory.
        let (last, first): (Vec<_>, Vec<_>) =
            self.files.iter().partition(|(path, _)| path.starts_with(&dist_info));
        let ordered = first.into_iter().chain(last);
        Ok(ordered
            .map(|(path, bytes)| {
                // Two modes and no others: the back end's are those of this machine's mask.
                let mode = if self.executable.contains(path) { 0o755 } else { 0o644 };
                deflate::Entry { path, bytes, mode, time }
            })
            .collect())
    }
}

/// The part of a Unix mode that says what a file is, and what it is for a link.
const FILE_TYPE: u32 = 0o170_000;
const LINK: u32 = 0o120_000;

/// Whether a name begins at a root, of whatever system.
fn is_absolute(name: &str) -> bool {
    name.starts_with(['/', '\\']) || name.as_bytes().get(1) == Some(&b':')
}

fn cannot_use(path: &Path) -> String {
    format!("cannot use the wheel `{}`", path.display())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::wheel::deflate::KeptEntries;

    #[test]
    fn names_from_a_root_and_links_are_refused() {
        let refuse = |name: &str, mode: u32| {
            let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            let options = zip::write::SimpleFileOptions::default().unix_permissions(0o644);
            if mode == LINK {
                writer.add_symlink(name, "/etc/passwd", options).unwrap();
            } else {
                writer.start_file(name, options).unwrap();
            }
            let bytes = writer.finish().unwrap();
            let read = WheelContents::from_zip("x-1.0-py3-none-any.whl".parse().unwrap(), bytes);
            format!("{:#}", read.unwrap_err())
        };
        for name in ["/x.py", "\\x.py", "C:x.py", "../x.py"] {
            let said = refuse(name, 0);
            assert_eq!(said, format!("its entry `{name}` would be written outside of the folder"));
        }
        assert!(refuse("x/y.py", LINK).starts_with("its entry `x/y.py` is a link"));
    }

    #[derive(Default)]
    struct Memory(Mutex<BTreeMap<String, Vec<u8>>>, Mutex<usize>);

    impl KeptEntries for Memory {
        fn find(&self, key: &str) -> Option<Vec<u8>> {
            let found = self.0.lock().unwrap().get(key).cloned();
            *self.1.lock().unwrap() += usize::from(found.is_some());
            found
        }

        fn keep(&self, key: &str, bytes: &[u8]) {
            self.0.lock().unwrap().insert(key.to_owned(), bytes.to_vec());
        }
    }

    #[test]
    fn the_best_compression_is_smaller_and_always_the_same() {
        let text = |count: usize| {
            (0..count).map(|number| (number * number % 997).to_string() + " ").collect::<String>()
        };
        let files =
            [("a.py", 900), ("b/run.sh", 3), ("c.so", 4000), ("d.py", 0), ("x-1.0.dist-info/WHEEL", 9)];
        let contents = WheelContents {
            filename: "x-1.0-py3-none-any.whl".parse().unwrap(),
            files: files.map(|(path, count)| (path.to_owned(), text(count).into_bytes())).into(),
            executable: vec!["b/run.sh".into()],
        };
        let write = |compression, kept| {
            let time = zip::DateTime::from_date_and_time(2026, 11, 24, 1, 2, 4).unwrap();
            contents.pack(time, Packing { compression, kept, task: None }).unwrap()
        };
        let best = write(Compression::Best, None);
        assert!(best.len() < write(Compression::Fast, None).len());
        let kept = Memory::default();
        assert!(write(Compression::Best, Some(&kept)) == best);
        assert_eq!((kept.0.lock().unwrap().len(), *kept.1.lock().unwrap()), (5, 0));
        assert!(write(Compression::Best, Some(&kept)) == best);
        assert_eq!(*kept.1.lock().unwrap(), 5);
        let listing = |bytes: &[u8]| -> Vec<String> {
            let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes.to_vec())).unwrap();
            let show = |index| {
                let entry = archive.by_index(index).unwrap();
                let (name, mode, time) = (entry.name().unwrap(), entry.unix_mode(), entry.last_modified());
                format!("{name} {mode:?} {time:?} {}", entry.compression())
            };
            (0..5).map(show).collect()
        };
        assert_eq!(listing(&best), listing(&write(Compression::Fast, None)));
        let read = WheelContents::from_zip(contents.filename.clone(), std::io::Cursor::new(best)).unwrap();
        assert_eq!((read.files, read.executable), (contents.files.clone(), contents.executable.clone()));
    }
}
