//! The documentation: links lead somewhere, made pages are up to date, and the blocks of shell that say so are run.
//!
//! A block that begins with ```` ```sh run ```` is run. All such blocks of a page are one script, in a fresh folder, with
//! the tool on `PATH` as `cargo pyodide`: it fails where a reader would be stuck.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cargo_pyodide::abi::{LAST_LINE_WITH_JAVASCRIPT, LAST_RUST_WITH_JAVASCRIPT};
use cargo_pyodide::causes::{self, Cause, When};
use regex::Regex;

use crate::harness::{can_build, folder, has, tool};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Markdown files, from the root: `docs/build.md`.
fn documents() -> Vec<String> {
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned);
    let pages = fs_err::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().into_string().unwrap()));
    let mut all: Vec<String> = top.into_iter().chain(pages.filter(|name| name.ends_with(".md"))).collect();
    all.sort();
    all
}

fn read(name: &str) -> String {
    fs_err::read_to_string(root().join(name)).unwrap()
}

/// The lines outside of blocks of code.
fn prose(text: &str) -> Vec<&str> {
    let mut is_block = false;
    text.lines()
        .filter(|line| {
            let is_fence = line.trim_start().starts_with("```");
            is_block ^= is_fence;
            !is_block && !is_fence
        })
        .collect()
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for heading in prose(text).into_iter().filter(|line| line.starts_with('#')) {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let again = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone()).chain(again).find(|name| !found.contains(name));
        found.extend(free);
    }
    found
}

/// The targets of a page's links and pictures.
fn links(text: &str) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let code = Regex::new("`[^`]*`").unwrap();
    let prose = prose(text).join("\n");
    let prose = code.replace_all(&prose, "`code`");
    link.captures_iter(&prose).map(|captures| captures[1].to_owned()).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut dead = Vec::new();
    let mut count = 0;
    for page in documents() {
        for link in links(&read(&page)) {
            if link.contains("://") {
                continue;
            }
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let folder = Path::new(&page).parent().unwrap();
            let target = if file.is_empty() { PathBuf::from(&page) } else { folder.join(file) };
            let is_there = root().join(&target).exists();
            let has_anchor = || anchors(&read(target.to_str().unwrap())).contains(anchor);
            if !is_there || !(anchor.is_empty() || has_anchor()) {
                dead.push(format!("{page}: {link}"));
            }
        }
    }
    assert_eq!(dead, Vec::<String>::new());
    assert!(count > 50, "only {count} links were found");
}

#[test]
fn every_page_is_in_the_book() {
    let summary = read("docs/SUMMARY.md");
    let listed: BTreeSet<String> = links(&summary).iter().map(|link| format!("docs/{link}")).collect();
    let pages = documents().into_iter().filter(|name| name.starts_with("docs/") && name != "docs/SUMMARY.md");
    assert_eq!(listed, pages.collect());
}

#[test]
fn pages_name_the_last_compiler_for_the_older_lines() {
    let (line, rust) = (LAST_LINE_WITH_JAVASCRIPT, LAST_RUST_WITH_JAVASCRIPT);
    for page in ["README.md", "docs/limits.md", "docs/requirements.md"] {
        let text = read(page);
        let says = |text: &str| text.contains(rust) && text.contains(&format!("0.21 to {line}"));
        assert!(text.lines().any(says), "{page} says until which Rust {line} and older work");
    }
    let install = format!("rustup toolchain install {rust} --component rust-src");
    assert!(read("README.md").contains(&install));
    assert!(read("docs/how-it-works.md").contains(&format!("| Rust | up to {rust} | 1.93 or newer |")));
    assert!(read("docs/ci.md").contains(&format!("`stable {rust}`")));
    assert!(read("action.yml").contains(&format!("`{rust}`")));
}

#[test]
fn anchors_are_those_of_the_readers() {
    let text = "# A `b`: c\n```\n# no\n```\n## Twice\n## Twice\n## `cargo pyodide build`\n";
    let found: Vec<String> = anchors(text).into_iter().collect();
    assert_eq!(found, ["a-b-c", "cargo-pyodide-build", "twice", "twice-1"]);
}

const TROUBLESHOOTING: &str = "# Troubleshooting

<!-- Made from facts/causes.toml and tests/logs by `INSTA_UPDATE=always cargo test --test suite docs::`. -->

When a build or a test fails, the tool looks for the cause in what cargo, compilers, the build back end and Python said,
and ends its message with advice. This page lists the causes, with the line that shows one where there is an example.
Search it for a word of your message. `sweep` groups failures by these names.

A message of the tool itself ends with a line `hint: …` where there is something to do. Findings of the audit have [a page
of their own](findings.md).

";

/// The line of a real log that shows a cause.
fn example(cause: &Cause) -> Option<String> {
    let logs = [("build", When::Build), ("run", When::Run)];
    logs.into_iter().find_map(|(name, when)| {
        let path = root().join(format!("tests/logs/{name}-{}.txt", cause.id));
        let text = fs_err::read_to_string(path).ok()?;
        causes::find(&text, when).map(|found| found.line.to_owned())
    })
}

/// docs/troubleshooting.md.
fn troubleshooting() -> String {
    let mut text = TROUBLESHOOTING.to_owned();
    let titles = [
        ("machine", "The machine"),
        ("memory", "Memory"),
        ("network", "Network"),
        ("resolve", "Finding the package and its Python"),
        ("source", "The source tree"),
        ("cargo", "Cargo"),
        ("c-compiler", "C and C++"),
        ("rust", "Rust"),
        ("link", "Linking"),
        ("backend", "The build back end"),
        ("import", "Importing"),
        ("run", "Running"),
        ("platform", "What Pyodide does not have"),
        ("test", "Tests"),
    ];
    let told = |class: &'static str| {
        causes::all().iter().filter(move |cause| cause.class == class && cause.advice.is_some())
    };
    for (class, title) in titles {
        if told(class).next().is_none() {
            continue;
        }
        let _ = writeln!(text, "## {title}\n");
        for cause in told(class) {
            let _ = writeln!(text, "### {}\n", cause.id);
            if let Some(line) = example(cause) {
                let _ = writeln!(text, "```text\n{line}\n```\n");
            }
            let advice = cause.advice.as_deref().unwrap_or_default();
            let first = advice.chars().next().unwrap_or_default();
            let _ = writeln!(text, "{}{}.\n", first.to_uppercase(), &advice[first.len_utf8()..]);
        }
    }
    for cause in causes::all() {
        let is_listed = titles.iter().any(|(class, _)| *class == cause.class);
        assert!(is_listed || cause.advice.is_none(), "`{}` has no title", cause.class);
    }
    text.trim_end().to_owned() + "\n"
}

#[test]
fn troubleshooting_is_up_to_date() {
    let path = root().join("docs/troubleshooting.md");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        fs_err::write(&path, troubleshooting()).unwrap();
    }
    assert_eq!(fs_err::read_to_string(&path).unwrap(), troubleshooting(), "see the head of the page");
}

/// The blocks of a page that are run, as one script.
fn script(text: &str) -> String {
    let mut script = String::new();
    let mut is_run = false;
    for line in text.lines() {
        if line.starts_with("```") {
            is_run = line == "```sh run";
        } else if is_run {
            script.push_str(line);
            script.push('\n');
        }
    }
    script
}

#[test]
fn shell_of_the_pages_works() {
    if !can_build() || !has("npm") || !has("node") {
        return;
    }
    let program = Path::new(env!("CARGO_BIN_EXE_cargo-pyodide")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths(std::iter::once(program.to_owned()).chain(std::env::split_paths(&path)))
        .unwrap();
    let mut failed = Vec::new();
    let mut count = 0;
    for page in documents() {
        let script = script(&read(&page));
        if script.is_empty() {
            continue;
        }
        count += 1;
        let work = folder();
        let mut shell = std::process::Command::new("sh");
        for (name, value) in tool(&[]).command().get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.args(["-eux", "-c", &script]).current_dir(work.path()).env("PATH", &path);
        let output = shell.output().unwrap();
        if !output.status.success() {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            failed.push(format!("{page}:\n{}{}", text(&output.stdout), text(&output.stderr)));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    assert!(count > 0, "no page has blocks that are run");
}
