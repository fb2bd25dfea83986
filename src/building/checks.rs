//! Checks that refuse a build, or warn, before anything is compiled.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::anyhow;

use crate::abi::TARGET;
use crate::cache::Kind;
use crate::context::Context;
use crate::error::{Result, hinted, with_cause};
use crate::nearest::find_nearest;
use crate::project::graph::{Crate, Graph};
use crate::project::{Project, bindings};
use crate::runtime::Runtime;
use crate::source::TreeOwner;

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
pub(super) fn check_bindings(
    context: &Context,
    graph: &Graph,
    owner: TreeOwner,
    runtime: &Runtime,
) -> Result<()> {
    let Some(known) = bindings::known_pythons(graph) else { return Ok(()) };
    context.ui.detail(format!("{known}"));
    if (known.oldest..=known.newest).contains(&runtime.python) {
        return Ok(());
    }
    let fitting = fitting_releases(context, |python| (known.oldest..=known.newest).contains(&python));
    let (side, version) =
        if runtime.python > known.newest { ("newer", "a newer") } else { ("older", "an older") };
    let advice = match owner {
        // Their own manifest says which PyO3 it is.
        TreeOwner::User => format!("name {version} `pyo3` in `Cargo.toml`"),
        TreeOwner::Tool => format!("name {version} version of the package"),
    };
    let error =
        anyhow!("{known}, but Pyodide {} has Python {}, which is {side}", runtime.version, runtime.python);
    // Cargo turns on features of crates that the package itself names.
    let names_pyo3 =
        |used: &Crate| used.source.is_none() && used.dependencies.iter().any(|name| name == "pyo3");
    let stable_abi = if runtime.python > known.newest && graph.crates.iter().any(names_pyo3) {
        "; if its code keeps to the stable ABI, `--features pyo3/abi3-py310` builds it as it is"
    } else {
        ""
    };
    Err(hinted(
        with_cause("bindings-too-old", error),
        format!("{advice}, or a Pyodide release that fits{fitting}{stable_abi}"),
    ))
}

/// Warns of crates that call JavaScript as in a browser, unless others take their place.
pub(super) fn warn_of_browser(context: &Context, graph: &Graph, patched: &BTreeMap<String, PathBuf>) {
    for warning in browser_warnings(graph, patched) {
        context.ui.warn(warning);
    }
}

fn browser_warnings(graph: &Graph, patched: &BTreeMap<String, PathBuf>) -> Vec<String> {
    #[derive(Default, serde::Deserialize)]
    struct Facts {
        names: Vec<String>,
        sockets: Vec<String>,
    }
    let Facts { names: glue, sockets } =
        toml::from_str(include_str!("../../facts/browser-crates.toml")).unwrap_or_default();
    let is_patched = |name: &str| patched.keys().any(|patched| patched.split('@').next() == Some(name));
    // The glue itself is no culprit: it calls JavaScript only when something calls it.
    let misled = graph.crates.iter().filter(|used| {
        let calls = used.dependencies.iter().any(|name| glue.contains(name));
        used.is_linked && calls && !glue.contains(&used.name) && !is_patched(&used.name)
    });
    let describe = |used: &Crate| {
        let Crate { name, version, .. } = used;
        let begin = format!(
            "the crate `{name} {version}` calls JavaScript through wasm-bindgen, which panics in Pyodide"
        );
        match used.elsewhere.iter().find(|name| sockets.contains(name)) {
            Some(other) => format!(
                "{begin}; on other targets it opens sockets (with `{other}`), which Pyodide does not have: turn off the \
                 feature that brings it"
            ),
            None => format!(
                "{begin}; if it does so only on WebAssembly, `cargo.not-in-browser = [\"{name}\"]` in an overlay fixes it"
            ),
        }
    };
    misled.map(describe).collect()
}

/// Checks that an overlay names crates that the package has.
///
/// # Errors
/// When one is not compiled for the package.
pub(super) fn check_crate_names<'a>(
    graph: &Graph,
    key: &str,
    names: impl IntoIterator<Item = &'a String>,
) -> Result<()> {
    let Some(unknown) = names.into_iter().find(|name| graph.find(name).is_none()) else { return Ok(()) };
    let error = anyhow!("`{key}` names the crate `{unknown}`, which the package does not compile");
    let hint = match find_nearest(unknown, graph.crates.iter().map(|used| used.name.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("`cargo tree --target {TARGET}` lists the crates that it compiles"),
    };
    Err(hinted(error, hint))
}

/// Warns of a profile that turns a panic into a dead interpreter.
pub(super) fn warn_of_abort(context: &Context, project: &Project) {
    context.ui.warn(format!(
        "`{}` sets `panic = \"abort\"` in its release profile: a Rust panic will end the whole interpreter",
        project.root.display()
    ));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn used(name: &str, calls: &str, elsewhere: &str) -> Crate {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Crate {
            name: name.to_owned(),
            version: semver::Version::new(1, 0, 0),
            features: Vec::new(),
            source: None,
            manifest: "Cargo.toml".into(),
            dependencies: list(calls),
            elsewhere: list(elsewhere),
            is_linked: name != "macro-helper",
        }
    }

    #[test]
    fn crates_that_call_javascript_are_told_with_what_helps() {
        let crates = vec![
            used("random", "js-sys", "libc"),
            used("client", "wasm-bindgen other", "hyper"),
            used("js-sys", "wasm-bindgen", ""),
            used("macro-helper", "js-sys", ""),
            used("mended", "js-sys", ""),
        ];
        let patched = BTreeMap::from([("mended".to_owned(), PathBuf::new())]);
        let graph = Graph { crates, ..Graph::default() };
        insta::assert_snapshot!(browser_warnings(&graph, &patched).join("\n"), @r#"
        the crate `random 1.0.0` calls JavaScript through wasm-bindgen, which panics in Pyodide; if it does so only on WebAssembly, `cargo.not-in-browser = ["random"]` in an overlay fixes it
        the crate `client 1.0.0` calls JavaScript through wasm-bindgen, which panics in Pyodide; on other targets it opens sockets (with `hyper`), which Pyodide does not have: turn off the feature that brings it
        "#);
        let check = |name: &str| match check_crate_names(&graph, "cargo.not-in-browser", &[name.to_owned()]) {
            Ok(()) => "known".to_owned(),
            Err(error) => crate::error::render(&error),
        };
        insta::assert_snapshot!(["client", "cliemt", "zzz"].map(check).join("\n"), @"
        known
        error: `cargo.not-in-browser` names the crate `cliemt`, which the package does not compile
        hint: did you mean `client`?
        error: `cargo.not-in-browser` names the crate `zzz`, which the package does not compile
        hint: `cargo tree --target wasm32-unknown-emscripten` lists the crates that it compiles
        ");
    }
}
