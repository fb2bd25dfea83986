//! Where a package's own pytest settings say that its tests are.
//!
//! Of the settings only `testpaths` and `python_files` are read; pytest itself reads the rest.
//! <https://docs.pytest.org/en/stable/reference/customize.html>

use std::path::Path;

use crate::project::PyProject;

/// What pytest's settings say of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PytestSettings {
    /// Where tests are; nothing if the settings do not say.
    pub(super) paths: Vec<String>,
    /// The names of files that hold tests, as patterns.
    patterns: Vec<String>,
}

impl PytestSettings {
    /// Reads the settings of a folder: of the first file that has some, in pytest's order.
    pub(super) fn read(folder: &Path, pyproject: &PyProject) -> Self {
        let text = |name: &str| fs_err::read_to_string(folder.join(name)).unwrap_or_default();
        let ini = |name: &str, section: &str| read_section(&text(name), section);
        let table = ini("pytest.ini", "pytest")
            .or_else(|| ini(".pytest.ini", "pytest"))
            .or_else(|| read_pyproject(pyproject))
            .or_else(|| ini("tox.ini", "pytest"))
            .or_else(|| ini("setup.cfg", "tool:pytest"))
            .unwrap_or_default();
        let list = |key: &str| {
            let values = table.iter().filter(|(name, _)| name == key);
            values.flat_map(|(_, words)| words.clone()).collect::<Vec<_>>()
        };
        let patterns = list("python_files");
        // pytest's own defaults.
        let usual = || ["test_*.py", "*_test.py"].map(str::to_owned).into();
        Self { paths: list("testpaths"), patterns: if patterns.is_empty() { usual() } else { patterns } }
    }

    /// Whether a file's name says that it holds tests.
    pub(super) fn is_test_file(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let of_name = |pattern: &str| pattern.rsplit('/').next().unwrap_or_default().to_owned();
        name.ends_with(".py") && self.patterns.iter().any(|pattern| matches(&of_name(pattern), &name))
    }
}

type Table = Vec<(String, Vec<String>)>;

fn read_pyproject(pyproject: &PyProject) -> Option<Table> {
    let table = pyproject.tool("pytest")?;
    let options = table.get("ini_options").and_then(toml::Value::as_table).unwrap_or(table);
    let words = |value: &toml::Value| match value {
        toml::Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        toml::Value::Array(all) => all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    Some(options.iter().map(|(key, value)| (key.clone(), words(value))).collect())
}

/// A section of an INI file, as pytest's own reader takes it: a line that is indented goes on with the value above.
fn read_section(text: &str, section: &str) -> Option<Table> {
    let mut found: Option<Table> = None;
    let mut is_inside = false;
    for line in text.lines().filter(|line| !line.trim_start().starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            is_inside = name == section;
            if is_inside {
                found.get_or_insert_default();
            }
            continue;
        }
        let Some(table) = found.as_mut().filter(|_| is_inside) else { continue };
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = table.last_mut() {
                value.extend(words(line));
            }
        } else if let Some((key, value)) = line.split_once(['=', ':']) {
            table.push((key.trim().to_owned(), words(value)));
        }
    }
    found
}

/// Whether a name matches a pattern with `*` and `?`. A pattern comes from a package: the time is bounded by the product of
/// the lengths.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut read) = (0, 0);
    // The last star, and how far the name was read when it had taken what it takes now.
    let mut star = None;
    while read < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(&letter) if letter == '?' || letter == name[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((of_star, taken)) = star else { return false };
                star = Some((of_star, taken + 1));
                (at, read) = (of_star + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs_err::write(folder.path().join(name), text).unwrap();
        }
        let read = PytestSettings::read(folder.path(), &PyProject::read(folder.path()).unwrap());
        format!("{} | {}", read.paths.join(" "), read.patterns.join(" "))
    }

    #[test]
    fn the_first_file_with_settings_counts() {
        let usual = "test_*.py *_test.py";
        assert_eq!(check(&[]), format!(" | {usual}"));
        let pyproject = (
            "pyproject.toml",
            "[tool.pytest.ini_options]\ntestpaths = ['a', 'b']\npython_files = 'x_*.py'\n",
        );
        assert_eq!(check(&[pyproject]), "a b | x_*.py");
        assert_eq!(check(&[pyproject, ("pytest.ini", "[pytest]\ntestpaths = c\n")]), format!("c | {usual}"));
        assert_eq!(check(&[pyproject, ("tox.ini", "[pytest]\ntestpaths = c\n")]), "a b | x_*.py");
        let lines = "[metadata]\nname = x\n[tool:pytest]\n# where\ntestpaths =\n    d\n    e f\nnorecursedirs: g\n[other]\ntestpaths = h\n";
        assert_eq!(check(&[("setup.cfg", lines)]), format!("d e f | {usual}"));
        assert_eq!(check(&[("setup.cfg", "[pytest]\ntestpaths = d\n")]), format!(" | {usual}"));
    }

    #[test]
    fn patterns_have_stars_and_question_marks() {
        let names = ["test_a.py", "a_test.py", "test.py", "tests/check_a.py"];
        let check = |pattern: &str| names.map(|name| u8::from(matches(pattern, name)));
        assert_eq!(check("test_*.py"), [1, 0, 0, 0]);
        assert_eq!(check("*_test.py"), [0, 1, 0, 0]);
        assert_eq!(check("*"), [1, 1, 1, 1]);
        assert_eq!(check("te?t.py"), [0, 0, 1, 0]);
        assert_eq!(check(""), [0, 0, 0, 0]);
        assert_eq!(check("**t*_*a*.p?"), [1, 0, 0, 1]);
        assert!(!matches(&"*a".repeat(60), &("a".repeat(200) + "b")));
    }
}
