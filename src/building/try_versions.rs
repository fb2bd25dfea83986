//! Looks for a version of a crate that compiles, if the one that was chosen does not: first a newer one, then older ones,
//! as far as the package's manifests allow.

use anyhow::Context as _;

use super::{BuildRequest, Outcome};
use crate::backend::failure::{BackendFailed, FailedCrate};
use crate::context::Context;
use crate::error::{Result, cause};
use crate::files::write_whole;
use crate::overlay::values::CrateUpdate;
use crate::runtime::Runtime;

/// How many versions are tried.
// Each may take as long as a build; a crate that needs more of them needs a patch.
const MOST_TRIED: usize = 8;

/// Builds a package with other versions of the crate that failed in a build of it. `failed` is that build's error. The
/// overlay that worked is written beside the wheel.
///
/// # Errors
/// The first build's error, if it is not a crate of a registry that does not compile, or no version of it does.
pub fn build_with_other_versions(
    request: &BuildRequest,
    runtime: &Runtime,
    context: &Context,
    failed: anyhow::Error,
) -> Result<Outcome> {
    let Some(first) = crate_of(&failed) else { return Err(failed) };
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let overlay = work.path().join("try-versions.toml");
    let mut tried = request.clone();
    tried.overlays.files.push(overlay.clone());
    let mut wanted = format!("{}@>{}", first.name, first.version);
    for _ in 0..MOST_TRIED {
        fs_err::write(&overlay, overlay_text(&wanted, &first))?;
        context.ui.phase(
            "Trying",
            format!("`{wanted}`, since `{} {}` does not compile", first.name, first.version),
        );
        let oldest = match super::build(&tried, runtime, context) {
            Ok(outcome) => {
                write_overlay(context, request, &outcome, &first)?;
                return Ok(outcome);
            }
            // The same crate in another version: older ones are left. A newer one that there is not, or that does not
            // compile either, leaves those below the first.
            Err(error) => match crate_of(&error) {
                Some(again) if again.name == first.name && again.version < first.version => again.version,
                _ if wanted.contains("@>") => first.version.clone(),
                _ => break,
            },
        };
        wanted = format!("{}@<{oldest}", first.name);
    }
    Err(failed)
}

fn crate_of(error: &anyhow::Error) -> Option<FailedCrate> {
    cause::<BackendFailed>(error)?.failed.clone()
}

fn overlay_text(update: &str, failed: &FailedCrate) -> String {
    format!(
        "# Found by `cargo pyodide build --try-versions`: {} {} does not compile for this target.\n[cargo]\n\
         update = [\"{update}\"]\n",
        failed.name, failed.version
    )
}

fn write_overlay(
    context: &Context,
    request: &BuildRequest,
    outcome: &Outcome,
    failed: &FailedCrate,
) -> Result<()> {
    let Outcome::Built(built) = outcome else { return Ok(()) };
    let update = built.updates.iter().find(|update: &&CrateUpdate| update.name == failed.name);
    let Some(update) = update else { return Ok(()) };
    let path = request.out_dir.join(format!("{}.overlay.toml", built.wheel.name()));
    write_whole(&path, overlay_text(&update.to_string(), failed).as_bytes())?;
    context.ui.phase("Found", format!("`{update}` compiles: `{}` is the overlay", path.display()));
    Ok(())
}
