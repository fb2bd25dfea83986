//! Has cargo compile a workspace's own crates anew where another copy of them was compiled last.
//!
//! Cargo knows a crate of a workspace by its name, its version and its place below the workspace's root, not by the root.
//! In a target folder that two copies of a workspace share, they are one to it: two working trees of a repository, two
//! commits with the same version, two packages made from one template. It then compares file times alone, and takes what
//! was compiled of one copy for the other, if that one's files are older.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::{remove_folder, walk};
use crate::plain_name::PlainName;
use crate::project::manifest::crate_name;
use crate::project::sources::is_source;

/// A folder in the target folder that has a file for each crate, which says what copy was compiled last.
const COPIES: &str = ".copies";

/// Removes what cargo keeps of the crates in a workspace's folder, if it compiled another copy of them last.
///
/// # Errors
/// When a file cannot be written or removed.
pub(crate) fn forget_other_copies(target: &Path, workspace: &Path, copy: &str) -> Result<()> {
    let records = target.join(COPIES);
    let last = |name: &PlainName| fs_err::read_to_string(records.join(name)).ok();
    let mut others = crate_names(workspace);
    others.retain(|name| last(name).as_deref() != Some(copy));
    if others.is_empty() {
        return Ok(());
    }
    for fingerprint in fingerprints(target) {
        // Cargo calls it `NAME-DIGEST`.
        let name = fingerprint.file_name().and_then(|name| name.to_str()?.rsplit_once('-'));
        if name.is_some_and(|(name, _)| others.iter().any(|other| **other == *name)) {
            remove_folder(&fingerprint)?;
        }
    }
    // Only now: what is interrupted before starts again.
    fs_err::create_dir_all(&records)?;
    for name in &others {
        fs_err::write(records.join(name), copy)?;
    }
    Ok(())
}

/// The names of the crates in a folder and below it.
fn crate_names(workspace: &Path) -> BTreeSet<PlainName> {
    let wanted = |name: &OsStr| is_source(name) && name != "node_modules";
    let manifests = walk(workspace, usize::MAX, wanted).filter(|entry| entry.file_name() == "Cargo.toml");
    manifests.filter_map(|entry| crate_name(entry.path())?.parse().ok()).collect()
}

/// The folders in which cargo keeps whether a crate is fresh: in that of each profile, which lies below its target's or
/// beside those.
fn fingerprints(target: &Path) -> Vec<PathBuf> {
    let children = |folder: PathBuf| -> Vec<PathBuf> {
        let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let below = children(target.to_owned());
    let profiles = below.iter().cloned().chain(below.iter().cloned().flat_map(children));
    profiles.flat_map(|profile| children(profile.join(".fingerprint"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compiled_of_another_copy_is_forgotten_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (target, workspace) = (folder.path().join("target"), folder.path().join("workspace"));
        let kept =
            ["release/.fingerprint/a-b-1", "wasm/release/.fingerprint/a-1", "wasm/release/.fingerprint/c-1"];
        let make = || kept.iter().for_each(|path| fs_err::create_dir_all(target.join(path)).unwrap());
        let left = || kept.iter().filter(|path| target.join(path).is_dir()).count();
        for (place, text) in [
            ("Cargo.toml", "[workspace]\nmembers = ['a']\n[package]\nname = 'a-b'\n"),
            ("deep/er/a/Cargo.toml", "[package]\nname = 'a'\n"),
            ("target/package/c/Cargo.toml", "[package]\nname = 'c'\n"),
            ("evil/Cargo.toml", "[package]\nname = '../c'\n"),
            ("broken/Cargo.toml", "[package"),
        ] {
            let path = workspace.join(place);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let mut after = Vec::new();
        for copy in ["one", "one", "other", "one"] {
            make();
            forget_other_copies(&target, &workspace, copy).unwrap();
            after.push(left());
        }
        assert_eq!(after, [1, 3, 1, 1]);
    }
}
