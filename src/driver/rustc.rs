//! Stands in for rustc.
//!
//! It adds what does not belong to the crate: the sysroot, and names for local folders. So cargo, and a compiler cache
//! between cargo and us, see the same command line wherever the cache lies; what counts for the outcome is in the plan's key,
//! which they see.
//!
//! It adds the flag that chooses how exceptions unwind. For JavaScript exceptions the flag is unstable: only cargo's own
//! compilations for the target get it, and `RUSTC_BOOTSTRAP` with it. Build scripts, and the compilers they probe with, see a stable compiler:
//! many turn nightly features on as soon as they find one.

use std::ffi::OsString;

use semver::Version;

use crate::abi::TARGET;
use crate::env::Environment;
use crate::error::Result;
use crate::overlay::crates::{CrateRecipe, Rule};
use crate::plan::{DriverPlan, RustcPlan};
use crate::process::{Invocation, exit_code};

/// Runs the real rustc and returns its exit status.
pub(super) fn run(
    plan: &DriverPlan,
    rustc: &RustcPlan,
    mut arguments: Vec<OsString>,
    environment: &Environment,
) -> Result<u8> {
    let mut command = Invocation::new(&rustc.program).with_our_temporary_folder();
    // A sysroot that is named already is that of cargo's `-Zbuild-std`, which builds the standard library itself.
    if names_target(&arguments) && !arguments.iter().any(|argument| argument == "--sysroot") {
        command = rustc.sysroot.iter().fold(command, |command, folder| command.arg("--sysroot").arg(folder));
    }
    if compiles_for_target(&arguments) {
        let remapped = rustc.remap.iter();
        command = command
            .args(remapped.map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display())));
        command = command.args(&rustc.flags);
        if rustc.flags.iter().any(|flag| flag.starts_with("-Z")) {
            // For this one compilation, not for the build: build scripts that find a nightly turn unstable features
            // on.
            command = command.env("RUSTC_BOOTSTRAP", "1");
        }
        if !rustc.flags.is_empty() && arguments.iter().any(|argument| argument == "cdylib") {
            plan.log(&format!("rustc with {}", rustc.flags.join(" ")))?;
        }
        if let Some((name, version)) = compiled_crate(environment) {
            let (changed, said) = apply_recipes(&rustc.crates, &name, &version, &arguments);
            arguments = changed;
            for why in said {
                plan.log(&format!("rustc for {name} {version}: it {why}"))?;
            }
        }
    }
    if names_crate(&arguments, "panic_abort") {
        // The one crate of the standard library that must not unwind itself: rustc's own build does the same.
        command = command.arg("-Cpanic=abort");
    }
    let status = command.args(arguments).run_through()?;
    Ok(exit_code(status))
}

/// The crate that cargo has compiled: it tells rustc by environment variables.
fn compiled_crate(environment: &Environment) -> Option<(String, Version)> {
    let name = environment.text("CARGO_PKG_NAME")?.to_owned();
    Some((name, environment.text("CARGO_PKG_VERSION")?.parse().ok()?))
}

/// The arguments with what the recipes for a crate change, and why.
fn apply_recipes(
    recipes: &[CrateRecipe],
    name: &str,
    version: &Version,
    arguments: &[OsString],
) -> (Vec<OsString>, Vec<String>) {
    let feature = |name: &str| OsString::from(format!("feature=\"{name}\""));
    let has = |name: &str| arguments.contains(&feature(name));
    let rules: Vec<&Rule> = recipes.iter().flat_map(|recipe| recipe.rules_for(name, version, has)).collect();
    let off: Vec<OsString> =
        rules.iter().flat_map(|rule| &rule.without_features).map(|name| feature(name)).collect();
    let mut changed: Vec<OsString> = Vec::with_capacity(arguments.len());
    for argument in arguments {
        // `--cfg` and its value are two arguments.
        if off.contains(argument) && changed.last().is_some_and(|before| before == "--cfg") {
            changed.pop();
        } else {
            changed.push(argument.clone());
        }
    }
    // Last, so that a recipe wins over the flags that all crates get.
    changed.extend(rules.iter().flat_map(|rule| &rule.rustflags).map(OsString::from));
    (changed, rules.iter().map(|rule| rule.why.clone()).collect())
}

fn names_crate(arguments: &[OsString], name: &str) -> bool {
    arguments.windows(2).any(|pair| pair[0] == "--crate-name" && pair[1] == name)
}

/// Whether these are the arguments with which cargo compiles a crate for our target: `-C metadata=…` is cargo's mark.
fn compiles_for_target(arguments: &[OsString]) -> bool {
    let is_mark = |text: &str| text.starts_with("metadata=") || text.starts_with("-Cmetadata=");
    names_target(arguments) && arguments.iter().any(|argument| is_mark(&argument.to_string_lossy()))
}

fn names_target(arguments: &[OsString]) -> bool {
    arguments.windows(2).any(|pair| pair[0] == "--target" && pair[1] == TARGET)
        || arguments
            .iter()
            .any(|argument| argument.to_string_lossy().strip_prefix("--target=") == Some(TARGET))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_change_what_their_crate_is_compiled_with() {
        let recipe = CrateRecipe::read(
            "crate = 'a'\nabout = ''\n[[rule]]\nversions = '>=1.5'\nfeatures = ['net']\n\
             without-features = ['net']\nrustflags = ['--cfg', 'x']\nwhy = 'w'",
        );
        let recipes = [recipe.unwrap()];
        let check = |name: &str, version: &str, line: &str| {
            let arguments: Vec<_> = line.split(' ').map(OsString::from).collect();
            let (changed, said) = apply_recipes(&recipes, name, &version.parse().unwrap(), &arguments);
            let words: Vec<_> = changed.iter().map(|word| word.to_string_lossy()).collect();
            format!("{} {said:?}", words.join(" "))
        };
        let line = r#"a.rs --cfg feature="io" --cfg feature="net" -C x"#;
        assert_eq!(check("a", "1.5.0-rc.1", line), r#"a.rs --cfg feature="io" -C x --cfg x ["w"]"#);
        assert_eq!(check("a", "1.4.9", line), format!("{line} []"));
        assert_eq!(check("b", "1.5.0", line), format!("{line} []"));
        assert_eq!(check("a", "2.0.0", "a.rs"), "a.rs []");
    }

    #[test]
    fn probes_are_told_from_compilations() {
        let check =
            |line: &str| compiles_for_target(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(check("--crate-name a a.rs -C metadata=1 --target wasm32-unknown-emscripten"));
        assert!(!check("--crate-name build_script_build build.rs -C metadata=1"));
        assert!(!check("--crate-name probe --target wasm32-unknown-emscripten --emit=metadata -"));
        assert!(!check("-vV"));
    }
}
