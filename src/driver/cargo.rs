//! Stands in for cargo when a build back end calls it: adds the target's configuration and the user's choices.
//!
//! Flags go in through `--config` and a file, since `CARGO_TARGET_…_RUSTFLAGS` splits at spaces and would break folders
//! that have them; the package's own configuration stays in force beside ours. Flags that the back end itself puts into
//! `RUSTFLAGS`, as old maturins do, would hide all others: they are joined instead, without unstable ones. A back end's
//! `--locked` is dropped: real sdists carry locks that are stale against their trimmed workspaces, and cargo still follows a
//! lock wherever it can. The user's own is passed on.

use std::ffi::OsString;

use crate::abi::TARGET;
use crate::env::{Environment, USER_TEMPORARY_FOLDER};
use crate::error::Result;
use crate::plan::{CargoPlan, DriverPlan};
use crate::process::{Invocation, exit_code};

/// Subcommands that compile.
const COMPILING: [&str; 4] = ["build", "rustc", "b", "check"];

/// Variables that say where things lie on this machine. A compiler cache would take them for something that crates depend
/// on; back ends need the first one, and cargo is told of it otherwise.
const LOCAL: [&str; 2] = ["CARGO_TARGET_DIR", "CARGO_PYODIDE_CACHE_DIR"];

/// Runs the real cargo and returns its exit status.
pub(super) fn run(
    plan: &DriverPlan,
    cargo: &CargoPlan,
    arguments: Vec<OsString>,
    environment: &Environment,
) -> Result<u8> {
    let own = backend_flags(environment);
    let mut arguments = rewrite(cargo, arguments);
    if let Some(folder) = environment.text("CARGO_TARGET_DIR") {
        let setting = format!("build.target-dir={}", toml::Value::from(folder));
        // At the front: cargo takes its own options before the subcommand, and what follows may belong to rustc.
        arguments.splice(0..0, ["--config".into(), setting.into()]);
    }
    if !own.is_empty() {
        let flags = toml::Value::from(own);
        arguments.splice(0..0, ["--config".into(), format!("target.{TARGET}.rustflags={flags}").into()]);
    }
    let shown: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    plan.log(&format!("cargo {}", shown.join(" ")))?;
    let mut command = Invocation::new(&cargo.program).args(arguments);
    for name in LOCAL {
        command = command.env_remove(name);
    }
    // The server of a compiler cache that cargo starts outlives our folder.
    if let Some(folder) = environment.get(USER_TEMPORARY_FOLDER) {
        command = command.env("TMPDIR", folder);
    }
    if environment.get("RUSTC_BOOTSTRAP").is_none() {
        // A distribution's cargo may take itself for a nightly one, and would obey `[unstable]` in a package's
        // configuration: the compiler behind it is a stable one.
        command = command.env("__CARGO_TEST_CHANNEL_OVERRIDE_DO_NOT_USE_THIS", "stable");
    }
    let status = command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").run_through()?;
    Ok(exit_code(status))
}

/// The flags that the back end put into the environment: the user's own were taken out before it started.
fn backend_flags(environment: &Environment) -> Vec<String> {
    let words: Vec<String> = match environment.text("CARGO_ENCODED_RUSTFLAGS") {
        Some(encoded) => encoded.split('\u{1f}').map(str::to_owned).collect(),
        None => {
            environment.text("RUSTFLAGS").unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        }
    };
    without_unstable(words)
}

/// Drops `-Z NAME` and `-ZNAME`: a stable compiler refuses them, and `link-native-libraries=no`, the one that back ends
/// set, drops the static libraries of the package's own build script.
fn without_unstable(words: Vec<String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-Z" => drop(words.next()),
            text if text.starts_with("-Z") => {}
            _ => kept.push(word),
        }
    }
    kept
}

/// The arguments for the real cargo.
fn rewrite(cargo: &CargoPlan, arguments: Vec<OsString>) -> Vec<OsString> {
    let mut own = arguments.into_iter().peekable();
    // Only rustup's proxy understands `+toolchain`.
    let _ = own.next_if(|first| first.to_string_lossy().starts_with('+'));
    // Arguments behind `--` are rustc's: nothing there is ours to read or drop.
    let (mut kept, mut subcommand, mut names_profile) = (Vec::new(), None, false);
    let mut behind_dashes = Vec::new();
    while let Some(argument) = own.next() {
        let text = argument.to_string_lossy().into_owned();
        if text == "--" {
            behind_dashes.push(argument);
            behind_dashes.extend(own.by_ref());
            break;
        }
        if subcommand.is_none() && !text.starts_with('-') {
            subcommand = Some(text.clone());
        }
        names_profile |= text.starts_with("--profile");
        kept.push(argument);
    }
    let reads_lock = subcommand.as_deref() == Some("metadata");
    let compiles = subcommand.is_some_and(|name| COMPILING.contains(&name.as_str()));
    let reads_lock = compiles || reads_lock;
    let profile = cargo.profile.as_ref().filter(|_| compiles);
    let is_dropped = |text: &str| match text {
        "--locked" | "--frozen" => true,
        "--release" | "-r" => profile.is_some(),
        _ => false,
    };
    let mut rewritten: Vec<OsString> = vec!["--config".into(), cargo.config.clone().into()];
    rewritten.extend(kept.into_iter().filter(|word: &OsString| !is_dropped(&word.to_string_lossy())));
    rewritten.extend(
        profile.filter(|_| !names_profile).map(|profile| OsString::from(format!("--profile={profile}"))),
    );
    if compiles {
        // Other subcommands, such as `fetch`, do not take them.
        rewritten.extend(cargo.features.iter().map(OsString::from));
    }
    rewritten.extend((cargo.is_locked && reads_lock).then(|| "--locked".into()));
    rewritten.extend(behind_dashes);
    rewritten
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(profile: Option<&str>, features: &[&str], line: &str) -> String {
        let plan = CargoPlan {
            program: "cargo".into(),
            config: "c.toml".into(),
            profile: profile.map(str::to_owned),
            features: features.iter().map(|text| (*text).to_owned()).collect(),
            is_locked: profile == Some("locked"),
        };
        let words = line.split(' ').map(OsString::from).collect();
        rewrite(&plan, words)
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn unstable_flags_of_the_back_end_are_dropped() {
        let words =
            "-Z link-native-libraries=no -C link-arg=-x -Zother --cfg y".split(' ').map(str::to_owned);
        assert_eq!(without_unstable(words.collect()).join(" "), "-C link-arg=-x --cfg y");
    }

    #[test]
    fn choices_reach_the_commands_that_compile() {
        assert_eq!(
            check(None, &[], "rustc --release --locked --lib -- -C opt-level=3"),
            "--config c.toml rustc --release --lib -- -C opt-level=3"
        );
        assert_eq!(
            check(
                Some("small"),
                &["--features=a,b"],
                "+nightly rustc --release --lib -- --crate-type cdylib"
            ),
            "--config c.toml rustc --lib --profile=small --features=a,b -- --crate-type cdylib"
        );
        assert_eq!(
            check(Some("small"), &["--no-default-features"], "metadata --format-version 1 --frozen"),
            "--config c.toml metadata --format-version 1"
        );
        assert_eq!(
            check(Some("locked"), &[], "metadata --format-version 1"),
            "--config c.toml metadata --format-version 1 --locked"
        );
        assert_eq!(
            check(Some("locked"), &[], "rustc --frozen -- -C x"),
            "--config c.toml rustc --profile=locked --locked -- -C x"
        );
        assert_eq!(check(Some("small"), &[], "build --profile dev"), "--config c.toml build --profile dev");
    }
}
