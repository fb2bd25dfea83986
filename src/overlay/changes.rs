//! Joins overlays into the changes for one package and one release of Pyodide.
//!
//! The order is: recipes first, then files given with `--overlay`, then the package's own table. Lists grow; where a key
//! has one value, the later one wins.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use pep440_rs::Version;

use super::document::{Overlay, Place, When};
use super::keys::{CargoKeys, DependencyKeys, FileKeys, ProfileKeys, Section, SourceKeys, TestKeys};
use super::sources::SourceFile;
use super::values::{CrateUpdate, Location, SystemName};
use crate::digest::Sha256Digest;
use crate::error::{Result, hinted};
use crate::wasm::optimization::Optimization;
use crate::wheel::requirements::{DependencyChange, DependencyEdit, Strictness};

/// The package version and the release that overlays are joined for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The package's version, if it is known before the build.
    pub version: Option<&'a Version>,
    /// The release of Pyodide.
    pub pyodide: &'a semver::Version,
}

/// A variant that the user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantChoice {
    /// Its name.
    pub name: String,
    /// A file that takes the place of the one that the variant would fetch.
    pub file: Option<PathBuf>,
}

impl std::str::FromStr for VariantChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (name, Some(PathBuf::from(file))),
            None => (text, None),
        };
        if name.is_empty() || file.as_ref().is_some_and(|file| file.as_os_str().is_empty()) {
            return Err(format!("`{text}` is not a variant: expected `NAME` or `NAME=FILE`"));
        }
        Ok(Self { name: name.to_owned(), file })
    }
}

/// What is changed in a package.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Which overlays applied, and what each one does.
    pub applied: Vec<Applied>,
    /// Changes of the wheel's requirements, in order.
    pub dependencies: Vec<DependencyEdit>,
    /// How cargo is called.
    pub cargo: CargoChanges,
    /// Files that are put into the source tree, before it is patched.
    pub sources: Vec<SourceFile>,
    /// Unified diffs: what each is called, and its text.
    pub patches: Vec<(String, String)>,
    /// Files that are put into the wheel.
    pub files: Vec<AddedFile>,
    /// What modules are optimised for after linking.
    pub optimization: Option<Optimization>,
    /// How the package's own tests are run.
    pub test: TestKeys,
}

/// An overlay that applied.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Applied {
    /// What it is called.
    pub overlay: String,
    /// What it does, one item a change.
    pub changes: Vec<String>,
}

/// How cargo is called.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CargoChanges {
    /// Features that are turned on.
    pub features: Vec<String>,
    /// Whether the default features are off.
    pub no_default_features: bool,
    /// Crates that are updated in the lock file.
    pub updates: Vec<CrateUpdate>,
    /// Crates that are taken from a folder.
    pub patch: BTreeMap<String, PathBuf>,
    /// Compiler flags for every crate of the target.
    pub rustflags: Vec<String>,
    /// Compiler flags for one crate of the target.
    pub crate_rustflags: BTreeMap<String, Vec<String>>,
    /// Crates that must not take Emscripten for a browser.
    pub not_in_browser: Vec<String>,
    /// Crates that take Emscripten for another system, and for which.
    pub target_os: BTreeMap<String, SystemName>,
    /// Settings of the profile.
    pub profile: ProfileKeys,
    /// Environment variables of the build.
    pub env: BTreeMap<String, String>,
}

/// A file that is put into the wheel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedFile {
    /// Where it comes from.
    pub from: FileOrigin,
    /// Its path in the wheel.
    pub to: String,
    /// Its SHA-256, if it is stated.
    pub sha256: Option<Sha256Digest>,
}

/// Where a file comes from that is put into the wheel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOrigin {
    /// What lies beside the overlay.
    Beside(Place, super::values::InsidePath),
    /// A file that the user named.
    Named(PathBuf),
    /// An address.
    Address(String),
}

impl Changes {
    /// Puts overlays together, in their order.
    ///
    /// # Errors
    /// When a file that one names is not there, or no overlay has a variant that was asked for.
    pub fn of(overlays: &[Overlay], target: Target<'_>, variants: &[VariantChoice]) -> Result<Self> {
        let mut changes = Self::default();
        let mut named = Vec::new();
        for overlay in overlays {
            let whens = overlay.when.iter().filter(|when| applies(when, target)).map(|when| &when.section);
            let mut sections: Vec<(&Section, Option<&VariantChoice>)> =
                std::iter::once(&overlay.base).chain(whens).map(|section| (section, None)).collect();
            for choice in variants {
                if let Some(variant) = overlay.variants.get(&choice.name) {
                    named.push(&choice.name);
                    sections.push((&variant.section, Some(choice)));
                }
            }
            let mut applied = Applied { overlay: overlay.label.clone(), changes: Vec::new() };
            for (section, choice) in sections {
                applied.changes.extend(section.describe(choice));
                changes
                    .add(overlay, section, choice)
                    .with_context(|| format!("the overlay {}", overlay.label))?;
            }
            if !applied.changes.is_empty() {
                changes.applied.push(applied);
            }
        }
        match variants.iter().find(|choice| !named.contains(&&choice.name)) {
            Some(choice) => Err(unknown_variant(&choice.name, overlays)),
            None => Ok(changes),
        }
    }

    fn add(&mut self, overlay: &Overlay, section: &Section, choice: Option<&VariantChoice>) -> Result<()> {
        // A recipe serves many versions, of which some lack a requirement; the user's own overlay is for this one.
        let strictness = if overlay.head.is_some() { Strictness::Lenient } else { Strictness::Strict };
        let edits = dependency_changes(&section.dependencies).map(|change| DependencyEdit {
            change,
            overlay: overlay.label.clone(),
            strictness,
        });
        self.dependencies.extend(edits);
        self.cargo.add(&section.cargo, overlay)?;
        for keys in &section.sources {
            self.sources.push(read_source(keys, &overlay.place)?);
        }
        for path in &section.patches {
            let text = String::from_utf8(overlay.place.read(path)?)
                .with_context(|| format!("the patch `{path}` is not UTF-8 text"))?;
            self.patches.push((path.to_string(), text));
        }
        // The user's file stands for the first that the variant names: that is the large one, which is not fetched
        // then.
        let mut file = choice.and_then(|choice| choice.file.as_ref());
        for keys in &section.files {
            self.files.push(choose_file(keys, overlay, file.take()));
        }
        if let (Some(file), Some(choice)) = (file, choice) {
            return Err(anyhow!(
                "the variant `{}` takes no file, but `{}` was given",
                choice.name,
                file.display()
            ));
        }
        self.optimization = section.optimize.or(self.optimization);
        self.test.requires.extend(section.test.requires.iter().cloned());
        self.test.args.extend(section.test.args.iter().cloned());
        self.test.deselect.extend(section.test.deselect.clone());
        Ok(())
    }

    /// Whether files of the source tree are changed, or may be, its lock file among them.
    pub fn edit_the_tree(&self) -> bool {
        let CargoChanges { updates, not_in_browser, target_os, patch, .. } = &self.cargo;
        // A crate that is rewritten may be the package's own; one of others becomes a patch. Cargo notes patches in the
        // lock file.
        let patches_crates = !not_in_browser.is_empty() || !target_os.is_empty() || !patch.is_empty();
        patches_crates || !self.sources.is_empty() || !self.patches.is_empty() || !updates.is_empty()
    }

    /// Hash of the inputs that cargo's fingerprint does not cover: added and patched files, whose times do not change with
    /// them, and variables and flags of single crates, which reach the compiler past cargo. None if there are none.
    pub fn key(&self) -> Option<String> {
        let CargoChanges { env, crate_rustflags, .. } = &self.cargo;
        let compiled: Vec<&str> = self
            .patches
            .iter()
            .map(|(_, text)| text.as_str())
            .filter(|text| !patches_python_only(text))
            .collect();
        let sources = &self.sources;
        if compiled.is_empty() && sources.is_empty() && env.is_empty() && crate_rustflags.is_empty() {
            return None;
        }
        Some(crate::digest::key(&[&format!("{compiled:?} {sources:?} {env:?} {crate_rustflags:?}")]))
    }
}

impl CargoChanges {
    fn add(&mut self, keys: &CargoKeys, overlay: &Overlay) -> Result<()> {
        self.features.extend(keys.features.iter().cloned());
        self.no_default_features = keys.no_default_features.unwrap_or(self.no_default_features);
        for update in &keys.update {
            // Two updates of one crate would undo each other: the later overlay wins.
            self.updates.retain(|known| known.name != update.name);
            self.updates.push(update.clone());
        }
        for (name, path) in &keys.patch {
            let folder = overlay.place.folder().map(|folder| folder.join(&path.0));
            let folder = folder.filter(|folder| folder.join("Cargo.toml").is_file()).ok_or_else(|| {
                anyhow!("the crate `{name}` should come from `{path}`, but there is no `Cargo.toml` in it")
            })?;
            self.patch.insert(name.clone(), folder);
        }
        self.rustflags.extend(keys.rustflags.iter().cloned());
        for (name, flags) in &keys.crate_rustflags {
            self.crate_rustflags.entry(name.clone()).or_default().extend(flags.iter().cloned());
        }
        self.not_in_browser.extend(keys.not_in_browser.iter().cloned());
        self.target_os.extend(keys.target_os.clone());
        self.profile = keys.profile.clone().or(std::mem::take(&mut self.profile));
        self.env.extend(keys.env.clone());
        Ok(())
    }
}

/// Whether a diff changes nothing that is compiled.
fn patches_python_only(diff: &str) -> bool {
    let mut files = diff.lines().filter_map(|line| line.strip_prefix("+++ "));
    files.all(|path| [".py", ".pyi", ".txt", ".md"].iter().any(|ending| path.trim_end().ends_with(ending)))
}

fn dependency_changes(keys: &DependencyKeys) -> impl Iterator<Item = DependencyChange> {
    let optional = keys.optional.iter().flat_map(|(extra, moved)| {
        let extra = &extra.0;
        moved
            .iter()
            .map(|moved| DependencyChange::Optional { extra: extra.clone(), name: moved.name.clone() })
    });
    let remove = keys.remove.iter().map(|removed| DependencyChange::Remove { name: removed.name.clone() });
    let replace = keys
        .replace
        .iter()
        .map(|(old, new)| DependencyChange::Replace { name: old.name.clone(), with: new.text.clone() });
    let add = keys.add.iter().map(|added| DependencyChange::Add { requirement: added.text.clone() });
    optional.chain(remove).chain(replace).chain(add)
}

fn read_source(keys: &SourceKeys, place: &Place) -> Result<SourceFile> {
    let bytes = match (&keys.text, &keys.from) {
        (Some(text), _) => text.clone().into_bytes(),
        (None, Some(path)) => place.read(path)?,
        (None, None) => Vec::new(),
    };
    Ok(SourceFile { to: keys.to.clone(), bytes })
}

fn choose_file(keys: &FileKeys, overlay: &Overlay, named: Option<&PathBuf>) -> AddedFile {
    let from = match (named, &keys.from) {
        (Some(file), _) => FileOrigin::Named(file.clone()),
        (None, Location::Address(address)) => FileOrigin::Address(address.clone()),
        (None, Location::Beside(path)) => FileOrigin::Beside(overlay.place.clone(), path.clone()),
    };
    AddedFile { from, to: keys.to.0.clone(), sha256: keys.sha256 }
}

fn applies(when: &When, target: Target<'_>) -> bool {
    // A preview counts as its release: `>=315` is meant to have it.
    let release = Version::new([target.pyodide.major, target.pyodide.minor, target.pyodide.patch]);
    let pyodide = when.pyodide.as_ref().is_none_or(|wanted| wanted.0.contains(&release));
    let version = when
        .version
        .as_ref()
        .is_none_or(|wanted| target.version.is_some_and(|version| wanted.0.contains(version)));
    pyodide && version
}

fn unknown_variant(name: &str, overlays: &[Overlay]) -> anyhow::Error {
    let known: Vec<&str> =
        overlays.iter().flat_map(|overlay| overlay.variants.keys().map(String::as_str)).collect();
    let error = anyhow!("no overlay has a variant `{name}`");
    if known.is_empty() {
        return hinted(error, "no overlay that applies to this package has variants");
    }
    hinted(error, format!("the variants are `{}`", known.join("`, `")))
}

impl Section {
    /// What it changes, one item a change.
    fn describe(&self, choice: Option<&VariantChoice>) -> Vec<String> {
        let Section { dependencies, cargo, sources, patches, files, optimize, test } = self;
        let mut said: Vec<String> =
            choice.map(|choice| format!("variant `{}`", choice.name)).into_iter().collect();
        for (extra, moved) in &dependencies.optional {
            said.extend(moved.iter().map(|moved| format!("`{}` optional (extra `{extra}`)", moved.text)));
        }
        said.extend(dependencies.remove.iter().map(|removed| format!("without `{}`", removed.text)));
        said.extend(dependencies.add.iter().map(|added| format!("with `{}`", added.text)));
        said.extend(
            dependencies.replace.iter().map(|(old, new)| format!("`{}` for `{}`", new.text, old.text)),
        );
        said.extend(cargo.describe());
        said.extend(sources.iter().map(|file| format!("source file `{}`", file.to)));
        said.extend(patches.iter().map(|path| format!("patch `{path}`")));
        said.extend(files.iter().map(|file| format!("file `{}`", file.to)));
        said.extend(optimize.map(|optimization| format!("optimized for {optimization}")));
        said.extend(test.deselect.iter().map(|(id, why)| format!("not testing `{id}`: {why}")));
        let settings = !test.requires.is_empty() || !test.args.is_empty();
        said.extend(settings.then(|| "test settings".to_owned()));
        said
    }
}

impl CargoKeys {
    fn describe(&self) -> Vec<String> {
        let mut said = Vec::new();
        if !self.features.is_empty() {
            said.push(format!("features `{}`", self.features.join(",")));
        }
        said.extend((self.no_default_features == Some(true)).then(|| "no default features".to_owned()));
        said.extend(self.update.iter().map(|update| format!("`cargo update {update}`")));
        said.extend(self.patch.iter().map(|(name, path)| format!("crate `{name}` from `{path}`")));
        if !self.rustflags.is_empty() {
            said.push(format!("rustflags `{}`", self.rustflags.join(" ")));
        }
        let flags = self.crate_rustflags.iter();
        said.extend(flags.map(|(name, flags)| format!("rustflags `{}` for `{name}`", flags.join(" "))));
        said.extend(self.not_in_browser.iter().map(|name| format!("`{name}` does not run in a browser")));
        let systems = self.target_os.iter();
        said.extend(systems.map(|(name, system)| format!("`{name}` takes Emscripten for `{system}`")));
        let profile = self.profile.table();
        said.extend(profile.iter().map(|(name, value)| format!("profile {name} = {value}")));
        said.extend(self.env.iter().map(|(name, value)| format!("{name}={value}")));
        said
    }
}

#[cfg(test)]
mod tests;
