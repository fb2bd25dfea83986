//! Which overlays apply to a package, and what each command says of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use crate::build::Workshop;
use crate::error::{Result, hinted};
use crate::overlay::changes::{AddedFile, Applied, FileOrigin, VariantChoice};
use crate::overlay::crates::{CrateRecipe, Rule};
use crate::overlay::recipes::{self, Match};
use crate::overlay::values::{CrateUpdate, Wanted};
use crate::overlay::{self, Changes, Overlay, Target};
use crate::project::Identity;
use crate::project::graph::{Crate, Graph};
use crate::runtime::Runtime;
use crate::source::{Access, file};
use crate::wheel::edits::Edits;

/// The overlays that the user chose.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct OverlayArguments {
    /// A file that says what is changed in the package; repeatable
    #[arg(long = "overlay", value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// A variant that an overlay offers, with a file of yours in the place of the one that it would fetch; repeatable
    #[arg(long = "variant", value_name = "NAME[=FILE]")]
    pub(super) variants: Vec<VariantChoice>,
    /// Apply none of the recipes that the tool ships
    #[arg(long)]
    pub(super) no_recipes: bool,
}

impl OverlayArguments {
    /// What of the user's choice holds for other packages: whether recipes are applied.
    pub(super) fn recipes_alone(&self) -> Self {
        Self { no_recipes: self.no_recipes, ..Self::default() }
    }
}

/// What is changed in the package of a source tree, for one runtime.
///
/// # Errors
/// When an overlay cannot be read, is wrong, or lacks a variant that was asked for.
pub(super) fn changes(
    workshop: Workshop<'_>,
    (arguments, tree): (&OverlayArguments, &Path),
    runtime: &Runtime,
) -> Result<Changes> {
    let identity = Identity::of(tree);
    let overlays = overlays(workshop, (arguments, tree), &identity)?;
    let target = Target { version: identity.version.as_ref(), pyodide: &runtime.version };
    let changes = Changes::of(&overlays, target, &arguments.variants)?;
    for applied in &changes.applied {
        workshop.ui.phase("Applying", format!("{}: {}", applied.overlay, applied.changes.join(", ")));
    }
    Ok(changes)
}

/// Recipes first, then files, then the package's own table: later ones win.
fn overlays(
    workshop: Workshop<'_>,
    (arguments, tree): (&OverlayArguments, &Path),
    identity: &Identity,
) -> Result<Vec<Overlay>> {
    let mut overlays = Vec::new();
    if let (Some(name), false) = (&identity.name, arguments.no_recipes) {
        match recipes::find(name, identity.version.as_ref())? {
            Match::Fits(overlay) => overlays.push(*overlay),
            Match::OtherVersions(versions) => {
                let this =
                    identity.version.as_ref().map_or("of an unknown version".into(), ToString::to_string);
                workshop.ui.warn(format!(
                    "the recipe `{name}` was made for versions {versions}, and this one is {this}: it is not applied"
                ));
            }
            Match::None => {}
        }
    }
    for path in &arguments.files {
        overlays.push(overlay::from_file(path)?);
    }
    overlays.extend(overlay::of_package(tree)?);
    Ok(overlays)
}

/// The recipes for crates that the tool ships.
///
/// # Errors
/// When a shipped recipe is wrong.
pub(super) fn crate_recipes(arguments: &OverlayArguments) -> Result<Vec<CrateRecipe>> {
    if arguments.no_recipes {
        return Ok(Vec::new());
    }
    Ok(recipes::crates()?.into_iter().map(|recipe| recipe.recipe).collect())
}

/// A rule of a recipe that fits a crate of the graph.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fitting<'a> {
    pub(super) used: &'a Crate,
    pub(super) rule: &'a Rule,
}

/// The rules that fit crates of a graph.
pub(super) fn fitting<'a>(graph: &'a Graph, recipes: &'a [CrateRecipe]) -> Vec<Fitting<'a>> {
    let of = |used: &'a Crate| {
        recipes.iter().flat_map(move |recipe| {
            let has = |name: &str| used.features.iter().any(|feature| feature == name);
            recipe.rules_for((&used.name, &used.version), has).map(move |rule| Fitting { used, rule })
        })
    };
    graph.crates.iter().flat_map(of).collect()
}

impl Fitting<'_> {
    /// What it changes.
    pub(super) fn applied(&self) -> Applied {
        let Fitting { used, rule } = self;
        let mut changes = Vec::new();
        if rule.update {
            changes.push("`cargo update`".to_owned());
        }
        if !rule.rustflags.is_empty() {
            changes.push(format!("rustflags `{}`", rule.rustflags.join(" ")));
        }
        if !rule.without_features.is_empty() {
            changes.push(format!("without its features `{}`", rule.without_features.join("`, `")));
        }
        if rule.not_in_browser {
            changes.push("it is told that this is none".to_owned());
        }
        Applied { overlay: format!("the recipe for the crate `{} {}`", used.name, used.version), changes }
    }

    /// One line for the user.
    pub(super) fn line(&self) -> String {
        let Applied { overlay, changes } = self.applied();
        format!("{overlay}, which {}: {}", self.rule.why, changes.join(", "))
    }

    /// What the owner of the lock file should do.
    pub(super) fn advice(&self) -> String {
        let Fitting { used, rule } = self;
        format!("the crate `{} {}` {}: run `cargo update {}`", used.name, used.version, rule.why, used.name)
    }

    /// The update of the lock file that the rule asks for.
    pub(super) fn update(&self) -> Option<CrateUpdate> {
        // The lock file may have several versions of it.
        let name = format!("{}@{}", self.used.name, self.used.version);
        self.rule.update.then_some(CrateUpdate { name, version: Wanted::Newest })
    }
}

/// What is changed in the wheel, with the bytes of the files that are added.
///
/// # Errors
/// When a file cannot be had, or is not the one that the overlay means.
pub(super) fn edits(changes: &Changes, access: Access<'_>) -> Result<Edits> {
    let mut edits = Edits { dependencies: changes.dependencies.clone(), ..Edits::default() };
    for added in &changes.files {
        let bytes =
            bytes_of(added, access).with_context(|| format!("cannot add `{}` to the wheel", added.to))?;
        edits.files.insert(added.to.clone(), bytes);
    }
    Ok(edits)
}

fn bytes_of(added: &AddedFile, access: Access<'_>) -> Result<Vec<u8>> {
    let (bytes, name) = match &added.from {
        FileOrigin::Beside(place, path) => (place.read(path)?, path.to_string()),
        FileOrigin::Named(path) => (fs_err::read(path)?, path.display().to_string()),
        FileOrigin::Address(address) => {
            let stated = added.sha256.as_ref().ok_or_else(|| anyhow!("`{address}` has no `sha256`"))?;
            let fetched = file::fetch(address, &stated.0, access);
            return fetched.map_err(|error| {
                hinted(error, "get the file some other way and name it: `--variant NAME=FILE`")
            });
        }
    };
    if let Some(stated) = &added.sha256 {
        file::check(&bytes, &stated.0, &name)?;
    }
    Ok(bytes)
}
