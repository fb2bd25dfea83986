//! METADATA and WHEEL: fields as `Name: value` lines, the first empty line ends them.
//!
//! <https://packaging.python.org/en/latest/specifications/core-metadata/>

use std::str::FromStr;

use anyhow::{Context as _, anyhow};
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{ExtraName, MarkerEnvironment};

use super::contents::WheelContents;
use super::requirement::{Requirement, beginning};
use crate::error::Result;

/// The fields of a file, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    /// Reads the fields; lines that continue a value are not needed here and left out.
    pub fn parse(text: &'a str) -> Self {
        // A line of blanks continues a value, as a licence with paragraphs does.
        let head = text.lines().take_while(|line| !line.trim_end_matches('\r').is_empty());
        let fields =
            head.filter(|line| !line.starts_with([' ', '\t'])).filter_map(|line| line.split_once(':'));
        Self(fields.map(|(name, value)| (name.trim(), value.trim())).collect())
    }

    /// All values of a field.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The first value of a field.
    pub fn first(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }
}

/// What METADATA says of a distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The name, as written.
    pub name: String,
    /// The version.
    pub version: Version,
    /// The Pythons it works with, if it says.
    pub requires_python: Option<VersionSpecifiers>,
    /// What it requires, with markers.
    pub requires: Vec<Requirement>,
    /// The extras that it names.
    pub extras: Vec<ExtraName>,
}

impl FromStr for Metadata {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let fields = Fields::parse(text);
        let field = |name: &str| fields.first(name).ok_or_else(|| anyhow!("it has no `{name}`"));
        field("Metadata-Version")?;
        let version = field("Version")?;
        let requires = fields.all("Requires-Dist").map(|text| {
            text.parse().map_err(|error| anyhow!("`Requires-Dist: {}`: {error}", beginning(text)))
        });
        Ok(Self {
            name: field("Name")?.to_owned(),
            version: version.parse().map_err(|error| anyhow!("`Version: {version}`: {error}"))?,
            requires_python: fields
                .first("Requires-Python")
                .map(|text| {
                    text.parse().map_err(|_| anyhow!("`Requires-Python: {text}` is not a list of versions"))
                })
                .transpose()?,
            requires: requires.collect::<Result<_>>()?,
            // What is no name can be asked for by nobody.
            extras: fields.all("Provides-Extra").filter_map(|name| ExtraName::from_str(name).ok()).collect(),
        })
    }
}

impl Metadata {
    /// What it requires only of those who ask for extras.
    pub(crate) fn optional(&self, environment: &MarkerEnvironment) -> impl Iterator<Item = &Requirement> {
        self.requires.iter().filter(|requirement| {
            requirement.applies(environment, &self.extras) && !requirement.applies(environment, &[])
        })
    }

    /// The metadata of a wheel.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn of(wheel: &WheelContents) -> Result<Self> {
        let path = format!("{}/METADATA", wheel.dist_info()?);
        let bytes = wheel.files.get(&path).ok_or_else(|| anyhow!("there is no `{path}`"))?;
        std::str::from_utf8(bytes).with_context(|| format!("`{path}` is not UTF-8 text"))?.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_inside_a_value_do_not_end_the_fields() {
        let text = "License: one\n        \n        two\r\nName: a\r\n\r\nName: b\n";
        assert_eq!(Fields::parse(text).all("Name").collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn what_extras_ask_for_is_told_from_what_is_required() {
        let text = "Metadata-Version: 2.1\nName: a\nVersion: 1\nProvides-Extra: x\nProvides-Extra: not a name!\n\
            Requires-Dist: b\nRequires-Dist: c>=2 ; extra == 'x'\nRequires-Dist: d; extra == 'y'\n\
            Requires-Dist: e; extra == 'x' and sys_platform == 'win32'\n";
        let metadata: Metadata = text.parse().unwrap();
        let environment = crate::runtime::markers::of(&crate::runtime::double::runtime("0.29.0", "3.13"));
        let optional: Vec<String> = metadata.optional(&environment).map(ToString::to_string).collect();
        assert_eq!(optional, ["c>=2"]);
    }

    #[test]
    fn metadata_is_read_or_refused() {
        let check = |text: &str| match text.parse::<Metadata>() {
            Ok(metadata) => format!(
                "{} {} {:?} {:?}",
                metadata.name,
                metadata.version,
                metadata.requires_python.map(|python| python.to_string()),
                metadata.requires.iter().map(ToString::to_string).collect::<Vec<_>>()
            ),
            Err(error) => format!("{error:#}"),
        };
        let head = "Metadata-Version: 2.1\nName: a_b\nVersion: 1.0\n";
        insta::assert_snapshot!(
            [
                &format!("{head}Requires-Python: >=3.8\nRequires-Dist: x[y]>=1 ; python_version < '3.9'\n\nName: no"),
                "Name: a\nVersion: 1",
                &format!("{head}Requires-Dist: x y z"),
                &format!("{head}Requires-Python: three"),
                "Metadata-Version: 2.1\nName: a\nVersion: one",
            ]
            .map(check)
            .join("\n"), @r#"
        a_b 1.0 Some(">=3.8") ["x[y]>=1"]
        it has no `Metadata-Version`
        `Requires-Dist: x y z`: Expected one of `@`, `(`, `<`, `=`, `>`, `~`, `!`, `;`, found `y`
        `Requires-Python: three` is not a list of versions
        `Version: one`: expected version to start with a number, but no leading ASCII digits were found
        "#);
    }
}
