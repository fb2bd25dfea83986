//! Whether a wheel's name, WHEEL, METADATA and RECORD tell the truth about it, and fit a release.

use super::catalogue::Code;
use super::examined::is_module;
use super::finding::Findings;
use crate::runtime::Runtime;
use crate::wheel::metadata::{Fields, Metadata};
use crate::wheel::{WheelContents, filename, record};

/// Checks the wheel as a whole.
pub(super) fn check(wheel: &WheelContents, runtime: &Runtime, findings: &mut Findings) {
    let name = &wheel.filename;
    let version = &runtime.version;
    if let Err(reason) = runtime.accepts_python(name) {
        let symbol = format!("{}-{}", name.python, name.abi);
        findings.add(Code::PYTHON_TAG, symbol, format!("{reason}: micropip on Pyodide {version} refuses it"));
    }
    if let Err(reason) = runtime.accepts_platform(name) {
        findings.add(
            Code::PLATFORM_TAG,
            name.platform.clone(),
            format!("{reason}: micropip on Pyodide {version} refuses it"),
        );
    }
    let Ok(folder) = wheel.dist_info() else {
        let message = "it has no `*.dist-info/WHEEL`: installers refuse it".to_owned();
        findings.add(Code::WHEEL_FILE, None, message);
        return;
    };
    check_wheel_file(wheel, &folder, findings);
    check_record_file(wheel, &folder, findings);
    check_metadata_file(wheel, runtime, findings);
}

fn text<'a>(wheel: &'a WheelContents, path: &str) -> std::borrow::Cow<'a, str> {
    wheel.files.get(path).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default()
}

fn check_wheel_file(wheel: &WheelContents, folder: &str, findings: &mut Findings) {
    let text = text(wheel, &format!("{folder}/WHEEL"));
    let fields = Fields::parse(&text);
    let mut stated: Vec<String> = fields.all("Tag").map(str::to_owned).collect();
    // Installers differ in which of the two they read, so that a wheel may install in one and not in the other.
    let mut named = wheel.filename.tags();
    stated.sort();
    named.sort();
    if stated != named {
        let list = |tags: &[String]| if tags.is_empty() { "none".to_owned() } else { tags.join(", ") };
        let message = format!(
            "its WHEEL states the tags {}, its file name {}: installers differ in whom they believe",
            list(&stated),
            list(&named)
        );
        findings.add(Code::WHEEL_FILE, None, message);
    }
    let module = wheel.files.keys().find(|path| is_module(path));
    let is_pure = fields.first("Root-Is-Purelib").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if let Some(module) = module
        && (is_pure || wheel.filename.is_pure())
    {
        let how = if is_pure { "`Root-Is-Purelib: true`" } else { "the platform tag `any`" };
        let message = format!(
            "it says {how} and holds compiled code, `{module}`: it is installed where it cannot work"
        );
        findings.add(Code::PURELIB, None, message);
    }
}

fn check_record_file(wheel: &WheelContents, folder: &str, findings: &mut Findings) {
    let problems = record::differences(&wheel.files, &format!("{folder}/RECORD"));
    // A wheel that was changed differs in many files at once; the first few tell it.
    for problem in problems.iter().take(5) {
        findings.add(
            Code::RECORD,
            problem.path().map(str::to_owned),
            format!("{problem}: it was changed after it was made"),
        );
    }
    if problems.len() > 5 {
        let message = format!("{} more files differ from its RECORD", problems.len() - 5);
        findings.add(Code::RECORD, None, message);
    }
}

fn check_metadata_file(wheel: &WheelContents, runtime: &Runtime, findings: &mut Findings) {
    let metadata = match Metadata::of(wheel) {
        Ok(metadata) => metadata,
        Err(error) => {
            findings.add(Code::METADATA, None, format!("its METADATA cannot be used: {error:#}"));
            return;
        }
    };
    let name = &wheel.filename;
    if filename::normalised(&metadata.name) != filename::normalised(&name.name) {
        let message =
            format!("its METADATA is that of `{}`, its file name says `{}`", metadata.name, name.name);
        findings.add(Code::OTHER_METADATA, metadata.name.clone(), message);
    }
    let stated = name.version.parse::<pep440_rs::Version>().ok();
    if stated.as_ref() != Some(&metadata.version) {
        let message = format!(
            "its METADATA says version {}, its file name {}: pip refuses it, and what is installed calls itself {}",
            metadata.version, name.version, metadata.version
        );
        findings.add(Code::OTHER_METADATA, metadata.version.to_string(), message);
    }
    let release = runtime.python_release.only_release();
    if let Some(wanted) = &metadata.requires_python
        && !wanted.contains(&release)
    {
        let message = format!(
            "it requires Python {wanted}, Pyodide {} has {}: installers refuse it",
            runtime.version, runtime.python_release
        );
        findings.add(Code::REQUIRES_PYTHON, wanted.to_string(), message);
    }
}
