//! What is installed before a script runs: the wheels that the user names, requirements by name, and what all of these
//! require.

use std::path::{Path, PathBuf};

use super::{CheckedWheels, check_release};
use crate::context::Context;
use crate::dependencies::wheels::{self, FoundFiles, Purpose, WheelSources};
use crate::error::Result;
use crate::runtime::{Runtime, markers};
use crate::wheel::{OpenedWheel, WheelContents};

/// What a script asks to have installed.
#[derive(Debug, Clone, Default)]
pub struct InstallRequest {
    /// Wheels.
    pub wheels: Vec<PathBuf>,
    /// Requirements: `attrs>=24`.
    pub requirements: Vec<String>,
    /// A folder with packages of the release, asked before its content delivery network.
    pub packages_dir: Option<PathBuf>,
}

/// The wheels to install, those that others require before them. What a wheel requires and cannot be had is a warning: the
/// script may not need it.
///
/// # Errors
/// When a wheel is damaged or not for the release, or a requirement that the user names cannot be met.
pub fn find_wheels(context: &Context, runtime: &Runtime, request: &InstallRequest) -> Result<CheckedWheels> {
    let InstallRequest { wheels, requirements, packages_dir } = request;
    if wheels.is_empty() && requirements.is_empty() {
        return Ok(CheckedWheels::default());
    }
    // First: what was changed since it was made is not to be believed in anything else.
    let at_hand: Vec<OpenedWheel> = wheels.iter().map(|path| open_checked(path)).collect::<Result<_>>()?;
    for (path, wheel) in wheels.iter().zip(&at_hand) {
        check_release(runtime, path, wheel.filename())?;
    }
    let packages = packages_dir.as_deref();
    let sources = WheelSources { runtime, wheels: &at_hand, packages, purpose: Purpose::Script };
    let mut asked = requirements.clone();
    let environment = markers::of(runtime);
    for requirement in at_hand.iter().flat_map(|wheel| &wheel.metadata().requires) {
        if requirement.applies(&environment, &[]) {
            asked.push(requirement.to_string());
        }
    }
    // All at once first: versions are chosen together. One by one only to find out which cannot be had.
    let found = match wheels::find(context, sources, &asked) {
        Ok(found) => found,
        Err(_) => find_reachable(context, sources, requirements, &asked[requirements.len()..])?,
    };
    let mut all = found.all_wheels();
    for path in &all {
        WheelContents::read(path)?;
    }
    all.extend(wheels.iter().cloned());
    Ok(CheckedWheels(all))
}

/// Reads a wheel that its RECORD must describe.
fn open_checked(path: &Path) -> Result<OpenedWheel> {
    OpenedWheel::of(&std::path::absolute(path)?, &WheelContents::read(path)?)
}

fn find_reachable(
    context: &Context,
    sources: WheelSources<'_>,
    named: &[String],
    required: &[String],
) -> Result<FoundFiles> {
    // What the user names is an error of its own.
    wheels::find(context, sources, named)?;
    let mut reachable = named.to_vec();
    for text in required {
        match wheels::find(context, sources, std::slice::from_ref(text)) {
            Ok(_) => reachable.push(text.clone()),
            Err(error) => {
                let why = error.root_cause().to_string();
                let why = why.lines().last().unwrap_or_default().trim();
                context.ui.warn(format!("the script runs without what its wheels require: {why}"));
            }
        }
    }
    wheels::find(context, sources, &reachable)
}
