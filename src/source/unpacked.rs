//! Finds the project in an unpacked archive.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use crate::error::Result;
use crate::project::is_project;

/// The one folder that an sdist holds, in which `pyproject.toml` or `setup.py` lies.
///
/// # Errors
/// When it holds none or several, and it is not clear which one is meant.
pub(super) fn only_folder(unpacked: &Path) -> Result<PathBuf> {
    if is_project(unpacked) {
        return Ok(unpacked.to_owned());
    }
    let folders: Vec<PathBuf> = fs_err::read_dir(unpacked)?
        .collect::<Result<Vec<_>, _>>()
        .context("cannot list what was unpacked")?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    let projects: Vec<&PathBuf> = folders.iter().filter(|folder| is_project(folder)).collect();
    match (&projects[..], &folders[..]) {
        ([one], _) => Ok((*one).clone()),
        ([], [one]) => Ok(one.clone()),
        ([], _) => Err(anyhow!(
            "the archive holds no Python project: no folder in it has a `pyproject.toml` or `setup.py`"
        )),
        _ => Err(anyhow!("the archive holds several Python projects: it is not an sdist")),
    }
}

/// A folder inside the one that an archive of a repository holds.
///
/// # Errors
/// When no project lies there.
pub(super) fn folder_inside(unpacked: &Path, inside: &Path) -> Result<PathBuf> {
    let tops = fs_err::read_dir(unpacked)?.flatten().map(|entry| entry.path().join(inside));
    tops.into_iter().find(|folder| is_project(folder)).ok_or_else(|| {
        anyhow!("the folder `{}` of the repository has no `pyproject.toml` or `setup.py`", inside.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder that is found, below the archive's own.
    fn check(paths: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        for path in paths {
            let path = folder.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
        }
        match only_folder(folder.path()) {
            Ok(found) if found == folder.path() => ".".to_owned(),
            Ok(found) => found.strip_prefix(folder.path()).unwrap().display().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_project_is_the_one_folder_or_the_one_that_looks_like_it() {
        assert_eq!(check(&["a-1/pyproject.toml"]), "a-1");
        assert_eq!(check(&["a-1/PKG-INFO", "pax_global_header"]), "a-1");
        assert_eq!(check(&["a-1/setup.py", "docs/index.md"]), "a-1");
        assert_eq!(check(&["setup.py", "a/pyproject.toml"]), ".");
    }

    #[test]
    fn an_archive_without_one_project_is_refused() {
        assert!(check(&["a/x", "b/x"]).starts_with("the archive holds no Python project"));
        assert!(check(&[]).starts_with("the archive holds no Python project"));
        assert!(
            check(&["a/setup.py", "b/setup.py"]).starts_with("the archive holds several Python projects")
        );
    }
}
