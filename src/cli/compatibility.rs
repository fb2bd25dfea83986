//! What is refused before anything is compiled: a package, or its PyO3, that does not know the runtime's Python.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::anyhow;

use crate::build::{CargoChoices, Workshop, source_tree};
use crate::cache::Kind;
use crate::error::{Result, hinted};
use crate::overlay::keys::Panic;
use crate::project::graph::{self, Graph};
use crate::project::{Project, bindings};
use crate::runtime::Runtime;
use crate::runtime::releases::Network;
use crate::toolchain::{RustToolchain, TARGET};

/// Holds `requires-python` against the runtime.
///
/// # Errors
/// When the package does not run on the runtime's Python.
pub(super) fn check_python(project: &Project, runtime: &Runtime) -> Result<()> {
    let Some(text) = &project.requires_python else { return Ok(()) };
    let Ok(specifiers) = text.parse::<pep440_rs::VersionSpecifiers>() else { return Ok(()) };
    let (major, minor) = (u64::from(runtime.python.major), u64::from(runtime.python.minor));
    // `>=3.9.1` is met by some release of 3.9, and so is `<3.10`: any patch release will do.
    let fits = |patch| specifiers.contains(&pep440_rs::Version::new([major, minor, patch]));
    if [0, 1, 99].into_iter().any(fits) {
        return Ok(());
    }
    Err(hinted(
        anyhow!(
            "`{}` requires Python {text}, but Pyodide {} has Python {}",
            project.root.display(),
            runtime.version,
            runtime.python
        ),
        "name a Pyodide release with another Python, or another version of the package",
    ))
}

/// Whose lock file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CargoLock {
    /// That of a tree in our cache.
    Ours,
    /// That of a folder of the user's, which is not written to.
    OfTheUser,
}

/// How many crates of a lock file may be missing.
const MOST_MISSING: usize = 12;

/// The package's dependency graph, with these features. Where the lock file is ours and names versions that the registry does
/// not have, which may be a mirror that is behind, cargo takes others. A graph that cannot be read is left to the build, which
/// says why.
///
/// # Errors
/// When the lock file cannot be changed.
pub(super) fn graph(
    workshop: Workshop<'_>,
    project: &Project,
    (rust, features): (&RustToolchain, &[String]),
    lock: CargoLock,
) -> Result<Option<Graph>> {
    let Some(manifest) = project.manifest.as_ref() else { return Ok(None) };
    let mut cargo =
        rust.cargo_in(&project.root).args(graph::metadata_arguments(manifest, (TARGET, features)));
    if workshop.network == Network::Forbidden {
        cargo = cargo.arg("--offline");
    }
    for _ in 0..MOST_MISSING {
        let said = match cargo.output(workshop.ui) {
            Ok(output) => return Ok(Graph::parse(&output.stdout)),
            Err(error) => format!("{error:#}"),
        };
        let missing = missing_of_lock(&said).filter(|_| lock == CargoLock::Ours);
        let Some((name, version)) = missing else { return Ok(None) };
        workshop.ui.warn(format!(
            "the lock file names `{name} {version}`, which the registry does not have: cargo takes another version"
        ));
        source_tree::forget_locked(workshop, (project, rust), (name, version))?;
    }
    Ok(None)
}

/// The crate and version that a lock file names and the registry does not have, in cargo's words.
fn missing_of_lock(said: &str) -> Option<(&str, &str)> {
    let (_, rest) = said.split_once("failed to select a version for the requirement `")?;
    let (requirement, rest) = rest.split_once('`')?;
    let version = rest.trim_start().strip_prefix("(locked to ")?.split(')').next()?;
    Some((requirement.split_whitespace().next()?, version))
}

/// Holds the package's PyO3 against the runtime.
///
/// # Errors
/// When PyO3 does not know the runtime's Python.
pub(super) fn check_bindings(workshop: Workshop<'_>, graph: &Graph, runtime: &Runtime) -> Result<()> {
    let Some(known) = bindings::known_pythons(graph) else { return Ok(()) };
    workshop.ui.detail(format!("{known}"));
    if (known.oldest..=known.newest).contains(&runtime.python) {
        return Ok(());
    }
    let fitting = fitting_releases(workshop, |python| (known.oldest..=known.newest).contains(&python));
    let (side, version) =
        if runtime.python > known.newest { ("newer", "a newer") } else { ("older", "an older") };
    Err(hinted(
        anyhow!("{known}, but Pyodide {} has Python {}, which is {side}", runtime.version, runtime.python),
        format!("name {version} version of the package, or a Pyodide release that fits{fitting}"),
    ))
}

/// Warns of crates that call JavaScript as in a browser, unless others take their place.
pub(super) fn warn_of_browser(workshop: Workshop<'_>, graph: &Graph, patched: &BTreeMap<String, PathBuf>) {
    #[derive(serde::Deserialize)]
    struct Facts {
        names: Vec<String>,
    }
    let facts = toml::from_str::<Facts>(include_str!("../../facts/browser-crates.toml"));
    let glue = facts.map(|facts| facts.names).unwrap_or_default();
    let misled = graph.crates.iter().filter(|used| {
        let calls = used.dependencies.iter().any(|name| glue.contains(name));
        calls && !glue.contains(&used.name) && !patched.contains_key(&used.name)
    });
    for used in misled {
        let (name, version) = (&used.name, &used.version);
        workshop.ui.warn(format!(
            "the crate `{name} {version}` calls JavaScript through wasm-bindgen, which panics in Pyodide; if it does so only \
             on WebAssembly, `cargo.not-in-browser = [\"{name}\"]` in an overlay mends it"
        ));
    }
}

/// Warns of a profile that turns a panic into a dead interpreter.
pub(super) fn warn_of_abort(workshop: Workshop<'_>, project: &Project, choices: &CargoChoices) {
    let aborts = match choices.overlay.profile.panic {
        Some(panic) => panic == Panic::Abort,
        None => project.aborts_on_panic(),
    };
    if aborts {
        workshop.ui.warn(format!(
            "`{}` sets `panic = \"abort\"` in its release profile: a Rust panic will end the whole interpreter",
            project.root.display()
        ));
    }
}

/// The releases in the cache whose Python fits, for advice.
fn fitting_releases(workshop: Workshop<'_>, fits: impl Fn(crate::abi::PythonVersion) -> bool) -> String {
    let keys = workshop.cache.keys(Kind::Runtimes);
    let locks = keys.iter().filter_map(|key| {
        let lock = crate::runtime::lock_file::read(&workshop.cache.entry(Kind::Runtimes, key)).ok()?;
        fits(lock.python).then(|| format!("{key} (Python {})", lock.python))
    });
    let names: Vec<String> = locks.collect();
    if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lock_file_names_in_vain_is_read() {
        let said = "error: failed to select a version for the requirement `a-b = \"^1\"` (locked to 1.0.12)\ncandidates";
        assert_eq!(missing_of_lock(said), Some(("a-b", "1.0.12")));
        let unlocked = "error: failed to select a version for the requirement `a = \"^9\"`\ncandidates";
        assert_eq!(missing_of_lock(unlocked), None);
    }
}
