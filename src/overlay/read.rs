//! Reads overlays, and says where in the file something is wrong.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use anyhow::anyhow;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{Head, Overlay, Place, Variant, When};
use super::keys::section;
use super::values::Versions;
use crate::error::{Result, hinted};
use crate::nearest::find_nearest;

/// The keys that stand beside those of a section.
const BESIDE: [&str; 3] = ["when", "variant", "recipe"];

/// Reads the text of an overlay.
///
/// # Errors
/// When a key is unknown or a value is wrong: with line and column.
pub(super) fn overlay(text: &str, label: &str, place: Place) -> Result<Overlay> {
    let parsed = DeTable::parse(text).map_err(Fault::from);
    parsed.and_then(|table| document(table, label, place)).map_err(|error| with_place(label, text, &error))
}

/// Reads the table `[tool.cargo-pyodide]` of a `pyproject.toml`, if it has one.
///
/// # Errors
/// When a key is unknown or a value is wrong. A file that is no TOML is left to those whose file it is.
pub(super) fn own_table(text: &str, path: &Path) -> Result<Option<Overlay>> {
    let Ok(mut table) = DeTable::parse(text) else { return Ok(None) };
    let own = take(table.get_mut(), "tool").and_then(|mut tool| {
        let DeValue::Table(tool) = tool.get_mut() else { return None };
        take(tool, "cargo-pyodide")
    });
    let Some(own) = own else { return Ok(None) };
    let span = own.span();
    let DeValue::Table(table) = own.into_inner() else {
        return Err(anyhow!("{}: `tool.cargo-pyodide` is not a table", place(&path.display(), text, span)));
    };
    let label = "`[tool.cargo-pyodide]` of the package";
    document(Spanned::new(span, table), label, Place::Folder(path.parent().unwrap_or(path).to_owned()))
        .map(Some)
        .map_err(|error| with_place(&path.display().to_string(), text, &error))
}

fn take<'a>(table: &mut DeTable<'a>, key: &str) -> Option<Spanned<DeValue<'a>>> {
    table.remove(key)
}

fn document(mut table: Spanned<DeTable<'_>>, label: &str, place: Place) -> Result<Overlay, Fault> {
    let keys = table.get_mut();
    // Taken out first: what is left is a section, whose unknown keys are refused.
    let head = take(keys, "recipe").map(|value| Head::deserialize(deserializer(value))).transpose()?;
    let when = match take(keys, "when") {
        None => Vec::new(),
        Some(value) => tables(value, "when")?.into_iter().map(when).collect::<Result<_, _>>()?,
    };
    let variants = match take(keys, "variant") {
        None => BTreeMap::new(),
        Some(value) => {
            let named = one_table(value, "variant")?.into_inner().into_iter();
            named
                .map(|(name, value)| Ok((name.get_ref().to_string(), variant(one_table(value, "variant")?)?)))
                .collect::<Result<_, Fault>>()?
        }
    };
    Ok(Overlay { label: label.to_owned(), place, head, base: section(table)?, when, variants })
}

fn deserializer(value: Spanned<DeValue<'_>>) -> toml::de::ValueDeserializer<'_> {
    toml::de::ValueDeserializer::from(value)
}

fn when(mut table: Spanned<DeTable<'_>>) -> Result<When, Fault> {
    let mut condition = |key| {
        let Some(value) = take(table.get_mut(), key) else { return Ok(None) };
        let span = value.span();
        let parsed = Versions::deserialize(deserializer(value));
        parsed.map(Some).map_err(|error| Fault { span: error.span().or(Some(span)), ..Fault::from(error) })
    };
    let (pyodide, version) = (condition("pyodide")?, condition("version")?);
    if pyodide.is_none() && version.is_none() {
        return Err(wrong("`[[when]]` has no condition: expected `pyodide` or `version`", table.span()));
    }
    Ok(When { pyodide, version, section: section(table)? })
}

fn variant(mut table: Spanned<DeTable<'_>>) -> Result<Variant, Fault> {
    let about = take(table.get_mut(), "about");
    let about = about.map(|value| String::deserialize(deserializer(value))).transpose()?;
    Ok(Variant { about: about.unwrap_or_default(), section: section(table)? })
}

fn tables<'a>(value: Spanned<DeValue<'a>>, key: &str) -> Result<Vec<Spanned<DeTable<'a>>>, Fault> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Array(entries) => entries.into_iter().map(|entry| one_table(entry, key)).collect(),
        _ => Err(wrong(&format!("`{key}` is not a list of tables: write `[[{key}]]`"), span)),
    }
}

fn one_table<'a>(value: Spanned<DeValue<'a>>, key: &str) -> Result<Spanned<DeTable<'a>>, Fault> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(table) => Ok(Spanned::new(span, table)),
        _ => Err(wrong(&format!("`{key}` is not a table"), span)),
    }
}

/// What is wrong, and where.
struct Fault {
    message: String,
    span: Option<Range<usize>>,
}

impl From<toml::de::Error> for Fault {
    fn from(error: toml::de::Error) -> Self {
        Self { message: error.message().lines().next().unwrap_or_default().to_owned(), span: error.span() }
    }
}

fn wrong(message: &str, span: Range<usize>) -> Fault {
    Fault { message: message.to_owned(), span: Some(span) }
}

/// `FILE:LINE:COLUMN`, both counted from 1, columns in characters.
fn place(file: &dyn std::fmt::Display, text: &str, span: Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{file}:{line}:{column}")
}

/// The parser's error as ours: the place first, and for an unknown key the nearest known one.
fn with_place(label: &str, text: &str, Fault { message, span }: &Fault) -> anyhow::Error {
    let label = label.trim_matches('`');
    let at = span.clone().map_or_else(|| label.to_owned(), |span| place(&label, text, span));
    let Some((unknown, known)) = unknown_key(message) else { return anyhow!("{at}: {message}") };
    let refused = anyhow!("{at}: unknown key `{unknown}`");
    match find_nearest(&unknown, known.iter().map(String::as_str)) {
        Some(key) => hinted(refused, format!("did you mean `{key}`?")),
        None => hinted(refused, format!("the keys here are `{}`", known.join("`, `"))),
    }
}

/// What serde says of a key that it does not know: the key, and those that it knows.
fn unknown_key(message: &str) -> Option<(String, Vec<String>)> {
    let mut words = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2).map(str::to_owned);
    let unknown = words.next()?;
    let mut known: Vec<String> = words.collect();
    if known.iter().any(|key| key == "patches") {
        known.extend(BESIDE.map(str::to_owned));
    }
    Some((unknown, known))
}
