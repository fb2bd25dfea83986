//! Releases and lines of Pyodide, and what is known of a line beside its files (`facts/abis.toml`).

use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};
use serde::Deserialize;

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
#[error(
    "`{0}` is not a Pyodide release: expected a line (`0.29`, `314`), a release (`0.29.4`, `314.0.7`), a range (`>=0.26`) or `all`"
)]
pub struct NotARelease(String);

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
        if let Ok(version) = Version::parse(text) {
            return Ok(Self::Exact(version));
        }
        match text {
            "newest" => return Ok(Self::Newest),
            "all" => return Ok(Self::Range(VersionReq::STAR)),
            _ if text.starts_with(['<', '>']) => {
                return text.parse().map(Self::Range).map_err(|_| NotARelease(text.to_owned()));
            }
            _ => {}
        }
        text.parse().map(Self::Line).map_err(|_| NotARelease(text.to_owned()))
    }
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
        insta::assert_snapshot!(
            ["0.29", "0.29.4", "314", "314.0.7", "315.0.0-alpha.2", "0", "v0.29", "29", ""].map(check).join("\n"),
            @r#"
        Line(Line { major: 0, minor: 29 })
        Exact(Version { major: 0, minor: 29, patch: 4 })
        Line(Line { major: 314, minor: 0 })
        Exact(Version { major: 314, minor: 0, patch: 7 })
        Exact(Version { major: 315, minor: 0, patch: 0, pre: Prerelease("alpha.2") })
        `0` is not a Pyodide release: expected a line (`0.29`, `314`), a release (`0.29.4`, `314.0.7`), a range (`>=0.26`) or `all`
        `v0.29` is not a Pyodide release: expected a line (`0.29`, `314`), a release (`0.29.4`, `314.0.7`), a range (`>=0.26`) or `all`
        Line(Line { major: 29, minor: 0 })
        `` is not a Pyodide release: expected a line (`0.29`, `314`), a release (`0.29.4`, `314.0.7`), a range (`>=0.26`) or `all`
        "#
        );
    }

    #[test]
    fn every_known_line_has_its_row() {
        let lines: Vec<String> = line_facts().iter().map(|(line, _)| line.to_string()).collect();
        assert_eq!(lines.join(" "), "0.21 0.22 0.23 0.24 0.25 0.26 0.27 0.28 0.29 314 315");
        assert!(line_facts().is_sorted_by_key(|(line, _)| *line));
    }
}
