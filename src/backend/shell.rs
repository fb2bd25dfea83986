//! The environment of a build, for a shell: maturin and others then compile and link as our own builds do.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::request::BackEndBuild;
use super::steering;
use crate::context::Context;
use crate::error::Result;

/// What a shell sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShellSettings {
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// Folders at the front of `PATH`.
    pub path: Vec<PathBuf>,
}

/// What only a build of ours sets: in a shell, places, times and colours are the user's affair.
const OF_OUR_BUILDS: [&str; 4] =
    ["CARGO_TARGET_DIR", "CARGO_TERM_COLOR", "DIST_EXTRA_CONFIG", "SOURCE_DATE_EPOCH"];

/// The settings for a build whose wheels get this platform tag. They name files in the build's folder.
///
/// # Errors
/// When the build's folder cannot be written.
pub fn shell_settings(context: &Context, build: BackEndBuild<'_>, tag: &str) -> Result<ShellSettings> {
    let steering = steering::steer(context, build)?;
    let wanted =
        |(name, value): &(String, String)| !value.is_empty() && !OF_OUR_BUILDS.contains(&name.as_str());
    let mut variables: BTreeMap<String, String> = steering.variables.into_iter().filter(wanted).collect();
    variables.extend(tag_variable(tag));
    // setuptools would give a module the suffix of the Python that runs it.
    variables.insert("SETUPTOOLS_EXT_SUFFIX".to_owned(), build.runtime.extension_suffix().to_owned());
    Ok(ShellSettings { variables, path: steering.path_folders })
}

/// The variable from which maturin makes a platform tag; none for the tags that name an Emscripten, which it asks `emcc` for.
fn tag_variable(tag: &str) -> Option<(String, String)> {
    let platform = tag.strip_suffix("_wasm32")?;
    let variables = [
        ("pyemscripten_", "MATURIN_PYEMSCRIPTEN_PLATFORM_VERSION"),
        ("pyodide_", "MATURIN_PYODIDE_ABI_VERSION"),
    ];
    variables.iter().find_map(|(prefix, name)| {
        platform.strip_prefix(prefix).map(|version| ((*name).to_owned(), version.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maturin_is_told_the_tag_in_its_way() {
        let check = |tag: &str| match tag_variable(tag) {
            Some((name, version)) => format!("{name}={version}"),
            None => "nothing".to_owned(),
        };
        assert_eq!(check("pyemscripten_2026_0_wasm32"), "MATURIN_PYEMSCRIPTEN_PLATFORM_VERSION=2026_0");
        assert_eq!(check("pyodide_2025_0_wasm32"), "MATURIN_PYODIDE_ABI_VERSION=2025_0");
        assert_eq!(check("emscripten_3_1_46_wasm32"), "nothing");
    }
}
