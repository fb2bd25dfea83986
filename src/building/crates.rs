//! The crates of a package, and the settings of cargo that follow from them.
//!
//! cargo's graph is brought up to date first; then the rules of recipes are matched against it. `choices` puts everything
//! together and is pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use semver::Version;

use super::checks;
use super::git_crates::{self, FromRegistry};
use super::lock_file;
pub use super::matched_rules::{MatchedRule, match_rules};
use super::package::Package;
use super::request::{BuildRequest, CargoRequest, GitCrates, OverlayRequest, Recipes};
use super::rewritten_crates;
use super::tuning::Tuning;
use crate::abi::TARGET;
use crate::abi::proposals::target_features;
use crate::backend::cargo_config::patch_arguments;
use crate::backend::{CargoChoices, LockUse, stated_profile};
use crate::context::{Context, Network};
use crate::error::Result;
use crate::overlay::Changes;
use crate::overlay::changes::{Applied, CargoChanges};
use crate::overlay::crates::CrateRecipe;
use crate::overlay::recipes;
use crate::overlay::values::{CrateUpdate, Wanted};
use crate::project::graph::{self, Graph};
use crate::project::{Project, bindings};
use crate::runtime::Runtime;
use crate::source::TreeOwner;
use crate::toolchain::RustToolchain;
use crate::wasm::strip::Strip;

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
    /// The crates that overlays update, with the versions that were taken.
    pub(super) updates: Vec<CrateUpdate>,
    /// The crates that the package needs, if they could be read.
    pub(super) graph: Option<Graph>,
}

impl Crates {
    /// The root of the workspace, if the crates could be read.
    pub(super) fn workspace(&self) -> Option<&Path> {
        Some(&self.graph.as_ref()?.workspace)
    }

    /// Brings the lock file up to date, reads the graph and matches the recipes for crates.
    ///
    /// # Errors
    /// When the lock file cannot be changed, or PyO3 does not know the release's Python.
    pub(super) fn resolve(
        context: &Context,
        package: &Package<'_>,
        request: &BuildRequest,
        changes: &Changes,
        recipes: &[CrateRecipe],
        runtime: &Runtime,
    ) -> Result<Self> {
        lock_file::update(context, package, &changes.cargo.updates)?;
        let of_back_end = &package.project.features;
        let mut choices = choices(&request.cargo, changes, &of_back_end.names(runtime.python), recipes);
        choices.set_strip(request.strip);
        let arguments = [&choices.features[..], &of_back_end.arguments(runtime.python)].concat();
        let graph = read_graph(context, package, &arguments, &request.cargo)?;
        choices.links_library = bindings::make_library(package.project, graph.as_ref());
        let Some(mut graph) = graph else {
            let (applied, updates) = (Vec::new(), Vec::new());
            return Ok(Self { choices, applied, tuning: Tuning::default(), updates, graph: None });
        };
        // What a manifest asks of the target decides which crates there are.
        if rewritten_crates::rewrite_own(package, &match_rules(&graph, recipes))? {
            graph = read_graph(context, package, &arguments, &request.cargo)?.unwrap_or(graph);
        }
        let graph = add_crates_of_copies(context, package, recipes, &arguments, graph)?;
        checks::check_crate_names(&graph, "cargo.not-in-browser", &changes.cargo.not_in_browser)?;
        checks::check_crate_names(&graph, "cargo.target-os", changes.cargo.target_os.keys())?;
        checks::check_bindings(context, &graph, package.tree.owner, runtime)?;
        // Known from the features of PyO3, which only the resolved graph has.
        choices.stable_abi = bindings::stable_abi(&graph);
        let (updates, rest): (Vec<MatchedRule<'_>>, Vec<_>) =
            match_rules(&graph, recipes).into_iter().partition(|matched| matched.rule.update);
        let is_updated = update_by_rules(context, package, request.cargo.lock, &updates)?;
        // As patches of cargo's, so that the package's own manifest stays as it is.
        choices.overlay.patch.extend(rewritten_crates::copy_others(context, package, &rest)?);
        if !choices.overlay.patch.is_empty() {
            // That the lock file fits was just seen. Cargo notes patches there: in our copy of the tree.
            choices.lock = LockUse::Updated;
        }
        checks::warn_of_browser(context, &graph, &choices.overlay.patch);
        let applied: Vec<&MatchedRule<'_>> = updates.iter().filter(|_| is_updated).chain(&rest).collect();
        for matched in &applied {
            context.ui.phase("Applying", matched.line());
        }
        choices.key = key_with_rules(choices.key.take(), &rest);
        let stated = stated_profile(context, package, changes, &graph)?;
        if states_abort(&stated) {
            checks::warn_of_abort(context, package.project);
        }
        let tuning = tune(context, request, changes, runtime, &graph, &stated)?;
        choices.overlay.profile = choices.overlay.profile.or(tuning.profile.clone());
        choices.target_features.clone_from(&tuning.target_features);
        let applied = applied.iter().map(|matched| matched.applied()).collect();
        let updates = taken_updates(&changes.cargo.updates, &graph);
        Ok(Self { choices, applied, tuning, updates, graph: Some(graph) })
    }
}

/// The recipes for crates: shipped ones, and what overlays say of single crates.
///
/// # Errors
/// When a shipped recipe is wrong.
pub(super) fn all_recipes(request: &BuildRequest, changes: &Changes) -> Result<Vec<CrateRecipe>> {
    let CargoChanges { not_in_browser, target_os, .. } = &changes.cargo;
    let mut recipes = crate_recipes(&request.overlays)?;
    recipes.extend(not_in_browser.iter().map(|name| CrateRecipe::of_no_browser(name)));
    recipes.extend(target_os.iter().map(|(name, system)| CrateRecipe::of_system(name, system)));
    Ok(recipes)
}

/// What the package, its user and overlays say of the profile `release`.
fn stated_profile(
    context: &Context,
    package: &Package<'_>,
    changes: &Changes,
    graph: &Graph,
) -> Result<toml::Table> {
    let mut stated = stated_profile::read(&context.environment, &package.project.root, &graph.workspace)?;
    stated.extend(changes.cargo.profile.table());
    Ok(stated)
}

/// Chooses what nobody gives, for what the package is compiled for.
fn tune(
    context: &Context,
    request: &BuildRequest,
    changes: &Changes,
    runtime: &Runtime,
    graph: &Graph,
    stated: &toml::Table,
) -> Result<Tuning> {
    let wanted = request.tuned_for(&context.environment, changes.optimization)?;
    let features = target_features(runtime.facts.released.as_deref());
    let tuning = Tuning::choose(wanted, stated, graph.crates.len(), features);
    if let Some(line) = tuning.describe() {
        context.ui.phase("Choosing", line);
    }
    Ok(tuning)
}

/// Updates with the versions that the graph has.
fn taken_updates(updates: &[CrateUpdate], graph: &Graph) -> Vec<CrateUpdate> {
    let of = |update: &CrateUpdate| {
        let fits = |version: &Version| match &update.version {
            Wanted::Newest => true,
            Wanted::Exact(exact) => version == exact,
            Wanted::Compatible(wanted) => wanted.matches(version),
        };
        let versions = graph.crates.iter().filter(|used| used.name == update.name).map(|used| &used.version);
        let version = versions.filter(|version| fits(version)).max()?.clone();
        Some(CrateUpdate { name: update.name.clone(), version: Wanted::Exact(version) })
    };
    updates.iter().filter_map(of).collect()
}

/// The settings of cargo and compilers that follow from the user's choices, overlays and crate recipes alone. What the
/// graph decides is added later.
fn choices(
    request: &CargoRequest,
    changes: &Changes,
    of_back_end: &[String],
    recipes: &[CrateRecipe],
) -> CargoChoices {
    let mut features = Vec::new();
    if request.no_default_features || changes.cargo.no_default_features {
        features.push("--no-default-features".to_owned());
    }
    let mut named: Vec<&str> =
        changes.cargo.features.iter().chain(&request.features).map(String::as_str).collect();
    if !named.is_empty() {
        // maturin takes those of its table only if it is told none.
        named.splice(0..0, of_back_end.iter().map(String::as_str));
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
        jobs: request.jobs,
        lock: request.lock,
        crate_store: request.crate_store,
        stable_abi: None,
        links_library: false,
        strip: Strip::default(),
    }
}

/// The key of a build with the rules that matched: flags of single crates reach the compiler past cargo.
pub(super) fn key_with_rules(key: Option<String>, rules: &[MatchedRule<'_>]) -> Option<String> {
    if rules.is_empty() {
        return key;
    }
    let lines: Vec<String> = rules.iter().map(MatchedRule::line).collect();
    Some(crate::digest::key(&[&key.unwrap_or_default(), &lines.join("\n")]))
}

/// The package's dependency graph, with these features. Where the lock file is ours and names versions that the registry does
/// not have, which may be a mirror that is behind, cargo takes others; so are crates from git, if the request says
/// so. A graph that cannot be read is left to the build, which says why.
fn read_graph(
    context: &Context,
    package: &Package<'_>,
    features: &[String],
    request: &CargoRequest,
) -> Result<Option<Graph>> {
    // The build fails in cargo's words if the lock file does not fit.
    let locked = (request.lock == LockUse::Kept).then(|| "--locked".to_owned());
    let Package { project, rust, tree, .. } = package;
    let arguments: Vec<String> = features.iter().cloned().chain(locked).collect();
    let Some(manifest) = project.manifest.as_ref() else { return Ok(None) };
    let mut from_registry: Option<FromRegistry> = None;
    for _ in 0..MOST_MISSING {
        let said = match ask_graph(context, project, rust, &arguments) {
            Ok(Some(graph)) => {
                tree.workspace.set(graph.workspace.clone());
                let is_right = from_registry.map_or(Ok(true), |taken| taken.confirm(context, &graph))?;
                return Ok(Some(graph).filter(|_| is_right));
            }
            Ok(None) => return Ok(None),
            Err(error) => format!("{error:#}"),
        };
        // The user's own lock file is left alone: the build then fails in cargo's words.
        let is_ours = tree.owner == TreeOwner::Tool && request.lock == LockUse::Updated;
        let may_replace = is_ours && request.git_crates == GitCrates::FromRegistry;
        if may_replace && from_registry.is_none() && git_crates::are_out_of_reach(&said) {
            from_registry = FromRegistry::take(context, package)?;
            if from_registry.is_some() {
                continue;
            }
        }
        let missing = missing_of_lock(&said).filter(|_| is_ours);
        let Some((name, version)) = missing else {
            // The build then fails for the reason that the package gives.
            from_registry.map_or(Ok(()), FromRegistry::undo)?;
            return Ok(None);
        };
        context.ui.warn(format!(
            "the lock file names `{name} {version}`, which the registry does not have: cargo takes another version"
        ));
        lock_file::forget(context, package, name, version)?;
    }
    context.ui.detail(format!("the graph of `{}` cannot be read", manifest.display()));
    Ok(None)
}

/// Updates what rules say. Returns whether it did: an update rewrites the lock file, and the user's own is never written to,
/// so that there it is advice.
fn update_by_rules(
    context: &Context,
    package: &Package<'_>,
    lock: LockUse,
    rules: &[MatchedRule<'_>],
) -> Result<bool> {
    let is_ours = package.tree.owner == TreeOwner::Tool && lock == LockUse::Updated;
    if is_ours {
        let updates: Vec<CrateUpdate> = rules.iter().filter_map(MatchedRule::update).collect();
        lock_file::update(context, package, &updates)?;
    } else {
        for matched in rules {
            context.ui.warn(matched.advice());
        }
    }
    Ok(is_ours)
}

/// The graph with the crates that rewritten copies call and their originals do not: what a manifest asks of the target
/// decides which there are.
fn add_crates_of_copies(
    context: &Context,
    package: &Package<'_>,
    recipes: &[CrateRecipe],
    features: &[String],
    mut graph: Graph,
) -> Result<Graph> {
    let mut known = 0;
    loop {
        let mut rules = match_rules(&graph, recipes);
        rules.retain(|MatchedRule { used, .. }| !used.elsewhere.is_empty() && !used.is_from_git());
        let copies: BTreeMap<String, PathBuf> =
            rewritten_crates::copy_others(context, package, &rules)?.into_iter().collect();
        if copies.len() == known {
            return Ok(graph);
        }
        known = copies.len();
        let arguments = [features, &patch_arguments(&copies)].concat();
        let Package { project, rust, .. } = package;
        // The build says why, if cargo cannot tell.
        let Ok(Some(patched)) = ask_graph(context, project, rust, &arguments) else { return Ok(graph) };
        graph.add(patched);
    }
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

/// Whether a Rust panic ends the whole interpreter, by the release profile.
pub fn aborts_on_panic(context: &Context, project: &Project, graph: &Graph) -> bool {
    let stated = stated_profile::read(&context.environment, &project.root, &graph.workspace);
    stated.is_ok_and(|stated| states_abort(&stated))
}

fn states_abort(profile: &toml::Table) -> bool {
    profile.get("panic").and_then(toml::Value::as_str) == Some("abort")
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

#[cfg(test)]
mod tests;
