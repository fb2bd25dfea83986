//! The package index as the audit asks it: whether a requirement has a wheel there.

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use pep440_rs::Version;

use crate::audit::{Availability, WheelIndex};
use crate::context::Context;
use crate::error::{Result, hinted};
use crate::redacted::redact;
use crate::runtime::Runtime;
use crate::source::index_wheel::{self, IndexWheel};

/// The newest wheel of a package on the index that a release installs, or the one of a version. It is downloaded.
///
/// # Errors
/// When there is none, or the index cannot be asked.
pub fn find_wheel(
    context: &Context,
    runtime: &Runtime,
    name: &str,
    version: Option<&Version>,
) -> Result<PathBuf> {
    let fits = |found: &Version| version.is_none_or(|version| version == found);
    let called = version.map_or_else(|| name.to_owned(), |version| format!("{name}=={version}"));
    match index_wheel::find(context, name, &fits, runtime)? {
        IndexWheel::Found(file) => index_wheel::download(context, &file),
        IndexWheel::NoProject => bail!("the package index has no `{name}`"),
        IndexWheel::None => Err(hinted(
            anyhow!("the package index has no wheel of `{called}` that Pyodide {} installs", runtime.version),
            format!("`cargo pyodide build {called}` may build one"),
        )),
    }
}

/// The package index, asked through the user's own configuration.
#[derive(Debug)]
pub struct OnlineIndex<'a>(&'a Context);

impl<'a> OnlineIndex<'a> {
    /// The index that pip is configured for.
    ///
    /// # Errors
    /// When pip's settings cannot be read or used.
    pub fn open(context: &'a Context) -> Result<Self> {
        // Asked now, so that wrong settings are one error and not a finding for each requirement.
        context.index()?;
        Ok(Self(context))
    }
}

impl WheelIndex for OnlineIndex<'_> {
    fn find(&self, name: &str, fits: &dyn Fn(&Version) -> bool, runtime: &Runtime) -> Availability {
        match index_wheel::find(self.0, name, fits, runtime) {
            Ok(IndexWheel::Found(file)) => Availability::Wheel(file.version),
            Ok(IndexWheel::None) => Availability::NoWheel,
            Ok(IndexWheel::NoProject) => Availability::Unknown,
            Err(error) => Availability::NotAsked(redact(&format!("{error:#}"))),
        }
    }
}
