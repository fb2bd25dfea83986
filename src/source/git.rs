//! Packages from git: clones with the user's git and makes a source archive of one commit.

use anyhow::Context as _;

use super::origin::SourceArchive;
use crate::cache::Kind;
use crate::context::{Context, Network};
use crate::digest::Sha256Digest;
use crate::error::{Result, hinted};
use crate::process::{self, Invocation};
use crate::redacted::Redacted;

/// A source archive of one commit. Submodules are not taken: an archive of a commit does not hold them.
///
/// # Errors
/// When git is not there, the repository or the revision cannot be had.
pub(crate) fn archive(
    url: &Redacted<String>,
    revision: Option<&str>,
    context: &Context,
) -> Result<SourceArchive> {
    let Context { ui, cache, .. } = context;
    let git = process::find(&context.environment, &["git"], "install git")?;
    let revision = revision.unwrap_or("HEAD");
    let is_local = url.expose().starts_with("file:") || !url.expose().contains("://");
    if context.network == Network::Forbidden && !is_local {
        return Err(hinted(
            anyhow::anyhow!("`{url}` is on the network, which may not be used (`--offline`)"),
            "clone it first and build the folder",
        ));
    }
    ui.phase("Resolving", format!("{url} at {revision}"));
    let staging = tempfile::tempdir().context("cannot make a temporary folder")?;
    let clone = staging.path().join("clone");
    Invocation::new(&git)
        // Bare, since only an archive of one commit is made of it: that has the same bytes each time.
        .args(["clone", "--quiet", "--bare", "--", url.expose().as_str()])
        .arg(&clone)
        // A question would wait for an answer where nobody sees it.
        .env("GIT_TERMINAL_PROMPT", "0")
        .output(ui)
        .with_context(|| format!("cannot clone `{url}`"))
        .map_err(|error| {
            hinted(error, "check the address; git uses your own configuration and credentials")
        })?;
    let git = |arguments: &[&str]| Invocation::new(&git).current_dir(&clone).args(arguments).output(ui);
    let commit = git(&["rev-parse", "--verify", "--end-of-options", &format!("{revision}^{{commit}}")])
        .with_context(|| format!("`{url}` has no revision `{revision}`"))
        .map_err(|error| hinted(error, "name a branch, a tag or a full commit hash after the `@`"))?;
    let commit = commit.stdout.trim().to_owned();
    // By commit: a branch that moves is another source.
    let key = crate::digest::key(&["git", url.expose(), &commit]);
    let folder = cache.get_or_make(ui, Kind::Sources, &key, |folder| {
        let target = folder.join("source.tar.gz");
        git(&["archive", "--format=tar.gz", "--prefix=source/", "-o", &target.to_string_lossy(), &commit])?;
        Ok(())
    })?;
    let path = folder.join("source.tar.gz");
    let sha256 = Sha256Digest::of(&fs_err::read(&path)?);
    Ok(SourceArchive { path, sha256, origin: format!("git+{url}@{commit}") })
}
