//! Names that serve as a package's, a crate's and a module's at once.

use std::str::FromStr;

use cargo_pyodide::error::hinted;

/// A name of a new package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackageName(String);

/// What neither a module nor a crate can be called: keywords of Python and Rust, and crates and modules that every program
/// has.
const TAKEN: &[&str] = &[
    "abstract", "alloc", "and", "as", "assert", "async", "await", "become", "box", "break", "builtins",
    "class", "const", "continue", "core", "crate", "def", "del", "do", "dyn", "elif", "else", "enum",
    "except", "extern", "false", "final", "finally", "fn", "for", "from", "gen", "global", "if", "impl",
    "import", "in", "is", "lambda", "let", "loop", "macro", "match", "mod", "move", "mut", "nonlocal", "not",
    "or", "override", "pass", "priv", "pub", "pyo3", "raise", "ref", "return", "self", "static", "std",
    "struct", "super", "sys", "test", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "with", "yield",
];

impl PackageName {
    /// The name of the module: with underscores.
    fn module(&self) -> String {
        self.0.replace('-', "_")
    }

    /// A text of the template with this name in it.
    pub(super) fn put_into(&self, text: &str) -> String {
        text.replace("template-name", &self.0).replace("template_name", &self.module())
    }
}

impl FromStr for PackageName {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, anyhow::Error> {
        let words: Vec<&str> = text.split(['-', '_']).collect();
        let is_word = |word: &&str| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        let begins_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins_well || !words.iter().all(is_word) {
            return Err(hinted(
                anyhow::anyhow!("`{text}` cannot be the name of a package, a crate and a module at once"),
                "use small letters, digits, and single `-` or `_` between them: `fast-json`",
            ));
        }
        if TAKEN.contains(&text) {
            return Err(hinted(
                anyhow::anyhow!("`{text}` is a name that Python or Rust keeps for itself"),
                "choose another one",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_packages_crates_and_modules() {
        let check =
            |text: &str| text.parse::<PackageName>().map(|name| name.put_into("template-name template_name"));
        assert_eq!(check("fast-json2").unwrap(), "fast-json2 fast_json2");
        assert_eq!(check("fast_json").unwrap(), "fast_json fast_json");
        for refused in ["", "Fast", "2fast", "a--b", "-a", "a-", "a.b", "ä", "class", "fn", "std", "a b"] {
            assert!(check(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn names_that_are_taken_are_in_order() {
        assert!(TAKEN.is_sorted());
    }
}
