//! The links of an archive: made when all else is unpacked, so that nothing is written through one, and only if none of
//! them leads out, each resolved through the others.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::refused::Refused;
use crate::error::Result;

/// How many links one path may go through, as on Linux.
const MOST_HOPS: usize = 40;

/// Symbolic links by their paths.
#[derive(Debug, Default)]
pub(super) struct Links(BTreeMap<PathBuf, PathBuf>);

impl Links {
    /// Takes a link; the last of a path stands.
    pub(super) fn add(&mut self, path: PathBuf, target: PathBuf) {
        self.0.insert(path, target);
    }

    /// Forgets a link, since something else has its path.
    pub(super) fn forget(&mut self, path: &Path) {
        self.0.remove(path);
    }

    /// Makes the links in the folder into which all else was unpacked.
    ///
    /// # Errors
    /// When one leads out of the folder, or cannot be made.
    pub(super) fn make(&self, folder: &Path) -> Result<()> {
        for (path, target) in &self.0 {
            if !self.stays_inside(path, target) {
                let (link, target) = (path.display().to_string(), target.display().to_string());
                return Err(Refused::Link { link, target }.into());
            }
        }
        for (path, target) in &self.0 {
            make_link(target, &folder.join(path))?;
        }
        Ok(())
    }

    /// Whether a link leads to a place in the folder, as the system resolves it.
    fn stays_inside(&self, path: &Path, target: &Path) -> bool {
        let mut at: Vec<OsString> = Vec::new();
        let mut hops = 0;
        // What is still to be walked, the next part last.
        let start = path.parent().unwrap_or(Path::new(""));
        let Some(mut left) = parts(target) else { return false };
        left.extend(parts(start).unwrap_or_default());
        while let Some(part) = left.pop() {
            if part == ".." {
                if at.pop().is_none() {
                    return false;
                }
                continue;
            }
            at.push(part);
            if let Some(target) = self.0.get(&at.iter().collect::<PathBuf>()) {
                hops += 1;
                at.pop();
                match parts(target) {
                    Some(parts) if hops <= MOST_HOPS => left.extend(parts),
                    _ => return false,
                }
            }
        }
        true
    }
}

/// The parts of a relative path, the last one first; nothing if it is absolute.
fn parts(path: &Path) -> Option<Vec<OsString>> {
    let mut found = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => found.push(part.to_owned()),
            Component::ParentDir => found.push("..".into()),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    found.reverse();
    Some(found)
}

fn make_link(target: &Path, path: &Path) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent)?;
    }
    // A file that came before under the same path gives way, as tar has it.
    if path.is_file() {
        fs_err::remove_file(path)?;
    }
    #[cfg(unix)]
    fs_err::os::unix::fs::symlink(target, path)?;
    #[cfg(windows)]
    fs_err::os::windows::fs::symlink_file(target, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_resolved_through_each_other() {
        let check = |links: &[(&str, &str)]| {
            let links = Links(links.iter().map(|(path, target)| (path.into(), target.into())).collect());
            links.0.iter().all(|(path, target)| links.stays_inside(path, target))
        };
        assert!(check(&[("a/b/c", "../../d")]));
        assert!(check(&[("a/b", "c")]));
        assert!(check(&[("a/b", "../c"), ("c", "a")]));
        assert!(!check(&[("a/b", "../../d")]));
        assert!(!check(&[("a", "/etc/passwd")]));
        assert!(!check(&[("a", "..")]));
        // Each looks harmless on paper.
        assert!(!check(&[("p/x", "."), ("p/y", "x/x/../..")]));
        assert!(!check(&[("p/y", "x/x/../.."), ("p/x", ".")]));
        assert!(!check(&[("p/q/up", "../.."), ("p/q/r/out", "../up/..")]));
        // A circle leads nowhere.
        assert!(!check(&[("a", "b"), ("b", "a")]));
    }
}
