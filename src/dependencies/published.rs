//! Where a package is there for a release without a build: in the release itself, or as a wheel on the package index.

use pep440_rs::Version;

use crate::context::Context;
use crate::runtime::Runtime;
use crate::source::index_wheel::{self, IndexFile};

/// Says in one line where a package of this normalised name is there for a release, in this version or in any; nothing if
/// it is nowhere. The index is not asked: only what it told before is used.
pub fn describe(
    context: &Context,
    name: &str,
    version: Option<&Version>,
    runtime: &Runtime,
) -> Option<String> {
    let in_release = runtime.packages.get(name).map(|package| package.version.as_str());
    let fits = |found: &Version| version.is_none_or(|version| found == version);
    let on_index = index_wheel::find_asked(context, name, &fits, runtime);
    say(name, &runtime.version.to_string(), in_release, on_index.as_ref())
}

fn say(name: &str, pyodide: &str, in_release: Option<&str>, on_index: Option<&IndexFile>) -> Option<String> {
    let release = in_release.map(|version| format!("Pyodide {pyodide} has {name} {version}"));
    let index = on_index.map(|file| {
        let kind = if file.is_pure { "a pure wheel" } else { "a wheel" };
        format!("the package index has {kind} of {name} {} that Pyodide {pyodide} installs", file.version)
    });
    match (release, index) {
        (None, None) => None,
        (release, index) => Some(release.into_iter().chain(index).collect::<Vec<_>>().join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_told_with_its_version() {
        let pure = IndexFile::double("x-2.0-py3-none-any.whl");
        let native = IndexFile::double("x-2.1-cp314-cp314-pyemscripten_2026_0_wasm32.whl");
        let check = |in_release, on_index| say("x", "314.0.7", in_release, on_index).unwrap_or_default();
        insta::assert_snapshot!(
            [check(Some("1.0"), None), check(None, Some(&pure)), check(Some("1.0"), Some(&native)), check(None, None)]
                .join("\n"),
            @"
        Pyodide 314.0.7 has x 1.0
        the package index has a pure wheel of x 2.0 that Pyodide 314.0.7 installs
        Pyodide 314.0.7 has x 1.0; the package index has a wheel of x 2.1 that Pyodide 314.0.7 installs
        "
        );
    }
}
