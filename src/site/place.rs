//! The folder of a site: made beside its place, then moved there. What was not written here is never removed.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use crate::error::{Result, hinted};
use crate::files::{lock_folder, remove_abandoned, remove_folder, walk};
use crate::plain_name::has_only_names;

/// Lists the files of a site, and so tells a site from another folder.
const LIST: &str = "site-files.txt";

/// How the names of folders begin in which sites are made.
const STAGED: &str = ".cargo-pyodide-site-";

/// A site that is being written.
#[derive(Debug)]
pub(super) struct Staged {
    folder: tempfile::TempDir,
    target: PathBuf,
    /// Tells the folder from one whose maker was killed.
    _lock: Option<File>,
}

impl Staged {
    /// Begins a site. The folder at its place may hold nothing, or an older site.
    pub(super) fn begin(target: &Path) -> Result<Self> {
        let target = std::path::absolute(target)?;
        check(&target)?;
        let parent = parent(&target)?;
        fs_err::create_dir_all(parent)?;
        remove_abandoned(parent, STAGED);
        // Beside its place: a folder can be renamed only within its file system.
        loop {
            let folder = tempfile::Builder::new().prefix(STAGED).tempdir_in(parent)?;
            let lock = lock_folder(folder.path());
            // Another process may have taken it for abandoned before it was locked.
            if folder.path().is_dir() {
                return Ok(Self { folder, target, _lock: lock });
            }
        }
    }

    /// Writes a file of the site.
    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        Ok(fs_err::write(self.make_room(path)?, bytes)?)
    }

    /// The place of a file or folder that another program writes.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The text of a file that was written.
    pub(super) fn read(&self, path: &str) -> Result<String> {
        Ok(fs_err::read_to_string(self.path(path))?)
    }

    /// Whether a file of the site was written.
    pub(super) fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// Copies a file into the site.
    pub(super) fn copy(&self, from: &Path, path: &str) -> Result<()> {
        fs_err::copy(from, self.make_room(path)?)?;
        Ok(())
    }

    /// Where a file of the site goes, with the folders around it.
    fn make_room(&self, path: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(path);
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        Ok(path)
    }

    /// Moves the site to its place.
    pub(super) fn finish(self) -> Result<PathBuf> {
        let list: String = files(self.folder.path()).into_iter().map(|path| path + "\n").collect();
        fs_err::write(self.folder.path().join(LIST), list)?;
        open_to_all(self.folder.path())?;
        // Again: the folder may have changed while the site was made.
        check(&self.target)?;
        let old = tempfile::Builder::new().prefix(STAGED).tempdir_in(parent(&self.target)?)?;
        let _lock = lock_folder(old.path());
        let aside = old.path().join("site");
        let has_old = self.target.exists();
        if has_old {
            fs_err::rename(&self.target, &aside)?;
        }
        if let Err(error) = fs_err::rename(self.folder.path(), &self.target) {
            if has_old {
                fs_err::rename(&aside, &self.target).context("the older site cannot be moved back")?;
            }
            return Err(error.into());
        }
        remove_folder(&aside)?;
        Ok(self.target)
    }
}

/// A temporary folder is its owner's alone; a site is for a web server.
#[cfg(unix)]
fn open_to_all(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs_err::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?)
}

#[cfg(not(unix))]
fn open_to_all(_: &Path) -> Result<()> {
    Ok(())
}

fn parent(target: &Path) -> Result<&Path> {
    target.parent().ok_or_else(|| anyhow!("`{}` is in no folder", target.display()))
}

/// The files below a folder, with slashes.
fn files(folder: &Path) -> BTreeSet<String> {
    let entries = walk(folder, usize::MAX, |_| true).filter(|entry| !entry.file_type().is_dir());
    let inside = entries.filter_map(|entry| Some(entry.path().strip_prefix(folder).ok()?.to_owned()));
    inside.map(|path| path.to_string_lossy().replace('\\', "/")).collect()
}

/// Whether a folder is a site that was written here.
pub fn is_site(folder: &Path) -> bool {
    folder.join(LIST).is_file() && folder.join("site.json").is_file()
}

/// The files that a site lists as its own.
pub(super) fn listed_files(folder: &Path) -> Result<BTreeSet<String>> {
    if !is_site(folder) {
        let error = anyhow!("`{}` is not a site", folder.display());
        return Err(hinted(error, "`cargo pyodide site` writes one"));
    }
    let text = fs_err::read_to_string(folder.join(LIST))?;
    // The list of a site that was downloaded may name files of the machine.
    Ok(text.lines().filter(|path| has_only_names(Path::new(path))).map(str::to_owned).collect())
}

/// Refuses a place that holds anything but a site.
fn check(target: &Path) -> Result<()> {
    if !target.exists() {
        return Ok(());
    }
    let refuse = |error: anyhow::Error| hinted(error, "name another folder with `--out`, or move it away");
    if !target.is_dir() {
        return Err(refuse(anyhow!("`{}` is not a folder", target.display())));
    }
    let found = files(target);
    if found.is_empty() {
        return Ok(());
    }
    if !is_site(target) {
        return Err(refuse(anyhow!(
            "`{}` is not empty and is not a site: nothing in it is removed",
            target.display()
        )));
    }
    let ours = listed_files(target)?;
    match found.iter().find(|path| *path != LIST && !ours.contains(*path)) {
        Some(foreign) => Err(refuse(anyhow!(
            "`{}` is a site that also holds `{foreign}`, which is not of the site and is not removed",
            target.display()
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(target: &Path, files: &[&str]) -> Result<PathBuf> {
        let staged = Staged::begin(target)?;
        for file in files {
            staged.write(file, b"text")?;
        }
        staged.finish()
    }

    #[test]
    fn a_site_takes_the_place_of_a_site_and_of_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("site");
        write(&target, &["site.json", "wheels/a.whl"]).unwrap();
        write(&target, &["site.json", "wheels/b.whl"]).unwrap();
        let expected = ["site-files.txt", "site.json", "wheels/b.whl"].map(str::to_owned);
        assert_eq!(files(&target), BTreeSet::from(expected));
        assert_eq!(fs_err::read_dir(place.path()).unwrap().count(), 1, "nothing is left beside it");

        fs_err::write(target.join("mine"), "text").unwrap();
        let refused = write(&target, &["site.json"]).unwrap_err().to_string();
        assert!(refused.contains("also holds `mine`"), "{refused}");
        let other = place.path().join("other");
        fs_err::create_dir(&other).unwrap();
        write(&other, &["site.json"]).unwrap();
        let other = place.path().join("third");
        fs_err::create_dir(&other).unwrap();
        fs_err::write(other.join("site.json"), "{}").unwrap();
        let refused = write(&other, &["site.json"]).unwrap_err().to_string();
        assert!(refused.contains("nothing in it is removed"), "{refused}");
        assert_eq!(fs_err::read_to_string(other.join("site.json")).unwrap(), "{}");
        assert!(write(&target.join("mine"), &[]).is_err());
    }
}
