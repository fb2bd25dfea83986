//! The settings with which other tools build a package as [`super::build`] does, up to the raw wheel.

use super::crates::{self, Crates};
use super::package::Package;
use super::request::BuildRequest;
use super::tree::OpenedSource;
use super::{checks, choose_toolchain, overlays};
use crate::backend::{self, BackEndBuild, ShellSettings};
use crate::context::Context;
use crate::error::Result;
use crate::project::Project;
use crate::runtime::Runtime;
use crate::source::TreeOwner;

/// The settings for a package and a release. The package's folder is left as it is: overlays that patch it are not applied.
///
/// # Errors
/// When the package cannot be built for the release, or no toolchain serves.
pub fn shell_settings(request: &BuildRequest, runtime: &Runtime, context: &Context) -> Result<ShellSettings> {
    let tag = runtime.platform_tag(&request.tag)?;
    let opened = OpenedSource::open_for_shell(context, &request.source, runtime)?;
    let changes = overlays::choose(context, &request.overlays, &opened, runtime)?;
    if !changes.patches.is_empty() || !changes.sources.is_empty() {
        context.ui.warn("the patches of the overlay are left out: they would change your folder");
    }
    let tree = opened.tree();
    let project = Project::read(&tree.path, &tree.pyproject)?;
    checks::check_python(&project, runtime)?;
    let toolchain = choose_toolchain(context, &project, runtime)?;
    let package = Package { project: &project, tree, rust: &toolchain.rust, folder: &opened.folder };
    let recipes = crates::all_recipes(request, &changes)?;
    let crates = Crates::resolve(context, &package, request, &changes, &recipes, runtime)?;
    if !crates.choices.overlay.patch.is_empty() && tree.owner == TreeOwner::User {
        let names: Vec<&str> = crates.choices.overlay.patch.keys().map(String::as_str).collect();
        context.ui.warn(format!(
            "cargo will note in your lock file that other copies take the place of the crates {}",
            names.join(", ")
        ));
    }
    let build = BackEndBuild {
        project: &project,
        label: &opened.label,
        owner: tree.owner,
        workspace: crates.workspace(),
        runtime,
        toolchain: &toolchain,
        choices: &crates.choices,
        folder: &opened.folder,
    };
    backend::shell_settings(context, build, &tag)
}
