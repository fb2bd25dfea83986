//! What the packages of a site require in a release, and the files of it that the site takes along.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Error, anyhow};

use super::published::PublishedWheel;
use super::request::ReleasePackages;
use super::wheel::SiteWheel;
use crate::context::Context;
use crate::dependencies::wheels::fetch_from_network;
use crate::dependencies::{Node, Origin, Preference, Resolver};
use crate::error::{Result, hinted, with_cause};
use crate::runtime::{LockedPackage, Runtime};

/// What a release of a site has besides its own files.
#[derive(Debug, Default)]
pub(super) struct Required {
    /// The wheels for its lock file: ours, and what they require from the index.
    pub(super) wheels: Vec<SiteWheel>,
    /// The wheels from the index.
    pub(super) from_index: Vec<PublishedWheel>,
    /// Files of the release's own packages, by name.
    pub(super) release_files: BTreeMap<String, PathBuf>,
    /// Requirements that cannot be had.
    pub(super) warnings: Vec<String>,
}

/// Looks up what wheels require in a release that takes them. A site that copies packages also copies these others.
pub(super) fn find(
    context: &Context,
    runtime: &Runtime,
    wheels: &[&PublishedWheel],
    packages: ReleasePackages,
    others: &[String],
) -> Result<Required> {
    let at_hand: Vec<_> = wheels.iter().map(|wheel| wheel.opened.clone()).collect();
    let preference = match packages {
        ReleasePackages::Linked => Preference::Release,
        ReleasePackages::Copied => Preference::Index,
    };
    let mut resolver = Resolver::new(context, runtime, &at_hand)?.preferring(preference);
    let mut required = Required::default();
    let mut found = Found::default();
    for wheel in wheels {
        let tree = resolver.tree(wheel.opened.metadata())?;
        let parts = parts_of_python(runtime, &wheel.site.name());
        let depends = [names(&tree), parts.clone()].concat();
        found.parts_of_python.extend(parts);
        required.wheels.push(SiteWheel { depends, ..wheel.site.clone() });
        found.add(&tree, &wheel.site.filename.to_string(), runtime);
    }
    if packages == ReleasePackages::Copied && !others.is_empty() {
        let lines: Vec<String> = others.iter().map(|name| format!("Requires-Dist: {name}")).collect();
        let metadata = format!("Metadata-Version: 2.1\nName: site\nVersion: 0\n{}\n", lines.join("\n"));
        found.add(&resolver.tree(&metadata.parse()?)?, "the site", runtime);
    }
    for wheel in &mut required.wheels {
        wheel.depends.extend(found.at_hand.remove(&wheel.name()).unwrap_or_default());
    }
    for (path, depends) in found.wheels.into_values() {
        let wheel = PublishedWheel::read(&path)?;
        let depends = depends.into_iter().collect();
        required.wheels.push(SiteWheel { depends, ..wheel.site.clone() });
        required.from_index.push(wheel);
    }
    if packages == ReleasePackages::Copied {
        let (files, unreachable) = fetch_release_packages(context, runtime, &found.of_release);
        if !unreachable.is_empty() {
            return Err(out_of_reach(runtime, &unreachable));
        }
        required.release_files = files;
        let (files, unreachable) = fetch_release_packages(context, runtime, &found.parts_of_python);
        required.release_files.extend(files);
        found.warnings.extend(warn_of_parts(runtime, &unreachable));
    }
    required.warnings = found.warnings.into_iter().collect();
    Ok(required)
}

fn names(nodes: &[Node]) -> Vec<String> {
    nodes.iter().map(|node| node.name.clone()).collect()
}

/// What trees of requirements name, by name.
#[derive(Default)]
struct Found {
    wheels: BTreeMap<String, (PathBuf, BTreeSet<String>)>,
    /// What our own wheels require for the extras with which others require them.
    at_hand: BTreeMap<String, BTreeSet<String>>,
    of_release: BTreeSet<String>,
    /// Parts of the standard library that the release keeps apart, with the libraries that these need.
    parts_of_python: BTreeSet<String>,
    warnings: BTreeSet<String>,
}

impl Found {
    fn add(&mut self, tree: &[Node], asker: &str, runtime: &Runtime) {
        for node in tree {
            match &node.origin {
                Origin::AtHand(_) => {
                    self.at_hand.entry(node.name.clone()).or_default().extend(names(&node.requires));
                }
                Origin::Release(_) if is_part_of_python(runtime, &node.name) => {
                    self.parts_of_python.extend(node.all().into_iter().map(|node| node.name.clone()));
                    continue;
                }
                Origin::Release(_) => drop(self.of_release.insert(node.name.clone())),
                Origin::Index(_, path) => {
                    let parts = parts_of_python(runtime, &node.name);
                    // A node that was listed before has no requirements of its own.
                    let (_, depends) = self
                        .wheels
                        .entry(node.name.clone())
                        .or_insert_with(|| (path.clone(), BTreeSet::new()));
                    depends.extend(names(&node.requires));
                    depends.extend(parts.clone());
                    self.parts_of_python.extend(parts);
                }
                Origin::Missing(why) => drop(self.warnings.insert(format!(
                    "`{}`, which `{asker}` needs in Pyodide {}, is not in the site: {why}",
                    node.requirement, runtime.version
                ))),
            }
            self.add(&node.requires, asker, runtime);
        }
    }
}

fn is_part_of_python(runtime: &Runtime, name: &str) -> bool {
    runtime.packages.get(name).is_some_and(LockedPackage::is_part_of_python)
}

/// The parts of the standard library that the release loads with a package of this name. No metadata says that a
/// package needs them: elsewhere, Python has them.
fn parts_of_python(runtime: &Runtime, name: &str) -> Vec<String> {
    let depends = runtime.packages.get(name).map(|package| package.depends.as_slice()).unwrap_or_default();
    depends.iter().filter(|name| is_part_of_python(runtime, name)).cloned().collect()
}

/// Files of the release's packages from its network, and the names of those that cannot be had. What lies in the
/// release's folder comes into the site with it.
fn fetch_release_packages(
    context: &Context,
    runtime: &Runtime,
    names: &BTreeSet<String>,
) -> (BTreeMap<String, PathBuf>, Vec<String>) {
    let mut files = BTreeMap::new();
    let mut unreachable = Vec::new();
    for package in names.iter().filter_map(|name| runtime.packages.get(name)) {
        let Some(file) = &package.file_name else { continue };
        if runtime.folder.join(file).is_file() {
            continue;
        }
        match fetch_from_network(context, runtime, package) {
            Ok(path) => drop(files.insert(file.to_string(), path)),
            Err(_) => unreachable.push(file.to_string()),
        }
    }
    (files, unreachable)
}

fn out_of_reach(runtime: &Runtime, files: &[String]) -> Error {
    let error = anyhow!(
        "the site is to hold packages of Pyodide {} that lie on its content delivery network, which cannot be \
         reached:\n    {}",
        runtime.version,
        files.join("\n    ")
    );
    hinted(with_cause("network", error), "leave `--vendor` out, or name wheels of these packages")
}

/// Most packages use such a part for little, and do without.
fn warn_of_parts(runtime: &Runtime, files: &[String]) -> Option<String> {
    let names = files.iter().map(|file| format!("`{file}`")).collect::<Vec<_>>().join(", ");
    (!files.is_empty()).then(|| {
        format!(
            "parts of the standard library of Pyodide {} are not in the site, because its content delivery network \
             cannot be reached; pages will ask that network for them: {names}",
            runtime.version
        )
    })
}
