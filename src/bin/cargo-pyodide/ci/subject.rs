//! What a pipeline is for: one package of the repository, or a list of packages in it.

use std::path::Path;

use anyhow::anyhow;
use cargo_pyodide::error::{Result, hinted};
use cargo_pyodide::project::{Core, Project, PyProject, is_project, lock_file};
use cargo_pyodide::sweep::list;

use super::repository::Repository;

/// What a pipeline is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A package.
    Package(Package),
    /// The path of a list, from the repository's root.
    List(String),
}

/// A package of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its folder, from the repository's root.
    pub(crate) folder: String,
    /// The lock file of its crates, from the repository's root.
    pub(crate) lock: String,
    /// Whether it compiles C or C++.
    pub(crate) compiles_c: bool,
}

impl Subject {
    /// What a path means: a folder is a package, unless it holds sdists; a file is a list.
    ///
    /// # Errors
    /// When there is no such thing, or it is not what it should be.
    pub(crate) fn find(path: &Path, repository: &Repository) -> Result<Self> {
        if !is_project(path) {
            match list::read(path) {
                Ok(_) => return repository.inside(path).map(Self::List),
                Err(error) if !path.is_dir() => return Err(error),
                // A folder that holds neither: the project's own error says what is missing.
                Err(_) => {}
            }
        }
        let project = Project::read(path, &PyProject::read(path)?).map_err(|error| {
            let packages = packages_below(path);
            if packages.is_empty() {
                return error;
            }
            hinted(
                anyhow!(
                    "`{}` holds no Python package with a Rust core, but folders in it do",
                    path.display()
                ),
                format!("name one: {}", packages.join(", ")),
            )
        })?;
        let folder = repository.inside(path)?;
        let manifest = project.manifest.as_deref().unwrap_or(path);
        let lock = lock_file::find(manifest);
        let text = lock.as_deref().and_then(|lock| fs_err::read_to_string(lock).ok()).unwrap_or_default();
        let lock =
            lock.and_then(|lock| repository.inside(&lock).ok()).unwrap_or_else(|| "Cargo.lock".to_owned());
        let compiles_c = project.core == Core::C || lock_file::compiles_c(&text);
        Ok(Self::Package(Package { folder, lock, compiles_c }))
    }
}

/// The folders below one that hold a Python package which can be built.
fn packages_below(folder: &Path) -> Vec<String> {
    const DEPTH: usize = 4;
    let mut found: Vec<String> = walkdir::WalkDir::new(folder)
        .max_depth(DEPTH)
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.'))
        .flatten()
        .filter(|entry| entry.depth() > 1 && entry.file_name() == "pyproject.toml")
        .filter_map(|entry| {
            let parent = entry.path().parent()?;
            let project = PyProject::read(parent).and_then(|read| Project::read(parent, &read));
            project.ok().map(|_| format!("`{}`", parent.strip_prefix("./").unwrap_or(parent).display()))
        })
        .collect();
    found.sort();
    found
}
