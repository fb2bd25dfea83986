//! The source tree of a build: opened once, and changed as overlays say.
//!
//! A folder of the user's is never written to: what changes it is done to a copy of the whole workspace.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::own_workspace;
use crate::backend::BuildFolder;
use crate::context::Context;
use crate::error::Result;
use crate::files::{copy_folder, remove_folder, with_disk_hint, write_with_old_time};
use crate::overlay::crates::{CrateRecipe, Rule};
use crate::overlay::{Changes, patches, sources};
use crate::process::Invocation;
use crate::project::{Identity, PyProject, doc_files, lock_file, manifest};
use crate::runtime::Runtime;
use crate::source::limits::UnpackLimits;
use crate::source::{Source, TreeOwner};
use crate::toolchain::rust;

/// Folders that no build reads.
const NOT_COPIED: [&str; 4] = [".venv", "node_modules", "__pycache__", ".tox"];

/// A source that is ready to be built, again and again. Other processes wait until this is dropped.
#[derive(Debug)]
pub struct OpenedSource {
    /// The folder of its builds.
    pub(crate) folder: BuildFolder,
    /// The tree: the user's folder, or the archive unpacked.
    pub(crate) tree: Tree,
    /// What it is called in messages.
    pub(super) label: String,
}

/// A source tree.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The folder of the project.
    pub path: PathBuf,
    /// Whose it is.
    pub owner: TreeOwner,
    /// Its `pyproject.toml`.
    pub pyproject: PyProject,
    /// The root of its Cargo workspace, as soon as cargo was asked.
    pub(super) workspace: Workspace,
}

/// The root of a Cargo workspace. Cargo is asked for it once.
#[derive(Debug, Clone, Default)]
pub(super) struct Workspace(OnceCell<PathBuf>);

impl Workspace {
    /// Remembers what somebody else learnt.
    pub(super) fn set(&self, root: PathBuf) {
        // The first answer stands: there is only one.
        let _ = self.0.set(root);
    }

    /// The root, if it is known.
    pub(super) fn known(&self) -> Option<&Path> {
        self.0.get().map(PathBuf::as_path)
    }

    /// The root, asked for if it is not known.
    pub(super) fn get_or_try_ask(&self, ask: impl FnOnce() -> Result<PathBuf>) -> Result<&Path> {
        match self.0.get() {
            Some(known) => Ok(known),
            None => {
                let root = ask()?;
                Ok(self.0.get_or_init(|| root))
            }
        }
    }
}

impl OpenedSource {
    /// Opens a source: takes the lock of its builds, and unpacks an archive.
    ///
    /// # Errors
    /// When the folder cannot be made or locked, or the archive holds no project.
    pub fn open(context: &Context, source: &Source) -> Result<Self> {
        Self::open_in(context, source, BuildFolder::open(context, source)?)
    }

    /// Opens a source for the shell of somebody else's build.
    ///
    /// # Errors
    /// When the folder cannot be made or locked, or the archive holds no project.
    pub(super) fn open_for_shell(context: &Context, source: &Source, runtime: &Runtime) -> Result<Self> {
        Self::open_in(context, source, BuildFolder::open_for_shell(context, source, &runtime.version)?)
    }

    fn open_in(context: &Context, source: &Source, folder: BuildFolder) -> Result<Self> {
        let (path, owner) = match source {
            Source::Folder(folder) => (folder.clone(), TreeOwner::User),
            Source::Archive(source) => {
                let tree = folder.root.join("tree");
                // Unpacked anew: what an earlier build left in the tree could end in the wheel.
                remove_folder(&tree)?;
                fs_err::create_dir_all(&tree)?;
                (source.unpack(&tree, UnpackLimits::of(&context.environment)?)?, TreeOwner::Tool)
            }
        };
        let pyproject = PyProject::read(&path)?;
        if owner == TreeOwner::Tool {
            own_workspace::give(&folder.root.join("tree"), &path, &pyproject)?;
        }
        let label = label(&path, &pyproject);
        Ok(Self { folder, tree: Tree { path, owner, pyproject, workspace: Workspace::default() }, label })
    }

    /// The tree as it came.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Adds files and applies patches. Returns the tree to build: a copy if the source is the user's folder.
    ///
    /// # Errors
    /// When the tree cannot be copied, it has a file that should be added, or a patch does not fit.
    pub(super) fn apply(
        &self,
        context: &Context,
        changes: &Changes,
        recipes: &[CrateRecipe],
    ) -> Result<Tree> {
        // Cargo notes in the lock file which crates are patched, and the user's is not written to.
        let is_lock_written = || self.tree.owner == TreeOwner::User && locks_patched(&self.tree, recipes);
        if !changes.edit_the_tree() && !is_lock_written() {
            self.add_doc_files(context)?;
            return Ok(self.tree.clone());
        }
        // The archive's tree was unpacked for this build and is ours to change: no copy is needed.
        let (path, workspace) = match self.tree.owner {
            TreeOwner::User => copy(context, &self.tree.path, &self.folder.root.join("tree"))?,
            TreeOwner::Tool => (self.tree.path.clone(), Workspace::default()),
        };
        sources::add(&path, &changes.sources)?;
        patches::apply(&path, &changes.patches)?;
        self.add_doc_files(context)?;
        let pyproject = PyProject::read(&path)?;
        own_workspace::give(&self.folder.root.join("tree"), &path, &pyproject)?;
        Ok(Tree { path, owner: TreeOwner::Tool, pyproject, workspace })
    }

    /// Has an empty file for each that an archive lacks and that documentation alone includes.
    fn add_doc_files(&self, context: &Context) -> Result<()> {
        if self.tree.owner == TreeOwner::User {
            return Ok(());
        }
        let tree = self.folder.root.join("tree");
        for path in doc_files::missing(&tree) {
            let name = path.strip_prefix(&self.tree.path).unwrap_or(&path).display();
            context
                .ui
                .detail(format!("the source lacks `{name}`, which documentation includes: it is empty here"));
            write_with_old_time(&path, "")?;
        }
        Ok(())
    }
}

/// Whether the lock file of a project names a crate that recipes rewrite in a copy.
fn locks_patched(tree: &Tree, recipes: &[CrateRecipe]) -> bool {
    let manifest = manifest::find(&tree.path, &tree.pyproject);
    let lock = manifest.as_deref().and_then(lock_file::find);
    let lock = lock.and_then(|path| fs_err::read_to_string(path).ok()).unwrap_or_default();
    lock_file::locked_crates(&lock).unwrap_or_default().iter().any(|locked| {
        recipes.iter().any(|recipe| {
            // Which features are on is not known yet.
            let mut rules = recipe.rules_for(&locked.name, &locked.version, |_| true);
            rules.any(Rule::rewrites)
        })
    })
}

/// Copies the workspace around a project. Returns where project and workspace are in the copy.
fn copy(context: &Context, project: &Path, target: &Path) -> Result<(PathBuf, Workspace)> {
    // The whole workspace: path dependencies and inherited keys lead out of the package's own folder.
    let located = workspace_around(context, project);
    let workspace = located.as_deref().unwrap_or(project);
    remove_folder(target)?;
    // The folder's name stays: tools show it.
    let target = target.join(workspace.file_name().unwrap_or("package".as_ref()));
    // The cache may lie in the workspace, and this copy with it.
    let cache = fs_err::canonicalize(context.cache.root()).unwrap_or_default();
    let is_cache = |path: &Path| {
        path.file_name() == cache.file_name() && fs_err::canonicalize(path).is_ok_and(|path| path == cache)
    };
    let wanted = |path: &Path| {
        let is_called = |name: &str| path.file_name().is_some_and(|own| own == name);
        // A crate may have a module of this name: cargo's folder lies beside a manifest, or marks itself.
        let is_cargos = || path.with_file_name("Cargo.toml").is_file() || path.join("CACHEDIR.TAG").is_file();
        let is_left_out = NOT_COPIED.iter().any(|name| is_called(name)) || is_called("target") && is_cargos();
        !is_left_out && !is_cache(path)
    };
    copy_folder(workspace, &target, wanted)
        .with_context(|| format!("cannot copy `{}`", workspace.display()))
        .map_err(|error| with_disk_hint(error, &target))?;
    let project = target.join(project.strip_prefix(workspace).unwrap_or(Path::new("")));
    let known = Workspace::default();
    if located.is_some() {
        known.set(target);
    }
    Ok((project, known))
}

/// The folder whose files a build of a source reads: that of the Cargo workspace around the package, else its own. None
/// if the source does not change.
pub fn watched_folder(context: &Context, source: &Source) -> Option<PathBuf> {
    match source {
        Source::Folder(folder) => Some(workspace_around(context, folder).unwrap_or_else(|| folder.clone())),
        Source::Archive(_) => None,
    }
}

/// The root of the workspace above a project. Any cargo will do: no crate is compiled.
fn workspace_around(context: &Context, project: &Path) -> Option<PathBuf> {
    let manifest = manifest::find(project, &PyProject::read(project).ok()?)?;
    let cargo = rust::find_all(context).into_iter().next();
    let root = locate_workspace(context, cargo?.cargo_in(project), &manifest).ok()?;
    // Through a link cargo may name another path for the same folder: then the project alone is copied.
    project.starts_with(&root).then_some(root)
}

/// Asks cargo for the root of the workspace that a manifest belongs to.
pub(super) fn locate_workspace(context: &Context, cargo: Invocation, manifest: &Path) -> Result<PathBuf> {
    let located = cargo
        .args(["locate-project", "--workspace", "--message-format=plain", "--manifest-path"])
        .arg(manifest)
        .output(&context.ui)?;
    let manifest = Path::new(located.stdout.trim());
    Ok(manifest.parent().unwrap_or(manifest).to_owned())
}

/// What a package is called in progress messages: its name and version, as far as files tell them, else its folder's name.
fn label(tree: &Path, pyproject: &PyProject) -> String {
    let Identity { name, version } = Identity::of(tree, pyproject);
    let folder = || {
        tree.file_name()
            .map_or_else(|| tree.display().to_string(), |name| name.to_string_lossy().into_owned())
    };
    match (name, version) {
        (Some(name), Some(version)) => format!("{name}-{version}"),
        (Some(name), None) => name,
        (None, _) => folder(),
    }
}
