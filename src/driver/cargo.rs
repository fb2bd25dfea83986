//! Stands before the real cargo when a build back end calls it: adds the target's configuration and the user's choices.
//!
//! Flags go in through `--config` and a file, since `CARGO_TARGET_…_RUSTFLAGS` splits at spaces and would break folders
//! that have them; the package's own configuration stays in force beside ours. `--locked` is dropped: real sdists carry
//! locks that are stale against their trimmed workspaces, and cargo still follows a lock wherever it can.

use std::ffi::OsString;

use super::{CargoPlan, DriverPlan, log};
use crate::error::Result;
use crate::process::Invocation;

/// Subcommands that compile.
const COMPILING: [&str; 4] = ["build", "rustc", "b", "check"];

/// Runs the real cargo and returns its exit status.
pub(super) fn run(plan: &DriverPlan, cargo: &CargoPlan, arguments: Vec<OsString>) -> Result<u8> {
    let arguments = rewrite(cargo, arguments);
    let shown: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    log(plan, &format!("cargo {}", shown.join(" ")))?;
    let status = Invocation::new(&cargo.program).args(arguments).pass_through()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(101))
}

/// The arguments for the real cargo.
fn rewrite(cargo: &CargoPlan, arguments: Vec<OsString>) -> Vec<OsString> {
    let mut own = arguments.into_iter().peekable();
    // Only a rustup stand-in understands `+toolchain`.
    let _ = own.next_if(|first| first.to_string_lossy().starts_with('+'));
    let mut rewritten: Vec<OsString> = vec!["--config".into(), cargo.config.clone().into()];
    let mut compiles = false;
    let mut subcommand = None;
    let mut has_profile = false;
    for argument in own.by_ref() {
        let text = argument.to_string_lossy().into_owned();
        if text == "--" {
            push_choices(cargo, (compiles, has_profile), &mut rewritten);
            rewritten.push(argument);
            rewritten.extend(own);
            return rewritten;
        }
        if subcommand.is_none() && !text.starts_with('-') {
            compiles = COMPILING.contains(&text.as_str());
            subcommand = Some(text.clone());
        }
        match text.as_str() {
            "--locked" | "--frozen" => {}
            "--release" | "-r" if compiles && cargo.profile.is_some() => {}
            _ => {
                has_profile |= text.starts_with("--profile");
                rewritten.push(argument);
            }
        }
    }
    push_choices(cargo, (compiles, has_profile), &mut rewritten);
    rewritten
}

fn push_choices(cargo: &CargoPlan, (compiles, has_profile): (bool, bool), rewritten: &mut Vec<OsString>) {
    if !compiles {
        return;
    }
    if let Some(profile) = cargo.profile.as_ref().filter(|_| !has_profile) {
        rewritten.push(format!("--profile={profile}").into());
    }
    rewritten.extend(cargo.features.iter().map(OsString::from));
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
        };
        let words = line.split(' ').map(OsString::from).collect();
        rewrite(&plan, words)
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ")
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
        assert_eq!(check(Some("small"), &[], "build --profile dev"), "--config c.toml build --profile dev");
    }
}
