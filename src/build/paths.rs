//! Folders that must not show in a published module.

use std::path::PathBuf;

use crate::env::Environment;
use crate::error::Result;

/// Cargo's home: `CARGO_HOME`, or `.cargo` in the user's home.
///
/// # Errors
/// When there is no home folder.
pub fn cargo_home() -> Result<PathBuf> {
    cargo_home_of(&Environment::read())
}

/// Cargo's home in this environment.
///
/// # Errors
/// When there is no home folder.
pub fn cargo_home_of(environment: &Environment) -> Result<PathBuf> {
    match environment.get("CARGO_HOME") {
        Some(home) => Ok(PathBuf::from(home)),
        None => Ok(etcetera::home_dir()?.join(".cargo")),
    }
}
