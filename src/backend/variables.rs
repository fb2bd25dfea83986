//! The environment variables of a build that follow from the project and from what the user chose.

use std::path::Path;

use super::request::BackEndBuild;
use crate::abi::TARGET;
use crate::context::{Context, Network};
use crate::env::Environment;
use crate::error::Result;
use crate::files::{remove_folder, write_if_changed};
use crate::plan::PLAN_FLAG;
use crate::project::Core;
use crate::source::TreeOwner;

/// The variables; `key` is that of the plan.
///
/// # Errors
/// When the folder of the build cannot be written.
pub(super) fn of_build(
    context: &Context,
    build: BackEndBuild<'_>,
    key: &str,
) -> Result<Vec<(String, String)>> {
    let BackEndBuild { project, choices, .. } = build;
    let mut variables = Vec::new();
    if build.owner == TreeOwner::User {
        variables.extend(setuptools_variables(&build.folder.root)?);
    }
    if project.core == Core::C {
        variables.extend(extension_variables());
    }
    let (profile, features) = (choices.profile.as_deref(), &choices.features[..]);
    variables.extend(project.back_end.choice_variables(&context.environment, profile, features));
    // Through `cc`'s own variables for the target: what is compiled for the host keeps the user's.
    variables.extend(["CFLAGS", "CXXFLAGS"].map(|name| c_flags(&context.environment, name, key)));
    if context.environment.get("RUSTC_WRAPPER").is_some() {
        // The crate `cc` calls a compiler through the wrapper of rustc only if a variable names that compiler.
        let compilers = [("CC", "emcc"), ("CXX", "em++")];
        variables.extend(compilers.map(|(name, program)| (for_target(name), program.to_owned())));
    }
    variables.extend(choices.overlay.env.clone());
    if project.wants_nightly(build.workspace) && !choices.overlay.env.contains_key("RUSTC_BOOTSTRAP") {
        context.ui.warn(format!(
            "`{}` asks for a nightly Rust: the build allows unstable features (`RUSTC_BOOTSTRAP=1`)",
            project.root.display()
        ));
        variables.push(("RUSTC_BOOTSTRAP".to_owned(), "1".to_owned()));
    }
    // Also for the back ends that call cargo with arguments of their own.
    if context.network == Network::Forbidden {
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

/// Keeps setuptools from writing into the user's folder, and from taking stale native modules out of it.
pub(crate) fn setuptools_variables(folder: &Path) -> Result<Vec<(String, String)>> {
    // A module that an earlier build left in `build/` would be packed as if it were new.
    let scratch = folder.join("setuptools");
    remove_folder(&scratch)?;
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
fn c_flags(environment: &Environment, name: &str, key: &str) -> (String, String) {
    let name = for_target(name);
    let own = environment.text(&name).map(|flags| format!("{flags} ")).unwrap_or_default();
    (name, format!("{own}{PLAN_FLAG}{key}"))
}
