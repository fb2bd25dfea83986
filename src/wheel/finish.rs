//! Finishes a raw wheel for a runtime.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};

use super::contents::WheelContents;
use super::edits::{self, Edits};
use super::requirements::CannotEdit;
use super::{bill_of_materials, extension, record};
use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::runtime::{Runtime, StartUp};
use crate::wasm;
use crate::wasm::relocation_table;
use crate::wasm::start_up::{self, OwnWork, Share};
use crate::wasm::strip::{self, Names};

/// What was finished, before it is written.
#[derive(Debug)]
pub struct FinishedWheel {
    /// The wheel.
    pub contents: WheelContents,
    /// The paths of its extension modules.
    pub modules: Vec<String>,
    /// The same in the raw wheel, in which they still have the names of their functions.
    pub raw_modules: Vec<String>,
    /// What recipes would have changed and did not find.
    pub missed: Vec<CannotEdit>,
}

/// For what a raw wheel is finished.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The release.
    pub runtime: &'a Runtime,
    /// The platform tag.
    pub platform: &'a str,
    /// Whether the names of functions stay.
    pub names: Names,
    /// What overlays change.
    pub edits: &'a Edits,
}

/// Turns a back end's wheel into one for a runtime.
///
/// Local folders and what the wheel says instead are in `hidden`.
///
/// # Errors
/// When it holds no module for WebAssembly, or a native one.
pub fn finish(raw: &Path, target: Target<'_>, hidden: &[(PathBuf, &str)]) -> Result<FinishedWheel> {
    let mut contents = WheelContents::read(raw)?;
    for (_, bytes) in contents.files.iter_mut().filter(|(path, _)| bill_of_materials::is_one(path)) {
        *bytes = bill_of_materials::hide_folders(&String::from_utf8_lossy(bytes), hidden).into_bytes();
    }
    let converted = convert_modules(&mut contents, target)
        .with_context(|| format!("cannot make the wheel `{}` one for Pyodide", contents.filename))?;
    retag(&mut contents, target.runtime, target.platform)?;
    let missed = edits::apply(&mut contents, target.edits)?;
    let record_path = contents.record_path()?;
    for signature in [".jws", ".p7s"] {
        contents.files.remove(&format!("{record_path}{signature}"));
    }
    let text = record::write(&contents.files, &record_path)?;
    contents.files.insert(record_path, text);
    let (raw_modules, modules) = converted.into_iter().unzip();
    Ok(FinishedWheel { contents, modules, raw_modules, missed })
}

/// Returns the paths before and after.
fn convert_modules(contents: &mut WheelContents, target: Target<'_>) -> Result<Vec<(String, String)>> {
    let Target { runtime, names, .. } = target;
    let mut modules = Vec::new();
    let paths: Vec<String> = contents.files.keys().cloned().collect();
    for path in paths {
        let Some(name) = extension::parse(&path) else { continue };
        let target = name.on_target(&runtime.extension_suffix());
        let bytes = contents.files.remove(&path).unwrap_or_default();
        if !wasm::module::is_wasm(&bytes) {
            bail!(
                "`{path}` was not compiled for WebAssembly, it starts with {}: the package has an extension that is not written in Rust",
                wasm::module::describe_start(&bytes)
            );
        }
        let mut stripped = strip::strip(&bytes, names).with_context(|| format!("`{path}`"))?;
        if let Some(rewritten) = relocation_table::rewrite(&stripped).with_context(|| format!("`{path}`"))? {
            stripped = rewritten;
        }
        if let Some(work) = own_work(runtime.start_up) {
            stripped = start_up::start_itself(&stripped, work).with_context(|| format!("`{path}`"))?;
        }
        if contents.files.insert(target.clone(), stripped).is_some() {
            bail!("two of its modules would both be called `{target}`");
        }
        rename_executable(contents, &path, &target);
        modules.push((path, target));
    }
    if modules.is_empty() {
        return Err(hinted(
            anyhow!("the build back end made it without any extension module"),
            "the package treats its Rust extension as optional and left it out: the log says why",
        ));
    }
    Ok(modules)
}

/// What modules must do themselves because the loader does not; nothing from 0.22 on.
fn own_work(loader: StartUp) -> Option<OwnWork> {
    let share = |does: bool| if does { Share::Loader } else { Share::Module };
    let work =
        OwnWork { relocations: share(loader.applies_relocations), zeroing: share(loader.zeroes_memory) };
    (work.relocations == Share::Module || work.zeroing == Share::Module).then_some(work)
}

fn rename_executable(contents: &mut WheelContents, path: &str, target: &str) {
    if let Some(listed) = contents.executable.iter_mut().find(|listed| *listed == path) {
        target.clone_into(listed);
    }
}

/// Python tag, ABI tag and platform tag: in the file name and in WHEEL. The stable ABI stays.
fn retag(contents: &mut WheelContents, runtime: &Runtime, platform: &str) -> Result<()> {
    if !contents.filename.is_abi3() {
        contents.filename.python = runtime.python.tag();
        contents.filename.abi = runtime.python.tag();
    }
    platform.clone_into(&mut contents.filename.platform);
    let path = format!("{}/WHEEL", contents.dist_info()?);
    let text = contents
        .files
        .get(&path)
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .unwrap_or_default();
    let rewritten = rewrite_wheel_file(&text, &contents.filename.tags());
    contents.files.insert(path, rewritten.into_bytes());
    Ok(())
}

/// WHEEL with these tags and `Root-Is-Purelib: false`; all else stays.
fn rewrite_wheel_file(text: &str, tags: &[String]) -> String {
    let body = text.split("\n\n").next().unwrap_or_default();
    let replaced = ["Tag:", "Root-Is-Purelib:"];
    let mut lines: Vec<String> = body
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && !replaced.iter().any(|field| line.starts_with(field)))
        .map(str::to_owned)
        .collect();
    lines.push("Root-Is-Purelib: false".to_owned());
    lines.extend(tags.iter().map(|tag| format!("Tag: {tag}")));
    lines.join("\n") + "\n"
}

/// The time that the entries of a wheel carry: `SOURCE_DATE_EPOCH`, or the earliest that a zip file can.
///
/// # Errors
/// When the variable is set and is no number of seconds that a zip file can carry.
pub fn entry_time(environment: &Environment) -> Result<zip::DateTime> {
    let Some(text) = environment.text("SOURCE_DATE_EPOCH") else { return Ok(zip::DateTime::default()) };
    let seconds: i64 = text
        .parse()
        .map_err(|_| anyhow!("`SOURCE_DATE_EPOCH` is `{text}`, which is no number of seconds"))?;
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    if year < 1980 {
        return Ok(zip::DateTime::default());
    }
    let part = |value: i64| u8::try_from(value).unwrap_or_default();
    let year = u16::try_from(year).unwrap_or(u16::MAX);
    zip::DateTime::from_date_and_time(
        year,
        month,
        day,
        part(of_day / 3600),
        part(of_day / 60 % 60),
        part(of_day % 60),
    )
    .map_err(|_| anyhow!("`SOURCE_DATE_EPOCH` is `{text}`, a time that a zip file cannot carry"))
}

/// The proleptic Gregorian date of a day counted from 1970-01-01: Howard Hinnant's `civil_from_days`,
/// <https://howardhinnant.github.io/date_algorithms.html>.
fn civil_from_days(days: i64) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
}

/// Where a finished wheel is, and what it is made of.
#[derive(Debug, Clone, serde::Serialize)]
pub struct WheelSummary {
    /// The file.
    pub wheel: PathBuf,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its size in bytes.
    pub size: u64,
    /// The bytes of its extension modules, as they are and compressed with gzip.
    pub modules: Vec<ModuleSize>,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// The size of one extension module.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ModuleSize {
    /// Its path in the wheel.
    pub path: String,
    /// Bytes.
    pub raw: u64,
    /// Bytes after gzip at its default level.
    pub gzip: u64,
}

/// Summarises a wheel that was written to a path.
///
/// # Errors
/// When it cannot be read back.
pub fn summarise(finished: &FinishedWheel, path: &Path) -> Result<WheelSummary> {
    let bytes = fs_err::read(path)?;
    let modules = finished.modules.iter().map(|module| {
        let content = finished.contents.files.get(module).map(Vec::as_slice).unwrap_or_default();
        Ok(ModuleSize { path: module.clone(), raw: content.len() as u64, gzip: gzip_size(content)? })
    });
    Ok(WheelSummary {
        wheel: path.to_owned(),
        tags: finished.contents.filename.tags(),
        size: bytes.len() as u64,
        modules: modules.collect::<Result<_>>()?,
        sha256: crate::digest::sha256(&bytes),
    })
}

/// The size of bytes after gzip at its default level.
///
/// # Errors
/// Never in practice: compressing in memory.
pub fn gzip_size(bytes: &[u8]) -> Result<u64> {
    let mut encoder = flate2::read::GzEncoder::new(bytes, flate2::Compression::default());
    std::io::copy(&mut encoder, &mut std::io::sink()).context("cannot compress")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheel_files_get_the_targets_tags() {
        let text = "Wheel-Version: 1.0\nGenerator: maturin (1.9)\nRoot-Is-Purelib: true\nTag: cp311-cp311-linux_x86_64\n\n";
        insta::assert_snapshot!(rewrite_wheel_file(text, &["cp313-cp313-x".into(), "cp313-cp313-y".into()]), @r"
        Wheel-Version: 1.0
        Generator: maturin (1.9)
        Root-Is-Purelib: false
        Tag: cp313-cp313-x
        Tag: cp313-cp313-y
        ");
    }

    #[test]
    fn days_become_dates() {
        assert_eq!(civil_from_days(0), (1970, 1, 1));
        assert_eq!(civil_from_days(11_016), (2000, 2, 29));
        assert_eq!(civil_from_days(20_779), (2026, 11, 22));
        assert_eq!(civil_from_days(-1), (1969, 12, 31));
    }
}
