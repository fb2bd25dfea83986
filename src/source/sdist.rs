//! The package index: finds and downloads sdists through its JSON form (PEP 691), and checks their SHA-256.

use std::path::Path;

use anyhow::{anyhow, bail};
use pep440_rs::Version;
use serde::{Deserialize, Serialize};
use url::Url;

use super::origin::SourceArchive;
use super::stated::{StatedFile, digest_of};
use crate::cache::Kind;
use crate::context::{Context, Hashes, Network};
use crate::digest::Sha256Digest;
use crate::error::{Result, hinted, with_cause};
use crate::index::PackageIndex;
use crate::index::page::{File, Project};
use crate::plain_name::PlainName;
use crate::wheel::filename::normalised;

/// Why a project's page offers no sdist.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoSdist {
    /// The version is not there.
    #[error("`{name}` has no version {version}")]
    NoVersion {
        /// The project.
        name: String,
        /// The version asked for.
        version: String,
        /// The nearest that are there.
        near: Vec<String>,
    },
    /// The version has wheels only.
    #[error("`{name}` {version} has no sdist, only {wheels} wheels")]
    OnlyWheels {
        /// The project.
        name: String,
        /// The version.
        version: String,
        /// How many wheels it has.
        wheels: usize,
        /// Versions that have an sdist, newest first.
        with_sdist: Vec<String>,
    },
    /// Nothing at all is there.
    #[error("`{0}` has no files on the index")]
    Empty(String),
}

/// The archive of a package's version: from the cache if it is there and a version was named, else from the index.
///
/// # Errors
/// When the index cannot be reached, has no such package, version or sdist, or sends other bytes than it says.
pub(crate) fn find(name: &str, version: Option<&Version>, context: &Context) -> Result<SourceArchive> {
    let ui = &context.ui;
    if context.network == Network::Forbidden {
        // Whichever index it came from: there is no other.
        let index = context.index().ok().map(PackageIndex::url);
        if let Some(archive) = cached(name, version, &|_| true, index, context)? {
            return Ok(archive);
        }
        return Err(hinted(
            anyhow!("no sdist of `{name}` is in the cache, and the network may not be used (`--offline`)"),
            "run once without `--offline`, or name a file or folder",
        ));
    }
    let index = context.index()?;
    let is_of_index = |kept: &Kept| kept.index == index.url().as_str();
    if version.is_some()
        && let Some(archive) = cached(name, version, &is_of_index, Some(index.url()), context)?
    {
        return Ok(archive);
    }
    ui.phase(
        "Resolving",
        match version {
            Some(version) => format!("{name} {version}"),
            None => name.to_owned(),
        },
    );
    let project = index.project(name)?;
    let (version, file) = choose(name, version, &project).map_err(no_sdist_advice)?;
    if let Some(reason) = file.yanked_reason() {
        ui.warn(format!("`{}` was yanked: {reason}", file.filename));
    }
    let stated = file.stated_digest()?;
    let is_the_file = |kept: &Kept| is_of_index(kept) && stated.is_none_or(|stated| stated == kept.sha256);
    // The newest may be in the cache already: then nothing is downloaded.
    match cached(name, Some(&version), &is_the_file, Some(index.url()), context)? {
        Some(archive) => Ok(archive),
        None => download(name, &version, &file, context),
    }
}

/// The newest version of a package that fits and has an sdist, if there is one.
///
/// # Errors
/// When the index cannot be asked.
pub(crate) fn newest(
    name: &str,
    fits: &dyn Fn(&Version) -> bool,
    context: &Context,
) -> Result<Option<Version>> {
    let name = normalised(name);
    let Some(project) = context.index()?.find_project(&name)? else { return Ok(None) };
    let fitting = project.files.iter().filter(|file| !file.is_yanked());
    let versions =
        fitting.filter_map(|file| sdist_version(&file.filename, &name)).filter(|version| fits(version));
    Ok(versions.max_by_key(|version| (version.is_stable(), version.clone())))
}

/// What is kept of an sdist, beside it.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    filename: PlainName,
    sha256: Sha256Digest,
    /// Whether the index stated that digest.
    is_stated: bool,
    /// The index that it came from, without credentials.
    index: String,
}

const KEPT: &str = "source.json";

/// The key of an sdist: its name and version, and the index that it came from. Another index may mean another package.
fn sources_key(name: &str, version: &Version, index: &Url) -> String {
    format!("{name}-{version}-{}", crate::digest::key(&[index.as_str()]))
}

fn version_of_key(key: &str, name: &str) -> Option<Version> {
    let (version, _) = key.strip_prefix(name)?.strip_prefix('-')?.rsplit_once('-')?;
    version.parse().ok()
}

/// The archive in the cache that may be used: of this version, or of the newest; of this index before others.
fn cached(
    name: &str,
    version: Option<&Version>,
    may_be_used: &dyn Fn(&Kept) -> bool,
    index: Option<&Url>,
    context: &Context,
) -> Result<Option<SourceArchive>> {
    let cache = &context.cache;
    let keys = cache.keys(Kind::Sources).into_iter();
    let mut found: Vec<(Version, bool, String)> = keys
        .filter_map(|key| Some((version_of_key(&key, name)?, key)))
        .filter(|(kept, _)| version.is_none_or(|wanted| kept == wanted))
        .map(|(kept, key)| {
            let is_own = index.is_some_and(|index| key == sources_key(name, &kept, index));
            (kept, is_own, key)
        })
        .collect();
    found.sort();
    while let Some((_, _, key)) = found.pop() {
        match read_kept(&cache.entry(Kind::Sources, &key)?) {
            Ok((kept, archive)) => {
                let is_trusted = kept.is_stated || context.hashes == Hashes::Optional;
                if is_trusted && may_be_used(&kept) {
                    return Ok(Some(archive));
                }
            }
            Err(error) => {
                let key_name = key.rsplit_once('-').map_or(key.as_str(), |(name, _)| name);
                context.ui.warn(format!(
                    "the sdist `{key_name}` in the cache is damaged and is fetched again: {error:#}"
                ));
                cache.discard(&context.ui, Kind::Sources, &key)?;
            }
        }
    }
    Ok(None)
}

fn read_kept(folder: &Path) -> Result<(Kept, SourceArchive)> {
    let kept: Kept = serde_json::from_str(&fs_err::read_to_string(folder.join(KEPT))?)?;
    let path = folder.join(&kept.filename);
    let sha256 = digest_of(&path)?;
    if sha256 != kept.sha256 {
        bail!("`{}` was changed", path.display());
    }
    let origin = kept.filename.to_string();
    Ok((kept, SourceArchive { path, sha256, subdirectory: None, origin }))
}

fn download(name: &str, version: &Version, file: &File, context: &Context) -> Result<SourceArchive> {
    let index = context.index()?;
    let key = sources_key(name, version, index.url());
    let (filename, url, sha256) = (file.plain_name()?, index.file_url(file)?, file.stated_digest()?);
    let stated = StatedFile { name: &filename, url: &url, sha256 };
    stated.check_policy(context)?;
    // What is there is not what the index has now.
    context.cache.discard(&context.ui, Kind::Sources, &key)?;
    let folder = context.cache.get_or_make(&context.ui, Kind::Sources, &key, |folder| {
        let actual = stated.download(context, &folder.join(&filename))?;
        let index = index.url().to_string();
        let kept = Kept { filename: filename.clone(), sha256: actual, is_stated: sha256.is_some(), index };
        Ok(fs_err::write(folder.join(KEPT), serde_json::to_vec(&kept)?)?)
    })?;
    Ok(read_kept(&folder)?.1)
}

/// The sdist of a version, or of the newest final version that has one.
fn choose(name: &str, version: Option<&Version>, project: &Project) -> Result<(Version, File), NoSdist> {
    let mut sdists: Vec<(Version, &File)> =
        project.files.iter().filter_map(|file| Some((sdist_version(&file.filename, name)?, file))).collect();
    sdists.sort_by(|one, other| one.0.cmp(&other.0));
    let found = match version {
        Some(wanted) => sdists.iter().rev().find(|(version, _)| version == wanted),
        None => {
            // As pip does: pre-releases and yanked files only where there is nothing else.
            let usable = |(version, file): &&(Version, &File)| {
                !version.any_prerelease() && file.yanked_reason().is_none()
            };
            sdists.iter().rev().find(usable).or_else(|| sdists.last())
        }
    };
    if let Some((version, file)) = found {
        return Ok((version.clone(), (*file).clone()));
    }
    let with_sdist = sdists.iter().rev().map(|(version, _)| version.to_string()).take(8).collect();
    Err(why_not(name, version, project, with_sdist))
}

fn why_not(name: &str, version: Option<&Version>, project: &Project, with_sdist: Vec<String>) -> NoSdist {
    let mut wheels: Vec<Version> =
        project.files.iter().filter_map(|file| wheel_version(&file.filename)).collect();
    let Some(newest) = wheels.iter().max().cloned() else {
        return match version {
            Some(version) if !with_sdist.is_empty() => {
                NoSdist::NoVersion { name: name.into(), version: version.to_string(), near: with_sdist }
            }
            _ => NoSdist::Empty(name.into()),
        };
    };
    let wanted = version.cloned().unwrap_or(newest);
    let count = wheels.iter().filter(|version| **version == wanted).count();
    if count > 0 {
        return NoSdist::OnlyWheels {
            name: name.into(),
            version: wanted.to_string(),
            wheels: count,
            with_sdist,
        };
    }
    wheels.sort();
    wheels.dedup();
    let near = if with_sdist.is_empty() {
        wheels.iter().rev().map(ToString::to_string).take(8).collect()
    } else {
        with_sdist
    };
    NoSdist::NoVersion { name: name.into(), version: wanted.to_string(), near }
}

fn no_sdist_advice(error: NoSdist) -> anyhow::Error {
    let hint = match &error {
        NoSdist::NoVersion { near, .. } => format!("available versions: {}", near.join(", ")),
        NoSdist::OnlyWheels { with_sdist, .. } if with_sdist.is_empty() => {
            "no version has an sdist: build it from its repository with `git+URL@REV`".into()
        }
        NoSdist::OnlyWheels { with_sdist, .. } => {
            format!("versions with an sdist: {}", with_sdist.join(", "))
        }
        NoSdist::Empty(_) => "check the name, or build it from its repository with `git+URL@REV`".into(),
    };
    hinted(with_cause("not-on-the-index", error), hint)
}

/// The version of an sdist's file name, `NAME-VERSION.tar.gz`. Old ones keep dashes and dots in their names.
fn sdist_version(filename: &str, name: &str) -> Option<Version> {
    let stem = filename.strip_suffix(".tar.gz").or_else(|| filename.strip_suffix(".zip"))?;
    let dashes = stem.match_indices('-').map(|(at, _)| at);
    let split = dashes.into_iter().find(|at| normalised(&stem[..*at]) == name)?;
    stem[split + 1..].parse().ok()
}

fn wheel_version(filename: &str) -> Option<Version> {
    filename.strip_suffix(".whl")?.split('-').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::page::{Hashes, Yanked};

    fn check(version: Option<&str>, files: &[&str]) -> String {
        let files = files.iter().map(|text| {
            let (filename, yanked) = text.split_once('!').map_or((*text, false), |(name, _)| (name, true));
            File {
                filename: filename.into(),
                url: String::new(),
                hashes: Hashes::default(),
                yanked: Yanked::Flag(yanked),
                requires_python: None,
            }
        });
        let project = Project { files: files.collect() };
        let version = version.map(|text| text.parse().unwrap());
        match choose("a-b", version.as_ref(), &project) {
            Ok((_, file)) => file.filename,
            Err(error) => crate::error::render(&no_sdist_advice(error)),
        }
    }

    #[test]
    fn the_newest_final_sdist_is_chosen() {
        let files = [
            "a_b-1.0.tar.gz",
            "a-b-1.10.zip",
            "A.B-1.9.tar.gz",
            "a_b-2.0rc1.tar.gz",
            "a_b-1.11.tar.gz!",
            "a_b-3-py3-none-any.whl",
        ];
        assert_eq!(check(None, &files), "a-b-1.10.zip");
        assert_eq!(check(Some("1.9.0"), &files), "A.B-1.9.tar.gz");
        assert_eq!(check(Some("1.11"), &files), "a_b-1.11.tar.gz");
        insta::assert_snapshot!(check(Some("3"), &files), @r"
        error: `a-b` 3 has no sdist, only 1 wheels
        hint: versions with an sdist: 2.0rc1, 1.11, 1.10, 1.9, 1.0
        ");
        insta::assert_snapshot!(check(Some("7"), &files), @r"
        error: `a-b` has no version 7
        hint: available versions: 2.0rc1, 1.11, 1.10, 1.9, 1.0
        ");
        insta::assert_snapshot!(check(None, &[]), @r"
        error: `a-b` has no files on the index
        hint: check the name, or build it from its repository with `git+URL@REV`
        ");
    }

    #[test]
    fn names_of_sdists_are_split_where_the_project_ends() {
        let check =
            |filename: &str, name: &str| sdist_version(filename, name).map(|version| version.to_string());
        assert_eq!(check("a-b-c-1.0.tar.gz", "a-b-c").as_deref(), Some("1.0"));
        assert_eq!(check("a-b-c-1.0.tar.gz", "a-b"), None, "`c-1.0` is no version");
        assert_eq!(check("A.B_c-1.0.post1.zip", "a-b-c").as_deref(), Some("1.0.post1"));
        assert_eq!(check("a-1.0.tar.bz2", "a"), None);
        assert_eq!(check("ab-1.0.tar.gz", "a"), None);
    }

    #[test]
    fn a_version_that_is_only_a_prerelease_or_yanked_is_better_than_none() {
        assert_eq!(check(None, &["a_b-2.0rc1.tar.gz", "a_b-1.0b1.tar.gz"]), "a_b-2.0rc1.tar.gz");
        assert_eq!(check(None, &["a_b-1.0.tar.gz!", "a_b-0.9rc1.tar.gz"]), "a_b-1.0.tar.gz");
    }

    #[test]
    fn a_project_with_wheels_alone_says_so() {
        let wheels = [
            "a_b-1.0-cp313-cp313-linux_x86_64.whl",
            "a_b-1.0-cp312-cp312-linux_x86_64.whl",
            "a_b-0.9-x-y-z.whl",
        ];
        insta::assert_snapshot!([check(None, &wheels), check(Some("2"), &wheels)].join("\n\n"), @"
        error: `a-b` 1.0 has no sdist, only 2 wheels
        hint: no version has an sdist: build it from its repository with `git+URL@REV`

        error: `a-b` has no version 2
        hint: available versions: 1.0, 0.9
        ");
    }

    fn context(folder: &std::path::Path) -> Context {
        use crate::{cache::Cache, env::Environment, ui::Ui};
        Context::new(Ui::silent(), Environment::default(), Cache::new(folder.to_owned()), Network::Forbidden)
    }

    /// Keeps an sdist in the cache, as a download does.
    fn keep(context: &Context, name: &str, version: &str, sha256: Option<&str>) {
        let index = "https://index.test/simple/".parse().unwrap();
        let key = sources_key(name, &version.parse().unwrap(), &index);
        let filename = format!("{name}-{version}.tar.gz");
        let sha256 = sha256.map_or_else(|| Sha256Digest::of(version.as_bytes()).to_string(), str::to_owned);
        let made = context.cache.get_or_make(&context.ui, Kind::Sources, &key, |folder| {
            fs_err::write(folder.join(&filename), version)?;
            let kept = serde_json::json!({
                "filename": filename, "sha256": sha256, "is_stated": true, "index": index.as_str(),
            });
            Ok(fs_err::write(folder.join("source.json"), kept.to_string())?)
        });
        made.unwrap();
    }

    #[test]
    fn without_a_network_the_cache_serves_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(folder.path());
        for version in ["1.9", "1.10", "1.2"] {
            keep(&context, "a", version, None);
        }
        keep(&context, "a-b", "7", None);
        let check = |version: Option<&str>| {
            let found = find("a", version.map(|text| text.parse().unwrap()).as_ref(), &context);
            found.map_or_else(|error| error.to_string(), |archive| archive.origin)
        };
        assert_eq!(check(None), "a-1.10.tar.gz");
        assert_eq!(check(Some("1.2.0")), "a-1.2.tar.gz");
        assert!(check(Some("3")).starts_with("no sdist of `a` is in the cache"));
    }

    #[test]
    fn a_damaged_sdist_is_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(folder.path());
        keep(&context, "a", "1.0", Some("0000"));
        assert!(find("a", None, &context).is_err());
        assert!(context.cache.keys(Kind::Sources).is_empty());
    }
}
