//! Packages from git: clones with the user's git and makes a source archive of one commit.

use anyhow::Context as _;
use percent_encoding::percent_decode_str;
use url::Url;

use super::origin::SourceArchive;
use crate::cache::Kind;
use crate::context::{Context, Network};
use crate::digest::Sha256Digest;
use crate::env::Environment;
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
    let (address, login) = split_login(url.expose());
    let command = match &login {
        Some(login) => with_login(Invocation::new(&git), login, &context.environment),
        None => Invocation::new(&git),
    };
    command
        // Bare, since only an archive of one commit is made of it: that has the same bytes each time.
        .args(["clone", "--quiet", "--bare", "--", &address])
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
    Ok(SourceArchive { path, sha256, subdirectory: None, origin: format!("git+{url}@{commit}") })
}

/// A user and a password.
#[derive(Debug, PartialEq, Eq)]
struct Login {
    user: String,
    password: String,
}

/// An address without its user and password, and these. Command lines are for everybody of this machine to see.
fn split_login(address: &str) -> (String, Option<Login>) {
    let Some(mut url) = Url::parse(address).ok().filter(|url| ["http", "https"].contains(&url.scheme()))
    else {
        return (address.to_owned(), None);
    };
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let login = Login { user: decode(url.username()), password: decode(url.password().unwrap_or_default()) };
    if login.user.is_empty() && login.password.is_empty() {
        return (address.to_owned(), None);
    }
    // It fails for addresses without a host alone, which have neither.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    (url.to_string(), Some(login))
}

/// Has git ask a helper of ours, instead of its other ones.
fn with_login(command: Invocation, login: &Login, environment: &Environment) -> Invocation {
    let before: usize = environment.text("GIT_CONFIG_COUNT").and_then(|text| text.parse().ok()).unwrap_or(0);
    // An empty helper makes git forget those that were named before it.
    let settings = ["", HELPER].into_iter().enumerate();
    let command = settings.fold(command, |command, (number, helper)| {
        let number = before + number;
        command
            .env(format!("GIT_CONFIG_KEY_{number}"), "credential.helper")
            .env(format!("GIT_CONFIG_VALUE_{number}"), helper)
    });
    command
        .env("GIT_CONFIG_COUNT", (before + 2).to_string())
        .secret("PYODIDE_GIT_USER", &login.user)
        .secret("PYODIDE_GIT_PASSWORD", &login.password)
}

/// A helper in git's own shell.
const HELPER: &str = r#"!f() {
  if test "$1" = get; then
    printf 'username=%s\npassword=%s\n' "$PYODIDE_GIT_USER" "$PYODIDE_GIT_PASSWORD"
  fi
}; f"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_part_of_the_command() {
        let (address, login) = split_login("https://me:s%40cret@host/r.git");
        assert_eq!(address, "https://host/r.git");
        assert_eq!(login, Some(Login { user: "me".into(), password: "s@cret".into() }));
        for address in
            ["https://host/r.git", "git@host:me/r.git", "ssh://git@host/r", "/a/folder", "file:///a"]
        {
            assert_eq!(split_login(address), (address.to_owned(), None));
        }
        let login = Login { user: "me".into(), password: "secret".into() };
        let environment = Environment::from_iter([("GIT_CONFIG_COUNT", "1")]);
        let shown = with_login(Invocation::new("git"), &login, &environment).copyable();
        assert!(shown.contains("GIT_CONFIG_KEY_1=credential.helper GIT_CONFIG_VALUE_1=''"), "{shown}");
        assert!(shown.contains("GIT_CONFIG_COUNT=3") && !shown.contains("secret"), "{shown}");
    }
}
