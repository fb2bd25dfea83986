//! Crates whose code for a feature of the target does not compile: such a crate is compiled without the feature.
//!
//! The package did not ask for the feature, the tool chose it (docs/speed.md): nothing may fail by that.

use std::path::Path;

use super::crates::{Crates, key_with_rules};
use super::matched_rules::MatchedRule;
use crate::backend::failure::BackendFailed;
use crate::error::cause;
use crate::overlay::changes::Applied;
use crate::overlay::crates::CrateRecipe;
use crate::project::graph::Crate;
use crate::project::sources::rust_sources;

impl Crates {
    /// Turns the chosen features of the target off for the crate of a registry with which a build failed, if its sources ask
    /// for one of them and they are still on. Returns a warning; nothing if the build failed for another reason.
    pub(super) fn turn_features_off(&mut self, failed: &anyhow::Error) -> Option<String> {
        let failed = cause::<BackendFailed>(failed)?.failed.as_ref()?;
        let graph = self.graph.as_ref()?;
        let is_it = |used: &&Crate| used.name == failed.name && used.version == failed.version;
        let used = graph.crates.iter().find(is_it)?;
        let folder = used.manifest.parent()?;
        let features = &self.choices.target_features;
        let asked: Vec<&str> =
            features.iter().copied().filter(|feature| mentions(folder, &format!("\"{feature}\""))).collect();
        let flags: Vec<String> = asked.iter().map(|feature| format!("-Ctarget-feature=-{feature}")).collect();
        let recipe = CrateRecipe::of_flags(&failed.name, &flags);
        if asked.is_empty() || self.choices.crates.contains(&recipe) {
            return None;
        }
        let matched: Vec<_> = recipe.rules.iter().map(|rule| MatchedRule { used, rule }).collect();
        self.choices.key = key_with_rules(self.choices.key.take(), &matched);
        let overlay = format!("the crate `{} {}`", failed.name, failed.version);
        self.applied
            .extend(matched.iter().map(|matched| Applied { overlay: overlay.clone(), ..matched.applied() }));
        self.choices.crates.push(recipe);
        Some(format!(
            "the crate `{} {}` does not compile with `{}`, which was chosen for the package: it is compiled without",
            failed.name,
            failed.version,
            asked.join("`, `")
        ))
    }
}

/// Whether a Rust file in a folder has a text.
fn mentions(folder: &Path, text: &str) -> bool {
    rust_sources(folder, |_| true)
        .any(|path| fs_err::read_to_string(&path).is_ok_and(|source| source.contains(text)))
}
