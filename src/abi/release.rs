//! Releases and lines of Pyodide, and what is known of a line beside its files (`facts/abis.toml`).

use std::fmt;
use std::str::FromStr;

use pep440_rs::{Prerelease, PrereleaseKind};
use semver::{Version, VersionReq};
use serde::Deserialize;

use super::PythonVersion;
use super::emscripten::EmscriptenVersion;
use crate::nearest::find_nearest;

/// A line: the releases that share a minor version (`0.29`) or, from 314 on, a major version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    major: u64,
    minor: u64,
}

impl Line {
    /// The line of a release.
    pub fn of(version: &Version) -> Self {
        let minor = if version.major == 0 { version.minor } else { 0 };
        Self { major: version.major, minor }
    }

    /// The oldest line that can be served: the npm package of an older one holds no runtime.
    pub const OLDEST: Line = Line { major: 0, minor: 21 };
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.major {
            0 => write!(f, "0.{}", self.minor),
            major => write!(f, "{major}"),
        }
    }
}

/// Why a text is not a line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a line of Pyodide releases: expected `0.29` or `314`")]
pub struct NotALine(String);

impl FromStr for Line {
    type Err = NotALine;

    fn from_str(text: &str) -> Result<Self, NotALine> {
        let refused = || NotALine(text.to_owned());
        let number = |part: &str| part.parse::<u64>().map_err(|_| refused());
        match text.split('.').collect::<Vec<_>>()[..] {
            ["0", minor] => Ok(Self { major: 0, minor: number(minor)? }),
            [major] if number(major)? > 0 => Ok(Self { major: number(major)?, minor: 0 }),
            _ => Err(refused()),
        }
    }
}

/// Which releases a user asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseRequest {
    /// The newest release of the newest stable line.
    Newest,
    /// The newest release of a line.
    Line(Line),
    /// One release.
    Exact(Version),
    /// The newest release of each line that has one in a range: `all`, `>=0.26`, `>=0.26, <0.29`.
    Range(VersionReq),
}

/// Why a text does not name a release.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARelease {
    /// It is like a word that names some.
    #[error("`{typed}` does not name a Pyodide release: did you mean `{near}`?")]
    Near {
        /// What was typed.
        typed: String,
        /// What is like it.
        near: String,
    },
    /// It is like nothing.
    #[error(
        "`{0}` does not name a Pyodide release: expected a line (`0.29`, `314`), a release (`0.29.4`), a range (`>=0.26`), `latest`, \
         `all`, a Python (`3.13`), a platform tag"
    )]
    Unknown(String),
}

impl NotARelease {
    fn of(typed: &str) -> Self {
        let words = ["latest", "stable", "newest", "all"].map(str::to_owned);
        let lines = line_facts().into_iter().map(|(line, _)| line.to_string());
        let known: Vec<String> = words.into_iter().chain(lines).collect();
        match find_nearest(typed, known.iter().map(String::as_str)) {
            Some(near) => Self::Near { typed: typed.to_owned(), near: near.to_owned() },
            None => Self::Unknown(typed.to_owned()),
        }
    }
}

impl ReleaseRequest {
    /// Whether it may mean a release before this line.
    pub fn reaches_before(&self, line: Line) -> bool {
        // More than any line has had.
        const PATCHES: u64 = 100;
        match self {
            Self::Newest => false,
            Self::Line(asked) => *asked < line,
            Self::Exact(version) => Line::of(version) < line,
            Self::Range(range) => {
                let minors = Line::OLDEST.minor..if line.major == 0 { line.minor } else { PATCHES };
                let mut releases =
                    minors.flat_map(|minor| (0..PATCHES).map(move |patch| Version::new(0, minor, patch)));
                releases.any(|release| range.matches(&release))
            }
        }
    }
}

impl FromStr for ReleaseRequest {
    type Err = NotARelease;

    fn from_str(text: &str) -> Result<Self, NotARelease> {
        match text {
            "newest" | "latest" | "stable" => return Ok(Self::Newest),
            "all" => return Ok(Self::Range(VersionReq::STAR)),
            _ if text.starts_with(['<', '>']) => {
                return text.parse().map(Self::Range).map_err(|_| NotARelease::Unknown(text.to_owned()));
            }
            _ => {}
        }
        // Git tags and release pages write `v0.29.4`.
        let number = text.strip_prefix('v').unwrap_or(text);
        let python = || line_of_python(number).map(Self::Line);
        let release = || parse_release(number).map(Self::Exact);
        let line = || number.parse().map(Self::Line).ok();
        let tag = || line_of_named_tag(text).map(Self::Line);
        python().or_else(release).or_else(line).or_else(tag).ok_or_else(|| NotARelease::of(text))
    }
}

/// A release as npm writes it (`315.0.0-alpha.2`) or as Python does (`315.0.0a2`).
fn parse_release(text: &str) -> Option<Version> {
    if let Ok(version) = Version::parse(text) {
        return Some(version);
    }
    let python = text.parse::<pep440_rs::Version>().ok()?;
    let &[major, minor, patch] = python.release() else { return None };
    let Prerelease { kind, number } = python.pre()?;
    let kind = match kind {
        PrereleaseKind::Alpha => "alpha",
        PrereleaseKind::Beta => "beta",
        PrereleaseKind::Rc => "rc",
    };
    Version::parse(&format!("{major}.{minor}.{patch}-{kind}.{number}")).ok()
}

/// The newest line with the Python that a text names: `3.13`, `3.13.2`.
fn line_of_python(text: &str) -> Option<Line> {
    let minor = text.strip_prefix("3.")?.split('.').next()?;
    let python = PythonVersion { major: 3, minor: minor.parse().ok()? };
    let lines = line_facts().into_iter().filter(|(_, facts)| facts.python == Some(python));
    lines.map(|(line, _)| line).next_back()
}

/// The newest line with the platform tag that a text names, with or without the architecture at its end.
fn line_of_named_tag(text: &str) -> Option<Line> {
    let platform = if text.ends_with("_wasm32") { text.to_owned() } else { format!("{text}_wasm32") };
    lines_of_tag(&platform).pop()
}

impl fmt::Display for ReleaseRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("the newest stable release"),
            Self::Line(line) => line.fmt(f),
            Self::Exact(version) => version.fmt(f),
            Self::Range(range) if *range == VersionReq::STAR => f.write_str("all"),
            Self::Range(range) => range.fmt(f),
        }
    }
}

/// What a line's files cannot say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LineFacts {
    /// The line's name.
    line: String,
    /// The Python of its releases; none for a line that is not in the table.
    pub python: Option<PythonVersion>,
    /// The Emscripten of its releases, which older tags name; none for a line that is not in the table.
    pub emscripten: Option<String>,
    /// The month of its first release, `2025-10`; none for a line that is not in the table.
    pub released: Option<String>,
    /// The platform tag that every release of the line installs.
    pub tag: String,
    /// The tag that the Python package index takes, if it differs.
    pub index_tag: Option<IndexTag>,
    /// The oldest major version of Node that boots the line.
    pub node: u32,
}

impl LineFacts {
    /// What follows for a line that is not in the table from the ABI version that its lock file names.
    pub fn implied_by(line: Line, abi_version: &str) -> Self {
        Self {
            line: line.to_string(),
            python: None,
            emscripten: None,
            released: None,
            tag: format!("pyemscripten_{abi_version}_wasm32"),
            index_tag: None,
            node: 18,
        }
    }
}

/// A platform tag for the Python package index.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexTag {
    /// The tag.
    pub tag: String,
    /// The first release that installs it.
    pub since: Version,
}

#[derive(Deserialize)]
struct FactsFile {
    line: Vec<LineFacts>,
}

/// The rows of `facts/abis.toml`, oldest line first.
///
/// # Panics
/// Never: the file is part of the program, and a test reads it.
pub fn line_facts() -> Vec<(Line, LineFacts)> {
    let file: FactsFile =
        toml::from_str(include_str!("../../facts/abis.toml")).expect("facts/abis.toml is valid");
    file.line.into_iter().map(|row| (row.line.parse().expect("facts/abis.toml names lines"), row)).collect()
}

/// The lines that may install wheels with a platform tag, oldest first: what the table says of them.
pub fn lines_of_tag(platform: &str) -> Vec<Line> {
    let same = |known: &str| {
        let number = |tag: &str| tag.split_once('_').map(|(_, number)| number.to_owned());
        let is_pyodide = |tag: &str| tag.starts_with("pyodide_") || tag.starts_with("pyemscripten_");
        // micropip takes `pyodide_X` for `pyemscripten_X`, not the other way round.
        known == platform
            || (platform.starts_with("pyodide_") && is_pyodide(known) && number(known) == number(platform))
    };
    let emscripten = platform.strip_prefix("emscripten_").and_then(|rest| rest.strip_suffix("_wasm32"));
    let named = emscripten.map(|version| version.replace('_', "."));
    let claims = |facts: &LineFacts| {
        same(&facts.tag)
            || (named.is_some() && named == facts.emscripten)
            || facts.index_tag.as_ref().is_some_and(|index| index.tag == platform)
    };
    line_facts().into_iter().filter(|(_, facts)| claims(facts)).map(|(line, _)| line).collect()
}

/// The Emscripten of an ABI version, `2026_0`: that of the lines whose tags name it.
pub fn emscripten_of_abi(abi_version: &str) -> Option<EmscriptenVersion> {
    // This form of a tag finds the lines of both forms.
    let line = lines_of_tag(&format!("pyodide_{abi_version}_wasm32")).into_iter().next()?;
    facts_of(line)?.emscripten?.parse().ok()
}

/// The row of one line.
pub fn facts_of(line: Line) -> Option<LineFacts> {
    line_facts().into_iter().find(|(known, _)| *known == line).map(|(_, facts)| facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_and_lines_are_told_apart() {
        let check = |text: &str| match text.parse::<ReleaseRequest>() {
            Ok(request) => format!("{request:?}"),
            Err(error) => error.to_string(),
        };
        let typed = [
            "0.29",
            "0.29.4",
            "314",
            "314.0.7",
            "315.0.0-alpha.2",
            "315.0.0a2",
            "v0.29",
            "v0.29.4",
            "29",
            "latest",
            "stable",
            "3.13",
            "3.14",
            "3.12.1",
            "3.9",
            "pyemscripten_2026_0",
            "pyodide_2025_0_wasm32",
            "emscripten_3_1_58",
            "pyemscripten_1999_0",
            "lates",
            "0",
            "",
        ];
        insta::assert_snapshot!(typed.map(|text| format!("{text:22} {}", check(text))).join("\n"));
    }

    #[test]
    fn every_known_line_has_its_row() {
        let lines: Vec<String> = line_facts().iter().map(|(line, _)| line.to_string()).collect();
        assert_eq!(lines.join(" "), "0.21 0.22 0.23 0.24 0.25 0.26 0.27 0.28 0.29 314 315");
        assert!(line_facts().is_sorted_by_key(|(line, _)| *line));
    }
}
