//! The rules of recipes that fit crates of a graph, and how they are told.

use crate::overlay::changes::Applied;
use crate::overlay::crates::{CrateRecipe, Rule};
use crate::overlay::values::{CrateUpdate, Wanted};
use crate::project::graph::{Crate, Graph};

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
            let rules = recipe.rules_for(&used.name, &used.version, has);
            let is_done = move |rule: &Rule| {
                !rule.with_features.is_empty() && rule.with_features.iter().all(|name| has(name))
            };
            rules.filter(move |rule| !is_done(rule)).map(move |rule| MatchedRule { used, rule })
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
        if !rule.with_features.is_empty() {
            changes.push(format!("with its features `{}`", rule.with_features.join("`, `")));
        }
        if rule.not_in_browser {
            changes.push("`cargo.not-in-browser`".to_owned());
        }
        changes.extend(rule.target_os.as_ref().map(|system| format!("`cargo.target-os` `{system}`")));
        changes.extend(rule.patches.iter().map(|path| format!("patch `{path}`")));
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
