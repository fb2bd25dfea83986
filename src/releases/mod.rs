//! Which Pyodide releases there are, and which one a request means.
//!
//! The list is asked of the user's npm and kept for a day; it is asked again when a request is not in it. Offline,
//! the releases in the cache are all there are.

pub(crate) mod fetch;
pub mod request;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use semver::Version;

use crate::abi::{Line, ReleaseRequest};
use crate::cache::{Cache, Kind};
use crate::context::{Context, Network};
use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::files::write_whole;
use crate::process::{self, Invocation};

/// How long a list of releases is believed.
const FRESH: Duration = Duration::from_hours(24);

/// Why a request names no release that can be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The npm package of so old a release holds no runtime.
    #[error("Pyodide {0} is not supported: its npm package holds no runtime (the first that does is 0.21)")]
    TooOld(String),
    /// The line has no stable release yet.
    #[error("the line {line} has only previews so far")]
    OnlyPreviews {
        /// The line.
        line: String,
        /// The newest preview.
        newest: String,
    },
    /// No release fits.
    #[error("there is no Pyodide release `{0}`")]
    Unknown(String),
}

/// The releases that a request means, oldest first: one, but for a range.
///
/// # Errors
/// When there is none, or npm cannot be asked and the cache does not have it.
pub fn resolve(request: &ReleaseRequest, context: &Context) -> Result<Vec<Version>> {
    let cached = cached_releases(&context.cache);
    // A named release in the cache needs no list: a build with a warm cache asks nobody.
    if let ReleaseRequest::Exact(version) = request
        && cached.contains(version)
    {
        return Ok(vec![version.clone()]);
    }
    if context.network == Network::Forbidden {
        return pick(request, &cached).map_err(|error| advise_offline(error, &cached));
    }
    // The list is a day old at most. It is asked anew only when the request is not in it, such as for a release of
    // today.
    if let Some(listed) = read_list(context)
        && let Ok(versions) = pick(request, &listed)
    {
        return Ok(versions);
    }
    match list_anew(context) {
        Ok(listed) => pick(request, &listed).map_err(|error| advise_near(error, request, &listed)),
        // A registry that is down must not stop work with releases that are here.
        Err(error) => match pick(request, &cached) {
            Ok(versions) => {
                let names: Vec<String> = versions.iter().map(ToString::to_string).collect();
                context.ui.warn(format!(
                    "npm could not be asked; using Pyodide {} from the cache",
                    names.join(", ")
                ));
                Ok(versions)
            }
            Err(_) => Err(error),
        },
    }
}

/// The list of releases as npm has it now. It is kept.
fn list_anew(context: &Context) -> Result<Vec<Version>> {
    let listed = ask_npm(context)?;
    let registry = ask_registry(context)?;
    write_list(&context.cache, &registry, &listed)?;
    Ok(listed)
}

/// The releases of a list that a request means: the newest stable one of a line, an exact one as it is.
///
/// # Errors
/// When none fits.
pub fn pick(request: &ReleaseRequest, releases: &[Version]) -> Result<Vec<Version>, Unavailable> {
    if line_of(request).is_some_and(|line| line < Line::OLDEST) {
        return Err(Unavailable::TooOld(request.to_string()));
    }
    let served = || releases.iter().filter(|version| Line::of(version) >= Line::OLDEST);
    let stable = || served().filter(|version| version.pre.is_empty());
    let found: Vec<Version> = match request {
        ReleaseRequest::Exact(wanted) => {
            served().find(|version| *version == wanted).cloned().into_iter().collect()
        }
        ReleaseRequest::Line(line) => {
            stable().filter(|version| Line::of(version) == *line).max().cloned().into_iter().collect()
        }
        ReleaseRequest::Newest => stable().max().cloned().into_iter().collect(),
        ReleaseRequest::Range(range) => newest_of_lines(stable().filter(|version| range.matches(version))),
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let previews =
        served().filter(|version| Some(Line::of(version)) == line_of(request) && !version.pre.is_empty());
    match previews.max() {
        Some(newest) if matches!(request, ReleaseRequest::Line(_)) => {
            Err(Unavailable::OnlyPreviews { line: request.to_string(), newest: newest.to_string() })
        }
        _ => Err(Unavailable::Unknown(request.to_string())),
    }
}

fn line_of(request: &ReleaseRequest) -> Option<Line> {
    match request {
        ReleaseRequest::Exact(version) => Some(Line::of(version)),
        ReleaseRequest::Line(line) => Some(*line),
        ReleaseRequest::Newest | ReleaseRequest::Range(_) => None,
    }
}

/// The newest of each line, oldest line first.
pub fn newest_of_lines<'a>(versions: impl Iterator<Item = &'a Version>) -> Vec<Version> {
    let mut newest: BTreeMap<Line, Version> = BTreeMap::new();
    for version in versions {
        let known = newest.entry(Line::of(version)).or_insert_with(|| version.clone());
        if version > known {
            *known = version.clone();
        }
    }
    newest.into_values().collect()
}

/// The releases that npm lists, from the list that was kept or asked anew; with a warning, those in the cache where npm
/// cannot be asked.
///
/// # Errors
/// When npm cannot be asked and the cache has none.
pub fn known(context: &Context) -> Result<Vec<Version>> {
    if let Some(listed) = read_list(context) {
        return Ok(listed);
    }
    let cached = cached_releases(&context.cache);
    match list_anew(context) {
        Ok(listed) => Ok(listed),
        Err(error) if cached.is_empty() => Err(error),
        Err(error) => {
            context.ui.warn(format!(
                "npm could not be asked; these are the releases in the cache: {}",
                error.root_cause().to_string().lines().next().unwrap_or_default()
            ));
            Ok(cached)
        }
    }
}

/// The releases whose runtime is in the cache.
fn cached_releases(cache: &Cache) -> Vec<Version> {
    let mut versions: Vec<Version> =
        cache.keys(Kind::Runtimes).iter().filter_map(|key| Version::parse(key).ok()).collect();
    versions.sort();
    versions
}

fn ask_npm(context: &Context) -> Result<Vec<Version>> {
    let npm = find_npm(&context.environment)?;
    let printed = Invocation::new(npm)
        .args(["view", "pyodide", "versions", "--json"])
        .current_dir(npm_folder(context)?)
        .output(&context.ui)
        .context("npm could not list the releases of the package `pyodide`")
        .map_err(|error| hinted(error, NPM_ADVICE))?;
    let versions: Vec<String> =
        serde_json::from_str(&printed.stdout).context("npm's list of releases is not JSON")?;
    Ok(versions.iter().filter_map(|version| Version::parse(version).ok()).collect())
}

/// The registry that the user's npm is configured for.
fn ask_registry(context: &Context) -> Result<String> {
    context.ask_once("npm config get registry", || {
        let npm = find_npm(&context.environment)?;
        let printed = Invocation::new(npm)
            .args(["config", "get", "registry"])
            .current_dir(npm_folder(context)?)
            .output(&context.ui)
            .context("npm could not tell its registry")
            .map_err(|error| hinted(error, NPM_ADVICE))?;
        Ok(printed.stdout.trim().to_owned())
    })
}

/// The folder in which npm runs: in the current one it would read that project's configuration.
fn npm_folder(context: &Context) -> Result<PathBuf> {
    let folder = context.cache.root().join("npm");
    fs_err::create_dir_all(&folder)?;
    Ok(folder)
}

/// What to do when npm fails.
const NPM_ADVICE: &str = "check the network and npm's registry (`npm config get registry`), name an unpacked `pyodide` \
     package with `--pyodide PATH`, or use what the cache has with `--offline`";

/// Finds npm.
///
/// # Errors
/// When it is not on the `PATH`.
fn find_npm(environment: &Environment) -> Result<PathBuf> {
    process::find(
        environment,
        &["npm"],
        "install Node.js with npm (Debian: `apt-get install npm`), or name an unpacked `pyodide` npm package with `--pyodide PATH`",
    )
}

/// Where the list of a registry is kept.
fn list_path(cache: &Cache, registry: &str) -> PathBuf {
    cache.root().join(format!("releases-{}.json", crate::digest::key(&[registry])))
}

fn read_list(context: &Context) -> Option<Vec<Version>> {
    let path = list_path(&context.cache, &ask_registry(context).ok()?);
    let written = fs_err::metadata(&path).ok()?.modified().ok()?;
    let age = SystemTime::now().duration_since(written).ok()?;
    if age > FRESH {
        return None;
    }
    let versions: Vec<String> = serde_json::from_str(&fs_err::read_to_string(path).ok()?).ok()?;
    Some(versions.iter().filter_map(|version| Version::parse(version).ok()).collect())
}

fn write_list(cache: &Cache, registry: &str, versions: &[Version]) -> Result<()> {
    let texts: Vec<String> = versions.iter().map(ToString::to_string).collect();
    fs_err::create_dir_all(cache.root())?;
    write_whole(&list_path(cache, registry), &serde_json::to_vec(&texts)?)
        .context("cannot keep the list of releases")
}

fn advise_near(error: Unavailable, request: &ReleaseRequest, listed: &[Version]) -> anyhow::Error {
    if let Unavailable::OnlyPreviews { newest, .. } = &error {
        let hint = format!("name the preview in full if you want it: `--pyodide {newest}`");
        return hinted(error, hint);
    }
    let line = line_of(request);
    let of_line: Vec<String> = listed
        .iter()
        .filter(|version| Some(Line::of(version)) == line && Line::of(version) >= Line::OLDEST)
        .map(ToString::to_string)
        .collect();
    if !of_line.is_empty() {
        return hinted(error, format!("releases of that line: {}", of_line.join(", ")));
    }
    let known: Vec<String> = crate::abi::line_facts().iter().map(|(line, _)| line.to_string()).collect();
    // `29` is what many call 0.29.
    let meant = known.iter().find(|known| **known == format!("0.{request}"));
    let meant = meant.map(|line| format!("did you mean `{line}`? ")).unwrap_or_default();
    hinted(error, format!("{meant}supported lines: {}", known.join(", ")))
}

fn advise_offline(error: Unavailable, cached: &[Version]) -> anyhow::Error {
    let names: Vec<String> = cached.iter().map(ToString::to_string).collect();
    let has = if names.is_empty() { "no runtime".into() } else { names.join(", ") };
    hinted(
        anyhow!(error).context("the network may not be used (`--offline`)"),
        format!(
            "the cache has {has}; `cargo pyodide setup --pyodide VERSION` prepares a release ahead of time"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_must_be_asked_for_in_full() {
        let releases =
            [Version::parse("315.0.0-alpha.1").unwrap(), Version::parse("315.0.0-alpha.2").unwrap()];
        let request = "315".parse().unwrap();
        let error = advise_near(pick(&request, &releases).unwrap_err(), &request, &releases);
        insta::assert_snapshot!(crate::error::render(&error), @r"
        error: the line 315 has only previews so far
        hint: name the preview in full if you want it: `--pyodide 315.0.0-alpha.2`
        ");
    }

    #[test]
    fn a_line_means_its_newest_stable_release() {
        let releases = ["0.20.0", "0.21.3", "0.29.4", "0.29.10", "314.0.7", "315.0.0-alpha.2"];
        let releases = releases.map(|text| Version::parse(text).unwrap());
        let check = |text: &str| match pick(&text.parse().unwrap(), &releases) {
            Ok(versions) => versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        };
        assert_eq!(check("0.29"), "0.29.10");
        assert_eq!(check("newest"), "314.0.7");
        assert_eq!(check("315.0.0-alpha.2"), "315.0.0-alpha.2");
        assert_eq!(check("315"), "the line 315 has only previews so far");
        assert_eq!(check("all"), "0.21.3 0.29.10 314.0.7");
        assert_eq!(check(">=0.22"), "0.29.10 314.0.7");
        assert_eq!(check(">=0.21, <0.29.5"), "0.21.3 0.29.4");
        assert_eq!(check(">400"), "there is no Pyodide release `>400`");
        assert_eq!(check("0.29.5"), "there is no Pyodide release `0.29.5`");
        assert_eq!(
            check("0.20"),
            "Pyodide 0.20 is not supported: its npm package holds no runtime (the first that does is 0.21)"
        );
    }
}
