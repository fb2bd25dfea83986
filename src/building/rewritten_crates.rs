//! Crates that do not know Emscripten: what they ask with `cfg` is answered as for another target.
//!
//! A crate of a registry is rewritten in a copy, which takes its place by cargo's `patch`; one of the package's own in our
//! tree. Four classes are mended so:
//! - crates that take every WebAssembly for a browser: they ask `cfg(target_arch = "wasm32")` where they mean the target
//!   of wasm-bindgen, and their build scripts ask how the target's name starts;
//! - crates that have code for some systems and none for others: such a crate is told that Emscripten is one of them;
//! - crates that need a feature here, whoever asks for them: the copy has it by default;
//! - crates whose code is wrong here and asks nothing: a recipe's diff mends the copy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::matched_rules::MatchedRule;
use super::package::Package;
use crate::cache::Kind;
use crate::context::Context;
use crate::error::Result;
use crate::files::{self, copy_folder, write_with_old_time};
use crate::overlay::crates::Rule;
use crate::overlay::patches;
use crate::project::cfg_predicates::{rewrite_manifest, rewrite_source};
use crate::project::graph::Crate;
use crate::source::TreeOwner;

/// Changes when a copy is made in another way.
// The copy is in the cache by crate and version: the way in which it is made must be in its key, too.
const RECIPE: &str = "5";

/// How build scripts ask for a browser by the name of the target, and what they should ask.
const TARGET_NAMES: [(&str, &str); 2] = [
    ("starts_with(\"wasm32\")", "starts_with(\"wasm32-unknown-unknown\")"),
    ("starts_with(\"wasm32-unknown\")", "starts_with(\"wasm32-unknown-unknown\")"),
];

/// How a crate's questions are answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Answers {
    /// Whether WebAssembly is a browser only where it is not Emscripten.
    not_in_browser: bool,
    /// The system that Emscripten is taken for.
    target_os: Option<String>,
    /// Features that the crate has by default.
    features: Vec<String>,
    /// Diffs that the crate gets, each with what it is called.
    patches: Vec<(String, String)>,
}

impl Answers {
    /// What the rules for a crate say together; nothing if they rewrite nothing.
    ///
    /// # Errors
    /// When a rule's diff is not shipped.
    fn of(rules: &[&Rule]) -> Result<Option<Self>> {
        let mut joined = Self::default();
        for rule in rules {
            joined.not_in_browser |= rule.not_in_browser;
            joined.target_os = rule.target_os.as_ref().map(ToString::to_string).or(joined.target_os);
            joined.features.extend(rule.with_features.iter().cloned());
            joined.patches.extend(rule.read_patches()?);
        }
        Ok((joined != Self::default()).then_some(joined))
    }

    /// What takes the place of a question.
    fn replace(&self, name: &str, value: &str) -> Option<String> {
        match (name, value, &self.target_os) {
            ("target_arch", "wasm32", _) | ("target_family", "wasm", _) if self.not_in_browser => {
                Some(format!("all({name} = \"{value}\", not(target_os = \"emscripten\"))"))
            }
            ("target_os", "emscripten", Some(_)) => Some("any()".to_owned()),
            ("target_os", asked, Some(system)) if asked == system => {
                Some(format!("any(target_os = \"{system}\", target_os = \"emscripten\")"))
            }
            _ => None,
        }
    }

    /// A file with other answers; nothing if it asks for none of them.
    fn rewrite(&self, path: &Path, text: &str) -> Option<String> {
        let replace = |name: &str, value: &str| self.replace(name, value);
        if path.extension()? == "toml" {
            let rewritten = rewrite_manifest(text, &replace);
            let before = rewritten.as_deref().unwrap_or(text);
            return with_default_features(before, &self.features).or(rewritten);
        }
        let rewritten = rewrite_source(text, &replace);
        if !self.not_in_browser {
            return rewritten;
        }
        let before = rewritten.as_deref().unwrap_or(text);
        let named = TARGET_NAMES.iter().fold(before.to_owned(), |text, (old, new)| text.replace(old, new));
        (named != text).then_some(named)
    }
}

/// Rewrites the package's own crates, if rules say so. Returns whether it did: then the graph may be another.
///
/// # Errors
/// When one cannot be read or written.
pub(super) fn rewrite_own(package: &Package<'_>, rules: &[MatchedRule<'_>]) -> Result<bool> {
    let mut is_rewritten = false;
    for (used, answers) in crates_to_rewrite(rules)?.into_iter().filter(|(used, _)| is_own(package, used)) {
        // Only a tree of ours: overlays that rewrite have it copied, and recipes are for crates of others.
        if package.tree.owner == TreeOwner::Tool {
            rewrite_folder(used.manifest.parent().context("a manifest in no folder")?, &answers)?;
            is_rewritten = true;
        }
    }
    Ok(is_rewritten)
}

/// Copies the crates of others that rules rewrite, and rewrites the copies. Each is in the cache or is made there.
///
/// # Errors
/// When the crate's folder cannot be read, or the cache not written.
pub(super) fn copy_others(
    context: &Context,
    package: &Package<'_>,
    rules: &[MatchedRule<'_>],
) -> Result<Vec<(String, PathBuf)>> {
    let mut copies: Vec<(String, PathBuf)> = Vec::new();
    for (used, answers) in crates_to_rewrite(rules)?.into_iter().filter(|(used, _)| !is_own(package, used)) {
        if used.is_from_git() {
            context.ui.warn(format!(
                "the crate `{} {}` comes from git and stays as it is: a recipe rewrites crates of the registry",
                used.name, used.version
            ));
            continue;
        }
        let folder = copy(context, used, &answers)?;
        // A second version of the crate is named apart.
        let is_first = copies.iter().all(|(name, _)| *name != used.name);
        let name = if is_first { used.name.clone() } else { format!("{}@{}", used.name, used.version) };
        copies.push((name, folder));
    }
    Ok(copies)
}

/// Each crate that rules rewrite, with what they say of it together.
fn crates_to_rewrite<'a>(rules: &[MatchedRule<'a>]) -> Result<Vec<(&'a Crate, Answers)>> {
    let mut crates: BTreeMap<&Path, (&Crate, Vec<&Rule>)> = BTreeMap::new();
    for matched in rules {
        let (_, its) = crates.entry(&matched.used.manifest).or_insert((matched.used, Vec::new()));
        its.push(matched.rule);
    }
    let mut found = Vec::new();
    for (used, its) in crates.into_values() {
        found.extend(Answers::of(&its)?.map(|answers| (used, answers)));
    }
    Ok(found)
}

/// Whether a crate lies in the package's tree.
fn is_own(package: &Package<'_>, used: &Crate) -> bool {
    // One that is vendored there is the registry's: cargo checks that its files are as they came.
    if used.source.is_some() {
        return false;
    }
    let workspace = package.tree.workspace.known();
    used.manifest.starts_with(&package.tree.path)
        || workspace.is_some_and(|folder| used.manifest.starts_with(folder))
}

fn copy(context: &Context, used: &Crate, answers: &Answers) -> Result<PathBuf> {
    let from = used.manifest.parent().context("a manifest in no folder")?;
    let (version, origin) = (used.version.to_string(), from.to_string_lossy());
    let parts = [&used.name, &version, &*origin, RECIPE, &format!("{answers:?}")];
    let key = format!("crate-{}", crate::digest::key(&parts));
    let folder = context.cache.get_or_make(&context.ui, Kind::Sources, &key, |folder| {
        let target = folder.join(&used.name);
        // Cargo's marks of a vendored crate would not fit the copy.
        let is_mark = |name: &std::ffi::OsStr| name == ".git" || name == ".cargo-checksum.json";
        copy_folder(from, &target, |path| !path.file_name().is_some_and(is_mark))?;
        rewrite_folder(&target, answers)
    })?;
    Ok(folder.join(&used.name))
}

/// A manifest of a crate that has more features by default; nothing if there are none to be added, or it is no such manifest.
fn with_default_features(text: &str, features: &[String]) -> Option<String> {
    if features.is_empty() {
        return None;
    }
    let mut manifest: toml::Table =
        text.parse().ok().filter(|manifest: &toml::Table| manifest.contains_key("package"))?;
    let table = manifest.entry("features").or_insert_with(|| toml::Table::new().into()).as_table_mut()?;
    let default = table.entry("default").or_insert_with(|| toml::Value::Array(Vec::new())).as_array_mut()?;
    default.extend(features.iter().map(|name| name.as_str().into()));
    toml::to_string(&manifest).ok()
}

fn rewrite_folder(folder: &Path, answers: &Answers) -> Result<()> {
    // Against the crate's own lines: what stands in a diff is what its author wrote.
    patches::apply(folder, &answers.patches)?;
    // Another crate below this one is not meant.
    let nested: Vec<PathBuf> = files::walk(folder, usize::MAX, |name| name != ".git")
        .filter(|entry| entry.file_name() == "Cargo.toml" && entry.depth() > 1)
        .filter_map(|entry| entry.path().parent().map(Path::to_owned))
        .collect();
    for entry in files::walk(folder, usize::MAX, |name| name != ".git") {
        let path = entry.path();
        let is_asking = path.extension().is_some_and(|ending| ending == "rs" || ending == "toml");
        if !entry.file_type().is_file() || !is_asking || nested.iter().any(|other| path.starts_with(other)) {
            continue;
        }
        // What is no text asks nothing.
        let Ok(text) = fs_err::read_to_string(path) else { continue };
        if let Some(rewritten) = answers.rewrite(path, &text) {
            write_with_old_time(path, rewritten)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(not_in_browser: bool, target_os: Option<&str>) -> Answers {
        Answers { not_in_browser, target_os: target_os.map(str::to_owned), ..Answers::default() }
    }

    fn check(answers: &Answers, name: &str, text: &str) -> String {
        answers.rewrite(Path::new(name), text).unwrap_or_else(|| "as it is".to_owned())
    }

    #[test]
    fn emscripten_is_no_browser() {
        let answers = answers(true, None);
        let text = "#[cfg(all(target_arch = \"wasm32\", not(feature = \"x\")))] mod a;";
        let new = "#[cfg(all(all(target_arch = \"wasm32\", not(target_os = \"emscripten\")), not(feature = \"x\")))] mod a;";
        assert_eq!(check(&answers, "a.rs", text), new);
        assert_eq!(check(&answers, "a.rs", "#[cfg(unix)] mod a;"), "as it is");
        let of_build_script = check(&answers, "build.rs", "target.starts_with(\"wasm32-unknown\")");
        assert_eq!(of_build_script, "target.starts_with(\"wasm32-unknown-unknown\")");
        let manifest =
            check(&answers, "Cargo.toml", "[target.'cfg(target_family = \"wasm\")'.dependencies]\na = '1'\n");
        assert_eq!(
            manifest,
            "[target.'cfg(all(target_family = \"wasm\", not(target_os = \"emscripten\")))'.dependencies]\na = \"1\"\n"
        );
    }

    #[test]
    fn emscripten_is_another_system() {
        let answers = answers(false, Some("linux"));
        insta::assert_snapshot!(
            check(&answers, "a.rs", "#[cfg(not(target_os = \"linux\"))] mod a;\n#[cfg(target_os = \"macos\")] mod b;"),
            @r#"
        #[cfg(not(any(target_os = "linux", target_os = "emscripten")))] mod a;
        #[cfg(target_os = "macos")] mod b;
        "#
        );
        // It is not itself any longer: else an item would be there twice.
        assert_eq!(
            check(&answers, "a.rs", "#[cfg(target_os = \"emscripten\")] mod a;"),
            "#[cfg(any())] mod a;"
        );
        assert_eq!(check(&answers, "a.rs", "#[cfg(target_arch = \"wasm32\")] mod a;"), "as it is");
    }

    #[test]
    fn features_are_on_by_default() {
        let answers = Answers { features: vec!["vendored".to_owned()], ..Answers::default() };
        let manifest = "[package]\nname = 'a'\n[features]\nvendored = ['b']\n";
        let written: toml::Table = check(&answers, "Cargo.toml", manifest).parse().unwrap();
        let expected = "[package]\nname = 'a'\n[features]\nvendored = ['b']\ndefault = ['vendored']\n";
        assert_eq!(written, expected.parse().unwrap());
        let more = check(&answers, "Cargo.toml", "[package]\nname = 'a'\n[features]\ndefault = ['c']\n");
        assert!(more.contains("default = [\"c\", \"vendored\"]"), "{more}");
        assert_eq!(check(&answers, "rustfmt.toml", "edition = '2024'\n"), "as it is");
        assert_eq!(check(&answers, "a.rs", "#[cfg(unix)] mod a;"), "as it is");
    }

    #[test]
    fn a_diff_mends_what_no_answer_does() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.rs");
        let diff = "--- a/a.rs\n+++ b/a.rs\n@@ -9,2 +9 @@\n-#[cfg(target_pointer_width = \"64\")]\n impl Index for u64 {}\n";
        let answers = Answers {
            patches: vec![("32-bits.patch".to_owned(), diff.to_owned())],
            ..answers(false, Some("linux"))
        };
        let gate = "#[cfg(target_pointer_width = \"64\")]\n";
        let text = format!("#[cfg(target_os = \"linux\")] mod a;\n{gate}impl Index for u64 {{}}\n");
        fs_err::write(&file, &text).unwrap();
        rewrite_folder(folder.path(), &answers).unwrap();
        let expected =
            "#[cfg(any(target_os = \"linux\", target_os = \"emscripten\"))] mod a;\nimpl Index for u64 {}\n";
        assert_eq!(fs_err::read_to_string(&file).unwrap(), expected);
        let error = rewrite_folder(folder.path(), &answers).unwrap_err().to_string();
        assert_eq!(error, "the patch `32-bits.patch` does not fit");
    }

    #[test]
    fn a_crate_below_another_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let text = "#[cfg(target_os = \"linux\")] mod a;";
        for (path, text) in [
            ("Cargo.toml", ""),
            ("src/a.rs", text),
            ("b/Cargo.toml", ""),
            ("b/src/a.rs", text),
            ("x.rs", "\""),
        ] {
            let path = folder.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        rewrite_folder(folder.path(), &answers(false, Some("linux"))).unwrap();
        let read = |path: &str| fs_err::read_to_string(folder.path().join(path)).unwrap();
        assert_ne!(read("src/a.rs"), text);
        assert_eq!(read("b/src/a.rs"), text);
    }
}
