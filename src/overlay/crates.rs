//! Recipes for crates: what a crate needs for this target in whichever package it is used.
//!
//! A rule has conditions on the crate's version and features. Flags and features are changed where the crate is compiled, by
//! the driver; an update changes the lock file before.

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use super::document::Place;
use super::values::{InsidePath, SystemName};
use crate::error::Result;

/// The recipe for a crate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrateRecipe {
    /// The crate.
    #[serde(rename = "crate")]
    pub name: String,
    /// What it is for, in a line.
    pub about: String,
    /// Its rules; all that fit apply.
    #[serde(rename = "rule")]
    pub rules: Vec<Rule>,
}

/// What is changed under conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// The crate's versions.
    pub versions: VersionReq,
    /// Features of which one must be on; none: whatever the features.
    #[serde(default)]
    pub features: Vec<String>,
    /// Compiler flags that it gets.
    #[serde(default)]
    pub rustflags: Vec<String>,
    /// Features that are turned off where it is compiled.
    #[serde(default)]
    pub without_features: Vec<String>,
    /// Features that are turned on: then a copy that has them by default takes the crate's place.
    #[serde(default)]
    pub with_features: Vec<String>,
    /// Whether the crate takes every WebAssembly target for a browser: then a copy that knows better takes its place.
    #[serde(default)]
    pub not_in_browser: bool,
    /// The system that the crate takes Emscripten for: then a copy that does takes its place.
    #[serde(default)]
    pub target_os: Option<SystemName>,
    /// Diffs against its sources, by their paths in the folder `recipes`: then a patched copy takes its place.
    #[serde(default)]
    pub patches: Vec<InsidePath>,
    /// Whether the lock file must name a newer version, which no longer fits this rule.
    #[serde(default)]
    pub update: bool,
    /// Why, in a few words.
    pub why: String,
}

impl CrateRecipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// When a key is unknown or a value is wrong.
    pub fn read(text: &str) -> Result<Self> {
        Ok(toml::from_str(text)?)
    }

    /// A recipe that gives a crate these flags whatever its version.
    pub fn of_flags(name: &str, rustflags: &[String]) -> Self {
        Self::of_overlay(name, Rule { rustflags: rustflags.to_vec(), ..Rule::of_overlay() })
    }

    /// A recipe for a crate, whatever its version, that takes Emscripten for a browser.
    pub fn of_no_browser(name: &str) -> Self {
        Self::of_overlay(name, Rule { not_in_browser: true, ..Rule::of_overlay() })
    }

    /// A recipe for a crate, whatever its version, that takes Emscripten for a system.
    pub fn of_system(name: &str, system: &SystemName) -> Self {
        Self::of_overlay(name, Rule { target_os: Some(system.clone()), ..Rule::of_overlay() })
    }

    fn of_overlay(name: &str, rule: Rule) -> Self {
        Self { name: name.to_owned(), about: String::new(), rules: vec![rule] }
    }

    /// The rules that fit a crate of this name, version and features.
    pub fn rules_for<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
        has_feature: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = &'a Rule> {
        let rules = if name == self.name { &self.rules[..] } else { &[] };
        rules.iter().filter(move |rule| {
            // Pre-releases are taken for their releases: `1.54.0-beta` needs what 1.54.0 needs.
            let release = Version { pre: semver::Prerelease::EMPTY, ..version.clone() };
            let on = rule.features.is_empty() || rule.features.iter().any(|name| has_feature(name));
            rule.versions.matches(&release) && on
        })
    }
}

impl Rule {
    /// Whether the crate is rewritten in a copy.
    pub fn rewrites(&self) -> bool {
        let Self { not_in_browser, target_os, with_features, patches, .. } = self;
        *not_in_browser || target_os.is_some() || !with_features.is_empty() || !patches.is_empty()
    }

    /// Its diffs, each with what it is called.
    ///
    /// # Errors
    /// When the tool does not ship one.
    pub(crate) fn read_patches(&self) -> Result<Vec<(String, String)>> {
        let read = |path: &InsidePath| Ok((path.to_string(), String::from_utf8(Place::Shipped.read(path)?)?));
        self.patches.iter().map(read).collect()
    }

    /// A rule that changes nothing yet.
    fn of_overlay() -> Self {
        Self {
            versions: VersionReq::STAR,
            features: Vec::new(),
            rustflags: Vec::new(),
            without_features: Vec::new(),
            with_features: Vec::new(),
            not_in_browser: false,
            target_os: None,
            patches: Vec::new(),
            update: false,
            why: "is changed by an overlay".to_owned(),
        }
    }
}
