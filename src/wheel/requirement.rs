//! Requirements (PEP 508), read within bounds: METADATA comes from anywhere.
//!
//! The parser of whole markers normalises them, which takes exponential time and memory for some of a few hundred bytes.
//! Here a marker is a tree whose leaves are single comparisons, evaluated and never expanded.

use std::fmt;
use std::str::FromStr;

use pep440_rs::Version;
use pep508_rs::{ExtraName, MarkerEnvironment, MarkerTree, VersionOrUrl};
use url::Url;

use super::filename::normalised;

/// The longest requirement, in bytes; long ones of real packages have 2,000.
const LONGEST: usize = 32 << 10;
/// How deep parentheses may be nested.
const DEEPEST: usize = 50;

/// A requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    // With the crate's own type of addresses, `${NAME}` in one would become the user's variable of that name.
    head: pep508_rs::Requirement<Url>,
    marker: Option<Marker>,
}

/// Under which conditions a requirement applies.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Marker {
    /// One comparison.
    Comparison(MarkerTree),
    /// All must be met.
    All(Vec<Marker>),
    /// One must be met.
    Any(Vec<Marker>),
}

/// Why a text is not a requirement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotARequirement {
    /// It is longer than any.
    #[error("it has {0} bytes, more than {LONGEST}")]
    Long(usize),
    /// Its parentheses are nested deeper than any.
    #[error("its marker has more than {DEEPEST} parentheses inside each other")]
    Deep,
    /// It is not written as requirements are.
    #[error("{0}")]
    Malformed(String),
}

impl Requirement {
    /// The normalised name.
    pub fn name(&self) -> String {
        normalised(self.head.name.as_ref())
    }

    /// The extras that it asks for.
    pub fn extras(&self) -> &[ExtraName] {
        &self.head.extras
    }

    /// Whether it applies in an environment, for one who asks for these extras.
    pub fn applies(&self, environment: &MarkerEnvironment, extras: &[ExtraName]) -> bool {
        self.marker.as_ref().is_none_or(|marker| marker.is_met(environment, extras))
    }

    /// Whether a version meets it. An address fits whatever is there.
    pub fn fits(&self, version: &Version) -> bool {
        match &self.head.version_or_url {
            Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.contains(version),
            Some(VersionOrUrl::Url(_)) | None => true,
        }
    }
}

/// Without its marker.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.head, f)
    }
}

impl FromStr for Requirement {
    type Err = NotARequirement;

    fn from_str(text: &str) -> Result<Self, NotARequirement> {
        if text.len() > LONGEST {
            return Err(NotARequirement::Long(text.len()));
        }
        // The parser takes positions of letters for positions of bytes. PEP 508 has no letters but those of ASCII.
        if let Some(letter) = text.chars().find(|letter| !letter.is_ascii()) {
            return Err(NotARequirement::Malformed(format!("`{letter}` is not a letter of ASCII")));
        }
        let (head, marker) = split(text);
        check_names(head)?;
        let head = head.parse::<pep508_rs::Requirement<Url>>().map_err(|error| malformed(&error))?;
        let marker = marker.map(|marker| Reader::new(marker).read()).transpose()?;
        Ok(Self { head, marker })
    }
}

/// The beginning of a requirement, for messages.
pub(crate) fn beginning(text: &str) -> String {
    let mut shown: String = text.chars().take(80).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

fn malformed(error: &pep508_rs::Pep508Error<Url>) -> NotARequirement {
    NotARequirement::Malformed(error.message.to_string())
}

/// Refuses a name or an extra that ends with a sign: the parser panics on it.
fn check_names(head: &str) -> Result<(), NotARequirement> {
    let head = head.trim_start();
    let after_name = head.trim_start_matches(is_of_name);
    let name = &head[..head.len() - after_name.len()];
    let extras = after_name.trim_start().strip_prefix('[').unwrap_or_default();
    let extras = extras.split(']').next().unwrap_or_default().split(|c| !is_of_name(c));
    match std::iter::once(name).chain(extras).find(|name| name.ends_with(is_sign)) {
        Some(name) => Err(NotARequirement::Malformed(format!(
            "the name `{}` does not end with a letter or a digit",
            beginning(name)
        ))),
        None => Ok(()),
    }
}

fn is_sign(c: char) -> bool {
    "._-".contains(c)
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || is_sign(c)
}

/// What stands before the marker, and the marker. An address may hold a semicolon: one after a blank ends it.
fn split(text: &str) -> (&str, Option<&str>) {
    let after_name = text.trim_start().trim_start_matches(is_of_name);
    let after_extras = match after_name.trim_start().strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(_, rest)| rest),
        None => after_name,
    };
    let has_address = after_extras.trim_start().starts_with('@');
    let mut marks = text.match_indices(';').map(|(at, _)| at);
    let found = marks.find(|at| !has_address || text[..*at].ends_with(char::is_whitespace));
    found.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])))
}

impl Marker {
    fn is_met(&self, environment: &MarkerEnvironment, extras: &[ExtraName]) -> bool {
        match self {
            Self::Comparison(comparison) => comparison.evaluate(environment, extras),
            Self::All(parts) => parts.iter().all(|part| part.is_met(environment, extras)),
            Self::Any(parts) => parts.iter().any(|part| part.is_met(environment, extras)),
        }
    }
}

/// Reads a marker from left to right.
struct Reader<'a> {
    text: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, depth: 0 }
    }

    fn read(mut self) -> Result<Marker, NotARequirement> {
        let marker = self.any()?;
        match self.text.trim() {
            "" => Ok(marker),
            rest => Err(unexpected(rest)),
        }
    }

    fn any(&mut self) -> Result<Marker, NotARequirement> {
        let mut parts = vec![self.all()?];
        while self.take("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Marker::Any(parts) })
    }

    fn all(&mut self) -> Result<Marker, NotARequirement> {
        let mut parts = vec![self.one()?];
        while self.take("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Marker::All(parts) })
    }

    fn one(&mut self) -> Result<Marker, NotARequirement> {
        if !self.take("(") {
            return self.comparison();
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(NotARequirement::Deep);
        }
        let marker = self.any()?;
        if !self.take(")") {
            return Err(unexpected(self.text));
        }
        self.depth -= 1;
        Ok(marker)
    }

    fn comparison(&mut self) -> Result<Marker, NotARequirement> {
        let start = self.text;
        while !matches!(self.peek(), "" | "and" | "or" | "(" | ")") {
            self.skip();
        }
        let comparison = start[..start.len() - self.text.len()].trim();
        if comparison.is_empty() {
            return Err(unexpected(self.text));
        }
        MarkerTree::parse_str(comparison).map(Marker::Comparison).map_err(|error| malformed(&error))
    }

    /// Whether a word is next; then it is behind us.
    fn take(&mut self, word: &str) -> bool {
        let is_next = self.peek() == word;
        if is_next {
            self.skip();
        }
        is_next
    }

    fn skip(&mut self) {
        let length = self.peek().len();
        self.text = &self.text.trim_start()[length..];
    }

    /// The next word: a string with its quotes, a parenthesis, a name or number, or a sign.
    fn peek(&self) -> &'a str {
        let text = self.text.trim_start();
        let Some(first) = text.chars().next() else { return "" };
        let is_of_name = |c: char| c.is_alphanumeric() || "._-".contains(c);
        let length = match first {
            '\'' | '"' => text[1..].find(first).map_or(text.len(), |end| end + 2),
            first if is_of_name(first) => text.find(|c| !is_of_name(c)).unwrap_or(text.len()),
            first => first.len_utf8(),
        };
        &text[..length]
    }
}

fn unexpected(rest: &str) -> NotARequirement {
    let rest = rest.trim();
    NotARequirement::Malformed(match rest {
        "" => "its marker ends too early".to_owned(),
        _ => format!("its marker is not understood at `{}`", beginning(rest)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pep508_rs::MarkerEnvironmentBuilder;

    fn environment() -> MarkerEnvironment {
        MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
            implementation_name: "cpython",
            implementation_version: "3.13.2",
            os_name: "posix",
            platform_machine: "wasm32",
            platform_python_implementation: "CPython",
            platform_release: "4.0.9",
            platform_system: "Emscripten",
            platform_version: "#1",
            python_full_version: "3.13.2",
            python_version: "3.13",
            sys_platform: "emscripten",
        })
        .unwrap()
    }

    #[test]
    fn markers_are_evaluated_as_the_whole_parser_does() {
        let environment = environment();
        let extra = [ExtraName::from_str("a").unwrap()];
        let texts = [
            "x",
            "x[y,z]>=1,<2",
            "X_y (>=1.0) ; python_version < '3.14'",
            "x;python_version<'3.9'or os_name=='posix'",
            "x ; (python_version < '3.9' or sys_platform == 'emscripten') and extra == 'a'",
            "x ; python_version < '3.9' and os_name == 'posix' or extra == 'a'",
            "x ; extra == 'b' or (extra == 'a' and (os_name == 'nt' or 'wasm' in platform_machine))",
            "x ; sys_platform not in 'linux and win32'",
            "x @ https://h/x;y.whl ; os_name == 'nt'",
            "x@ https://h/x.whl",
            "x ; extra != 'a'",
        ];
        for text in texts {
            let ours: Requirement = text.parse().unwrap();
            let whole: pep508_rs::Requirement<Url> = text.parse().unwrap();
            for extras in [&[][..], &extra] {
                let wanted = whole.evaluate_markers(&environment, extras);
                assert_eq!(ours.applies(&environment, extras), wanted, "{text} {extras:?}");
            }
            let shown = pep508_rs::Requirement { marker: MarkerTree::TRUE, ..whole };
            assert_eq!(ours.to_string(), shown.to_string());
        }
    }

    #[test]
    fn an_address_holds_no_variable_of_the_user() {
        let read: Requirement = "x @ https://h/${HOME}/y.whl".parse().unwrap();
        assert_eq!(read.to_string(), "x @ https://h/$%7BHOME%7D/y.whl");
    }

    #[test]
    fn requirements_that_explode_do_not() {
        let pairs = |count: usize| {
            let pair = |number| format!("(extra == 'a{number}' and extra == 'b{number}')");
            format!("x ; {}", (0..count).map(pair).collect::<Vec<_>>().join(" or "))
        };
        let environment = environment();
        let many: Requirement = pairs(300).parse().unwrap();
        let extras = ["a7", "b7"].map(|name| ExtraName::from_str(name).unwrap());
        assert!(many.applies(&environment, &extras));
        assert!(!many.applies(&environment, &extras[..1]));
        let nested = |count: usize| format!("x ; {}os_name == 'nt'{}", "(".repeat(count), ")".repeat(count));
        let check = |text: &str| match text.parse::<Requirement>() {
            Ok(_) => "read".to_owned(),
            Err(error) => error.to_string(),
        };
        let cases = [
            nested(50),
            nested(51),
            nested(20_000),
            format!("x{}", "(".repeat(20_000)),
            pairs(2000),
            "x ; ".to_owned(),
            "x ; (os_name == 'nt'".to_owned(),
            "x ; os_name == 'nt')".to_owned(),
            "x ; os_name == 'nt".to_owned(),
            "x ; and".to_owned(),
            "x ; os_name == 'nt' or".to_owned(),
            "x y".to_owned(),
            "x_= ; os_name == 'nt'".to_owned(),
            "x[y,z- ]".to_owned(),
            "x[y_".to_owned(),
            "x @ y.whl".to_owned(),
            "x ; python_version < '3 ' aë extra == 'd'".to_owned(),
        ];
        insta::assert_snapshot!(cases.map(|text| check(&text)).join("\n"));
    }
}
