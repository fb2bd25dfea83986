//! An overlay as it was read, before its conditions are evaluated.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use super::keys::Section;
use super::shipped;
use super::values::{InsidePath, Versions};
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

impl Overlay {
    /// All sections, whether they apply or not.
    pub fn sections(&self) -> impl Iterator<Item = &Section> {
        let whens = self.when.iter().map(|when| &when.section);
        let variants = self.variants.values().map(|variant| &variant.section);
        std::iter::once(&self.base).chain(whens).chain(variants)
    }
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
                shipped::file(&path.0).with_context(|| format!("the tool ships no file `{path}`"))
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

/// The head of a shipped recipe: for which package it is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The package's normalised name.
    pub package: String,
    /// The versions for which it was made.
    pub versions: Versions,
    /// What it is for, in a line.
    pub about: String,
}
