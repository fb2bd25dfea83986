//! Keeps a tree of ours out of the user's Cargo workspace, where the cache lies inside one: continuous integration often
//! keeps only what is below the project. Cargo looks for a workspace in every folder above a manifest.

use std::io::Write;
use std::path::Path;

use anyhow::Context as _;

use crate::error::Result;
use crate::project::PyProject;
use crate::project::manifest;

/// Makes the package in `project` the root of a workspace of its own, if neither it nor a folder of `tree` is one and a
/// Cargo manifest lies in a folder above. It stays the only member: cargo reads the development dependencies of members, and
/// those of a crate beside it are often left out of an sdist.
///
/// # Errors
/// When its folder cannot be read, or its manifest cannot be written.
pub(super) fn give(tree: &Path, project: &Path, pyproject: &PyProject) -> Result<()> {
    // Seldom so, and sooner seen than the package's own manifest is found.
    if !tree.ancestors().skip(1).any(|folder| folder.join("Cargo.toml").is_file()) {
        return Ok(());
    }
    let Some(path) = manifest::find(project, pyproject) else { return Ok(()) };
    let own_folders = path.ancestors().skip(1).take_while(|folder| folder.starts_with(tree));
    if own_folders.into_iter().any(|folder| manifest::names_a_workspace(&folder.join("Cargo.toml"))) {
        return Ok(());
    }
    let workspace = format!("\n[workspace]\nexclude = {}\n", folders_beside(&path)?);
    let mut file = fs_err::OpenOptions::new().append(true).open(&path)?;
    file.write_all(workspace.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))
}

/// The folders beside a file.
fn folders_beside(file: &Path) -> Result<toml::Value> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(file.parent().unwrap_or(file))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    names.sort_unstable();
    Ok(names.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package at `place` below the tree, its manifest after [`give`].
    fn manifest_after(around: &str, above: &str, own: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("workspace/cache/tree");
        let project = tree.join("package-1.0/python");
        fs_err::create_dir_all(project.join("core")).unwrap();
        for (path, text) in [
            (folder.path().join("workspace"), around),
            (tree.join("package-1.0"), above),
            (project.clone(), own),
        ] {
            if !text.is_empty() {
                fs_err::write(path.join("Cargo.toml"), text).unwrap();
            }
        }
        let pyproject = PyProject::read(&project).unwrap();
        give(&tree, &project, &pyproject).unwrap();
        fs_err::read_to_string(project.join("Cargo.toml")).unwrap_or_default()
    }

    #[test]
    fn a_package_below_another_workspace_becomes_its_own() {
        const PACKAGE: &str = "[package]\nname = 'x'";
        const MEMBER: &str = "[package]\nname = 'x'\nworkspace = '../elsewhere'\n";
        const ROOT: &str = "[workspace]\nmembers = ['python']\n";
        let changed = format!("{PACKAGE}\n[workspace]\nexclude = [\"core\"]\n");
        assert_eq!(manifest_after(ROOT, "", PACKAGE), changed);
        assert_eq!(manifest_after(PACKAGE, PACKAGE, PACKAGE), changed);
        assert_eq!(manifest_after("", "", PACKAGE), PACKAGE);
        assert_eq!(manifest_after(ROOT, ROOT, PACKAGE), PACKAGE);
        assert_eq!(manifest_after(ROOT, "", MEMBER), MEMBER);
        assert_eq!(manifest_after(ROOT, "", ROOT), ROOT);
        assert_eq!(manifest_after(ROOT, "", ""), "");
    }
}
