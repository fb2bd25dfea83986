//! Which folders are projects.

use std::path::Path;

/// The files of which a Python project has one.
pub(super) const PROJECT_FILES: [&str; 2] = ["pyproject.toml", "setup.py"];

/// Whether a folder is a Python project.
pub fn is_project(folder: &Path) -> bool {
    PROJECT_FILES.iter().any(|file| folder.join(file).is_file())
}

/// Whether a folder is a Python project or a crate.
pub fn is_project_or_crate(folder: &Path) -> bool {
    is_project(folder) || folder.join("Cargo.toml").is_file()
}
