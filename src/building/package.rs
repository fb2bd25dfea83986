//! The package of a build whose toolchain was chosen.

use super::tree::Tree;
use crate::backend::BuildFolder;
use crate::project::Project;
use crate::toolchain::RustToolchain;

/// A package, its tree, and what asks cargo about it.
pub(super) struct Package<'a> {
    pub(super) project: &'a Project,
    pub(super) tree: &'a Tree,
    pub(super) rust: &'a RustToolchain,
    pub(super) folder: &'a BuildFolder,
}
