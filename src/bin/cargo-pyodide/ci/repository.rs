//! The repository around a folder: its root, its main branch, and paths as they are in it elsewhere.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use cargo_pyodide::env::Environment;
use cargo_pyodide::error::Result;
use cargo_pyodide::process::{self, Invocation};
use cargo_pyodide::ui::Ui;

/// A git repository, or a folder that may become one.
#[derive(Debug)]
pub(crate) struct Repository {
    /// Its root.
    pub(crate) root: PathBuf,
    /// The branch that wheels are published from.
    pub(crate) branch: String,
}

impl Repository {
    /// The repository around a folder; the folder itself if there is none.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn around(folder: &Path, ui: &Ui, environment: &Environment) -> Result<Self> {
        let folder = fs_err::canonicalize(folder)?;
        let root = folder.ancestors().find(|parent| parent.join(".git").exists());
        let branch = root.and_then(|root| main_branch(root, ui, environment));
        Ok(Self {
            branch: branch.unwrap_or_else(|| "main".to_owned()),
            root: root.unwrap_or(&folder).to_owned(),
        })
    }

    /// A path from the root, with slashes: it means the same on another machine. The root itself is `.`.
    ///
    /// # Errors
    /// When it is not there, lies outside, or is not UTF-8.
    pub(crate) fn inside(&self, path: &Path) -> Result<String> {
        // The pipeline runs on another machine.
        if path.is_absolute() {
            bail!("`{}` is a path of this machine: name it from the current folder", path.display());
        }
        let whole = fs_err::canonicalize(path)?;
        let inner = whole.strip_prefix(&self.root).map_err(|_| {
            anyhow!("`{}` lies outside the repository `{}`", path.display(), self.root.display())
        })?;
        let parts: Option<Vec<&str>> = inner.iter().map(|part| part.to_str()).collect();
        let parts = parts.ok_or_else(|| anyhow!("`{}` is not UTF-8", path.display()))?;
        Ok(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
    }
}

/// The branch that `origin` calls its own; else `main` or `master`; else the one that is checked out.
fn main_branch(root: &Path, ui: &Ui, environment: &Environment) -> Option<String> {
    let git = process::look_up(environment, "git")?;
    let ask = |arguments: &[&str]| {
        let output = Invocation::new(&git).args(arguments).current_dir(root).output(ui).ok()?;
        Some(output.stdout.trim().to_owned()).filter(|answer| !answer.is_empty())
    };
    let remote = ask(&["symbolic-ref", "--short", "refs/remotes/origin/HEAD"]);
    if let Some(branch) = remote.as_deref().and_then(|name| name.strip_prefix("origin/")) {
        return Some(branch.to_owned());
    }
    let local = ask(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]).unwrap_or_default();
    let usual = ["main", "master"].into_iter().find(|usual| local.lines().any(|name| name == *usual));
    usual.map(str::to_owned).or_else(|| ask(&["symbolic-ref", "--short", "HEAD"]))
}
