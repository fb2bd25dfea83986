//! The package index as the audit asks it: whether a requirement has a pure wheel there.

use pep440_rs::Version;

use crate::audit::{Availability, PureWheels};
use crate::context::Context;
use crate::error::Result;
use crate::redacted::redact;
use crate::source::pure::{self, PureWheel};

/// The package index, asked through the user's own configuration.
#[derive(Debug)]
pub struct OnlineIndex<'a>(&'a Context);

impl<'a> OnlineIndex<'a> {
    /// The index that pip is configured for.
    ///
    /// # Errors
    /// When pip's settings cannot be read or used.
    pub fn open(context: &'a Context) -> Result<Self> {
        context.index()?;
        Ok(Self(context))
    }
}

impl PureWheels for OnlineIndex<'_> {
    fn find(&self, name: &str, fits: &dyn Fn(&Version) -> bool, python: &Version) -> Availability {
        match pure::find(self.0, name, fits, python) {
            Ok(PureWheel::Found(file)) => Availability::Pure(file.version),
            Ok(PureWheel::None) => Availability::NotPure,
            Ok(PureWheel::NoProject) => Availability::Unknown,
            Err(error) => Availability::NotAsked(redact(&format!("{error:#}"))),
        }
    }
}
