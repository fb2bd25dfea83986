//! What the audit asks of a package index.

use pep440_rs::Version;

/// What the package index has of a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// A pure Python wheel of this version.
    Pure(Version),
    /// Files, but no pure wheel of a version that fits.
    NotPure,
    /// No such project.
    Unknown,
    /// It could not be asked, and why.
    NotAsked(String),
}

/// Finds pure wheels on a package index.
pub trait PureWheels {
    /// The newest pure wheel of a normalised name that fits the specifiers and this Python.
    fn find(&self, name: &str, fits: &dyn Fn(&Version) -> bool, python: &Version) -> Availability;
}
