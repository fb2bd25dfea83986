//! The crates of a package, and the settings of cargo that follow from them.
//!
//! cargo's graph is brought up to date first; then the rules of recipes are matched against it. `choices` puts everything
//! together and is pure.

use std::path::PathBuf;

use super::checks;
use super::lock_file;
use super::not_in_browser;
use super::package::Package;
use super::request::{BuildRequest, CargoRequest, OverlayRequest, Recipes};
use super::tuning::Tuning;
use crate::abi::TARGET;
use crate::abi::proposals::target_features;
use crate::backend::{CargoChoices, stated_profile};
use crate::context::{Context, Network};
use crate::error::Result;
use crate::overlay::Changes;
use crate::overlay::changes::Applied;
use crate::overlay::crates::{CrateRecipe, Rule};
use crate::overlay::recipes;
use crate::overlay::values::{CrateUpdate, Wanted};
use crate::project::graph::{self, Crate, Graph};
use crate::project::{Project, bindings};
use crate::runtime::Runtime;
use crate::source::TreeOwner;
use crate::toolchain::RustToolchain;

/// How many crates of a lock file the registry may lack.
// Each missing version costs a run of cargo; a lock file with more of them is for another registry.
const MOST_MISSING: usize = 12;

/// Cargo's settings, and the crate recipes that contributed to them.
pub(super) struct Crates {
    /// How cargo and compilers are called.
    pub(super) choices: CargoChoices,
    /// The recipes for crates that applied.
    pub(super) applied: Vec<Applied>,
    /// What was chosen where the package says nothing.
    pub(super) tuning: Tuning,
    /// The root of the workspace, if the graph could be read.
    pub(super) workspace: Option<PathBuf>,
}

impl Crates {
    /// Brings the lock file up to date, reads the graph and matches the recipes for crates.
    ///
    /// # Errors
    /// When the lock file cannot be changed, or PyO3 does not know the release's Python.
    pub(super) fn resolve(
        context: &Context,
        package: &Package<'_>,
        request: &BuildRequest,
        changes: &Changes,
        runtime: &Runtime,
    ) -> Result<Self> {
        lock_file::update(context, package, &changes.cargo.updates)?;
        let mut recipes = crate_recipes(&request.overlays)?;
        recipes.extend(changes.cargo.not_in_browser.iter().map(|name| CrateRecipe::of_no_browser(name)));
        let mut choices = choices(&request.cargo, changes, &recipes);
        let Some(graph) = read_graph(context, package, &choices.features)? else {
            let tuning = Tuning::default();
            return Ok(Self { choices, applied: Vec::new(), tuning, workspace: None });
        };
        checks::check_bindings(context, &graph, runtime)?;
        // Known from the features of PyO3, which only the resolved graph has.
        choices.stable_abi = bindings::stable_abi(&graph);
        let (updates, rest): (Vec<MatchedRule<'_>>, Vec<_>) =
            match_rules(&graph, &recipes).into_iter().partition(|matched| matched.rule.update);
        // An update rewrites the lock file, and the user's own is never written to: there it is advice.
        let is_ours = package.tree.owner == TreeOwner::Tool;
        if is_ours {
            let updates: Vec<CrateUpdate> = updates.iter().filter_map(MatchedRule::update).collect();
            lock_file::update(context, package, &updates)?;
        } else {
            for matched in &updates {
                context.ui.warn(matched.advice());
            }
        }
        for matched in rest.iter().filter(|matched| matched.rule.not_in_browser) {
            let copy = not_in_browser::copy_crate(context, matched.used)?;
            // As a patch of cargo's, so that the package's own manifest stays as it is.
            choices.overlay.patch.insert(matched.used.name.clone(), copy);
        }
        checks::warn_of_browser(context, &graph, &choices.overlay.patch);
        let applied: Vec<&MatchedRule<'_>> = updates.iter().filter(|_| is_ours).chain(&rest).collect();
        for matched in &applied {
            context.ui.phase("Applying", matched.line());
        }
        choices.key = key_with_rules(choices.key.take(), &rest);
        let tuning = tune(context, package, request, changes, runtime, &graph)?;
        choices.overlay.profile = choices.overlay.profile.or(tuning.profile.clone());
        choices.target_features.clone_from(&tuning.target_features);
        let applied = applied.iter().map(|matched| matched.applied()).collect();
        Ok(Self { choices, applied, tuning, workspace: Some(graph.workspace) })
    }
}

/// Chooses what nobody gives, for what the package is compiled for.
fn tune(
    context: &Context,
    package: &Package<'_>,
    request: &BuildRequest,
    changes: &Changes,
    runtime: &Runtime,
    graph: &Graph,
) -> Result<Tuning> {
    let wanted = request.tuned_for(&context.environment, changes.optimization)?;
    let mut stated = stated_profile::read(&context.environment, &package.project.root, &graph.workspace)?;
    // What overlays say counts like the package's own word.
    stated.extend(changes.cargo.profile.table());
    let features = target_features(runtime.facts.released.as_deref());
    let tuning = Tuning::choose(wanted, &stated, graph.crates.len(), features);
    if let Some(line) = tuning.describe() {
        context.ui.phase("Choosing", line);
    }
    Ok(tuning)
}

/// The settings of cargo and compilers that follow from the user's choices, overlays and crate recipes alone. What the
/// graph decides is added later.
fn choices(request: &CargoRequest, changes: &Changes, recipes: &[CrateRecipe]) -> CargoChoices {
    let mut features = Vec::new();
    if request.no_default_features || changes.cargo.no_default_features {
        features.push("--no-default-features".to_owned());
    }
    let named: Vec<&str> =
        changes.cargo.features.iter().chain(&request.features).map(String::as_str).collect();
    if !named.is_empty() {
        features.push(format!("--features={}", named.join(",")));
    }
    let flags = changes.cargo.crate_rustflags.iter();
    let own = flags.map(|(name, flags)| CrateRecipe::of_flags(name, flags));
    CargoChoices {
        profile: request.profile.clone(),
        features,
        overlay: changes.cargo.clone(),
        crates: recipes.iter().cloned().chain(own).collect(),
        key: changes.key(),
        target_features: Vec::new(),
        headers: request.headers.clone(),
        c_toolchain: request.c_toolchain,
        crate_store: request.crate_store,
        stable_abi: None,
    }
}

/// The key of a build with the rules that matched: flags of single crates reach the compiler past cargo.
fn key_with_rules(key: Option<String>, rules: &[MatchedRule<'_>]) -> Option<String> {
    if rules.is_empty() {
        return key;
    }
    let lines: Vec<String> = rules.iter().map(MatchedRule::line).collect();
    Some(crate::digest::key(&[&key.unwrap_or_default(), &lines.join("\n")]))
}

/// The package's dependency graph, with these features. Where the lock file is ours and names versions that the registry does
/// not have, which may be a mirror that is behind, cargo takes others. A graph that cannot be read is left to the build, which
/// says why.
fn read_graph(context: &Context, package: &Package<'_>, features: &[String]) -> Result<Option<Graph>> {
    let Package { project, rust, tree, .. } = package;
    let Some(manifest) = project.manifest.as_ref() else { return Ok(None) };
    for _ in 0..MOST_MISSING {
        let said = match ask_graph(context, project, rust, features) {
            Ok(graph) => {
                if let Some(graph) = &graph {
                    tree.workspace.set(graph.workspace.clone());
                }
                return Ok(graph);
            }
            Err(error) => format!("{error:#}"),
        };
        // The user's own lock file is left alone: the build then fails in cargo's words.
        let missing = missing_of_lock(&said).filter(|_| tree.owner == TreeOwner::Tool);
        let Some((name, version)) = missing else { return Ok(None) };
        context.ui.warn(format!(
            "the lock file names `{name} {version}`, which the registry does not have: cargo takes another version"
        ));
        lock_file::forget(context, package, name, version)?;
    }
    context.ui.detail(format!("the graph of `{}` cannot be read", manifest.display()));
    Ok(None)
}

/// The graph as cargo tells it; nothing if the project has no manifest, or cargo prints no graph.
///
/// # Errors
/// When cargo cannot tell: then in its own words.
pub fn ask_graph(
    context: &Context,
    project: &Project,
    rust: &RustToolchain,
    features: &[String],
) -> Result<Option<Graph>> {
    let Some(manifest) = project.manifest.as_ref() else { return Ok(None) };
    let mut cargo = rust.cargo_in(&project.root).args(graph::metadata_arguments(manifest, TARGET, features));
    if context.network == Network::Forbidden {
        cargo = cargo.arg("--offline");
    }
    Ok(Graph::parse(&cargo.output(&context.ui)?.stdout))
}

/// The crate and version that a lock file names and the registry does not have, in cargo's words.
fn missing_of_lock(said: &str) -> Option<(&str, &str)> {
    let (_, rest) = said.split_once("failed to select a version for the requirement `")?;
    let (requirement, rest) = rest.split_once('`')?;
    let version = rest.trim_start().strip_prefix("(locked to ")?.split(')').next()?;
    Some((requirement.split_whitespace().next()?, version))
}

/// The recipes for crates that the tool ships.
///
/// # Errors
/// When a shipped recipe is wrong.
pub fn crate_recipes(request: &OverlayRequest) -> Result<Vec<CrateRecipe>> {
    match request.recipes {
        Recipes::Ignored => Ok(Vec::new()),
        Recipes::Applied => Ok(recipes::crates()?.into_iter().map(|shipped| shipped.recipe).collect()),
    }
}

/// A rule of a recipe that fits a crate of the graph.
#[derive(Debug, Clone, Copy)]
pub struct MatchedRule<'a> {
    /// The crate.
    pub used: &'a Crate,
    /// The rule.
    pub rule: &'a Rule,
}

/// The rules that fit crates of a graph.
pub fn match_rules<'a>(graph: &'a Graph, recipes: &'a [CrateRecipe]) -> Vec<MatchedRule<'a>> {
    let of = |used: &'a Crate| {
        recipes.iter().flat_map(move |recipe| {
            let has = |name: &str| used.features.iter().any(|feature| feature == name);
            recipe.rules_for(&used.name, &used.version, has).map(move |rule| MatchedRule { used, rule })
        })
    };
    graph.crates.iter().flat_map(of).collect()
}

impl MatchedRule<'_> {
    /// What it changes.
    pub(super) fn applied(&self) -> Applied {
        let MatchedRule { used, rule } = self;
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
            changes.push("`cargo.not-in-browser`".to_owned());
        }
        Applied { overlay: format!("the recipe for the crate `{} {}`", used.name, used.version), changes }
    }

    /// One line for the user.
    pub fn line(&self) -> String {
        let Applied { overlay, changes } = self.applied();
        format!("{overlay}, which {}: {}", self.rule.why, changes.join(", "))
    }

    /// What the owner of the lock file should do.
    pub(super) fn advice(&self) -> String {
        let MatchedRule { used, rule } = self;
        format!("the crate `{} {}` {}: run `cargo update {}`", used.name, used.version, rule.why, used.name)
    }

    /// The update of the lock file that the rule asks for.
    pub(super) fn update(&self) -> Option<CrateUpdate> {
        // The lock file may have several versions of it.
        let name = format!("{}@{}", self.used.name, self.used.version);
        self.rule.update.then_some(CrateUpdate { name, version: Wanted::Newest })
    }
}

#[cfg(test)]
mod tests;
