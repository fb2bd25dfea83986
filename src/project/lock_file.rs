//! Cargo's lock files, as far as their text tells what a build needs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use semver::Version;

use crate::error::Result;

/// The lock file of a manifest or of the workspace around it.
pub fn find(manifest: &Path) -> Option<PathBuf> {
    const DEPTH: usize = 4;
    let folders = manifest.ancestors().skip(1).take(DEPTH);
    folders.map(|folder| folder.join("Cargo.lock")).find(|path| path.is_file())
}

/// The crates through which nearly all build scripts compile C.
const COMPILING_C: [&str; 2] = ["cc", "cmake"];

/// Whether one of the crates in a lock file compiles C or C++.
pub fn compiles_c(lock: &str) -> bool {
    COMPILING_C.iter().any(|name| lock.contains(&format!("name = \"{name}\"\n")))
}

/// A version of a crate in a lock file.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct LockedVersion {
    /// The crate.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: Version,
    /// Where it comes from, in cargo's words; none for a folder.
    pub(crate) source: Option<String>,
}

/// What a lock file has.
///
/// # Errors
/// When it is none.
pub(crate) fn locked_crates(lock: &str) -> Result<Vec<LockedVersion>> {
    #[derive(serde::Deserialize)]
    struct LockFile {
        #[serde(default)]
        package: Vec<LockedVersion>,
    }
    Ok(toml::from_str::<LockFile>(lock).context("cannot read the lock file")?.package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_count() {
        assert!(compiles_c("[[package]]\nname = \"cc\"\nversion = \"1.2.0\"\n"));
        assert!(!compiles_c("[[package]]\nname = \"ccc\"\nversion = \"1.2.0\"\n"));
    }

    #[test]
    fn a_lock_file_names_crates_with_their_versions() {
        let lock = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.2\"\nsource = \"x\"\n";
        let found = locked_crates(lock).unwrap();
        assert_eq!(
            (found.len(), found[0].name.as_str(), &found[0].version),
            (1, "a", &Version::new(1, 0, 2))
        );
        assert!(locked_crates("").unwrap().is_empty() && locked_crates("no lock file").is_err());
    }

    #[test]
    fn the_nearest_lock_file_counts() {
        let place = tempfile::tempdir().unwrap();
        let manifest = place.path().join("a/b/Cargo.toml");
        fs_err::create_dir_all(manifest.parent().unwrap()).unwrap();
        fs_err::write(place.path().join("Cargo.lock"), "").unwrap();
        assert_eq!(find(&manifest), Some(place.path().join("Cargo.lock")));
        fs_err::write(place.path().join("a/b/Cargo.lock"), "").unwrap();
        assert_eq!(find(&manifest), Some(place.path().join("a/b/Cargo.lock")));
    }
}
