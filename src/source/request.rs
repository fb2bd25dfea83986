//! What the user typed as SOURCE, recognised by its form alone.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use pep440_rs::Version;

use crate::plain_name::has_only_names;
use crate::redacted::Redacted;
use crate::wheel::filename::normalised;

/// A package as the user named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceRequest {
    /// A folder.
    Folder(PathBuf),
    /// A source archive.
    Archive(PathBuf),
    /// A package of the index; without a version, its newest that has an sdist.
    Package {
        /// The normalised name.
        name: String,
        /// The version, if one was named.
        version: Option<Version>,
    },
    /// A git repository, at a revision or its default branch.
    Git {
        /// What git clones.
        url: Redacted<String>,
        /// A branch, tag or commit.
        revision: Option<String>,
        /// The package's folder in the repository.
        subdirectory: Option<PathBuf>,
    },
}

impl fmt::Display for SourceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) | Self::Archive(path) => path.display().fmt(f),
            Self::Package { name, version: None } => f.write_str(name),
            Self::Package { name, version: Some(version) } => write!(f, "{name}=={version}"),
            Self::Git { url, revision, subdirectory } => {
                write!(f, "git+{url}")?;
                revision.iter().try_for_each(|revision| write!(f, "@{revision}"))?;
                subdirectory.iter().try_for_each(|folder| write!(f, "#subdirectory={}", folder.display()))
            }
        }
    }
}

/// Why a text names no source.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotASource {
    /// A folder that is not in the repository.
    #[error("`{}` is no folder inside a repository", .0.display())]
    Subdirectory(PathBuf),
    /// A wheel is already built.
    #[error("`{0}` is a wheel: it is already built")]
    Wheel(String),
    /// An archive of a kind that sdists do not have.
    #[error("`{0}` is not an sdist: expected a `.tar.gz` or `.zip` file")]
    Kind(String),
    /// A requirement that does not fix one version.
    #[error("`{0}` does not name one version: expected `NAME` or `NAME==VERSION`")]
    Requirement(String),
    /// A version that does not parse.
    #[error("`{version}` in `{text}` is not a Python version number: {reason}")]
    Version {
        /// What was typed.
        text: String,
        /// The part that does not parse.
        version: String,
        /// Why.
        reason: String,
    },
}

impl FromStr for SourceRequest {
    type Err = NotASource;

    fn from_str(text: &str) -> Result<Self, NotASource> {
        if let Some(rest) = text.strip_prefix("git+") {
            return git(rest);
        }
        let path = Path::new(text);
        let lower = text.to_ascii_lowercase();
        if lower.ends_with(".whl") {
            return Err(NotASource::Wheel(text.to_owned()));
        }
        if [".tar.gz", ".tgz", ".zip"].iter().any(|ending| lower.ends_with(ending)) {
            return Ok(Self::Archive(path.to_owned()));
        }
        if [".tar.bz2", ".tar.xz", ".tar", ".egg"].iter().any(|ending| lower.ends_with(ending)) {
            return Err(NotASource::Kind(text.to_owned()));
        }
        // By form and not by what is there: the same words mean the same in every folder.
        if text.contains(['/', '\\']) || text.starts_with('.') || text.is_empty() {
            return Ok(Self::Folder(if text.is_empty() { PathBuf::from(".") } else { path.to_owned() }));
        }
        package(text)
    }
}

/// `URL@REV#subdirectory=DIR`: the revision comes after the last `@` behind the last `/`, since an URL may name a user.
fn git(text: &str) -> Result<SourceRequest, NotASource> {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let subdirectory = fragment.split('&').find_map(|part| part.strip_prefix("subdirectory="));
    let subdirectory = subdirectory.map(|folder| PathBuf::from(folder.trim_matches('/')));
    if let Some(outside) = subdirectory.as_deref().filter(|folder| !has_only_names(folder)) {
        return Err(NotASource::Subdirectory(outside.to_owned()));
    }
    let of = |url: &str, revision: Option<&str>| SourceRequest::Git {
        url: Redacted::new(url.to_owned()),
        revision: revision.map(str::to_owned),
        subdirectory: subdirectory.clone(),
    };
    // A server's address without a path has no revision: its `@` follows a user.
    let authority = text.find("://").map_or(0, |at| at + 3);
    let name = text[authority..].rfind('/').map_or(0, |slash| authority + slash + 1);
    if authority > 0 && name == 0 {
        return Ok(of(text, None));
    }
    Ok(match text[name..].rsplit_once('@') {
        Some((before, revision)) if !revision.is_empty() => of(&text[..name + before.len()], Some(revision)),
        _ => of(text.trim_end_matches('@'), None),
    })
}

fn package(text: &str) -> Result<SourceRequest, NotASource> {
    let (name, version) = match text.split_once("==") {
        Some((name, version)) => (name.trim(), Some(version.trim())),
        None => (text.trim(), None),
    };
    let valid = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || !name.chars().all(valid) || version.is_some_and(|version| version.contains('*')) {
        return Err(NotASource::Requirement(text.to_owned()));
    }
    let version = version
        .map(|version| {
            version.parse::<Version>().map_err(|error| NotASource::Version {
                text: text.to_owned(),
                version: version.to_owned(),
                reason: error.to_string(),
            })
        })
        .transpose()?;
    Ok(SourceRequest::Package { name: normalised(name), version })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        match text.parse::<SourceRequest>() {
            Ok(SourceRequest::Folder(path)) => format!("folder {}", path.display()),
            Ok(SourceRequest::Archive(path)) => format!("archive {}", path.display()),
            Ok(SourceRequest::Package { name, version }) => {
                format!("package {name} {}", version.map_or("newest".into(), |version| version.to_string()))
            }
            Ok(SourceRequest::Git { url, revision, subdirectory: None }) => format!("git {url} {revision:?}"),
            Ok(request @ SourceRequest::Git { .. }) => request.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn sources_are_told_apart_by_form() {
        let typed = [
            ".",
            "./widget",
            "widget",
            "Ruamel.Yaml==0.1",
            "widget==0.14.0",
            "x.tar.gz",
            "a/b.ZIP",
            "x.whl",
            "x.tar.xz",
            "widget>=1",
            "widget==0.*",
            "widget==one",
            "a b",
            "git+https://u@h/r.git@v1",
            "git+https://u@h/r.git",
            "git+file:///tmp/r@9f0c#egg=x",
            "git+https://u:p@h",
            "git+https://u:p@h/r@v1",
        ];
        insta::assert_snapshot!(typed.map(|text| format!("{text:30} {}", check(text))).join("\n"));
    }

    #[test]
    fn odd_words_are_told_apart_too() {
        let typed = [
            "",
            "..",
            r"a\b",
            "a==1.0==2",
            "==1",
            "git+file:///r@",
            "git+https://u@h/r@v1#subdirectory=a/b",
            "git+file:///r#egg=x&subdirectory=a",
            "git+file:///r#subdirectory=../a",
            "A.TGZ",
            "a.egg",
        ];
        insta::assert_snapshot!(typed.map(|text| format!("{text:16} {}", check(text))).join("\n"), @r"
                         folder .
        ..               folder ..
        a\b              folder a\b
        a==1.0==2        error: `1.0==2` in `a==1.0==2` is not a Python version number: after parsing `1.0`, found `==2`, which is not part of a valid version
        ==1              error: `==1` does not name one version: expected `NAME` or `NAME==VERSION`
        git+file:///r@   git file:///r None
        git+https://u@h/r@v1#subdirectory=a/b git+https://h/r@v1#subdirectory=a/b
        git+file:///r#egg=x&subdirectory=a git+file:///r#subdirectory=a
        git+file:///r#subdirectory=../a error: `../a` is no folder inside a repository
        A.TGZ            archive A.TGZ
        a.egg            error: `a.egg` is not an sdist: expected a `.tar.gz` or `.zip` file
        ");
    }
}
