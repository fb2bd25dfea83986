//! What a build back end is called for.

use std::path::Path;

use super::choices::CargoChoices;
use super::folder::BuildFolder;
use crate::project::Project;
use crate::runtime::Runtime;
use crate::source::TreeOwner;
use crate::toolchain::Toolchain;

/// A project, the release that it is built for, the tools, and the folder of the build.
#[derive(Debug, Clone, Copy)]
pub struct BackEndBuild<'a> {
    /// The project.
    pub project: &'a Project,
    /// What the project is called in messages.
    pub label: &'a str,
    /// Whose the project's folder is.
    pub owner: TreeOwner,
    /// The root of its Cargo workspace, if it is known.
    pub workspace: Option<&'a Path>,
    /// The release.
    pub runtime: &'a Runtime,
    /// What compiles and links.
    pub toolchain: &'a Toolchain,
    /// What cargo and compilers are told.
    pub choices: &'a CargoChoices,
    /// Where it is built.
    pub folder: &'a BuildFolder,
}

impl<'a> BackEndBuild<'a> {
    /// The root of the Cargo workspace; the project's folder if it is not known.
    pub(super) fn workspace_root(&self) -> &'a Path {
        self.workspace.unwrap_or(&self.project.root)
    }
}
