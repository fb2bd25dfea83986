//! The packages of a sweep: a file of `NAME==VERSION`, a table with such columns, or a folder of sdists. Pure but for
//! reading.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{anyhow, bail};
use pep440_rs::Version;
use serde::{Deserialize, Serialize};

use crate::error::{Result, hinted};
use crate::wheel::filename::normalised;

/// One package of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListedPackage {
    /// The normalised name.
    pub name: String,
    /// The version; none for the newest that has an sdist.
    pub version: Option<String>,
    /// The archive, if it is one of a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<PathBuf>,
}

impl fmt::Display for ListedPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}=={version}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl FromStr for ListedPackage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once("==") {
            Some((name, version)) => (name.trim(), Some(version.trim())),
            None => (text.trim(), None),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(format!("`{text}` is not `NAME==VERSION`"));
        }
        if let Some(version) = version {
            Version::from_str(version).map_err(|error| {
                format!("`{version}` in `{text}` is not a Python version number: {error}")
            })?;
        }
        Ok(Self { name: normalised(name), version: version.map(str::to_owned), archive: None })
    }
}

impl ListedPackage {
    /// What names it in files: `name-version`.
    pub fn key(&self) -> String {
        match &self.version {
            Some(version) => format!("{}-{version}", self.name),
            None => self.name.clone(),
        }
    }
}

/// The packages of a list and how many lines of it said the same as an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The packages, in the list's order, each once.
    pub packages: Vec<ListedPackage>,
    /// How many were named again.
    pub duplicates: usize,
}

/// Reads a list.
///
/// # Errors
/// When it cannot be read, a line names no package, or it is empty.
pub fn read(path: &Path) -> Result<List> {
    let packages = if path.is_dir() { sdists(path)? } else { parse(&fs_err::read_to_string(path)?, path)? };
    if packages.is_empty() {
        return Err(hinted(
            anyhow!("`{}` lists no packages", path.display()),
            "a list is a file of `NAME==VERSION`, one a line, a table with the columns `name` and `version`, separated by \
             tabs, or a folder of sdists",
        ));
    }
    // Two cells of one name would write the same files.
    let (all, mut seen) = (packages.len(), BTreeSet::new());
    let packages: Vec<ListedPackage> =
        packages.into_iter().filter(|package| seen.insert(package.key())).collect();
    Ok(List { duplicates: all - packages.len(), packages })
}

fn parse(text: &str, path: &Path) -> Result<Vec<ListedPackage>> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    let mut lines = lines.by_ref().peekable();
    let columns = match lines.next_if(|(_, line)| line.contains('\t')) {
        Some((_, head)) => Some(columns(head, path)?),
        None => None,
    };
    let mut packages = Vec::new();
    for (number, line) in lines {
        let named = match columns {
            Some((name, version)) => {
                let cells: Vec<&str> = line.split('\t').map(|cell| cell.trim_matches(['"', ' '])).collect();
                let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
                let pinned = version.map(cell).filter(|version| !version.is_empty());
                pinned.map_or_else(|| cell(name).to_owned(), |version| format!("{}=={version}", cell(name)))
            }
            // A comment may follow, as in a requirements file.
            None => line.split(" #").next().unwrap_or_default().trim().to_owned(),
        };
        packages
            .push(named.parse().map_err(|why| anyhow!("`{}`, line {}: {why}", path.display(), number + 1))?);
    }
    Ok(packages)
}

/// Where a table's head has `name` and `version`.
fn columns(head: &str, path: &Path) -> Result<(usize, Option<usize>)> {
    let names: Vec<String> = head.split('\t').map(|cell| cell.trim().to_lowercase()).collect();
    let at = |wanted: &str| names.iter().position(|name| name == wanted);
    match at("name") {
        Some(name) => Ok((name, at("version"))),
        None => bail!("`{}` is a table without a column `name`: it has {}", path.display(), names.join(", ")),
    }
}

fn sdists(folder: &Path) -> Result<Vec<ListedPackage>> {
    let mut paths: Vec<PathBuf> =
        fs_err::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    let mut packages = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".tar.gz").or_else(|| name.strip_suffix(".zip")) else { continue };
        let (name, version) = stem.rsplit_once('-').ok_or_else(|| {
            anyhow!("`{}` is not called as an sdist is: `NAME-VERSION.tar.gz`", path.display())
        })?;
        packages.push(ListedPackage {
            name: normalised(name),
            version: Some(version.to_owned()),
            archive: Some(std::path::absolute(&path)?),
        });
    }
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        match parse(text, Path::new("list")) {
            Ok(packages) => packages.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn lists_and_tables_are_read() {
        assert_eq!(check("# two\nSome_Name==2026.9.1\n\n  x==1 # why\ny\n"), "some-name==2026.9.1 x==1 y");
        assert_eq!(check("class\tname\tversion\nA\tx\t1.0\nB\t\"y\"\t2"), "x==1.0 y==2");
        assert_eq!(check("name\tnotes\nx\tgood"), "x");
        assert_eq!(check(""), "");
    }

    #[test]
    fn what_is_no_package_is_told_with_its_line() {
        assert_eq!(check("x==1\nx>=2"), "`list`, line 2: `x>=2` is not `NAME==VERSION`");
        assert_eq!(check("a\tb\n1\t2"), "`list` is a table without a column `name`: it has a, b");
        assert!(
            check("x==one").starts_with("`list`, line 1: `one` in `x==one` is not a Python version number")
        );
    }
}
