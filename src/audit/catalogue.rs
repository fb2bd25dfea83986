//! The catalogue of findings: `facts/findings.toml`, which also makes `--explain` and docs/findings.md.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// What could not be decided statically.
    Note,
    /// It loads, and something in it cannot work or should be known.
    Warning,
    /// It does not install, load or work as it promises.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One kind of finding.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The stable code, `CP101`.
    pub code: String,
    /// The same as a word.
    pub name: String,
    /// How bad it is if nothing else is asked for.
    pub severity: Severity,
    /// What it is, in a few words.
    pub title: String,
    /// What it means.
    pub story: String,
    /// What to do.
    pub advice: String,
}

/// All kinds, in the order of their codes.
///
/// # Panics
/// Never: the file is part of the program, and a test reads it.
pub fn entries() -> &'static [Entry] {
    #[derive(Deserialize)]
    struct File {
        finding: Vec<Entry>,
    }
    static ENTRIES: std::sync::LazyLock<Vec<Entry>> = std::sync::LazyLock::new(|| {
        let text = include_str!("../../facts/findings.toml");
        toml::from_str::<File>(text).expect("facts/findings.toml is valid").finding
    });
    &ENTRIES
}

/// The code of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Code(&'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Code {
    /// The code of this text, in either case, or of this word.
    pub fn find(text: &str) -> Option<Self> {
        let found = entries()
            .iter()
            .find(|entry| entry.code.eq_ignore_ascii_case(text) || entry.name.eq_ignore_ascii_case(text));
        found.map(|entry| Self(&entry.code))
    }

    /// What the catalogue says.
    ///
    /// # Panics
    /// Never: each code below is in the catalogue, and a test says so.
    pub fn entry(self) -> &'static Entry {
        entries().iter().find(|entry| entry.code == self.0).expect("every code is in the catalogue")
    }
}

macro_rules! codes {
    ($($name:ident = $code:literal;)*) => {
        impl Code {
            $(
                #[doc = concat!("`", $code, "` of the catalogue.")]
                pub const $name: Code = Code($code);
            )*
            /// Every code that the audit can give.
            #[cfg(test)]
            const ALL: &[Code] = &[$(Code($code)),*];
        }
    };
}

codes! {
    MISSING_FUNCTION = "CP101";
    FUNCTION_TYPE = "CP102";
    OTHER_KIND = "CP103";
    FOREIGN_MODULE = "CP104";
    MISSING_ADDRESS = "CP105";
    UNTYPED_ADDRESS = "CP106";
    WEAK_IS_NULL = "CP107";
    MISSING_LIBRARY = "CP108";
    WRONG_KIND_OF_ADDRESS = "CP109";
    LIMITS = "CP110";
    EXCEPTION_MODEL = "CP111";
    SETJMP_MODEL = "CP112";
    SCRIPT_FUNCTION_TYPE = "CP113";
    SHARED_NAME = "CP114";
    NOT_WEBASSEMBLY = "CP201";
    INVALID_MODULE = "CP202";
    NO_DYLINK = "CP203";
    NO_ENTRY = "CP204";
    ENTRY_TYPE = "CP205";
    START_UP = "CP206";
    TABLE_ALIGNMENT = "CP207";
    UNKNOWN_TO_ENGINES = "CP208";
    SUFFIX = "CP209";
    ENTRY_PARAMETERS = "CP210";
    CUT_DYLINK = "CP211";
    RELOCATION_TABLE = "CP212";
    PLATFORM_TAG = "CP301";
    PYTHON_TAG = "CP302";
    WHEEL_FILE = "CP303";
    PURELIB = "CP304";
    NOT_STABLE = "CP305";
    RECORD = "CP306";
    METADATA = "CP307";
    REQUIRES_PYTHON = "CP308";
    OTHER_METADATA = "CP309";
    MISSING_DEPENDENCY = "CP401";
    DEPENDENCY_VERSION = "CP402";
    DEPENDENCY_ELSEWHERE = "CP403";
    THREADS = "CP501";
    SOCKETS = "CP502";
    PROCESSES = "CP503";
    DYNAMIC_LOADING = "CP504";
    SIGNALS = "CP505";
    EMBEDDED_JAVASCRIPT = "CP506";
    LARGE_MODULE = "CP511";
    BEYOND_BROWSERS = "CP512";
    EXPORTS = "CP513";
    COLLIDES = "CP514";
    LOCAL_PATHS = "CP515";
    DEBUG_SECTIONS = "CP516";
    ABORTS = "CP517";
    MISSING_NAMES = "CP518";
}

/// The documentation of one kind, or of all.
pub fn explain(entry: &Entry) -> String {
    let Entry { code, name, severity, title, story, advice } = entry;
    format!(
        "{code} {name} ({severity})\n\n{title}.\n\n{}\n\nWhat to do: {advice}.\n",
        story.trim().replace('\n', " ")
    )
}

/// docs/findings.md.
pub fn document() -> String {
    let mut text = String::from(
        "# Findings of the audit\n\n<!-- Made from facts/findings.toml by `cargo pyodide audit --explain all`. -->\n\n\
         An error keeps the wheel from installing, loading or working as it promises; a warning does not; a note is what\n\
         reading could not decide. `--deny CODE` makes an error of a finding, `--allow CODE` drops it.\n\n\
         | code | name | severity | what |\n|---|---|---|---|\n",
    );
    for Entry { code, name, severity, title, .. } in entries() {
        let _ =
            writeln!(text, "| [{code}](#{}-{name}) | {name} | {severity} | {title} |", code.to_lowercase());
    }
    for Entry { code, name, severity, title, story, advice } in entries() {
        let _ = write!(
            text,
            "\n## {code} {name}\n\n**{title}** ({severity}).\n\n{}\n\nWhat to do: {advice}.\n",
            story.trim()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_and_every_explanation_is_used() {
        let used: Vec<&str> = Code::ALL.iter().map(|code| code.0).collect();
        let told: Vec<&str> = entries().iter().map(|entry| entry.code.as_str()).collect();
        assert_eq!(used, told);
    }

    #[test]
    fn the_document_is_up_to_date() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/findings.md");
        assert_eq!(fs_err::read_to_string(path).unwrap(), document());
    }
}
