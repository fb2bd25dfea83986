//! Files that overlays put into the source tree, for what an sdist lacks.

use std::path::Path;

use anyhow::anyhow;

use super::values::InsidePath;
use crate::error::{Result, hinted};
use crate::files::write_with_old_time;

/// A file that is put into the source tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path in the tree.
    pub to: InsidePath,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// Puts files into a tree.
///
/// # Errors
/// When one is there already; then no file was written.
pub(crate) fn add(tree: &Path, files: &[SourceFile]) -> Result<()> {
    if let Some(file) = files.iter().find(|file| tree.join(&file.to.0).exists()) {
        return Err(hinted(
            anyhow!("the source file `{}` should be added, but the package has it", file.to),
            "change it with `patches`, or add it under a condition with `[[when]]`",
        ));
    }
    files.iter().try_for_each(|file| write_with_old_time(&tree.join(&file.to.0), &file.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_added_or_none_is() {
        let tree = tempfile::tempdir().unwrap();
        let add = |names: &[&str]| {
            let file = |name: &&str| SourceFile { to: name.parse().unwrap(), bytes: b"new".to_vec() };
            let files: Vec<SourceFile> = names.iter().map(file).collect();
            add(tree.path(), &files).map_err(|error| crate::error::render(&error))
        };
        fs_err::write(tree.path().join("old.md"), "old").unwrap();
        let refused = add(&["new.md", "old.md"]).unwrap_err();
        insta::assert_snapshot!(refused, @"
        error: the source file `old.md` should be added, but the package has it
        hint: change it with `patches`, or add it under a condition with `[[when]]`
        ");
        assert!(!tree.path().join("new.md").exists());
        assert_eq!(fs_err::read_to_string(tree.path().join("old.md")).unwrap(), "old");
        add(&["new.md", "a/b.md"]).unwrap();
        assert_eq!(fs_err::read_to_string(tree.path().join("a/b.md")).unwrap(), "new");
    }
}
