//! The wheels that a test run installs: what the package and its tests require, for the release, from wheels at hand, the
//! package index, a folder of the release's packages, or Pyodide's content delivery network.
//!
//! What was found is kept: the same question needs no network the second time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use anyhow::anyhow;
use pep440_rs::Version;
use pep508_rs::Requirement;

use crate::cache::Kind;
use crate::dependencies::{Node, Origin, Preference, Resolver};
use crate::error::{Result, hinted};
use crate::runtime::{LockedPackage, Runtime};
use crate::source::{Access, file};
use crate::wheel::metadata::Metadata;

/// Where wheels are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Shelf<'a> {
    /// The release.
    pub runtime: &'a Runtime,
    /// Wheels at hand.
    pub wheels: &'a [PathBuf],
    /// A folder with packages of the release.
    pub packages: Option<&'a Path>,
    /// What finding others may use.
    pub access: Access<'a>,
}

/// The wheels beside those at hand that meet requirements, with all that they require.
///
/// # Errors
/// When one cannot be had.
pub fn wheels(shelf: Shelf<'_>, requirements: &[String]) -> Result<Vec<PathBuf>> {
    let Access { ui, cache, .. } = shelf.access;
    let key = key(shelf, requirements)?;
    let kept = cache.entry(Kind::Files, &key).join("wheels.json");
    if cache.has(Kind::Files, &key)
        && let Ok(paths) = serde_json::from_slice::<Vec<PathBuf>>(&fs_err::read(&kept)?)
        && paths.iter().all(|path| path.is_file())
    {
        return Ok(paths);
    }
    let spinner = ui.spinner("looking for what the tests require");
    let paths = look(shelf, requirements);
    drop(spinner);
    let paths = paths?;
    cache.discard(ui, Kind::Files, &key)?;
    cache.get_or_make(ui, (Kind::Files, &key), |folder| {
        Ok(fs_err::write(folder.join("wheels.json"), serde_json::to_vec(&paths)?)?)
    })?;
    Ok(paths)
}

/// What the answer depends on.
fn key(shelf: Shelf<'_>, requirements: &[String]) -> Result<String> {
    let mut parts = vec![shelf.runtime.version.to_string(), format!("{:?}", shelf.packages)];
    parts.extend(requirements.iter().cloned());
    for wheel in shelf.wheels {
        let metadata = Metadata::of(&crate::wheel::WheelContents::open(wheel)?)?;
        parts.push(format!("{} {} {:?}", metadata.name, metadata.version, metadata.requires));
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Ok(format!("wheels-{}", crate::digest::key(&parts)))
}

fn look(shelf: Shelf<'_>, requirements: &[String]) -> Result<Vec<PathBuf>> {
    let resolver = Resolver::new(shelf.runtime, shelf.wheels, shelf.access)?;
    let mut resolver = resolver.preferring(Preference::Index);
    let requires: Vec<Requirement<_>> = requirements
        .iter()
        .map(|text| Requirement::from_str(text).map_err(|error| anyhow!("`{text}`: {}", error.message)))
        .collect::<Result<_>>()?;
    let tests =
        Metadata { name: "the-tests".into(), version: Version::new([0]), requires_python: None, requires };
    let tree = resolver.tree(&tests)?;
    // By name: of two versions, which requirements that exclude each other ask for, the later stands.
    let mut paths: BTreeMap<String, PathBuf> = BTreeMap::new();
    let (mut missing, mut unreachable) = (Vec::new(), Vec::new());
    for node in tree.iter().flat_map(Node::all) {
        match fetched(shelf, node) {
            Fetched::AtHand => {}
            Fetched::Wheel(path) => drop(paths.insert(node.name.clone(), path)),
            Fetched::Missing(why) => missing.push(format!("\n    `{}`: {why}", node.requirement)),
            Fetched::Unreachable(file) => unreachable.push(format!("\n    {file}")),
        }
    }
    let version = &shelf.runtime.version;
    unreachable.dedup();
    if !missing.is_empty() {
        return Err(hinted(
            anyhow!("the tests need what cannot be had in Pyodide {version}:{}", missing.concat()),
            "give wheels with `--with`; `cargo pyodide deps` shows the whole tree",
        ));
    }
    if !unreachable.is_empty() {
        return Err(hinted(
            anyhow!(
                "the tests need packages of Pyodide {version} that lie on its content delivery network, which cannot be \
                 reached:{}",
                unreachable.concat()
            ),
            "name a folder that has them with `--packages-dir`, or give other wheels with `--with`",
        ));
    }
    Ok(paths.into_values().collect())
}

/// What came of looking for one requirement.
enum Fetched {
    AtHand,
    Wheel(PathBuf),
    Missing(String),
    Unreachable(String),
}

fn fetched(shelf: Shelf<'_>, node: &Node) -> Fetched {
    match &node.origin {
        Origin::AtHand(_) => Fetched::AtHand,
        Origin::Missing(why) => Fetched::Missing(why.to_string()),
        Origin::Pure(_, path) => Fetched::Wheel(path.clone()),
        Origin::Release(_) => {
            let Some(package) = shelf.runtime.packages.get(&node.name) else { return Fetched::AtHand };
            let beside = shelf.packages.map(|folder| folder.join(&package.file_name));
            match beside.filter(|path| path.is_file()).or_else(|| from_network(shelf, package)) {
                Some(path) => Fetched::Wheel(path),
                // Parts of the standard library that older releases keep apart are no wheels.
                None if !package.file_name.ends_with(".whl") => Fetched::AtHand,
                None => Fetched::Unreachable(package.file_name.clone()),
            }
        }
    }
}

/// A file of the release from Pyodide's content delivery network. What could not be had is not asked for again: many
/// requirements of one run need the same few packages.
fn from_network(shelf: Shelf<'_>, package: &LockedPackage) -> Option<PathBuf> {
    static OUT_OF_REACH: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let asked = || OUT_OF_REACH.lock().unwrap_or_else(PoisonError::into_inner);
    if asked().contains(&package.sha256) {
        return None;
    }
    let fetched = fetch(shelf, package);
    if fetched.is_none() {
        asked().insert(package.sha256.clone());
    }
    fetched
}

fn fetch(shelf: Shelf<'_>, package: &LockedPackage) -> Option<PathBuf> {
    let Access { cache, .. } = shelf.access;
    let address =
        format!("https://cdn.jsdelivr.net/pyodide/v{}/full/{}", shelf.runtime.version, package.file_name);
    let bytes = file::fetch(&address, &package.sha256, shelf.access).ok()?;
    // Its name tells its tags: the cache's own copy has none.
    let folder = cache.entry(Kind::Files, &package.sha256);
    let path = folder.join(&package.file_name);
    fs_err::write(&path, bytes).ok()?;
    Some(path)
}

/// The wheels of micropip in the release's version, and of what it needs; none for releases whose micropip installs only
/// from the network, or, with a warning, if they cannot be had.
pub fn foundation(shelf: Shelf<'_>) -> Vec<PathBuf> {
    let version = shelf.runtime.packages.get("micropip").and_then(|package| package.version.parse().ok());
    let reads_files = version.is_some_and(|version: Version| version >= Version::new([0, 2]));
    if !reads_files {
        return Vec::new();
    }
    wheels(Shelf { wheels: &[], ..shelf }, &["micropip".to_owned()]).unwrap_or_else(|error| {
        let why = error.root_cause();
        let ui = shelf.access.ui;
        ui.warn(format!("wheels are unpacked, not installed with micropip, which cannot be had: {why}"));
        Vec::new()
    })
}
