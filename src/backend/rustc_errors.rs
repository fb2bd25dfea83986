//! The errors of rustc in the log of a failed build, and advice for those that name what mends them. Pure.
//!
//! The causes of `facts/causes.toml` advise on a class; here the advice has the file, the crate and the line to add.

use std::path::{Component, Path, PathBuf};

use semver::Version;

/// Where the sources lie that the log tells of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Roots<'a> {
    /// The folder of the project, from which overlays count.
    pub(super) project: &'a Path,
    /// The folder of the workspace, from which rustc counts.
    pub(super) workspace: &'a Path,
}

/// An error of rustc's.
#[derive(Debug)]
struct RustcError<'a> {
    /// Its first line, without `error: `.
    message: &'a str,
    /// The file that it is in.
    file: &'a str,
    /// All lines after the first.
    body: Vec<&'a str>,
}

/// Advice on the errors of a log; none if the cause's own is all there is to say.
pub(super) fn advise(log: &str, roots: Roots<'_>) -> Option<String> {
    let errors = read(log);
    advise_on_missing_files(&errors, roots)
}

/// The errors of rustc in a log.
fn read(log: &str) -> Vec<RustcError<'_>> {
    let mut errors = Vec::new();
    let mut lines = log.lines().map(str::trim_end).peekable();
    while let Some(line) = lines.next() {
        let message = line.strip_prefix("error").and_then(|rest| rest.split_once(": ")).map(|(_, said)| said);
        let place = lines.peek().and_then(|next| next.trim_start().strip_prefix("--> "));
        let (Some(message), Some(place)) = (message, place) else { continue };
        // A place is `FILE:LINE:COLUMN`.
        let file = place.rsplitn(3, ':').last().unwrap_or(place);
        let mut body = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.is_empty()) {
            body.push(line);
        }
        errors.push(RustcError { message, file, body });
    }
    errors
}

/// The crate of a registry that a file belongs to: `/cargo/registry/src/INDEX/NAME-VERSION/src/lib.rs`.
fn registry_crate(file: &str) -> Option<&str> {
    let (_, below) = file.split_once("/registry/src/")?;
    let folder = below.split('/').nth(1)?;
    let mut dashes = folder.match_indices('-').map(|(at, _)| at);
    dashes.find(|at| Version::parse(&folder[at + 1..]).is_ok()).map(|at| &folder[..at])
}

/// A file that a source includes and that is not there: it is missing on every platform.
fn advise_on_missing_files(errors: &[RustcError<'_>], roots: Roots<'_>) -> Option<String> {
    let missing: Vec<MissingFile<'_>> =
        errors.iter().filter_map(|error| MissingFile::of(error, roots)).collect();
    let first = missing.first()?;
    let entries: Vec<String> = missing.iter().map(MissingFile::entry).collect();
    let others = if missing.len() > 1 { " and others" } else { "" };
    Some(format!(
        "`{}` includes `{}`{others}, which the source lacks on every platform: an overlay adds it with \
         `sources = [{}]`",
        first.includer,
        first.path.display(),
        entries.join(", ")
    ))
}

/// A file that is included and is not there.
#[derive(Debug)]
struct MissingFile<'a> {
    /// Its path from the project's folder.
    path: PathBuf,
    /// The source that includes it.
    includer: &'a str,
    /// Whether it is included as text.
    is_text: bool,
}

impl<'a> MissingFile<'a> {
    fn of(error: &RustcError<'a>, roots: Roots<'_>) -> Option<Self> {
        let said = error.message.strip_prefix("couldn't read ")?;
        let (path, _) = said.rsplit_once(": No such file or directory")?;
        // Crates of a registry are no part of the package, and what a build script should have made is no source.
        let path = normalize(&roots.workspace.join(path.trim_matches('`')));
        let path = path.strip_prefix(roots.project).ok()?.to_owned();
        let is_text = !error.body.iter().any(|line| line.contains("include_bytes!"));
        (registry_crate(error.file).is_none()).then_some(Self { path, includer: error.file, is_text })
    }

    /// The entry of `sources` that adds it.
    fn entry(&self) -> String {
        let path = self.path.to_string_lossy().replace('\\', "/");
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let content = if self.is_text { "text = \"\"".to_owned() } else { format!("from = \"{name}\"") };
        format!("{{ to = \"{path}\", {content} }}")
    }
}

/// A path without `.` and `..`, by its words alone: what it names does not exist.
fn normalize(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(log: &str) -> String {
        let (project, workspace) = (Path::new("/w/python"), Path::new("/w"));
        advise(log, Roots { project, workspace }).unwrap_or_default()
    }

    #[test]
    fn a_file_that_is_included_and_not_there_is_named_with_what_adds_it() {
        let text = "error: couldn't read `python/src/../README.md`: No such file or directory (os error 2)\n \
                    --> python/src/lib.rs:2:10\n  |\n2 | #![doc = include_str!(\"../README.md\")]\n\n";
        insta::assert_snapshot!(check(text), @r#"`python/src/lib.rs` includes `README.md`, which the source lacks on every platform: an overlay adds it with `sources = [{ to = "README.md", text = "" }]`"#);
        let bytes = "error: couldn't read python/src/a/x.bin: No such file or directory (os error 2)\n \
                     --> python/src/a.rs:3:19\n  |\n3 | static B: &[u8] = include_bytes!(\"a/x.bin\");\n";
        insta::assert_snapshot!(check(&format!("{text}{bytes}")), @r#"`python/src/lib.rs` includes `README.md` and others, which the source lacks on every platform: an overlay adds it with `sources = [{ to = "README.md", text = "" }, { to = "src/a/x.bin", from = "x.bin" }]`"#);
    }

    #[test]
    fn files_of_others_are_not_added_to_the_package() {
        let of = |path: &str, place: &str| {
            check(&format!(
                "error: couldn't read `{path}`: No such file or directory (os error 2)\n --> {place}:1:1\n"
            ))
        };
        assert_eq!(of("/build/targets/x/out/gen.rs", "python/src/lib.rs"), "");
        assert_eq!(of("other/README.md", "other/src/lib.rs"), "");
        assert_eq!(of("/cargo/registry/src/i/a-1.0.0/R.md", "/cargo/registry/src/i/a-1.0.0/src/lib.rs"), "");
    }

    #[test]
    fn crates_are_known_by_their_folders() {
        let of = |folder: &str| {
            registry_crate(&format!("/cargo/registry/src/index-1a/{folder}/src/a.rs"))
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(of("a-b-1.0.0"), "a-b");
        assert_eq!(of("sha-1-0.10.1"), "sha-1");
        assert_eq!(of("a-1.0.0-rc.1+x-2"), "a");
        assert_eq!(registry_crate("src/lib.rs"), None);
    }
}
