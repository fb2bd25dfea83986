//! Pipelines for continuous integration: a sweep on several machines, its report, and wheels for the package index.
//!
//! The pipelines are templates beside this file, with a few words to fill in.

pub(crate) mod command;

use std::fmt::Write;

/// What a pipeline does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pipeline {
    /// What is built.
    pub(crate) package: Package,
    /// The lines, as `--pyodide` takes them.
    pub(crate) lines: String,
    /// The Rust toolchains that it installs.
    pub(crate) toolchains: String,
    /// How many machines share the sweep.
    pub(crate) shards: usize,
}

/// What a pipeline builds. Paths are from the root of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Package {
    /// The packages of a list.
    Listed(String),
    /// The package in a folder; empty for the root.
    Folder(String),
}

/// The service that runs the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Service {
    /// GitHub Actions.
    Github,
    /// GitLab CI/CD.
    Gitlab,
}

impl Service {
    /// Where the service looks for a pipeline, from the root of a repository.
    pub(crate) fn usual_path(self) -> &'static str {
        match self {
            Service::Github => ".github/workflows/pyodide.yml",
            Service::Gitlab => ".gitlab-ci.yml",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Service::Github => include_str!("github.yml"),
            Service::Gitlab => include_str!("gitlab.yml"),
        }
    }
}

/// The text of a pipeline.
pub(crate) fn render(service: Service, pipeline: &Pipeline) -> String {
    let numbers: Vec<String> = (1..=pipeline.shards).map(|number| number.to_string()).collect();
    let (list, folder, case) = match &pipeline.package {
        Package::Listed(list) => (list.as_str(), String::new(), "list"),
        Package::Folder(folder) if folder.is_empty() => ("sdists", String::new(), "package"),
        // Behind a space: the root needs no word.
        Package::Folder(folder) => ("sdists", format!(" {}", quote(folder)), "package"),
    };
    let words = [
        ("@VERSION@", env!("CARGO_PKG_VERSION")),
        ("@LIST@", &quote(list)),
        ("@LINES@", &quote(&pipeline.lines)),
        ("@FOLDER@", &folder),
        ("@RUST@", &pipeline.toolchains),
        ("@SHARDS@", &pipeline.shards.to_string()),
        ("@NUMBERS@", &numbers.join(", ")),
    ];
    let text = choose_lines(service.template(), case);
    words.iter().fold(text, |text, (word, value)| text.replace(word, value))
}

/// A text with the lines that belong to one of two cases: those between `#if CASE` and `#end`.
fn choose_lines(template: &str, case: &str) -> String {
    let mut text = String::with_capacity(template.len());
    let mut wanted = true;
    for line in template.lines() {
        match line.trim() {
            "#end" => wanted = true,
            mark if mark.starts_with("#if ") => wanted = mark == format!("#if {case}"),
            _ if wanted => drop(writeln!(text, "{line}")),
            _ => {}
        }
    }
    text
}

/// A word as a POSIX shell and YAML's block texts take it.
fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_case_are_taken() {
        let template = "a\n  #if list\nb\n  #end\n#if package\nc\n#end\nd\n";
        assert_eq!(choose_lines(template, "list"), "a\nb\nd\n");
        assert_eq!(choose_lines(template, "package"), "a\nc\nd\n");
    }

    #[test]
    fn no_word_is_left_to_fill_in() {
        for service in [Service::Github, Service::Gitlab] {
            for package in [Package::Folder("a b/py".to_owned()), Package::Listed("a list.txt".to_owned())] {
                let toolchains = "stable 1.0".to_owned();
                let text =
                    render(service, &Pipeline { package, lines: ">=0.29".into(), toolchains, shards: 3 });
                assert!(!text.contains('@') || service == Service::Github && !text.contains("@L"), "{text}");
                assert!(text.contains("'>=0.29'") && text.contains("1, 2, 3"), "{text}");
                assert!(text.contains("stable 1.0") && text.contains("'a "), "{text}");
            }
        }
    }
}
