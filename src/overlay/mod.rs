//! Overlays: what is changed in a package for Pyodide, without a fork of it.
//!
//! An overlay is TOML: the table `[tool.cargo-pyodide]` of a package's own `pyproject.toml`, a file given with `--overlay`,
//! or one of the recipes that the tool ships. `docs/overlays.md` has the keys; nothing is applied without a word on stderr.
//! Overlays do not know how wheels are made: they end as [`Changes`], which later steps carry out.

pub mod changes;
pub mod crates;
pub mod keys;
pub mod patches;
mod read;
pub mod recipes;
pub mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

pub use changes::{Changes, Target};
pub use keys::Section;
pub use read::Head;
use values::{InsidePath, Versions};

use crate::error::Result;

/// An overlay as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlay {
    /// What it is called in messages.
    pub label: String,
    /// Where the files lie that it names.
    pub place: Place,
    /// For which package it is, if it is a shipped recipe.
    pub head: Option<Head>,
    /// What always applies.
    pub base: Section,
    /// What applies under conditions.
    pub when: Vec<When>,
    /// What applies if it is asked for by name.
    pub variants: BTreeMap<String, Variant>,
}

/// `[[when]]`: a section that applies under conditions, all of which must be met.
#[derive(Debug, Clone, PartialEq)]
pub struct When {
    /// The releases of Pyodide.
    pub pyodide: Option<Versions>,
    /// The versions of the package.
    pub version: Option<Versions>,
    /// What is changed then.
    pub section: Section,
}

/// `[variant.NAME]`: a section that applies if it is asked for with `--variant NAME`.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// What it gives, in a line.
    pub about: String,
    /// What is changed then.
    pub section: Section,
}

/// Where the files lie that an overlay names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder.
    Folder(PathBuf),
    /// The tool itself.
    Shipped,
}

impl Place {
    /// Reads a file that lies beside the overlay.
    ///
    /// # Errors
    /// When it is not there.
    pub fn read(&self, path: &InsidePath) -> Result<Vec<u8>> {
        match self {
            Place::Folder(folder) => Ok(fs_err::read(folder.join(&path.0))?),
            Place::Shipped => {
                recipes::file(&path.0).with_context(|| format!("the tool ships no file `{path}`"))
            }
        }
    }

    /// The folder, if there is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Place::Folder(folder) => Some(folder),
            Place::Shipped => None,
        }
    }
}

/// Reads an overlay from a file of the user's.
///
/// # Errors
/// When it is not there, a key is unknown or a value is wrong.
pub fn from_file(path: &Path) -> Result<Overlay> {
    let text = fs_err::read_to_string(path)?;
    let folder = std::path::absolute(path)?.parent().map(Path::to_owned).unwrap_or_default();
    read::overlay(&text, (format!("`{}`", path.display()), Place::Folder(folder)))
}

/// Reads the table `[tool.cargo-pyodide]` of the package in a folder, if it has one.
///
/// # Errors
/// When a key is unknown or a value is wrong.
pub fn of_package(folder: &Path) -> Result<Option<Overlay>> {
    read::own_table(&folder.join("pyproject.toml"), folder)
}
