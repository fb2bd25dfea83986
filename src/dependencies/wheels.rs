//! The wheels that requirements mean inside a release: from wheels at hand, the package index, a folder of the release's
//! packages, or Pyodide's content delivery network.
//!
//! What was found is kept: the same question needs no network the second time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use pep440_rs::Version;
use serde::{Deserialize, Serialize};

use super::{Node, Origin, Preference, Resolver};
use crate::cache::Kind;
use crate::context::Context;
use crate::error::{Result, cause_id, hinted, with_cause};
use crate::files::write_whole;
use crate::runtime::{LockedPackage, Runtime};
use crate::source::file;
use crate::wheel::OpenedWheel;
use crate::wheel::metadata::Metadata;
use crate::wheel::requirement::{Requirement, beginning};

/// Where wheels are looked for.
#[derive(Debug, Clone, Copy)]
pub struct WheelSources<'a> {
    /// The release.
    pub runtime: &'a Runtime,
    /// Wheels at hand.
    pub wheels: &'a [OpenedWheel],
    /// A folder with packages of the release.
    pub packages: Option<&'a Path>,
    /// What needs the files, for messages.
    pub purpose: Purpose,
}

/// What files are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Tests of a package.
    Tests,
    /// A script that the user runs.
    Script,
    /// The import of a package.
    Import,
}

impl Purpose {
    /// The beginning of a sentence: `the tests require`.
    fn require(self) -> &'static str {
        match self {
            Purpose::Tests => "the tests require",
            Purpose::Script => "the script requires",
            Purpose::Import => "the import requires",
        }
    }
}

/// The files that meet requirements.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundFiles {
    /// Wheels that are installed: pure ones, and those of the package index.
    pub wheels: Vec<PathBuf>,
    /// What the release itself loads, by its own names: native packages, shared libraries, parts of the standard library.
    pub loaded: Vec<String>,
    /// The files from which it does, by the names that its lock file gives them.
    pub release: BTreeMap<String, PathBuf>,
}

impl FoundFiles {
    /// All that are wheels, for those who unpack them.
    pub fn all_wheels(self) -> Vec<PathBuf> {
        let is_wheel = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "whl");
        let mut all = self.wheels;
        let of_release: Vec<PathBuf> =
            self.release.into_values().filter(|path| is_wheel(path) && !all.contains(path)).collect();
        all.extend(of_release);
        all
    }

    fn are_there(&self) -> bool {
        // They are entries of their own, which `clean` may have removed.
        self.wheels.iter().chain(self.release.values()).all(|path| path.is_file())
    }
}

/// The files that meet requirements, besides the wheels at hand, with all that they require.
///
/// # Errors
/// When one cannot be had.
pub fn find(context: &Context, sources: WheelSources<'_>, requirements: &[String]) -> Result<FoundFiles> {
    let Context { ui, cache, .. } = context;
    let key = key(context, sources, requirements);
    let kept = cache.entry(Kind::Files, &key)?.join("files.json");
    if cache.has(Kind::Files, &key)
        && let Ok(found) = serde_json::from_slice::<FoundFiles>(&fs_err::read(&kept)?)
        && found.are_there()
    {
        return Ok(found);
    }
    let task = ui.task(format!("looking for the packages that {}", sources.purpose.require()));
    let found = resolve(context, sources, requirements)?;
    drop(task);
    // An answer that named missing wheels is whole in the cache's eyes: it must go before a new one is kept.
    cache.discard(ui, Kind::Files, &key)?;
    cache.get_or_make(ui, Kind::Files, &key, |folder| {
        Ok(fs_err::write(folder.join("files.json"), serde_json::to_vec(&found)?)?)
    })?;
    Ok(found)
}

/// Changes when the same question has another answer.
const RULES: u32 = 2;

/// What the answer depends on.
fn key(context: &Context, sources: WheelSources<'_>, requirements: &[String]) -> String {
    // The packages, not the version alone: a folder of the user's may have a lock file of its own.
    let own = format!("{:?}", sources.runtime.packages);
    let mut parts = vec![sources.runtime.version.to_string(), own, format!("{:?}", sources.packages)];
    parts.extend(context.first_indexes().map(str::to_owned));
    parts.extend(requirements.iter().cloned());
    for wheel in sources.wheels {
        let metadata = wheel.metadata();
        // What the wheels require, not their bytes: a rebuild must not ask the network again.
        parts.push(format!("{} {} {:?}", metadata.name, metadata.version, metadata.requires));
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    format!("found-{RULES}-{}", crate::digest::key(&parts))
}

fn resolve(context: &Context, sources: WheelSources<'_>, requirements: &[String]) -> Result<FoundFiles> {
    let requires: Vec<Requirement> = requirements
        .iter()
        .map(|text| text.parse().map_err(|error| anyhow!("`{}`: {error}", beginning(text))))
        .collect::<Result<_>>()?;
    let tests = Metadata {
        name: "the-tests".into(),
        version: Version::new([0]),
        requires_python: None,
        requires,
        extras: Vec::new(),
    };
    let tree = choose(context, sources, &tests)?;
    // By name: of two versions, which requirements that exclude each other ask for, the later stands.
    let mut paths: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut found = FoundFiles::default();
    let (mut missing, mut unreachable) = (Vec::new(), Vec::new());
    for node in tree.iter().flat_map(Node::all) {
        match fetch(context, sources, node) {
            Fetched::AtHand => {}
            Fetched::Wheel(path) => {
                found.add(sources.runtime, node, &path);
                if !found.loaded.contains(&node.name) {
                    paths.insert(node.name.clone(), path);
                }
            }
            Fetched::Missing(why) => missing.push(format!("\n    `{}`: {why}", node.requirement)),
            Fetched::Unreachable(file) => unreachable.push(format!("\n    {file}")),
        }
    }
    let version = &sources.runtime.version;
    let require = sources.purpose.require();
    unreachable.dedup();
    // All of them in one error: the user fetches or builds them in one go.
    if !missing.is_empty() {
        let error =
            anyhow!("{require} packages that are not available in Pyodide {version}:{}", missing.concat());
        return Err(hinted(
            with_cause("missing-dependency", error),
            "give wheels with `--with`; `cargo pyodide deps` shows the whole tree",
        ));
    }
    if !unreachable.is_empty() {
        let error = anyhow!(
            "{require} packages of Pyodide {version} from its content delivery network, which cannot be had:{}",
            unreachable.concat()
        );
        return Err(hinted(
            with_cause("network", error),
            "name a folder that has them with `--packages-dir`, or give other wheels with `--with`",
        ));
    }
    found.wheels = paths.into_values().collect();
    // Nothing is loaded with nothing: pure files alone are installed.
    if found.loaded.is_empty() {
        found.release.clear();
    }
    Ok(found)
}

/// The tree of what tests require.
fn choose(context: &Context, sources: WheelSources<'_>, tests: &Metadata) -> Result<Vec<Node>> {
    let tree_without = |passed_over: BTreeSet<String>| {
        let resolver = Resolver::new(context, sources.runtime, sources.wheels)?;
        resolver.preferring(Preference::Index).passing_over(passed_over).tree(tests)
    };
    let tree = tree_without(BTreeSet::new())?;
    let outgrown = outgrown_plugins(sources.runtime, &tree);
    if outgrown.is_empty() { Ok(tree) } else { tree_without(outgrown) }
}

/// Plugins of pytest in the release's versions, where pytest itself is of another: they were made for the release's.
pub(super) fn outgrown_plugins(runtime: &Runtime, tree: &[Node]) -> BTreeSet<String> {
    let nodes = || tree.iter().flat_map(Node::all);
    let of_release = runtime.packages.get("pytest").and_then(|pytest| pytest.version.parse::<Version>().ok());
    let is_outgrown = nodes().any(|node| {
        node.name == "pytest"
            && matches!(&node.origin, Origin::Index(file, _) if Some(&file.version) != of_release.as_ref())
    });
    let plugins = nodes().map(|node| &node.name).filter(|name| name.starts_with("pytest-"));
    if is_outgrown {
        plugins.filter(|name| runtime.packages.contains_key(*name)).cloned().collect()
    } else {
        BTreeSet::new()
    }
}

impl FoundFiles {
    /// Adds the file of a package of the release. What the release loads takes what it depends on by its own names, whoever
    /// made the file.
    fn add(&mut self, runtime: &Runtime, node: &Node, path: &Path) {
        let Some(package) = runtime.packages.get(&node.name) else { return };
        let Some(file) = &package.file_name else { return };
        self.release.insert(file.to_string(), path.to_owned());
        let is_native = !package.file_ends_with("-none-any.whl");
        if is_native && matches!(node.origin, Origin::Release(_)) && !self.loaded.contains(&node.name) {
            self.loaded.push(node.name.clone());
        }
    }
}

/// What came of looking for one requirement.
enum Fetched {
    AtHand,
    Wheel(PathBuf),
    Missing(String),
    Unreachable(String),
}

fn fetch(context: &Context, sources: WheelSources<'_>, node: &Node) -> Fetched {
    match &node.origin {
        Origin::AtHand(_) => Fetched::AtHand,
        Origin::Missing(why) => Fetched::Missing(why.to_string()),
        Origin::Index(_, path) => Fetched::Wheel(path.clone()),
        Origin::Release(_) => {
            let Some(package) = sources.runtime.packages.get(&node.name) else { return Fetched::AtHand };
            let beside = sources.packages.zip(package.file_name.as_ref());
            let beside = beside.map(|(folder, name)| folder.join(name)).filter(|path| path.is_file());
            match beside.map_or_else(|| fetch_from_network(context, sources.runtime, package), Ok) {
                Ok(path) => Fetched::Wheel(path),
                // Parts of the standard library that older releases keep apart are no wheels.
                Err(_) if !package.file_ends_with(".whl") => Fetched::AtHand,
                Err(error) => {
                    let file = package.file_name.as_deref().unwrap_or(&node.name);
                    Fetched::Unreachable(match cause_id(&error) {
                        Some("network") => file.to_owned(),
                        _ => format!("{file}: {}", error.root_cause()),
                    })
                }
            }
        }
    }
}

/// A file of the release from Pyodide's content delivery network, or the user's mirror of it.
///
/// # Errors
/// When it cannot be had, or is not the file that the release means.
pub(crate) fn fetch_from_network(
    context: &Context,
    runtime: &Runtime,
    package: &LockedPackage,
) -> Result<PathBuf> {
    let (Some(name), Some(sha256)) = (package.file_name.as_ref(), package.sha256) else {
        return Err(anyhow!("the release does not say which file it is"));
    };
    let address = format!("{}{name}", runtime.network_folder_for(&context.environment));
    let bytes = file::fetch(&address, sha256, context)?;
    // Its name tells its tags: the cache's own copy has none.
    let path = context.cache.entry(Kind::Files, &sha256.to_string())?.join(name);
    write_whole(&path, &bytes)?;
    Ok(path)
}

/// The wheels of micropip in the release's version, and of what it needs; none for releases whose micropip installs only
/// from the network, or, with a warning, if they cannot be had.
pub fn find_micropip(context: &Context, runtime: &Runtime, packages: Option<&Path>) -> Vec<PathBuf> {
    if !runtime.installs_from_files() {
        return Vec::new();
    }
    let sources = WheelSources { runtime, wheels: &[], packages, purpose: Purpose::Tests };
    match find(context, sources, &["micropip".to_owned()]) {
        Ok(found) => found.all_wheels(),
        Err(error) => {
            context.ui.warn(format!(
                "wheels are unpacked, not installed with micropip, which is not available: {}",
                error.root_cause()
            ));
            Vec::new()
        }
    }
}
