//! Crates whose code for a feature of the target does not compile: such a crate is compiled without the feature.
//!
//! The package did not ask for the feature, the tool chose it (docs/speed.md): nothing may fail by that.

use std::path::Path;

use super::crates::Crates;
use crate::backend::failure::BackendFailed;
use crate::error::cause;
use crate::overlay::changes::Applied;
use crate::overlay::crates::CrateRecipe;
use crate::project::graph::Crate;

impl Crates {
    /// Turns the chosen features of the target off for the crate of a registry with which a build failed, if its sources ask
    /// for one of them and they are still on. Returns a warning; nothing if the build failed for another reason.
    pub(super) fn turn_features_off(&mut self, failed: &anyhow::Error) -> Option<String> {
        let failed = cause::<BackendFailed>(failed)?.failed.as_ref()?;
        let graph = self.graph.as_ref()?;
        let is_it = |used: &&Crate| used.name == failed.name && used.version == failed.version;
        let folder = graph.crates.iter().find(is_it)?.manifest.parent()?;
        let features = &self.choices.target_features;
        let asked: Vec<&str> =
            features.iter().copied().filter(|feature| mentions(folder, &format!("\"{feature}\""))).collect();
        let flags: Vec<String> = asked.iter().map(|feature| format!("-Ctarget-feature=-{feature}")).collect();
        let recipe = CrateRecipe::of_flags(&failed.name, &flags);
        if asked.is_empty() || self.choices.crates.contains(&recipe) {
            return None;
        }
        let applied = Applied {
            overlay: format!("the crate `{} {}`", failed.name, failed.version),
            changes: vec![format!("rustflags `{}`", flags.join(" "))],
        };
        self.choices.crates.push(recipe);
        let key = self.choices.key.take().unwrap_or_default();
        self.choices.key = Some(crate::digest::key(&[&key, &failed.name, &flags.join(" ")]));
        self.applied.push(applied);
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
    let Ok(entries) = fs_err::read_dir(folder) else { return false };
    entries.flatten().map(|entry| entry.path()).any(|path| {
        if path.is_dir() {
            mentions(&path, text)
        } else {
            path.extension().is_some_and(|ending| ending == "rs")
                && fs_err::read_to_string(&path).is_ok_and(|source| source.contains(text))
        }
    })
}
