//! The errors of rustc in the log of a failed build, and advice for those that name what mends them.
//!
//! The causes of `facts/causes.toml` advise on a class; here the advice has the file, the crate and the line to add.

use std::path::{Path, PathBuf};

use semver::Version;

use crate::files;
use crate::project::cfg_gates::{self, Remedy};
use crate::project::sources::rust_sources;

/// Where the sources lie that the log tells of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Roots<'a> {
    /// The folder of the project, from which overlays count.
    pub(super) project: &'a Path,
    /// The folder of the workspace, from which rustc counts.
    pub(super) workspace: &'a Path,
    /// Cargo's home, below which registries lie.
    pub(super) cargo_home: &'a Path,
}

impl Roots<'_> {
    /// A file that rustc names, by the names that the build gives local folders.
    fn find(&self, file: &str) -> PathBuf {
        match (file.strip_prefix("/cargo/"), file.strip_prefix("/source/")) {
            (Some(below), _) => self.cargo_home.join(below),
            (None, Some(below)) => self.project.join(below),
            (None, None) => self.workspace.join(file),
        }
    }
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

/// Advice on the errors of a log, of which the cause is `cause`; none if the cause's own is all there is to say.
pub(super) fn advise(log: &str, cause: Option<&str>, roots: Roots<'_>) -> Option<String> {
    let errors = read(log);
    if cause == Some("pointer-width") {
        return advise_on_width(log);
    }
    advise_on_missing_files(&errors, roots).or_else(|| advise_on_gates(log, &errors, roots))
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
    let mut entries: Vec<String> = missing.iter().map(MissingFile::entry).collect();
    // One file may be included twice.
    entries.sort();
    entries.dedup();
    let others = if entries.len() > 1 { " and others" } else { "" };
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
        let path = files::normalize(&roots.workspace.join(path.trim_matches('`')));
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

/// An item that a `cfg` leaves out on this target: rustc notes where it is.
fn advise_on_gates(log: &str, errors: &[RustcError<'_>], roots: Roots<'_>) -> Option<String> {
    let noted = errors.iter().find_map(|error| Some((error, error.noted_remedy()?)));
    let by_sources = || errors.iter().find_map(|error| Some((error, error.remedy_by_sources(roots)?)));
    let (error, remedy) = noted.or_else(by_sources)?;
    let name = registry_crate(error.file).or_else(|| named_crate(log))?;
    let what = match remedy {
        Remedy::System(system) => {
            format!(
                "has code for some systems alone, `{system}` among them: it takes Emscripten for that one"
            )
        }
        Remedy::NotInBrowser => {
            "takes every WebAssembly for a browser: it treats Emscripten as a Unix".to_owned()
        }
    };
    Some(format!("the crate `{name}` {what} with `{}` of an overlay", remedy.overlay_line([name])))
}

impl RustcError<'_> {
    /// The remedy for what rustc notes.
    fn noted_remedy(&self) -> Option<Remedy> {
        let note =
            self.body.iter().position(|line| *line == "note: found an item that was configured out")?;
        Remedy::of(self.body[note..].iter().find(|line| line.contains("cfg("))?)
    }

    /// The remedy for what the sources of the crate say: rustc notes no modules and no methods.
    fn remedy_by_sources(&self, roots: Roots<'_>) -> Option<Remedy> {
        const LOOKED_AT: [&str; 5] =
            ["unresolved import", "cannot find ", "failed to resolve", "no function or ", "no method named"];
        if !LOOKED_AT.iter().any(|words| self.message.starts_with(words)) {
            return None;
        }
        let missing: Vec<&str> = self.message.split('`').nth(1)?.split("::").collect();
        let file = roots.find(self.file);
        let folder = file.ancestors().find(|folder| folder.join("Cargo.toml").is_file())?;
        let folder = folder.join("src");
        let sources = rust_sources(&folder, |_| true);
        let texts = sources.filter_map(|path| fs_err::read_to_string(path).ok());
        // Parsed only if it can hold what is looked for.
        let asking =
            texts.filter(|text| text.contains("cfg") && missing.iter().any(|name| text.contains(name)));
        let mut gates = asking.flat_map(|text| cfg_gates::find(&text));
        gates.find_map(|gate| {
            let is_it = gate.words.iter().any(|word| missing.contains(&word.as_str()));
            is_it.then(|| Remedy::of(&gate.predicate))?
        })
    }
}

/// A crate that takes pointers for 64 bits: another version of it may not.
fn advise_on_width(log: &str) -> Option<String> {
    let FailedCrate { name, version } = failed_crate(log)?;
    Some(format!(
        "the crate `{name} {version}` takes pointers for 64 bits: another version may not, such as an older one with \
         `cargo.update = [\"{name}@<{version}\"]` of an overlay (`build --try-versions` looks for one); else a patch mends it"
    ))
}

/// A crate of a registry that does not compile, or whose build script fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedCrate {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: Version,
}

/// The crate of a registry that a build failed with.
pub(super) fn failed_crate(log: &str) -> Option<FailedCrate> {
    let of_script =
        || log.split_once("error: failed to run custom build command for `")?.1.split([' ', '`']).next();
    let name = named_crate(log).or_else(of_script)?;
    let version = log.lines().find_map(|line| {
        let (found, version) = line.trim_start().strip_prefix("Compiling ")?.split_once(" v")?;
        let (version, place) = version.split_once(' ').unwrap_or((version, ""));
        // The package's own crates have a folder behind the version: nobody has another version of them.
        let is_published = place.is_empty() || place.starts_with("(registry ");
        (found == name && is_published).then(|| Version::parse(version.trim_end()).ok())?
    })?;
    Some(FailedCrate { name: name.to_owned(), version })
}

/// The crate that cargo says it could not compile.
fn named_crate(log: &str) -> Option<&str> {
    let (_, rest) = log.split_once("error: could not compile `")?;
    rest.split('`').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(log: &str) -> String {
        let (project, workspace) = (Path::new("/w/python"), Path::new("/w"));
        advise(log, None, Roots { project, workspace, cargo_home: Path::new("/nowhere") }).unwrap_or_default()
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
    fn a_crate_that_leaves_an_item_out_is_named_with_the_key_that_keeps_it() {
        let of = |gate: &str, place: &str| {
            check(&format!(
                "   Compiling own v1.0.0 (/w)\nerror[E0425]: cannot find function `home` in this scope\n  --> {place}:10:5\n   |\n\
                 10 |     home()\n   |     ^^^^ not found in this scope\n   |\nnote: found an item that was configured out\n  \
                 --> {place}:3:4\n   |\n 2 | #[{gate}]\n   |       ---- the item is gated here\n 3 | fn home() {{}}\n   |    ^^^^\n\n\
                 error: could not compile `own` (lib) due to 1 previous error\n"
            ))
        };
        let other = "/cargo/registry/src/index-1a/a-b-1.0.0/src/lib.rs";
        insta::assert_snapshot!(of("cfg(any(target_os = \"macos\", target_os=\"linux\"))", other), @r#"the crate `a-b` has code for some systems alone, `linux` among them: it takes Emscripten for that one with `cargo.target-os = { a-b = "linux" }` of an overlay"#);
        insta::assert_snapshot!(of("cfg(target_os = \"macos\")", "src/lib.rs"), @r#"the crate `own` has code for some systems alone, `macos` among them: it takes Emscripten for that one with `cargo.target-os = { own = "macos" }` of an overlay"#);
        insta::assert_snapshot!(of("cfg(not(target_arch = \"wasm32\"))", other), @r#"the crate `a-b` takes every WebAssembly for a browser: it treats Emscripten as a Unix with `cargo.not-in-browser = ["a-b"]` of an overlay"#);
        assert_eq!(of("cfg(target_os = \"windows\")", other), "");
        assert_eq!(of("cfg(feature = \"linux\")", other), "");
    }

    #[test]
    fn an_item_that_rustc_does_not_note_is_found_in_the_sources_of_its_crate() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("registry/src/index-1a/a-b-1.0.0");
        fs_err::create_dir_all(folder.join("src")).unwrap();
        fs_err::write(folder.join("Cargo.toml"), "").unwrap();
        let source =
            "#[cfg(target_os = \"linux\")]\npub mod imp { pub fn x() {} }\n#[cfg(windows)]\nmod other {}\n";
        fs_err::write(folder.join("src/lib.rs"), source).unwrap();
        let of = |message: &str| {
            let log = format!(
                "error[E0433]: {message}\n --> /cargo/registry/src/index-1a/a-b-1.0.0/src/x.rs:1:1\n"
            );
            let roots = Roots { project: home.path(), workspace: home.path(), cargo_home: home.path() };
            advise(&log, None, roots).unwrap_or_default()
        };
        insta::assert_snapshot!(of("cannot find module or crate `imp` in this scope"), @r#"the crate `a-b` has code for some systems alone, `linux` among them: it takes Emscripten for that one with `cargo.target-os = { a-b = "linux" }` of an overlay"#);
        assert_eq!(of("unresolved import `imp::x`"), of("cannot find module or crate `imp` in this scope"));
        assert_eq!(of("cannot find module or crate `other` in this scope"), "");
        assert_eq!(of("mismatched types `imp`"), "");
    }

    #[test]
    fn a_crate_that_takes_pointers_for_64_bits_is_named_with_its_version() {
        let of = |compiling: &str| {
            let log = format!(
                "   Compiling {compiling}\nerror: literal out of range for `usize`\n --> a.rs:1:1\n\nerror: could not compile `a-b` (lib)\n"
            );
            let roots =
                Roots { project: Path::new("/w"), workspace: Path::new("/w"), cargo_home: Path::new("/c") };
            advise(&log, Some("pointer-width"), roots).unwrap_or_default()
        };
        insta::assert_snapshot!(of("a-b v1.2.3"), @r#"the crate `a-b 1.2.3` takes pointers for 64 bits: another version may not, such as an older one with `cargo.update = ["a-b@<1.2.3"]` of an overlay (`build --try-versions` looks for one); else a patch mends it"#);
        assert_eq!(of("a-b v1.2.3 (registry `own`)"), of("a-b v1.2.3"));
        assert_eq!(of("a-b v1.2.3 (/source)"), "");
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
