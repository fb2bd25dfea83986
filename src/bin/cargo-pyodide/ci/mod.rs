//! Pipelines for continuous integration: wheels, tests and reports, for one package or for a list.
//!
//! The pipelines are templates beside this file, with a few words to fill in and a few lines that may be left out.

pub(crate) mod command;
mod repository;
pub(crate) mod subject;

use std::fmt::Write;

use subject::Subject;

/// The releases of a pipeline if nobody says which: those whose wheels the package index takes.
pub(crate) const USUAL_RELEASES: &str = "0.29,314";

/// What a pipeline does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pipeline {
    /// What it builds.
    pub(crate) subject: Subject,
    /// The releases, as `--pyodide` takes them.
    pub(crate) releases: String,
    /// The toolchains that rustup installs.
    pub(crate) toolchains: Toolchains,
    /// Which tags its wheels get.
    pub(crate) tags: Tags,
    /// The branch on which it runs, besides tags and pull requests.
    pub(crate) branch: String,
    /// How many machines share a sweep.
    pub(crate) shards: usize,
    /// Whether it writes a site.
    pub(crate) pages: Pages,
}

/// Which Rust a pipeline installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toolchains {
    /// The stable one.
    Stable,
    /// The last one that compiles for lines before 0.28, too.
    StableAndOlder,
}

impl Toolchains {
    /// The words for rustup.
    fn words(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::StableAndOlder => "stable 1.97",
        }
    }
}

/// Which platform tags the wheels of a pipeline get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tags {
    /// Those that the package index takes.
    Index,
    /// Those that whole lines install: the index takes none for one of the releases.
    Line,
}

/// Whether a pipeline writes a site for the service's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    /// It does.
    Deployed,
    /// It does not.
    None,
}

/// The service that runs the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Service {
    /// GitHub Actions.
    Github,
    /// GitLab CI/CD.
    Gitlab,
    /// GNU parallel, on one machine or several.
    Parallel,
    /// An array of Slurm jobs.
    Slurm,
    /// Snakemake.
    Snakemake,
    /// An Indexed Job of Kubernetes.
    Kubernetes,
}

impl Service {
    /// Where the service looks for a pipeline, from the root of a repository.
    pub(crate) fn usual_path(self) -> &'static str {
        match self {
            Service::Github => ".github/workflows/pyodide.yml",
            Service::Gitlab => ".gitlab-ci.yml",
            Service::Parallel => "sweep.sh",
            Service::Slurm => "sweep.sbatch",
            Service::Snakemake => "Snakefile",
            Service::Kubernetes => "sweep-job.yml",
        }
    }

    /// Whether it does the cells of a list and nothing else.
    pub(crate) fn takes_lists_alone(self) -> bool {
        !matches!(self, Service::Github | Service::Gitlab)
    }

    /// How many parts a list may have.
    pub(crate) fn most_shards(self) -> usize {
        match self {
            Service::Github => 256,
            Service::Gitlab => 200,
            // More than lists are long; the service itself takes 100,000.
            Service::Kubernetes => 10_000,
            // They take each cell for itself.
            Service::Parallel | Service::Slurm | Service::Snakemake => 1,
        }
    }

    fn template(self, subject: &Subject) -> &'static str {
        match (self, subject) {
            (Service::Github, Subject::Package(_)) => include_str!("github-package.yml"),
            (Service::Github, Subject::List(_)) => include_str!("github-list.yml"),
            (Service::Gitlab, Subject::Package(_)) => include_str!("gitlab-package.yml"),
            (Service::Gitlab, Subject::List(_)) => include_str!("gitlab-list.yml"),
            (Service::Parallel, _) => include_str!("parallel.sh"),
            (Service::Slurm, _) => include_str!("slurm.sh"),
            (Service::Snakemake, _) => include_str!("Snakefile"),
            (Service::Kubernetes, _) => include_str!("kubernetes.yml"),
        }
    }
}

/// The Debian packages with which C and C++ are compiled.
const COMPILERS: &str = "clang-19 llvm-19 libc++-19-dev emscripten";

/// The text of a pipeline.
pub(crate) fn render(service: Service, pipeline: &Pipeline) -> String {
    let Pipeline { subject, releases, toolchains, tags, branch, shards, pages } = pipeline;
    let numbers: Vec<String> = (1..=*shards).map(|number| number.to_string()).collect();
    let (path, lock, compiles_c) = match subject {
        Subject::Package(package) => (&package.folder, package.lock.as_str(), package.compiles_c),
        // Nobody knows what is in a list on the day that it runs.
        Subject::List(list) => (list, "", true),
    };
    let cases = [
        ("folder", path != "."),
        ("c", compiles_c),
        ("older", *toolchains == Toolchains::StableAndOlder),
        ("line-tags", *tags == Tags::Line),
        ("pages", *pages == Pages::Deployed),
    ];
    let words = [
        ("@VERSION@", env!("CARGO_PKG_VERSION").to_owned()),
        ("@ACTION@", action()),
        ("@BRANCH@", yaml_word(branch)),
        ("@RELEASES@", yaml_word(releases)),
        ("@RELEASES_SHELL@", quote(releases)),
        ("@PATH@", quote(path)),
        ("@PATH_YAML@", yaml_word(path)),
        ("@PATH_EXPRESSION@", format!("'{}'", path.replace('\'', "''"))),
        ("@LOCK@", yaml_word(lock)),
        ("@TOOLCHAINS@", toolchains.words().to_owned()),
        ("@COMPILERS@", COMPILERS.to_owned()),
        ("@FOR_INDEX@", if *tags == Tags::Index { "--for-index ".to_owned() } else { String::new() }),
        ("@SHARDS@", shards.to_string()),
        ("@NUMBERS@", numbers.join(", ")),
    ];
    let text = choose_lines(service.template(subject), |case| {
        cases.iter().any(|(name, holds)| *name == case && *holds)
    });
    words.iter().fold(text, |text, (word, value)| text.replace(word, value))
}

/// Our action as a workflow names it: the repository at the tag of this version.
fn action() -> String {
    let repository = env!("CARGO_PKG_REPOSITORY");
    let parts: Vec<&str> = repository.rsplitn(3, '/').collect();
    format!("{}/{}@v{}", parts[1], parts[0], env!("CARGO_PKG_VERSION"))
}

/// A text without the lines between `#if CASE` and `#end` whose case does not hold, and without these marks.
fn choose_lines(template: &str, holds: impl Fn(&str) -> bool) -> String {
    let mut text = String::with_capacity(template.len());
    let mut wanted = true;
    for line in template.lines() {
        match line.trim() {
            "#end" => wanted = true,
            mark if mark.starts_with("#if ") => wanted = holds(&mark["#if ".len()..]),
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

/// A word as YAML takes it: in quotes, as JSON has them, unless it can be nothing but a text.
fn yaml_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let begins_a_text = word.starts_with(|c: char| c.is_ascii_alphabetic());
    let other = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];
    if begins_a_text && word.chars().all(is_plain) && !other.contains(&word.to_ascii_lowercase().as_str()) {
        word.to_owned()
    } else {
        serde_json::Value::from(word).to_string()
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::subject::Package;
    use super::*;

    #[test]
    fn lines_of_a_case_are_taken_if_it_holds() {
        let template = "a\n  #if list\nb\n  #end\n#if package\nc\n#end\nd\n";
        assert_eq!(choose_lines(template, |case| case == "list"), "a\nb\nd\n");
        assert_eq!(choose_lines(template, |case| case == "package"), "a\nc\nd\n");
    }

    #[test]
    fn words_stay_texts_in_yaml() {
        let words =
            ["main", "0.30", "314", "a b", "crates/py", ".", "on", "release/1.x", ">=0.29"].map(yaml_word);
        assert_eq!(
            words,
            [
                "main",
                "\"0.30\"",
                "\"314\"",
                "\"a b\"",
                "crates/py",
                "\".\"",
                "\"on\"",
                "release/1.x",
                "\">=0.29\""
            ]
        );
    }

    #[test]
    fn no_word_is_left_to_fill_in() {
        let left = regex::Regex::new("@[A-Z_]+@|#if|#end").unwrap();
        let package = Package { folder: "a folder".into(), lock: "Cargo.lock".into(), compiles_c: true };
        for service in Service::value_variants().iter().copied() {
            for subject in [Subject::Package(package.clone()), Subject::List("a list.txt".to_owned())] {
                let pipeline = Pipeline {
                    subject,
                    releases: ">=0.26".into(),
                    toolchains: Toolchains::StableAndOlder,
                    tags: Tags::Line,
                    branch: "trunk".into(),
                    shards: 3,
                    pages: Pages::Deployed,
                };
                let text = render(service, &pipeline);
                assert!(left.find(&text).is_none(), "{text}");
            }
        }
    }
}
