//! Crates of a git repository that cannot be reached: the registry often has the same version of the same crate.

use std::path::PathBuf;

use anyhow::Context as _;
use semver::Version;

use super::lock_file;
use super::package::Package;
use crate::context::Context;
use crate::error::Result;
use crate::project::graph::Graph;
use crate::project::lock_file::{LockedVersion, locked_crates};

/// A tree of ours whose manifest takes crates of the registry in the place of those from git.
pub(super) struct FromRegistry {
    manifest: PathBuf,
    /// The manifest as it was.
    before: String,
    crates: Vec<GitCrate>,
}

/// A crate that a lock file has from git.
#[derive(Debug, Clone, PartialEq, Eq)]
struct GitCrate {
    name: String,
    version: Version,
    /// The repository.
    url: String,
}

/// Whether cargo says that it cannot reach a git repository.
pub(super) fn are_out_of_reach(said: &str) -> bool {
    ["failed to fetch into:", "failed to clone into:"].iter().any(|words| said.contains(words))
}

impl FromRegistry {
    /// Has the registry's crates take the place of those that the lock file has from git, in the same versions; none if it
    /// has none.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(super) fn take(context: &Context, package: &Package<'_>) -> Result<Option<Self>> {
        let Some(manifest) = &package.project.manifest else { return Ok(None) };
        let lock = lock_file::find(context, package, manifest)?;
        let crates = of_git(&fs_err::read_to_string(&lock).unwrap_or_default());
        let manifest = lock.with_file_name("Cargo.toml");
        let before = fs_err::read_to_string(&manifest)?;
        // A package that has patches of its own knows what it does.
        if crates.is_empty() || before.contains("[patch.") {
            return Ok(None);
        }
        fs_err::write(&manifest, format!("{before}\n{}", patch(&crates)))?;
        Ok(Some(Self { manifest, before, crates }))
    }

    /// Tells what was taken, if each crate of the graph names the repository as its own; else takes it back.
    ///
    /// # Errors
    /// When a manifest cannot be read or written.
    pub(super) fn confirm(self, context: &Context, graph: &Graph) -> Result<bool> {
        for GitCrate { name, version, url } in &self.crates {
            let taken = graph.crates.iter().find(|used| used.name == *name && used.version == *version);
            let Some(taken) = taken else { continue };
            let table: toml::Table =
                fs_err::read_to_string(&taken.manifest)?.parse().context("cannot read a crate's manifest")?;
            let stated = table.get("package").and_then(|package| package.get("repository")?.as_str());
            if !stated.is_some_and(|stated| is_below(stated, url)) {
                self.undo()?;
                return Ok(false);
            }
        }
        for GitCrate { name, version, url } in &self.crates {
            context.ui.warn(format!(
                "`{url}` cannot be reached: the registry's `{name} {version}` takes the place of the crate there"
            ));
        }
        Ok(true)
    }

    /// Takes it back.
    ///
    /// # Errors
    /// When the manifest cannot be written.
    pub(super) fn undo(self) -> Result<()> {
        Ok(fs_err::write(&self.manifest, &self.before)?)
    }
}

/// The crates that a lock file has from git.
fn of_git(lock: &str) -> Vec<GitCrate> {
    let read = |LockedVersion { name, version, source }| {
        let url = source?.strip_prefix("git+")?.split(['?', '#']).next()?.to_owned();
        Some(GitCrate { name, version, url })
    };
    locked_crates(lock).unwrap_or_default().into_iter().filter_map(read).collect()
}

/// The tables of a manifest that have the registry's crates take their places.
fn patch(crates: &[GitCrate]) -> String {
    let mut repositories = toml::Table::new();
    for GitCrate { name, version, url } in crates {
        let wanted = toml::Table::from_iter([("version".to_owned(), format!("={version}").into())]);
        let repository = repositories.entry(url.clone()).or_insert_with(|| toml::Table::new().into());
        if let Some(repository) = repository.as_table_mut() {
            repository.insert(name.clone(), wanted.into());
        }
    }
    let whole = toml::Table::from_iter([("patch".to_owned(), repositories.into())]);
    toml::to_string(&whole).unwrap_or_default()
}

/// Whether an address is a repository or a folder of it.
fn is_below(address: &str, repository: &str) -> bool {
    let plain = |text: &str| text.trim_end_matches('/').trim_end_matches(".git").to_lowercase();
    let (address, repository) = (plain(address), plain(repository));
    address.strip_prefix(&repository).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_from_git_are_taken_from_the_registry_in_the_same_version() {
        let lock = "version = 4\n\
            [[package]]\nname = \"a\"\nversion = \"0.0.1-e\"\nsource = \"git+https://h/r?rev=v1#752b\"\n\
            [[package]]\nname = \"b\"\nversion = \"2.0.0\"\nsource = \"git+https://h/r?rev=v1#752b\"\n\
            [[package]]\nname = \"c\"\nversion = \"1.0.0\"\nsource = \"registry+https://i/index\"\n\
            [[package]]\nname = \"own\"\nversion = \"1.0.0\"\n";
        insta::assert_snapshot!(patch(&of_git(lock)), @r#"
        [patch."https://h/r".a]
        version = "=0.0.1-e"

        [patch."https://h/r".b]
        version = "=2.0.0"
        "#);
        assert_eq!(of_git("no lock file"), []);
    }

    #[test]
    fn a_crate_names_its_repository() {
        assert!(is_below("https://h/O/r", "https://h/o/r.git"));
        assert!(is_below("https://h/o/r/tree/main/a", "https://h/o/r"));
        assert!(!is_below("https://h/o/r2", "https://h/o/r"));
        assert!(!is_below("https://h/other/r", "https://h/o/r"));
    }

    #[test]
    fn cargo_says_that_it_cannot_reach_a_repository() {
        assert!(are_out_of_reach("unable to update https://h/r\n\nCaused by:\n  failed to clone into: /x"));
        assert!(!are_out_of_reach("failed to load source for dependency `a`"));
    }
}
