//! The package index as the audit asks it: whether a requirement has a wheel there.

use pep440_rs::Version;

use crate::audit::{Availability, WheelIndex};
use crate::context::Context;
use crate::error::Result;
use crate::redacted::redact;
use crate::runtime::Runtime;
use crate::source::index_wheel::{self, IndexWheel};

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
