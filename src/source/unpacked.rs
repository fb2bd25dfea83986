//! Finds the project in an unpacked archive.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use crate::error::Result;

/// The one folder that an sdist holds, in which `pyproject.toml` or `setup.py` lies.
///
/// # Errors
/// When it holds none or several, and it is not clear which one is meant.
pub fn only_folder(unpacked: &Path) -> Result<PathBuf> {
    let is_project =
        |folder: &Path| folder.join("pyproject.toml").is_file() || folder.join("setup.py").is_file();
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
