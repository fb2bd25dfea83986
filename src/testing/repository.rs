//! What lies around tests: the sdist or the repository, in which tests read files wherever they are.

use std::path::{Path, PathBuf};

use crate::project::is_project_or_crate;

/// Where the files that tests may read end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// With the tree: an archive that was unpacked.
    Tree,
    /// With the repository around the tree: a folder of the user's.
    Repository,
}

/// The folders whose files tests may read, the largest first: the git repository, the Cargo workspace, the project.
pub(super) fn roots_around(folder: &Path) -> Vec<PathBuf> {
    let find = |is_root: &dyn Fn(&Path) -> bool| folder.ancestors().find(|folder| is_root(folder));
    let repository = find(&|folder| folder.join(".git").exists());
    let workspace = find(&|folder| {
        let manifest = fs_err::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        manifest.lines().any(|line| line.trim_start().starts_with("[workspace"))
    });
    let project = find(&is_project_or_crate);
    let mut roots: Vec<PathBuf> =
        [repository, workspace, project].into_iter().flatten().map(Path::to_owned).collect();
    // From the outside in: a workspace may lie above a repository of its own.
    roots.sort_by_key(|root| root.components().count());
    roots.dedup();
    roots
}

/// Whether a folder holds what programs made and no test reads: caches and environments mark themselves.
/// <https://bford.info/cachedir/>, <https://peps.python.org/pep-0405/>
pub(super) fn is_made(folder: &Path) -> bool {
    ["CACHEDIR.TAG", "pyvenv.cfg"].iter().any(|mark| folder.join(mark).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_found_from_the_outside_in() {
        let place = tempfile::tempdir().unwrap();
        let member = place.path().join("repo/rust/crates/py/tests");
        fs_err::create_dir_all(&member).unwrap();
        let check = || {
            let root =
                |root: PathBuf| root.strip_prefix(place.path()).ok().map(|path| path.display().to_string());
            roots_around(&member).into_iter().filter_map(root).collect::<Vec<_>>()
        };
        assert_eq!(check(), Vec::<String>::new());
        fs_err::write(place.path().join("repo/rust/crates/py/pyproject.toml"), "").unwrap();
        assert_eq!(check(), ["repo/rust/crates/py"]);
        fs_err::write(place.path().join("repo/rust/Cargo.toml"), "[workspace]\nmembers = ['crates/*']\n")
            .unwrap();
        fs_err::create_dir(place.path().join("repo/.git")).unwrap();
        assert_eq!(check(), ["repo", "repo/rust", "repo/rust/crates/py"]);
    }
}
