//! The environment variables of a build that follow from the project and from what the user chose.

use std::path::Path;

use super::{CargoChoices, Workshop, write_if_changed};
use crate::driver::c_arguments::PLAN_FLAG;
use crate::error::Result;
use crate::project::{Core, Project};
use crate::runtime::releases::Network;
use crate::toolchain::TARGET;

/// The variables; `key` is that of the plan.
///
/// # Errors
/// When the folder of the build cannot be written.
pub(super) fn of_project(
    workshop: Workshop<'_>,
    project: &Project,
    (choices, key): (&CargoChoices, &str),
    folder: &Path,
) -> Result<Vec<(String, String)>> {
    let mut variables = Vec::new();
    if !project.root.starts_with(folder) {
        variables.extend(setuptools_variables(folder)?);
    }
    if project.core == Core::C {
        variables.extend(extension_variables());
    }
    variables.extend(choice_variables(workshop, project, choices));
    variables.extend(["CFLAGS", "CXXFLAGS"].map(|name| c_flags(workshop, name, key)));
    if workshop.environment.get("RUSTC_WRAPPER").is_some() {
        // The crate `cc` calls a compiler through the wrapper of rustc only if a variable names that compiler.
        let compilers = [("CC", "emcc"), ("CXX", "em++")];
        variables.extend(compilers.map(|(name, program)| (for_target(name), program.to_owned())));
    }
    variables.extend(choices.overlay.env.clone());
    if project.wants_nightly() && !choices.overlay.env.contains_key("RUSTC_BOOTSTRAP") {
        workshop.ui.warn(format!(
            "`{}` asks for a nightly Rust: unstable features are allowed it (`RUSTC_BOOTSTRAP=1`)",
            project.root.display()
        ));
        variables.push(("RUSTC_BOOTSTRAP".to_owned(), "1".to_owned()));
    }
    if workshop.network == Network::Forbidden {
        variables.push(("CARGO_NET_OFFLINE".to_owned(), "true".to_owned()));
    }
    Ok(variables)
}

/// What setuptools compiles and links an extension in C with. Names, since it splits at spaces.
fn extension_variables() -> Vec<(String, String)> {
    let programs = [
        ("CC", "emcc"),
        ("CXX", "em++"),
        ("AR", "emar"),
        ("LDSHARED", "emcc -shared"),
        ("LDCXXSHARED", "em++ -shared"),
    ];
    programs.map(|(name, program)| (name.to_owned(), program.to_owned())).into()
}

fn choice_variables(
    workshop: Workshop<'_>,
    project: &Project,
    choices: &CargoChoices,
) -> Vec<(String, String)> {
    if project.uses_maturin() {
        let own = workshop.environment.text("MATURIN_PEP517_ARGS").map(str::to_owned);
        let profile = choices.profile.as_ref().map(|profile| format!("--profile={profile}"));
        let arguments: Vec<String> =
            own.into_iter().chain(profile).chain(choices.features.iter().cloned()).collect();
        return vec![("MATURIN_PEP517_ARGS".to_owned(), arguments.join(" "))];
    }
    let profile = choices.profile.iter();
    profile.map(|profile| ("SETUPTOOLS_RUST_CARGO_PROFILE".to_owned(), profile.clone())).collect()
}

/// Keeps setuptools from writing into the user's folder, and from taking stale native modules out of it.
fn setuptools_variables(folder: &Path) -> Result<Vec<(String, String)>> {
    let scratch = folder.join("setuptools");
    crate::cache::remove_folder(&scratch)?;
    fs_err::create_dir_all(scratch.join("egg"))?;
    let config = folder.join("setuptools.cfg");
    let path = |name: &str| scratch.join(name).to_string_lossy().replace('%', "%%");
    let content =
        format!("[build]\nbuild_base = {}\n\n[egg_info]\negg_base = {}\n", path("build"), path("egg"));
    write_if_changed(&config, &content)?;
    Ok(vec![("DIST_EXTRA_CONFIG".to_owned(), config.to_string_lossy().into_owned())])
}

/// The variable of this name that the crate `cc` reads for the target alone.
fn for_target(name: &str) -> String {
    format!("{name}_{}", TARGET.replace('-', "_"))
}

/// What build scripts pass to a C compiler: a flag of our own that means nothing, for what cannot see our plan and must tell
/// lines apart, such as a compiler cache.
fn c_flags(workshop: Workshop<'_>, name: &str, key: &str) -> (String, String) {
    let name = for_target(name);
    let own = workshop.environment.text(&name).map(|flags| format!("{flags} ")).unwrap_or_default();
    (name, format!("{own}{PLAN_FLAG}{key}"))
}
