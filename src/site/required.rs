//! What the packages of a site require in a release, and the files of it that the site takes along.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::anyhow;

use super::published::PublishedWheel;
use super::request::ReleasePackages;
use super::wheel::SiteWheel;
use crate::context::Context;
use crate::dependencies::wheels::fetch_from_network;
use crate::dependencies::{Node, Origin, Preference, Resolver};
use crate::error::{Result, hinted, with_cause};
use crate::runtime::Runtime;

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
        required.wheels.push(SiteWheel { depends: names(&tree), ..wheel.site.clone() });
        found.add(&tree, &wheel.site.filename.to_string(), runtime);
    }
    if packages == ReleasePackages::Copied && !others.is_empty() {
        let lines: Vec<String> = others.iter().map(|name| format!("Requires-Dist: {name}")).collect();
        let metadata = format!("Metadata-Version: 2.1\nName: site\nVersion: 0\n{}\n", lines.join("\n"));
        found.add(&resolver.tree(&metadata.parse()?)?, "the site", runtime);
    }
    for (path, depends) in found.wheels.into_values() {
        let wheel = PublishedWheel::read(&path)?;
        let depends = depends.into_iter().collect();
        required.wheels.push(SiteWheel { depends, ..wheel.site.clone() });
        required.from_index.push(wheel);
    }
    if packages == ReleasePackages::Copied {
        required.release_files = copy_release_packages(context, runtime, &found.of_release)?;
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
    of_release: BTreeSet<String>,
    warnings: BTreeSet<String>,
}

impl Found {
    fn add(&mut self, tree: &[Node], asker: &str, runtime: &Runtime) {
        for node in tree.iter().flat_map(Node::all) {
            match &node.origin {
                Origin::AtHand(_) => {}
                Origin::Release(_) => drop(self.of_release.insert(node.name.clone())),
                Origin::Index(_, path) => {
                    // A node that was listed before has no requirements of its own.
                    let (_, depends) = self
                        .wheels
                        .entry(node.name.clone())
                        .or_insert_with(|| (path.clone(), BTreeSet::new()));
                    depends.extend(names(&node.requires));
                }
                Origin::Missing(why) => drop(self.warnings.insert(format!(
                    "`{}`, which `{asker}` needs in Pyodide {}, is not in the site: {why}",
                    node.requirement, runtime.version
                ))),
            }
        }
    }
}

/// The files of the release's packages: from its folder, or its network.
fn copy_release_packages(
    context: &Context,
    runtime: &Runtime,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    let mut unreachable = Vec::new();
    for package in names.iter().filter_map(|name| runtime.packages.get(name)) {
        let Some(file) = &package.file_name else { continue };
        if runtime.folder.join(file).is_file() {
            continue;
        }
        match fetch_from_network(context, runtime, package) {
            Ok(path) => drop(files.insert(file.to_string(), path)),
            Err(_) => unreachable.push(format!("\n    {file}")),
        }
    }
    if unreachable.is_empty() {
        return Ok(files);
    }
    let error = anyhow!(
        "the site is to hold packages of Pyodide {} that lie on its content delivery network, which cannot be \
         reached:{}",
        runtime.version,
        unreachable.concat()
    );
    Err(hinted(with_cause("network", error), "leave `--vendor` out, or name wheels of these packages"))
}
