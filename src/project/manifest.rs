//! Cargo's manifests, as far as they matter before anything is built.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use semver::Version;
use toml::Value;

use super::pyproject::PyProject;
use super::sources::is_source;
use crate::error::Result;
use crate::files;

/// The package's Cargo manifest: where the back end's table says, in the root, or the one that lies least deep below it.
pub(crate) fn find(root: &Path, pyproject: &PyProject) -> Option<PathBuf> {
    let of_maturin = pyproject.tool("maturin").and_then(|maturin| maturin.get("manifest-path")?.as_str());
    let modules = pyproject.tool("setuptools-rust").and_then(|table| table.get("ext-modules")?.as_array());
    let of_setuptools =
        modules.into_iter().flatten().find_map(|module| module.get("path").and_then(Value::as_str));
    let candidates = of_maturin.into_iter().chain(of_setuptools).chain([
        "Cargo.toml",
        "rust/Cargo.toml",
        "src/rust/Cargo.toml",
    ]);
    candidates.map(|path| root.join(path)).find(|path| path.is_file()).or_else(|| find_below(root))
}

fn find_below(root: &Path) -> Option<PathBuf> {
    const DEPTH: usize = 4;
    let manifests = files::walk(root, DEPTH, is_source)
        .filter(|entry| entry.file_name() == "Cargo.toml" && entry.file_type().is_file());
    // The least deep: members of a workspace lie below its root.
    manifests.min_by_key(walkdir::DirEntry::depth).map(walkdir::DirEntry::into_path)
}

/// Whether a manifest is the root of a workspace or says where its root is.
pub(crate) fn names_a_workspace(manifest: &Path) -> bool {
    let Ok(table) = read_toml(manifest) else { return false };
    table.contains_key("workspace")
        || table.get("package").is_some_and(|package| package.get("workspace").is_some())
}

/// Reads a TOML file.
pub(super) fn read_toml(path: &Path) -> Result<toml::Table> {
    let text = fs_err::read_to_string(path)?;
    text.parse().with_context(|| format!("cannot read `{}`", path.display()))
}

/// The name of the crate that a source belongs to.
pub(crate) fn crate_around(source: &Path) -> Option<String> {
    let manifests = source.ancestors().skip(1).map(|folder| folder.join("Cargo.toml"));
    crate_name(&manifests.into_iter().find(|path| path.is_file())?)
}

/// The name of a manifest's crate.
pub(crate) fn crate_name(manifest: &Path) -> Option<String> {
    let table = read_toml(manifest).ok()?;
    Some(table.get("package")?.get("name")?.as_str()?.to_owned())
}

/// `rust-version` of a manifest, or of the workspace it inherits from.
pub(super) fn rust_version(manifest: &Path) -> Option<Version> {
    const KEY: &str = "rust-version";
    let own = read_toml(manifest).ok()?;
    let stated = match own.get("package") {
        None => of_workspace(&own, KEY),
        Some(package) => match package.get(KEY)? {
            Value::String(text) => Some(text.clone()),
            _ => inherited(manifest, KEY),
        },
    };
    parse_rust_version(&stated?)
}

/// What the workspace around a manifest says for a key that its members inherit.
pub(super) fn inherited(manifest: &Path, key: &str) -> Option<String> {
    let folders = manifest.ancestors().skip(1);
    folders
        .filter_map(|folder| read_toml(&folder.join("Cargo.toml")).ok())
        .find_map(|table| of_workspace(&table, key))
}

fn of_workspace(table: &toml::Table, key: &str) -> Option<String> {
    Some(table.get("workspace")?.get("package")?.get(key)?.as_str()?.to_owned())
}

/// `1.83` or `1.83.0`.
fn parse_rust_version(text: &str) -> Option<Version> {
    let dots = text.matches('.').count();
    Version::parse(&format!("{text}{}", ".0".repeat(2usize.saturating_sub(dots)))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        folder
    }

    fn found(files: &[(&str, &str)]) -> String {
        let folder = tree(files);
        let pyproject = PyProject::read(folder.path()).unwrap();
        let found = find(folder.path(), &pyproject);
        let shown = found.map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string());
        shown.unwrap_or_default().replace('\\', "/")
    }

    #[test]
    fn the_manifest_is_where_maturin_says_then_at_usual_places_then_least_deep() {
        let named = ("pyproject.toml", "[tool.maturin]\nmanifest-path = 'b/Cargo.toml'");
        let (root, rust, deep) = (("Cargo.toml", ""), ("rust/Cargo.toml", ""), ("a/b/Cargo.toml", ""));
        let (less, named_one) = (("z/Cargo.toml", ""), ("b/Cargo.toml", ""));
        assert_eq!(found(&[named, root, named_one]), "b/Cargo.toml");
        assert_eq!(found(&[named, root]), "Cargo.toml", "what is named may not be there");
        assert_eq!(found(&[rust, less, ("src/rust/Cargo.toml", "")]), "rust/Cargo.toml");
        assert_eq!(found(&[less, ("src/rust/Cargo.toml", "")]), "src/rust/Cargo.toml");
        assert_eq!(found(&[deep, less]), "z/Cargo.toml");
        assert_eq!(
            found(&[("b/Cargo.toml", ""), ("a/Cargo.toml", "")]),
            "a/Cargo.toml",
            "of two the first by name"
        );
    }

    #[test]
    fn what_cargo_or_git_made_holds_no_manifest_of_the_package() {
        assert_eq!(found(&[("target/a/Cargo.toml", ""), (".git/Cargo.toml", "")]), "");
        assert_eq!(found(&[("a/b/c/Cargo.toml", "")]), "a/b/c/Cargo.toml");
        assert_eq!(found(&[("a/b/c/d/Cargo.toml", "")]), "", "too deep to be the package's own");
    }

    fn needs(files: &[(&str, &str)], manifest: &str) -> Option<String> {
        let folder = tree(files);
        rust_version(&folder.path().join(manifest)).map(|version| version.to_string())
    }

    #[test]
    fn the_oldest_rust_is_the_manifests_own_or_its_workspaces() {
        let of = |text: &str| needs(&[("Cargo.toml", text)], "Cargo.toml");
        assert_eq!(of("[package]\nrust-version = '1.83'").as_deref(), Some("1.83.0"));
        assert_eq!(of("[package]\nrust-version = '1.83.1'").as_deref(), Some("1.83.1"));
        assert_eq!(of("[package]\nrust-version = '1'").as_deref(), Some("1.0.0"));
        assert_eq!(of("[package]\nrust-version = 'new'"), None);
        assert_eq!(of("[workspace.package]\nrust-version = '1.70'").as_deref(), Some("1.70.0"));
        assert_eq!(
            of("[workspace.package]\nrust-version = '1.70'\n[package]\nname = 'a'"),
            None,
            "not inherited"
        );
        let workspace = ("Cargo.toml", "[workspace.package]\nrust-version = '1.70'");
        let member = ("a/b/Cargo.toml", "[package]\nrust-version.workspace = true");
        assert_eq!(needs(&[workspace, member], "a/b/Cargo.toml").as_deref(), Some("1.70.0"));
        assert_eq!(needs(&[member], "a/b/Cargo.toml"), None);
        assert_eq!(needs(&[], "Cargo.toml"), None);
    }
}
