//! Finishes a raw wheel for a runtime: modules, tags, edits; audits it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use chrono::Datelike as _;

use super::step_size::StepSize;
use crate::audit::{self, AuditContext, Code, Finding, Subject};
use crate::env::Environment;
use crate::error::{Result, hinted, with_cause};
use crate::runtime::{Runtime, StartUp};
use crate::wasm;
use crate::wasm::start_up::{self, OwnWork, Share};
use crate::wasm::strip::{self, Strip};
use crate::wasm::{backtraces, names, relocation_table};
use crate::wheel::edits::{self, Edits};
use crate::wheel::requirements::CannotEdit;
use crate::wheel::{WheelContents, bill_of_materials, extension, record};

/// What was finished, before it is written.
#[derive(Debug)]
pub(crate) struct FinishedWheel {
    /// The wheel.
    pub contents: WheelContents,
    /// The paths of its extension modules.
    pub modules: Vec<String>,
    /// The same modules as they were before their names were dropped.
    pub raw_modules: BTreeMap<String, Vec<u8>>,
    /// How large each module is after the steps that change it.
    pub steps: BTreeMap<String, Vec<StepSize>>,
    /// Requirements that a recipe changes and the wheel does not have.
    pub missed: Vec<CannotEdit>,
}

/// What a raw wheel becomes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// The release.
    pub runtime: &'a Runtime,
    /// The platform tag.
    pub platform: &'a str,
    /// What is dropped of modules.
    pub strip: Strip,
    /// What overlays change.
    pub edits: &'a Edits,
    /// How large the modules were that were optimised, by their paths in the wheel of the back end.
    pub linked: &'a BTreeMap<String, StepSize>,
}

/// Reads a back end's wheel. Local folders and what the wheel says instead are in `hidden`.
///
/// # Errors
/// When it cannot be read or is damaged.
pub(crate) fn read(raw: &Path, hidden: &[(PathBuf, &str)]) -> Result<WheelContents> {
    let mut contents = WheelContents::read(raw)?;
    for (_, bytes) in contents.files.iter_mut().filter(|(path, _)| bill_of_materials::is_one(path)) {
        *bytes = bill_of_materials::hide_folders(&String::from_utf8_lossy(bytes), hidden).into_bytes();
    }
    Ok(contents)
}

/// Turns a back end's wheel into one for a runtime.
///
/// # Errors
/// When it holds no module for WebAssembly, or a native one.
pub(crate) fn finish(mut contents: WheelContents, target: Target<'_>) -> Result<FinishedWheel> {
    // Here and not in the link: what the driver links depends on no single release, so that lines can share it.
    let Converted { raw_modules, steps, has_modules } = convert_modules(&mut contents, target)
        .with_context(|| format!("cannot convert the wheel `{}` for Pyodide", contents.filename))?;
    // Every Python opens a library: the tags of Python stay as the back end made them.
    if has_modules && !contents.filename.is_abi3() {
        // The back end built under the host's Python and tagged the wheel for it.
        contents.filename.python = target.runtime.python.tag();
        contents.filename.abi = target.runtime.python.tag();
    }
    retag(&mut contents, target.platform)?;
    let missed = edits::apply(&mut contents, target.edits)?;
    let record_path = contents.record_path()?;
    // They sign a RECORD that no longer describes the wheel.
    for signature in [".jws", ".p7s"] {
        contents.files.remove(&format!("{record_path}{signature}"));
    }
    let text = record::write(&contents.files, &record_path)?;
    contents.files.insert(record_path, text);
    let modules = raw_modules.keys().cloned().collect();
    Ok(FinishedWheel { contents, modules, raw_modules, steps, missed })
}

/// What was converted, by the new paths of the modules.
#[derive(Default)]
struct Converted {
    /// The modules as they were.
    raw_modules: BTreeMap<String, Vec<u8>>,
    /// How large each is after the steps that change it.
    steps: BTreeMap<String, Vec<StepSize>>,
    /// Whether one of them is an extension module, and not a library that something else opens.
    has_modules: bool,
}

fn convert_modules(contents: &mut WheelContents, target: Target<'_>) -> Result<Converted> {
    let Target { runtime, strip, linked, .. } = target;
    let mut converted = Converted::default();
    let paths: Vec<String> = contents.files.keys().cloned().collect();
    for path in paths {
        let Some(name) = extension::parse(&path) else { continue };
        let bytes = contents.files.remove(&path).unwrap_or_default();
        if !wasm::module::is_wasm(&bytes) {
            let error = anyhow!(
                "`{path}` was not compiled for WebAssembly, it starts with {}: the package has an extension that is not written in Rust",
                wasm::module::describe_start(&bytes)
            );
            return Err(with_cause("not-rust", error));
        }
        let is_module = !extension::is_library(&path, &bytes);
        let target = if is_module { name.on_target(runtime.extension_suffix()) } else { path.clone() };
        // Stripped after the link and not by it: the lints still name functions and crates from the raw module.
        let mut stripped = strip::strip(&bytes, strip).with_context(|| format!("`{path}`"))?;
        let mut steps: Vec<StepSize> = linked.get(&path).copied().into_iter().collect();
        let last = if steps.is_empty() { "link" } else { "optimize" };
        steps.push(StepSize::after(last, &stripped));
        // Debug information counts from the beginning of the code, which the table would move.
        if strip != Strip::Nothing
            && let Some(rewritten) =
                relocation_table::rewrite(&stripped).with_context(|| format!("`{path}`"))?
        {
            stripped = rewritten;
            steps.push(StepSize::after("relocation-table", &stripped));
        }
        if let Some(work) = own_work(runtime.start_up) {
            stripped = start_up::start_itself(&stripped, work).with_context(|| format!("`{path}`"))?;
        }
        if strip != Strip::Symbols {
            stripped = names::demangle(&stripped).with_context(|| format!("`{path}`"))?;
        }
        if strip == Strip::Nothing {
            stripped = backtraces::add(stripped).with_context(|| format!("`{path}`"))?;
        }
        if contents.files.insert(target.clone(), stripped).is_some() {
            bail!("two of its modules would both be called `{target}`");
        }
        converted.has_modules |= is_module;
        // The mode of a module goes with it under its new name.
        rename_executable(contents, &path, &target);
        converted.steps.insert(target.clone(), steps);
        converted.raw_modules.insert(target, bytes);
    }
    // Some back ends leave a Rust extension out when it does not build, and call that a success.
    if converted.raw_modules.is_empty() {
        return Err(hinted(
            with_cause(
                "optional-extension",
                anyhow!("the build back end made it without any extension module"),
            ),
            "the package treats its Rust extension as optional and left it out: the log says why",
        ));
    }
    Ok(converted)
}

/// The part of the start-up that the loader leaves to modules; none from 0.22 on.
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

/// The platform's tag in the file name, and all tags in WHEEL.
fn retag(contents: &mut WheelContents, platform: &str) -> Result<()> {
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
    // WHEEL ends at the first empty line: tags added below it would not count.
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
/// When the variable is set and is not a number of seconds that a zip file can carry.
pub(crate) fn entry_time(environment: &Environment) -> Result<zip::DateTime> {
    let Some(text) = environment.text("SOURCE_DATE_EPOCH") else { return Ok(zip::DateTime::default()) };
    // The specification has whole seconds since 1970, and none before.
    let seconds: u32 = text.parse().map_err(|_| {
        anyhow!("`SOURCE_DATE_EPOCH` is `{text}`, which is not a number of seconds since 1970")
    })?;
    let time = chrono::DateTime::from_timestamp(i64::from(seconds), 0).unwrap_or_default().naive_utc();
    // Zip files count years from 1980; tools that set the variable to 0 or 1 mean "as early as can be".
    if time.year() < 1980 {
        return Ok(zip::DateTime::default());
    }
    zip::DateTime::try_from(time)
        .map_err(|_| anyhow!("`SOURCE_DATE_EPOCH` is `{text}`, a time that a zip file cannot carry"))
}

/// Audits a finished wheel against its release.
pub(super) fn audit(finished: &FinishedWheel, runtime: &Runtime, strip: Strip) -> Vec<Finding> {
    let context = AuditContext { raw_modules: Some(&finished.raw_modules), ..AuditContext::default() };
    let mut findings = audit::audit(Subject::Wheel(&finished.contents), runtime, &context);
    // What is there because it was asked for is no finding.
    findings.retain(|finding| match finding.code {
        Code::DEBUG_SECTIONS => strip == Strip::Symbols,
        Code::LOCAL_PATHS => strip != Strip::Nothing,
        _ => true,
    });
    findings
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
    fn entries_carry_the_time_that_is_asked_for() {
        let check = |text: &str| match entry_time(&Environment::from_iter([("SOURCE_DATE_EPOCH", text)])) {
            Ok(time) => time.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(check(""), "1980-01-01 00:00:00");
        assert_eq!(check("0"), "1980-01-01 00:00:00");
        assert_eq!(check("951782400"), "2000-02-29 00:00:00");
        assert_eq!(check("-5"), "`SOURCE_DATE_EPOCH` is `-5`, which is not a number of seconds since 1970");
        assert!(check("x").contains("not a number"));
    }
}
