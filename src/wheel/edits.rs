//! Changes to a wheel besides its modules and tags: requirements, and added files.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};

use super::contents::WheelContents;
use super::requirements::{self, CannotEdit, DependencyEdit};
use crate::error::{Result, hinted};

/// Changes of a wheel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edits {
    /// Changes of its requirements.
    pub dependencies: Vec<DependencyEdit>,
    /// Files that are added: path → bytes.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Changes a wheel. Returns the requirements that a recipe changes and the wheel does not have.
///
/// # Errors
/// When a requirement cannot be changed, or a file would take the place of another.
pub(crate) fn apply(contents: &mut WheelContents, edits: &Edits) -> Result<Vec<CannotEdit>> {
    let info = contents.dist_info()?;
    for (path, bytes) in &edits.files {
        if path.starts_with(&format!("{info}/")) {
            return Err(anyhow!("the file `{path}` would lie in `{info}`, which is for metadata"));
        }
        if contents.files.insert(path.clone(), bytes.clone()).is_some() {
            return Err(hinted(
                anyhow!("the wheel already has the file `{path}`"),
                "change a file of the package with `patches`",
            ));
        }
    }
    if edits.dependencies.is_empty() {
        return Ok(Vec::new());
    }
    let path = format!("{info}/METADATA");
    let bytes = contents.files.get(&path).ok_or_else(|| anyhow!("there is no `{path}`"))?;
    let text = std::str::from_utf8(bytes).with_context(|| format!("`{path}` is not UTF-8 text"))?;
    let (text, missed) = requirements::rewrite(text, &edits.dependencies)?;
    contents.files.insert(path, text.into_bytes());
    Ok(missed)
}
