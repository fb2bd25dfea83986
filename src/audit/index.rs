//! What the audit asks of a package index.

use pep440_rs::Version;

use crate::runtime::Runtime;

/// What the package index has of a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// A wheel of this version that the release installs: pure, or for Pyodide.
    Wheel(Version),
    /// Files, but no such wheel of a version that fits.
    NoWheel,
    /// No such project.
    Unknown,
    /// It could not be asked, and why.
    NotAsked(String),
}

/// Finds wheels on a package index.
pub trait WheelIndex {
    /// The newest wheel of a normalised name that fits the specifiers and that the release installs.
    fn find(&self, name: &str, fits: &dyn Fn(&Version) -> bool, runtime: &Runtime) -> Availability;
}
