//! Notices that somebody changed what a site is made of. Looks at times and sizes, which works on every file system.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use walkdir::{DirEntry, WalkDir};

use crate::ui::Ui;

/// How long nothing may change before a change counts as whole: editors write files in several steps.
const QUIET: Duration = Duration::from_millis(40);
/// The time between two looks, at least.
const PAUSE: Duration = Duration::from_millis(80);
/// The share of the time that looking may take: one look, then this many times as long without.
const IDLE_SHARE: u32 = 4;
/// Folders that hold what others wrote, wherever they are. Hidden ones are not looked at either.
const NOT_WATCHED: [&str; 2] = ["node_modules", "__pycache__"];
/// Where wheels go that are built, in the folder of a package.
const WHEELS: &str = "dist";
/// Marks what can be made again, as cargo marks its target folder: <https://bford.info/cachedir/>.
const CACHE_MARK: &str = "CACHEDIR.TAG";

/// What tells whether a file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
}

/// Files and folders that are watched.
#[derive(Debug)]
pub struct Watch {
    roots: Vec<PathBuf>,
    seen: BTreeMap<PathBuf, Stamp>,
}

impl Watch {
    /// Begins to watch files, and all that folders hold.
    pub fn begin(roots: Vec<PathBuf>) -> Self {
        let seen = look(&roots);
        Self { roots, seen }
    }

    /// What is watched.
    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// Waits until a file is added, changed or removed, and then until nothing changes any more. Changes since the last
    /// call count. None when the user ends the work.
    pub fn wait(&mut self, ui: &Ui) -> Option<PathBuf> {
        loop {
            if ui.is_interrupted() {
                return None;
            }
            let begun = Instant::now();
            if let Some(path) = self.changed() {
                while !ui.is_interrupted() {
                    std::thread::sleep(QUIET);
                    if self.changed().is_none() {
                        return Some(path);
                    }
                }
            }
            std::thread::sleep(PAUSE.max(begun.elapsed() * IDLE_SHARE));
        }
    }

    /// The first file that differs from what was seen.
    fn changed(&mut self) -> Option<PathBuf> {
        let now = look(&self.roots);
        let differs = |(path, stamp): &(&PathBuf, &Stamp)| self.seen.get(*path) != Some(stamp);
        let written = now.iter().find(differs).map(|(path, _)| path);
        let path = written.or_else(|| self.seen.keys().find(|path| !now.contains_key(*path))).cloned();
        self.seen = now;
        path
    }
}

fn look(roots: &[PathBuf]) -> BTreeMap<PathBuf, Stamp> {
    let stamp = |path: &Path| {
        let metadata = fs_err::metadata(path).ok()?;
        Some(Stamp { modified: metadata.modified().ok(), size: metadata.len() })
    };
    let files = roots.iter().flat_map(|root| {
        let entries = WalkDir::new(root).into_iter().filter_entry(is_watched).filter_map(Result::ok);
        entries.filter(|entry| !entry.file_type().is_dir()).map(DirEntry::into_path)
    });
    files.filter_map(|path| stamp(&path).map(|stamp| (path, stamp))).collect()
}

fn is_watched(entry: &DirEntry) -> bool {
    if entry.depth() == 0 || !entry.file_type().is_dir() {
        return true;
    }
    let name = entry.file_name().to_string_lossy();
    let is_made = (entry.depth() == 1 && name == WHEELS) || entry.path().join(CACHE_MARK).is_file();
    !name.starts_with('.') && !NOT_WATCHED.contains(&name.as_ref()) && !is_made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_changes_is_noticed_and_what_builds_write_is_not() {
        let place = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = place.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        write("package/src/lib.rs", "a");
        write("one.whl", "a");
        let roots = ["package", "one.whl"].map(|name| place.path().join(name)).to_vec();
        let mut watch = Watch::begin(roots);
        let mut check = || {
            let path = watch.changed()?;
            Some(path.strip_prefix(place.path()).unwrap().to_string_lossy().into_owned())
        };
        assert_eq!(check(), None);
        write("package/src/lib.rs", "ab");
        assert_eq!(check().as_deref(), Some("package/src/lib.rs"));
        assert_eq!(check(), None);
        write("package/src/new.py", "");
        assert_eq!(check().as_deref(), Some("package/src/new.py"));
        fs_err::remove_file(place.path().join("package/src/new.py")).unwrap();
        assert_eq!(check().as_deref(), Some("package/src/new.py"));
        write("one.whl", "abc");
        assert_eq!(check().as_deref(), Some("one.whl"));
        write("package/target/CACHEDIR.TAG", "");
        assert_eq!(check(), None);
        for path in ["package/target/x", "package/dist/x.whl", "package/.git/index", "other"] {
            write(path, "x");
            assert_eq!(check(), None, "{path}");
        }
        write("package/src/target/mod.rs", "");
        assert_eq!(check().as_deref(), Some("package/src/target/mod.rs"));
    }
}
