//! Brings a release into the cache: `npm pack`, the archive's integrity, unpacking, digests of the files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use base64::Engine;
use semver::Version;
use sha2::{Digest, Sha512};

use super::{NPM_ADVICE, find_npm};
use crate::cache::Kind;
use crate::causes;
use crate::context::{Context, Network};
use crate::digest::Sha256Digest;
use crate::error::{Result, cause_id, hinted};
use crate::plain_name::PlainName;
use crate::process::Invocation;
use crate::runtime::Runtime;
use crate::runtime::differences::needs_npm_packages;
use crate::source::limits::UnpackLimits;
use crate::ui::Ui;

/// The file that lists the digests of a cached runtime's files.
// Taken after the archive's own integrity was checked: they tell later changes on this disk.
pub(crate) const DIGESTS: &str = "digests.json";

/// What is kept of the npm package: what a runtime needs, not its maps, types and consoles.
pub(crate) fn is_kept(name: &str) -> bool {
    let dropped = [".map", ".d.ts", ".html"];
    !dropped.iter().any(|ending| name.ends_with(ending))
}

/// A runtime of this release: from the cache, or fetched into it.
///
/// # Errors
/// When npm cannot deliver it, its integrity is wrong, or its files cannot be understood.
pub(crate) fn runtime(version: &Version, context: &Context) -> Result<Runtime> {
    let Context { ui, cache, .. } = context;
    let key = version.to_string();
    if cache.has(Kind::Runtimes, &key) {
        match read_checked(&cache.entry(Kind::Runtimes, &key)?) {
            Ok(runtime) => return runtime,
            Err(error) => {
                ui.warn(format!("the runtime in the cache is damaged and is fetched again: {error:#}"));
                cache.discard(ui, Kind::Runtimes, &key)?;
            }
        }
    }
    if context.network == Network::Forbidden && !cache.has(Kind::Runtimes, &key) {
        return Err(hinted(
            anyhow!("Pyodide {version} is not in the cache, and the network may not be used (`--offline`)"),
            format!("run `cargo pyodide setup --pyodide {version}` while there is a network"),
        ));
    }
    let folder = cache.get_or_make(ui, Kind::Runtimes, &key, |folder| {
        ui.phase("Preparing", format!("Pyodide {version}"));
        fetch(version, folder, context)
    })?;
    Runtime::read(&folder)
}

/// Reads a cached runtime while its digests are checked; the outer error says that its files were changed.
fn read_checked(folder: &Path) -> Result<Result<Runtime>> {
    std::thread::scope(|scope| {
        // Both go over the same tens of megabytes: together they take as long as the slower one.
        let read = scope.spawn(|| Runtime::read(folder));
        check_digests(folder)?;
        Ok(read.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn fetch(version: &Version, folder: &Path, context: &Context) -> Result<()> {
    // The user's own npm: it knows the registry, the proxy and the credentials of this machine.
    let npm = find_npm(&context.environment)?;
    let staging = tempfile::tempdir_in(folder)?;
    let archive = pack(version, staging.path(), &npm, &context.ui)?;
    unpack(&archive, folder, UnpackLimits::of(&context.environment)?)?;
    drop(staging);
    if needs_npm_packages(version) {
        install_packages(folder, &npm, &context.ui)?;
    }
    let digests = digest_files(folder)?;
    fs_err::write(folder.join(DIGESTS), serde_json::to_string_pretty(&digests)?)?;
    Ok(())
}

/// Installs the npm packages that old releases import on Node as soon as they start: `ws`, `node-fetch`, `base-64`.
fn install_packages(folder: &Path, npm: &Path, ui: &Ui) -> Result<()> {
    Invocation::new(npm)
        // No scripts: nothing that npm brings is run here.
        .args(["install", "--omit=dev", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .output(ui)
        .context("npm could not install the packages that this release needs on Node")
        .map_err(advise)?;
    Ok(())
}

#[derive(serde::Deserialize)]
struct Packed {
    filename: PlainName,
    integrity: String,
}

/// npm lists what it packed as an array, newer versions as an object keyed by package.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum PackedList {
    Array(Vec<Packed>),
    Object(BTreeMap<String, Packed>),
}

fn pack(version: &Version, staging: &Path, npm: &Path, ui: &Ui) -> Result<PathBuf> {
    let task = ui.task(format!("fetching Pyodide {version} with npm"));
    let printed = Invocation::new(npm)
        .args(["pack", "--json", "--pack-destination"])
        .arg(staging)
        .arg(format!("pyodide@{version}"))
        .current_dir(staging)
        .output(ui)
        .with_context(|| format!("npm could not deliver `pyodide@{version}`"))
        .map_err(advise)?;
    drop(task);
    let packed = match serde_json::from_str(&printed.stdout)
        .context("npm's answer to `npm pack` is not understood")?
    {
        PackedList::Array(list) => list.into_iter().next(),
        PackedList::Object(map) => map.into_values().next(),
    };
    let packed = packed.ok_or_else(|| anyhow!("npm packed nothing for `pyodide@{version}`"))?;
    let archive = staging.join(&packed.filename);
    check_integrity(&archive, &packed.integrity, "the registry")?;
    if let Some(known) = known_integrity(version) {
        check_integrity(&archive, &known, "the list of known releases")?;
    }
    Ok(archive)
}

/// The integrity of a release that was known when this tool was made.
fn known_integrity(version: &Version) -> Option<String> {
    let facts: toml::Table = include_str!("../../facts/integrity.toml").parse().ok()?;
    Some(facts.get("pyodide")?.get(version.to_string())?.as_str()?.to_owned())
}

/// npm's own words tell a full disk from a registry out of reach.
fn advise(error: anyhow::Error) -> anyhow::Error {
    if causes::is_disk_full(cause_id(&error), &format!("{error:#}")) {
        error
    } else {
        hinted(error, NPM_ADVICE)
    }
}

/// Checks an archive against its subresource integrity, `sha512-…`.
fn check_integrity(archive: &Path, integrity: &str, who: &str) -> Result<()> {
    let digest = Sha512::digest(fs_err::read(archive)?);
    let actual = format!("sha512-{}", base64::engine::general_purpose::STANDARD.encode(digest));
    if integrity != actual {
        bail!("`{}` has the integrity `{actual}`, but {who} says `{integrity}`", archive.display());
    }
    Ok(())
}

fn unpack(archive: &Path, folder: &Path, limits: UnpackLimits) -> Result<()> {
    let file = fs_err::File::open(archive)?;
    let packed = file.metadata()?.len();
    // npm's registry is trusted as much as an index is.
    let reader = limits.bound(flate2::read::GzDecoder::new(file), packed);
    let mut entries = tar::Archive::new(reader);
    let mut unpacked = 0;
    for entry in entries.entries()? {
        let mut entry = entry.with_context(|| format!("`{}` is truncated", archive.display()))?;
        let path = entry.path()?.into_owned();
        let Ok(inside) = path.strip_prefix("package") else { continue };
        // A release is one flat folder: what lies deeper, or outside, is nothing that a runtime reads.
        let Some(name) = inside.to_str().filter(|name| !name.contains(['/', '\\']) && is_kept(name)) else {
            continue;
        };
        if entry.header().entry_type().is_file() {
            let mut target = fs_err::File::create(folder.join(name))?;
            std::io::copy(&mut entry, &mut target).with_context(|| format!("cannot unpack `{name}`"))?;
            unpacked += 1;
        }
    }
    if unpacked == 0 {
        bail!("`{}` holds no file of a runtime", archive.display());
    }
    Ok(())
}

fn digest_files(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut digests = BTreeMap::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && name != DIGESTS && !name.starts_with('.') {
            digests.insert(name, Sha256Digest::of(&fs_err::read(entry.path())?).to_string());
        }
    }
    Ok(digests)
}

/// Checks a cached runtime's files against the digests taken when it was unpacked.
fn check_digests(folder: &Path) -> Result<()> {
    let text = fs_err::read_to_string(folder.join(DIGESTS))?;
    let expected: BTreeMap<String, String> = serde_json::from_str(&text)?;
    let actual = digest_files(folder)?;
    for (name, digest) in &expected {
        match actual.get(name) {
            None => bail!("`{}` is gone", folder.join(name).display()),
            Some(found) if found != digest => bail!("`{}` was changed", folder.join(name).display()),
            Some(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_release_of_each_line_has_a_known_integrity() {
        let facts: toml::Table = include_str!("../../facts/integrity.toml").parse().unwrap();
        let known = facts["pyodide"].as_table().unwrap();
        let mut lines = std::collections::BTreeSet::new();
        for (version, integrity) in known {
            let version: Version = version.parse().unwrap();
            let digits = integrity.as_str().unwrap().strip_prefix("sha512-").unwrap();
            assert_eq!(base64::engine::general_purpose::STANDARD.decode(digits).unwrap().len(), 64);
            assert_eq!(known_integrity(&version).as_deref(), integrity.as_str());
            lines.insert(crate::abi::Line::of(&version));
        }
        let stable: std::collections::BTreeSet<_> = crate::abi::line_facts()
            .iter()
            .map(|(line, _)| *line)
            .filter(|line| line.to_string() != "315")
            .collect();
        assert_eq!(lines, stable);
    }

    #[test]
    fn an_archive_that_would_fill_the_disk_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let archive = place.path().join("pyodide.tgz");
        let file = fs_err::File::create(&archive).unwrap();
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
        let bytes = vec![0; 4 << 20];
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append_data(&mut header, "package/pyodide.asm.wasm", &bytes[..]).unwrap();
        builder.into_inner().unwrap().finish().unwrap();
        let unpack = |size| {
            let limits = UnpackLimits { size, ..UnpackLimits::default() };
            unpack(&archive, place.path(), limits).map_err(|error| format!("{error:#}"))
        };
        assert!(unpack(8 << 20).is_ok());
        let refused = unpack(1 << 20).unwrap_err();
        assert!(refused.contains("unpacks to more than"), "{refused}");
    }

    #[test]
    fn another_archive_than_the_known_one_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let archive = place.path().join("pyodide-0.29.5.tgz");
        fs_err::write(&archive, "something else").unwrap();
        let known = known_integrity(&Version::new(0, 29, 5)).unwrap();
        let error = check_integrity(&archive, &known, "the list of known releases").unwrap_err().to_string();
        assert!(error.contains("but the list of known releases says `sha512-TkYr"), "{error}");
    }
}
