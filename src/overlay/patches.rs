//! Applies unified diffs to a source tree, whole or not at all.
//!
//! Hunks are looked for near the lines that they name, and every line of context must be there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};

use super::values::InsidePath;
use crate::error::{Result, hinted};
use crate::files::write_with_old_time;

/// Advice for a diff that does not fit.
const OTHER_VERSION: &str = "it was made for another version of the package: condition it with `[[when]]`";

/// What becomes of a file: its new text, or nothing if it goes.
type PatchedFiles = BTreeMap<PathBuf, Option<String>>;

/// Applies diffs, each with what it is called, in order.
///
/// # Errors
/// When one cannot be read, names a file that is not there, or has a hunk that does not fit. Then no file was changed.
pub(crate) fn apply(tree: &Path, patches: &[(String, String)]) -> Result<()> {
    let mut outcome = PatchedFiles::new();
    for (name, text) in patches {
        apply_one(tree, text, &mut outcome).with_context(|| format!("the patch `{name}` does not fit"))?;
    }
    // Written only when all diffs fit: half a patch would compile to something that nobody wrote.
    for (path, text) in outcome {
        match text {
            Some(text) => write_with_old_time(&path, &text)?,
            None => fs_err::remove_file(&path)?,
        }
    }
    Ok(())
}

fn apply_one(tree: &Path, text: &str, outcome: &mut PatchedFiles) -> Result<()> {
    let (mut files, mut hunks) = (0, 0);
    for file in PatchSet::parse(text, ParseOptions::unidiff()) {
        let file = file.map_err(|error| anyhow!("it is not a unified diff: {error}"))?;
        files += 1;
        let patch = file.patch().as_text().ok_or_else(|| anyhow!("it holds a binary file"))?;
        hunks += patch.hunks().len();
        match file.operation().strip_prefix(1) {
            FileOperation::Create(path) => {
                let path = inside(tree, &path)?;
                if outcome.get(&path).map_or(path.exists(), Option::is_some) {
                    bail!("it creates `{}`, which exists already", path.display());
                }
                outcome.insert(path, Some(diffy::apply("", patch)?));
            }
            FileOperation::Delete(path) => {
                let path = inside(tree, &path)?;
                read(&path, outcome)?;
                outcome.insert(path, None);
            }
            FileOperation::Modify { original, modified } => {
                let path = inside(tree, if original == modified { &original } else { &modified })?;
                let before = read(&path, outcome)?;
                let after = diffy::apply(&before, patch).map_err(|error| unfit(&error, &path, patch))?;
                outcome.insert(path, Some(after));
            }
            FileOperation::Rename { .. } | FileOperation::Copy { .. } => {
                bail!("it renames or copies a file, which only git understands")
            }
        }
    }
    if files == 0 {
        bail!("it is not a unified diff: it names no file");
    }
    // The parser takes a hunk's lines beyond its count, and all hunks behind them, for a comment.
    let headers = text.lines().filter(|line| line.starts_with("@@ -")).count();
    if hunks < headers {
        bail!(
            "it has {headers} hunks, of which {hunks} can be read: a hunk's first line counts fewer lines than follow it"
        );
    }
    Ok(())
}

fn inside(tree: &Path, path: &str) -> Result<PathBuf> {
    let inside: InsidePath = path.parse().map_err(|message: String| anyhow!(message))?;
    Ok(tree.join(inside.0))
}

fn read(path: &Path, outcome: &PatchedFiles) -> Result<String> {
    match outcome.get(path) {
        Some(Some(text)) => Ok(text.clone()),
        Some(None) => bail!("`{}` was removed before", path.display()),
        None => {
            let read = fs_err::read_to_string(path).context("it changes a file that cannot be read");
            read.map_err(|error| hinted(error, OTHER_VERSION))
        }
    }
}

/// Which hunk does not fit, as its own first line says it.
fn unfit(error: &diffy::ApplyError, path: &Path, patch: &diffy::Patch<'_, str>) -> anyhow::Error {
    let number = error.to_string().rsplit('#').next().and_then(|digits| digits.parse::<usize>().ok());
    let hunk = number.and_then(|number| patch.hunks().get(number.checked_sub(1)?));
    let error = match (number, hunk) {
        (Some(number), Some(hunk)) => {
            let (old, new) = (hunk.old_range(), hunk.new_range());
            anyhow!("hunk {number} (`@@ -{old} +{new} @@`) is not found in `{}`", path.display())
        }
        _ => anyhow!("{error} of `{}`", path.display()),
    };
    hinted(error, OTHER_VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patch: &str) -> String {
        let tree = tempfile::tempdir().unwrap();
        fs_err::write(tree.path().join("a.txt"), "one\ntwo\nthree\nfour\n").unwrap();
        let patches = [("x.patch".to_owned(), patch.to_owned())];
        let said = match apply(tree.path(), &patches) {
            Ok(()) => "applied".to_owned(),
            Err(error) => crate::error::render(&error),
        };
        let text = fs_err::read_to_string(tree.path().join("a.txt")).unwrap_or("gone".into());
        let new = fs_err::read_to_string(tree.path().join("sub/b.txt")).unwrap_or_default();
        format!("{said} | {} | {new}", text.replace('\n', " "))
            .replace(&*tree.path().to_string_lossy(), "TREE")
    }

    #[test]
    fn diffs_fit_or_change_nothing() {
        let fitting = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n";
        let unfit = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-deux\n+TWO\n three\n";
        let new = "--- /dev/null\n+++ b/sub/b.txt\n@@ -0,0 +1 @@\n+new\n";
        let gone = "--- a/a.txt\n+++ /dev/null\n@@ -1,4 +0,0 @@\n-one\n-two\n-three\n-four\n";
        let outside = "--- a/../a.txt\n+++ b/../a.txt\n@@ -1 +1 @@\n-one\n+two\n";
        let absent = "--- a/c.txt\n+++ b/c.txt\n@@ -1 +1 @@\n-one\n+two\n";
        let both = format!("{new}{unfit}");
        let short = "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+1\n two\n@@ -3 +3 @@\n-three\n+3\n";
        let cases = [fitting, unfit, new, gone, outside, absent, &both, "no diff\n", short].map(check);
        insta::assert_snapshot!(cases.join("\n"));
    }
}
