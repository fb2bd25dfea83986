//! Checks that refuse a build, or warn, before anything is compiled.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::anyhow;

use crate::backend::CargoChoices;
use crate::cache::Kind;
use crate::context::Context;
use crate::error::{Result, hinted, with_cause};
use crate::overlay::keys::Panic;
use crate::project::graph::Graph;
use crate::project::{Project, bindings};
use crate::runtime::Runtime;

/// Checks `requires-python` against the runtime.
///
/// # Errors
/// When the package does not run on the runtime's Python.
pub(super) fn check_python(project: &Project, runtime: &Runtime) -> Result<()> {
    let Some(text) = &project.requires_python else { return Ok(()) };
    // What does not parse is the back end's to refuse: it names the file and the line.
    let Ok(specifiers) = text.parse::<pep440_rs::VersionSpecifiers>() else { return Ok(()) };
    let (major, minor) = (u64::from(runtime.python.major), u64::from(runtime.python.minor));
    // `>=3.9.1` is met by some release of 3.9, and so is `<3.10`: any patch release will do.
    let fits = |patch| specifiers.contains(&pep440_rs::Version::new([major, minor, patch]));
    if [0, 1, 99].into_iter().any(fits) {
        return Ok(());
    }
    let error = anyhow!(
        "`{}` requires Python {text}, but Pyodide {} has Python {}",
        project.root.display(),
        runtime.version,
        runtime.python
    );
    Err(hinted(
        with_cause("python-version", error),
        "name a Pyodide release with another Python, or another version of the package",
    ))
}

/// Checks the package's PyO3 against the runtime.
///
/// # Errors
/// When PyO3 does not know the runtime's Python.
pub(super) fn check_bindings(context: &Context, graph: &Graph, runtime: &Runtime) -> Result<()> {
    let Some(known) = bindings::known_pythons(graph) else { return Ok(()) };
    context.ui.detail(format!("{known}"));
    if (known.oldest..=known.newest).contains(&runtime.python) {
        return Ok(());
    }
    let fitting = fitting_releases(context, |python| (known.oldest..=known.newest).contains(&python));
    let (side, version) =
        if runtime.python > known.newest { ("newer", "a newer") } else { ("older", "an older") };
    let error =
        anyhow!("{known}, but Pyodide {} has Python {}, which is {side}", runtime.version, runtime.python);
    Err(hinted(
        with_cause("bindings-too-old", error),
        format!("name {version} version of the package, or a Pyodide release that fits{fitting}"),
    ))
}

/// Warns of crates that call JavaScript as in a browser, unless others take their place.
pub(super) fn warn_of_browser(context: &Context, graph: &Graph, patched: &BTreeMap<String, PathBuf>) {
    #[derive(serde::Deserialize)]
    struct Facts {
        names: Vec<String>,
    }
    let facts = toml::from_str::<Facts>(include_str!("../../facts/browser-crates.toml"));
    let glue = facts.map(|facts| facts.names).unwrap_or_default();
    // The glue itself is no culprit: it calls JavaScript only when something calls it.
    let misled = graph.crates.iter().filter(|used| {
        let calls = used.dependencies.iter().any(|name| glue.contains(name));
        calls && !glue.contains(&used.name) && !patched.contains_key(&used.name)
    });
    for used in misled {
        let (name, version) = (&used.name, &used.version);
        context.ui.warn(format!(
            "the crate `{name} {version}` calls JavaScript through wasm-bindgen, which panics in Pyodide; if it does so only \
             on WebAssembly, `cargo.not-in-browser = [\"{name}\"]` in an overlay mends it"
        ));
    }
}

/// Warns of a profile that turns a panic into a dead interpreter.
pub(super) fn warn_of_abort(context: &Context, project: &Project, choices: &CargoChoices) {
    let aborts = match choices.overlay.profile.panic {
        Some(panic) => panic == Panic::Abort,
        None => project.aborts_on_panic(),
    };
    if aborts {
        context.ui.warn(format!(
            "`{}` sets `panic = \"abort\"` in its release profile: a Rust panic will end the whole interpreter",
            project.root.display()
        ));
    }
}

/// The releases in the cache whose Python fits, for advice.
fn fitting_releases(context: &Context, fits: impl Fn(crate::abi::PythonVersion) -> bool) -> String {
    // Only what is in the cache: advice must not cost a download.
    let keys = context.cache.keys(Kind::Runtimes);
    let locks = keys.iter().filter_map(|key| {
        let lock = crate::runtime::lock_file::read(&context.cache.entry(Kind::Runtimes, key).ok()?).ok()?;
        fits(lock.python).then(|| format!("{key} (Python {})", lock.python))
    });
    let names: Vec<String> = locks.collect();
    if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
}
