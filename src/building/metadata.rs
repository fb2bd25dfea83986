//! The metadata of a package, as overlays leave it, without building it.

use anyhow::bail;

use super::OverlayRequest;
use super::overlays;
use super::tree::OpenedSource;
use crate::backend;
use crate::context::Context;
use crate::error::Result;
use crate::runtime::Runtime;
use crate::source::Source;
use crate::wheel::metadata::Metadata;
use crate::wheel::requirements;

/// The metadata of a source inside a release.
///
/// # Errors
/// When the source cannot be opened, an overlay is wrong, or neither files nor back end tell the metadata.
pub fn read(
    context: &Context,
    source: &Source,
    overlays: &OverlayRequest,
    runtime: &Runtime,
) -> Result<Metadata> {
    let opened = OpenedSource::open(context, source)?;
    let changes = overlays::choose(context, overlays, &opened, runtime)?;
    let text = opened.metadata_text(context)?;
    // The build warns of requirements that a recipe does not find; the metadata needs no warning.
    let (text, _) = requirements::rewrite(&text, &changes.dependencies)?;
    if text.trim().is_empty() {
        bail!("`{}` has no metadata", source.origin());
    }
    text.parse()
}

impl OpenedSource {
    /// The text of METADATA as the package has it, as far as it matters for requirements.
    ///
    /// # Errors
    /// When neither the files nor the back end tell.
    pub fn metadata_text(&self, context: &Context) -> Result<String> {
        backend::metadata::read(context, &self.tree.path, &self.tree.pyproject, &self.folder)
    }
}
