//! Chooses the overlays that apply to a package, and reports each change.

use super::request::{OverlayRequest, Recipes};
use super::tree::OpenedSource;
use crate::context::Context;
use crate::error::Result;
use crate::overlay::recipes::{self, Match};
use crate::overlay::{self, Changes, Overlay, Target};
use crate::project::Identity;
use crate::runtime::Runtime;

/// The changes to a package for one release. Reports each of them.
///
/// # Errors
/// When an overlay cannot be read, is wrong, or lacks a variant that was asked for.
pub(crate) fn choose(
    context: &Context,
    request: &OverlayRequest,
    source: &OpenedSource,
    runtime: &Runtime,
) -> Result<Changes> {
    // From the tree as it came: a patch may change the version that recipes are chosen by.
    let identity = Identity::of(&source.tree.path, &source.tree.pyproject);
    let overlays = find(context, request, source, &identity)?;
    let target = Target { version: identity.version.as_ref(), pyodide: &runtime.version };
    let changes = Changes::of(&overlays, target, &request.variants)?;
    for applied in &changes.applied {
        context.ui.phase("Applying", format!("{}: {}", applied.overlay, applied.changes.join(", ")));
    }
    Ok(changes)
}

/// Recipes first, then files, then the package's own table: later ones win.
fn find(
    context: &Context,
    request: &OverlayRequest,
    source: &OpenedSource,
    identity: &Identity,
) -> Result<Vec<Overlay>> {
    let mut overlays = Vec::new();
    if let (Some(name), Recipes::Applied) = (&identity.name, request.recipes) {
        match recipes::find(name, identity.version.as_ref())? {
            Match::Fits(overlay) => overlays.push(*overlay),
            Match::OtherVersions(versions) => {
                let this =
                    identity.version.as_ref().map_or("of an unknown version".into(), ToString::to_string);
                context.ui.warn(format!(
                    "the recipe `{name}` was made for versions {versions}, and this one is {this}: it is not applied"
                ));
            }
            Match::None => {}
        }
    }
    for path in &request.files {
        overlays.push(overlay::from_file(path)?);
    }
    let pyproject = &source.tree.pyproject;
    overlays.extend(overlay::of_package(pyproject.text(), pyproject.path())?);
    Ok(overlays)
}
