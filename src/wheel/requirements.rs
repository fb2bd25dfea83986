//! Changes `Requires-Dist` and `Provides-Extra` in the text of a wheel's METADATA; every other line stays as it is.

use super::filename::normalised;
use super::requirement::Requirement;

/// A change of a wheel's requirements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyEdit {
    /// What is changed.
    pub change: DependencyChange,
    /// The overlay that asks for it.
    pub overlay: String,
    /// Whether a missing requirement is an error.
    pub strictness: Strictness,
}

/// What is changed in a wheel's requirements. Names are normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DependencyChange {
    /// Moves the requirements of a name into an extra.
    Optional {
        /// The extra.
        extra: String,
        /// The name.
        name: String,
    },
    /// Drops the requirements of a name.
    Remove {
        /// The name.
        name: String,
    },
    /// Adds one.
    Add {
        /// The requirement.
        requirement: String,
    },
    /// Puts another in the place of those of a name.
    Replace {
        /// The name.
        name: String,
        /// The requirement.
        with: String,
    },
}

/// Whether it is an error that a requirement which should change is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// An error: the user's own overlay is wrong.
    Strict,
    /// A note: a recipe serves many versions.
    Lenient,
}

/// Why a requirement cannot be changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CannotEdit {
    /// There is none of this name.
    #[error("{overlay} changes the requirement `{name}`, but the package requires {}", list_names(.has))]
    NotRequired {
        /// The overlay.
        overlay: String,
        /// The name.
        name: String,
        /// What it requires.
        has: Vec<String>,
    },
    /// The extra belongs to the package already.
    #[error(
        "{overlay} moves requirements into the extra `{extra}`, but the package has an extra of that name already"
    )]
    ExtraClashes {
        /// The overlay.
        overlay: String,
        /// The extra.
        extra: String,
    },
}

fn list_names(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { format!("`{}`", names.join("`, `")) }
}

/// METADATA with these changes, and the requirements that a recipe changes and METADATA does not have.
///
/// # Errors
/// When a requirement that an overlay of the user's changes is not there, or an extra clashes.
pub(crate) fn rewrite(
    metadata: &str,
    edits: &[DependencyEdit],
) -> Result<(String, Vec<CannotEdit>), CannotEdit> {
    let (head, body) = split(metadata);
    // As lines and not as a document: what is not changed stays byte for byte.
    let mut file = MetadataText { lines: head.lines().map(str::to_owned).collect(), own_extras: Vec::new() };
    let mut missed = Vec::new();
    for edit in edits {
        match file.apply(edit) {
            Err(error @ CannotEdit::NotRequired { .. }) if edit.strictness == Strictness::Lenient => {
                missed.push(error);
            }
            other => other?,
        }
    }
    Ok((file.lines.join("\n") + body, missed))
}

/// The fields and the rest, which starts with the line break that ends the last field.
fn split(metadata: &str) -> (&str, &str) {
    let ends = ["\n\n", "\n\r\n", "\r\n\r\n"].into_iter().filter_map(|gap| metadata.find(gap)).min();
    metadata.split_at(ends.unwrap_or_else(|| metadata.trim_end().len()))
}

struct MetadataText {
    lines: Vec<String>,
    /// Extras that were added here.
    own_extras: Vec<String>,
}

impl MetadataText {
    fn apply(&mut self, DependencyEdit { change, overlay, .. }: &DependencyEdit) -> Result<(), CannotEdit> {
        match change {
            DependencyChange::Optional { extra, name } => {
                let found = self.find_required(name, overlay)?;
                self.add_extra(extra, overlay)?;
                for line in found {
                    self.lines[line] = into_extra(&self.lines[line], extra);
                }
            }
            DependencyChange::Remove { name } => {
                for line in self.find_required(name, overlay)?.into_iter().rev() {
                    self.lines.remove(line);
                }
            }
            DependencyChange::Add { requirement } => self.lines.push(format!("Requires-Dist: {requirement}")),
            DependencyChange::Replace { name, with } => {
                let found = self.find_required(name, overlay)?;
                for line in found.iter().skip(1).rev() {
                    self.lines.remove(*line);
                }
                self.lines[found[0]] = format!("Requires-Dist: {with}");
            }
        }
        Ok(())
    }

    fn requirements(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines
            .iter()
            .enumerate()
            .filter_map(|(number, line)| Some((number, field(line, "Requires-Dist")?)))
    }

    /// The lines that require a name whatever the extras.
    fn find_required(&self, wanted: &str, overlay: &str) -> Result<Vec<usize>, CannotEdit> {
        let hard: Vec<(usize, String)> = self
            .requirements()
            .filter(|(_, text)| !depends_on_extra(text))
            .filter_map(|(line, text)| Some((line, name_of(text)?)))
            .collect();
        let found: Vec<usize> =
            hard.iter().filter(|(_, name)| name == wanted).map(|(line, _)| *line).collect();
        if found.is_empty() {
            let has = hard.into_iter().map(|(_, name)| name).collect();
            return Err(CannotEdit::NotRequired {
                overlay: overlay.to_owned(),
                name: wanted.to_owned(),
                has,
            });
        }
        Ok(found)
    }

    fn add_extra(&mut self, extra: &str, overlay: &str) -> Result<(), CannotEdit> {
        if self.own_extras.iter().any(|own| own == extra) {
            return Ok(());
        }
        let same = |line: &String| {
            field(line, "Provides-Extra").is_some_and(|name| normalised(name) == normalised(extra))
        };
        if self.lines.iter().any(same) {
            return Err(CannotEdit::ExtraClashes { overlay: overlay.to_owned(), extra: extra.to_owned() });
        }
        self.own_extras.push(extra.to_owned());
        // Lines are only added behind all others of their kind, so that numbers of requirements stay true.
        self.lines.push(format!("Provides-Extra: {extra}"));
        self.raise_version();
        Ok(())
    }

    /// `Provides-Extra` belongs to metadata 2.1 and later.
    fn raise_version(&mut self) {
        let old = |line: &&mut String| {
            field(line, "Metadata-Version")
                .is_some_and(|version| ["1.0", "1.1", "1.2", "2.0"].contains(&version))
        };
        if let Some(line) = self.lines.iter_mut().find(old) {
            "Metadata-Version: 2.1".clone_into(line);
        }
    }
}

fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = line.split_once(':')?;
    found.eq_ignore_ascii_case(name).then(|| value.trim())
}

fn name_of(requirement: &str) -> Option<String> {
    Some(requirement.parse::<Requirement>().ok()?.name())
}

/// Whether a requirement's marker asks for an extra.
fn depends_on_extra(requirement: &str) -> bool {
    requirement.split_once(';').is_some_and(|(_, marker)| marker.contains("extra"))
}

/// The line with its requirement in an extra; the marker that it had is kept.
fn into_extra(line: &str, extra: &str) -> String {
    let requirement = field(line, "Requires-Dist").unwrap_or_default();
    match requirement.split_once(';') {
        None => format!("Requires-Dist: {requirement}; extra == \"{extra}\""),
        Some((requirement, marker)) => {
            let marker = marker.trim();
            // `and` binds closer than `or`.
            let marker = if marker.contains(" or ") { format!("({marker})") } else { marker.to_owned() };
            format!("Requires-Dist: {}; {marker} and extra == \"{extra}\"", requirement.trim_end())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(changes: &[DependencyChange], strictness: Strictness) -> String {
        let metadata = "Metadata-Version: 2.0\nName: widget\nVersion: 1\nRequires-Dist: regex\n\
            Requires-Dist: Requests >=2.26.0 ; python_version < \"3.9\" or os_name == \"nt\"\n\
            Requires-Dist: attrs ; extra == 'more'\nProvides-Extra: more\n\nRequires-Dist: not this\n";
        let edits: Vec<DependencyEdit> = changes
            .iter()
            .map(|change| DependencyEdit {
                change: change.clone(),
                overlay: "the overlay".into(),
                strictness,
            })
            .collect();
        match rewrite(metadata, &edits) {
            Ok((text, missed)) => {
                let missed: Vec<String> = missed.iter().map(ToString::to_string).collect();
                format!("{text}{}", missed.join("\n"))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn requirements_are_moved_dropped_added_and_replaced() {
        let optional =
            |extra: &str, name: &str| DependencyChange::Optional { extra: extra.into(), name: name.into() };
        let remove = |name: &str| DependencyChange::Remove { name: name.into() };
        let add = DependencyChange::Add { requirement: "x; os_name == \"nt\"".into() };
        let replace = DependencyChange::Replace { name: "requests".into(), with: "urllib3<2".into() };
        let cases = [
            check(&[optional("http", "requests")], Strictness::Strict),
            check(&[optional("http", "requests"), optional("http", "regex"), add], Strictness::Strict),
            check(&[remove("regex"), replace], Strictness::Strict),
            check(&[remove("attrs")], Strictness::Strict),
            check(&[remove("attrs")], Strictness::Lenient),
            check(&[optional("MORE", "regex")], Strictness::Lenient),
        ];
        insta::assert_snapshot!(cases.join("\n---\n"));
    }
}
