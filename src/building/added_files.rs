//! What overlays change in the wheel, with the bytes of the files that they add.

use anyhow::{Context as _, anyhow};

use crate::context::Context;
use crate::error::{Result, hinted};
use crate::overlay::Changes;
use crate::overlay::changes::{AddedFile, FileOrigin};
use crate::source::file;
use crate::wheel::edits::Edits;

/// What is changed in the wheel, with the bytes of the files that are added.
///
/// # Errors
/// When a file cannot be had, or is not the one that the overlay means.
pub(super) fn edits(context: &Context, changes: &Changes) -> Result<Edits> {
    let mut edits = Edits { dependencies: changes.dependencies.clone(), ..Edits::default() };
    for added in &changes.files {
        let bytes =
            read(context, added).with_context(|| format!("cannot add `{}` to the wheel", added.to))?;
        edits.files.insert(added.to.clone(), bytes);
    }
    Ok(edits)
}

fn read(context: &Context, added: &AddedFile) -> Result<Vec<u8>> {
    let (bytes, name) = match &added.from {
        FileOrigin::Beside(place, path) => (place.read(path)?, path.to_string()),
        FileOrigin::Named(path) => (fs_err::read(path)?, path.display().to_string()),
        FileOrigin::Address(address) => {
            let stated = added.sha256.as_ref().ok_or_else(|| anyhow!("`{address}` has no `sha256`"))?;
            let fetched = file::fetch(address, *stated, context);
            return fetched.map_err(|error| {
                hinted(error, "get the file some other way and name it: `--variant NAME=FILE`")
            });
        }
    };
    if let Some(stated) = &added.sha256 {
        file::check(&bytes, *stated, &name)?;
    }
    Ok(bytes)
}
