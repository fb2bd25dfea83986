//! What a package requires inside a release, and where each requirement comes from there.
//!
//! The order is micropip's: the wheels at hand, then the release's own packages, then the newest wheel of the package
//! index that the release installs, pure or for Pyodide. Nothing is tried out: the first that fits is taken, as micropip
//! does.

pub mod index;
pub(crate) mod missing;
pub mod published;
pub mod report;
pub mod substitutes;
pub mod wheels;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use pep440_rs::Version;
use pep508_rs::{ExtraName, MarkerEnvironment};

use crate::context::{Context, Network};
use crate::error::Result;
use crate::redacted::redact;
use crate::runtime::{Runtime, markers};
use crate::source::index_wheel::{self, IndexFile, IndexWheel};
use crate::wheel::filename::normalised;
use crate::wheel::metadata::Metadata;
use crate::wheel::requirement::Requirement;
use crate::wheel::{OpenedWheel, WheelContents};
use missing::Missing;

/// A requirement, and what it requires itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The requirement, without its marker.
    pub requirement: String,
    /// The normalised name.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it requires; nothing if it was listed before.
    pub requires: Vec<Node>,
    /// Whether it was listed before, with what it requires.
    pub is_repeated: bool,
}

/// Where a requirement comes from inside a release.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// A wheel at hand.
    AtHand(Version),
    /// The release itself.
    Release(String),
    /// A wheel of the package index, and where it was downloaded to.
    Index(Box<IndexFile>, PathBuf),
    /// Nowhere.
    Missing(Missing),
}

/// What is taken of a pure package that belongs to the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preference {
    /// The release's own, as micropip takes it.
    Release,
    /// The same version from the package index, or another that fits, where the release's own files cannot be reached.
    Index,
}

/// Looks requirements up for one release.
pub struct Resolver<'a> {
    runtime: &'a Runtime,
    environment: MarkerEnvironment,
    at_hand: Vec<Metadata>,
    context: &'a Context,
    preference: Preference,
    passed_over: BTreeSet<String>,
    seen: BTreeSet<(String, Option<Version>, Vec<ExtraName>)>,
    chosen: BTreeMap<String, (Origin, Option<Metadata>)>,
}

impl<'a> Resolver<'a> {
    /// A resolver for a release, with these wheels at hand.
    ///
    /// # Errors
    /// When pip's configuration cannot be used.
    pub fn new(context: &'a Context, runtime: &'a Runtime, wheels: &[OpenedWheel]) -> Result<Self> {
        if context.network == Network::Allowed {
            // Wrong settings of the index are an error before anything is looked up.
            context.index()?;
        }
        Ok(Self {
            runtime,
            environment: markers::of(runtime),
            at_hand: wheels.iter().map(|wheel| wheel.metadata().clone()).collect(),
            context,
            preference: Preference::Release,
            passed_over: BTreeSet::new(),
            seen: BTreeSet::new(),
            chosen: BTreeMap::new(),
        })
    }

    /// The same with another preference.
    #[must_use]
    pub fn preferring(self, preference: Preference) -> Self {
        Self { preference, ..self }
    }

    /// The same, looking for packages of these names as if the release had none.
    #[must_use]
    pub fn passing_over(self, names: BTreeSet<String>) -> Self {
        Self { passed_over: names, ..self }
    }

    /// The tree of what a package requires.
    ///
    /// # Errors
    /// When what the index has cannot be read.
    pub fn tree(&mut self, package: &Metadata) -> Result<Vec<Node>> {
        self.seen.insert((normalised(&package.name), Some(package.version.clone()), Vec::new()));
        self.resolve_all(package, &[])
    }

    fn resolve_all(&mut self, package: &Metadata, extras: &[ExtraName]) -> Result<Vec<Node>> {
        let applies = |requirement: &&Requirement| requirement.applies(&self.environment, extras);
        let requirements: Vec<_> = package.requires.iter().filter(applies).cloned().collect();
        requirements.iter().map(|requirement| self.resolve(requirement)).collect()
    }

    fn resolve(&mut self, requirement: &Requirement) -> Result<Node> {
        let name = requirement.name();
        // What was chosen for another stays, as long as it fits.
        let before = self.chosen.get(&name).filter(|(_, package)| {
            package.as_ref().is_some_and(|package| requirement.fits(&package.version))
        });
        let (origin, package) = match before {
            Some(chosen) => chosen.clone(),
            None => self.find_origin(requirement, &name)?,
        };
        self.chosen.insert(name.clone(), (origin.clone(), package.clone()));
        let version = package.as_ref().map(|package| package.version.clone());
        // Requirements may form a circle: the second time a package is named, not followed.
        let is_repeated = !self.seen.insert((name.clone(), version, requirement.extras().to_vec()));
        let requires = match package {
            Some(package) if !is_repeated => self.resolve_all(&package, requirement.extras())?,
            _ => Vec::new(),
        };
        let is_repeated = is_repeated && !matches!(origin, Origin::Missing(_));
        Ok(Node { requirement: redact(&requirement.to_string()), name, origin, requires, is_repeated })
    }

    /// Where a requirement comes from, and what it requires itself.
    fn find_origin(&self, requirement: &Requirement, name: &str) -> Result<(Origin, Option<Metadata>)> {
        if let Some(mate) = self.at_hand.iter().find(|mate| normalised(&mate.name) == name) {
            if requirement.fits(&mate.version) {
                return Ok((Origin::AtHand(mate.version.clone()), Some(mate.clone())));
            }
            return Ok((Origin::Missing(Missing::AtHand(mate.version.clone())), None));
        }
        let of_release = self.runtime.packages.get(name).filter(|_| !self.passed_over.contains(name));
        if let Some(package) = of_release {
            let version = package.version.parse::<Version>();
            // The release's own files lie on a content delivery network that may be out of reach; a pure wheel of
            // the same version on the index is the same package.
            if self.preference == Preference::Index
                && package.file_ends_with("-none-any.whl")
                && let Some(found) = self.find_on_index(requirement, name, version.as_ref().ok())?
            {
                return Ok(found);
            }
            // A version of the release that does not parse cannot be compared: micropip would take the package, too.
            if version.map_or(true, |version| requirement.fits(&version)) {
                return Ok((
                    Origin::Release(package.version.clone()),
                    Some(metadata_of_locked(name, package)),
                ));
            }
        }
        if self.context.network == Network::Forbidden {
            return Ok((Origin::Missing(Missing::NotAsked), None));
        }
        match index_wheel::find(self.context, name, &|version| requirement.fits(version), self.runtime)? {
            IndexWheel::Found(file) => self.download(file),
            IndexWheel::None => Ok((Origin::Missing(missing::classify(requirement, self.context)?), None)),
            IndexWheel::NoProject => Ok((Origin::Missing(Missing::Unknown), None)),
        }
    }
}

impl Resolver<'_> {
    /// A pure package of the release from the index: in the release's version, else in another that fits.
    fn find_on_index(
        &self,
        requirement: &Requirement,
        name: &str,
        version: Option<&Version>,
    ) -> Result<Option<(Origin, Option<Metadata>)>> {
        if self.context.network == Network::Forbidden {
            return Ok(None);
        }
        // The release's own version first: its other packages were tested with that one.
        let same = |found: &Version| Some(found) == version && requirement.fits(found);
        let any = |found: &Version| requirement.fits(found);
        for wanted in [&same as &dyn Fn(&Version) -> bool, &any] {
            if let IndexWheel::Found(file) = index_wheel::find(self.context, name, wanted, self.runtime)? {
                return self.download(file).map(Some);
            }
        }
        Ok(None)
    }

    fn download(&self, file: IndexFile) -> Result<(Origin, Option<Metadata>)> {
        let path = index_wheel::download(self.context, &file)?;
        let wheel = WheelContents::open(&path)?;
        Ok((Origin::Index(Box::new(file), path), Some(Metadata::of(&wheel)?)))
    }
}

/// A package of the release as metadata: it requires what is loaded with it, whatever the version.
fn metadata_of_locked(name: &str, package: &crate::runtime::LockedPackage) -> Metadata {
    let requires = package.depends.iter().filter_map(|depends| depends.parse().ok());
    Metadata {
        name: name.to_owned(),
        version: package.version.parse().unwrap_or_else(|_| Version::new([0])),
        requires_python: None,
        requires: requires.collect(),
        extras: Vec::new(),
    }
}

impl Node {
    /// This node and all below it.
    pub fn all(&self) -> Vec<&Node> {
        std::iter::once(self).chain(self.requires.iter().flat_map(Node::all)).collect()
    }
}

#[cfg(test)]
mod tests;
