//! The Python projects in a folder and below it: members of a workspace, or of a repository of several packages.

use std::path::{Path, PathBuf};

use super::identity::Identity;
use super::manifest::crate_name;
use super::project_files::PROJECT_FILES;
use super::pyproject::PyProject;
use super::sources::is_source;
use crate::files;
use crate::wheel::filename::normalised;

/// How deep below a folder projects are looked for.
const DEPTH: usize = 4;

/// A Python project in a folder or below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its normalised name; that of its folder where its files do not tell.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// The normalised name of its crate.
    crate_name: Option<String>,
}

impl Member {
    /// Whether the project or its crate has this name.
    pub fn is_called(&self, name: &str) -> bool {
        let name = normalised(name);
        self.name == name || self.crate_name.as_ref() == Some(&name)
    }
}

/// The Python projects in a folder and below it, by their folders.
pub fn list_members(root: &Path) -> Vec<Member> {
    let mut found: Vec<Member> = list_folders(root).into_iter().map(read_member).collect();
    found.sort_by(|one, other| one.folder.cmp(&other.folder));
    found
}

fn read_member(folder: PathBuf) -> Member {
    // A project whose files cannot be read is still one: the build says what is wrong with it.
    let pyproject = PyProject::read(&folder).unwrap_or_default();
    let of_folder = || folder.file_name().map(|name| normalised(&name.to_string_lossy())).unwrap_or_default();
    Member {
        name: Identity::of(&folder, &pyproject).name.unwrap_or_else(of_folder),
        crate_name: crate_name(&folder.join("Cargo.toml")).map(|name| normalised(&name)),
        folder,
    }
}

fn list_folders(root: &Path) -> Vec<PathBuf> {
    let is_project = |name: &std::ffi::OsStr| PROJECT_FILES.iter().any(|file| name == *file);
    let files = files::walk(root, DEPTH, is_source)
        .filter(|entry| entry.file_type().is_file() && is_project(entry.file_name()));
    let mut found: Vec<PathBuf> = files.filter_map(|entry| Some(entry.path().parent()?.to_owned())).collect();
    found.sort();
    found.dedup();
    found
}

/// Says which folder is meant, where a folder that is no Python project holds some.
pub fn advise_members(root: &Path) -> Option<String> {
    const NAMED: usize = 3;
    let found = list_folders(root);
    let shown: Vec<String> = found.iter().take(NAMED).map(|path| format!("`{}`", path.display())).collect();
    match found.len() {
        0 => None,
        1 => Some(format!("the project is in {}: name that folder", shown[0])),
        _ => Some(format!("name the folder of a project, such as {}", shown.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_the_name_of_the_project_or_of_the_crate() {
        let root = tempfile::tempdir().unwrap();
        let files = [
            ("Cargo.toml", "[workspace]\n"),
            ("py/pyproject.toml", "[project]\nname = 'Two_Words'\n"),
            ("py/Cargo.toml", "[package]\nname = 'two-words-py'\n"),
            ("old/setup.py", ""),
            ("target/package/pyproject.toml", "[project]\nname = 'built'\n"),
        ];
        for (path, text) in files {
            let path = root.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let members = list_members(root.path());
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["old", "two-words"]);
        let find =
            |name: &str| members.iter().find(|member| member.is_called(name)).map(|found| &found.folder);
        assert_eq!(find("two.words"), Some(&root.path().join("py")));
        assert_eq!(find("two_words_py"), Some(&root.path().join("py")));
        assert_eq!(find("built"), None);
        let advice = advise_members(root.path()).unwrap();
        assert!(advice.starts_with("name the folder of a project, such as `"), "{advice}");
        assert!(advise_members(&root.path().join("target/nothing")).is_none());
    }
}
