//! The wheels of a site, read and checked: which release takes which, and whether each will load there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::document::Example;
use super::readme;
use super::request::{AuditRule, SiteRequest};
use super::wheel::SiteWheel;
use crate::abi::{self, Line};
use crate::audit::policy::is_fatal;
use crate::audit::{AuditContext, Finding, Subject, audit};
use crate::context::Context;
use crate::digest::Sha256Digest;
use crate::error::{Result, hinted, with_cause};
use crate::runtime::Runtime;
use crate::wheel::metadata::Fields;
use crate::wheel::{OpenedWheel, WheelContents, WheelFilename};

/// A wheel with all that a site says of it.
#[derive(Debug, Clone)]
pub(super) struct PublishedWheel {
    pub(super) opened: OpenedWheel,
    pub(super) site: SiteWheel,
    pub(super) metadata: Vec<u8>,
    pub(super) summary: String,
    /// The code of its description.
    pub(super) examples: Vec<Example>,
}

impl PublishedWheel {
    pub(super) fn read(path: &Path) -> Result<Self> {
        Self::of(path, &WheelContents::open(path)?)
    }

    fn of(path: &Path, contents: &WheelContents) -> Result<Self> {
        let opened = OpenedWheel::of(&std::path::absolute(path)?, contents)?;
        let bytes = fs_err::read(path)?;
        let file = format!("{}/METADATA", contents.dist_info()?);
        let metadata = contents.files.get(&file).cloned().unwrap_or_default();
        let text = String::from_utf8_lossy(&metadata);
        let summary = Fields::parse(&text).first("Summary").unwrap_or_default().to_owned();
        let imports = opened.importable_names();
        let examples = readme::examples(&text, &imports);
        let site = SiteWheel {
            filename: opened.filename().clone(),
            size: bytes.len() as u64,
            sha256: Sha256Digest::of(&bytes).to_string(),
            metadata_sha256: Sha256Digest::of(&metadata).to_string(),
            requires_python: opened.metadata().requires_python.clone(),
            imports,
            depends: Vec::new(),
        };
        Ok(Self { opened, site, metadata, summary, examples })
    }
}

/// The lines whose releases the tags of wheels claim to fit, oldest first.
pub fn claimed_lines<'a>(wheels: impl IntoIterator<Item = &'a WheelFilename>) -> Vec<Line> {
    let platforms = wheels.into_iter().flat_map(|wheel| wheel.platform.split('.'));
    platforms.flat_map(abi::lines_of_tag).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Reads and checks the wheels of a request, each once.
pub(super) fn read_all(request: &SiteRequest<'_>, context: &Context) -> Result<Vec<PublishedWheel>> {
    let mut seen = BTreeSet::new();
    let paths: Vec<PathBuf> =
        request.wheels.iter().map(std::path::absolute).collect::<std::io::Result<_>>()?;
    let mut wheels = Vec::new();
    for path in paths.iter().filter(|path| seen.insert((*path).clone())) {
        let contents = WheelContents::open(path)?;
        let wheel = PublishedWheel::of(path, &contents)?;
        check_name(&wheel.site.filename)?;
        let fits = fitting(&wheel, request.runtimes)?;
        if request.audit == AuditRule::Enforced {
            context.ui.detail(format!("auditing `{}`", wheel.site.filename));
            for runtime in fits {
                check_audit(&contents, runtime, &paths)?;
            }
        }
        wheels.push(wheel);
    }
    if wheels.is_empty() {
        return Err(hinted(
            anyhow!("a site without wheels has nothing to show"),
            "name wheels, a folder of wheels, or a package to build",
        ));
    }
    for runtime in request.runtimes {
        check_names(&wheels, runtime)?;
    }
    Ok(wheels)
}

/// Refuses a name that no distribution may have: loaders take it for no package at all.
///
/// <https://packaging.python.org/en/latest/specifications/name-normalization/>
fn check_name(filename: &WheelFilename) -> Result<()> {
    let name = &filename.name;
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let is_inside = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if is_end(name.chars().next()) && is_end(name.chars().next_back()) && name.chars().all(is_inside) {
        return Ok(());
    }
    let error = anyhow!("Pyodide loads no package called `{name}`, the name of `{filename}`");
    Err(hinted(
        error,
        "leave it out: a name has letters and digits of ASCII, and `-`, `_` and `.` between them",
    ))
}

/// The releases that take a wheel.
fn fitting<'a>(wheel: &PublishedWheel, runtimes: &'a [Runtime]) -> Result<Vec<&'a Runtime>> {
    let filename = &wheel.site.filename;
    let fits: Vec<&Runtime> = runtimes.iter().filter(|one| one.accepts(filename).is_ok()).collect();
    if !fits.is_empty() {
        return Ok(fits);
    }
    let names: Vec<String> = runtimes.iter().map(|one| one.version.to_string()).collect();
    let lines: Vec<String> = claimed_lines([filename]).iter().map(ToString::to_string).collect();
    let advice = if lines.is_empty() {
        "leave it out: its tags are those of no release that is known".to_owned()
    } else {
        format!("leave it out, or add `--pyodide {}`", lines.join(","))
    };
    let error = anyhow!("`{filename}` is for none of the releases asked for: {}", names.join(", "));
    Err(hinted(error, advice))
}

/// A release takes one wheel of each name: its lock file has no room for another.
fn check_names(wheels: &[PublishedWheel], runtime: &Runtime) -> Result<()> {
    let mut named: BTreeMap<String, &PublishedWheel> = BTreeMap::new();
    for wheel in wheels.iter().filter(|wheel| runtime.accepts(&wheel.site.filename).is_ok()) {
        if let Some(other) = named.insert(wheel.site.name(), wheel) {
            let error = anyhow!(
                "`{}` and `{}` are of one name, and Pyodide {} takes both",
                other.opened.path().display(),
                wheel.opened.path().display(),
                runtime.version
            );
            return Err(hinted(error, "leave one of them out: a lock file has one wheel of each name"));
        }
    }
    Ok(())
}

fn check_audit(contents: &WheelContents, runtime: &Runtime, paths: &[PathBuf]) -> Result<()> {
    let fatal = |context: &AuditContext<'_>| -> Vec<Finding> {
        let findings = audit(Subject::Wheel(contents), runtime, context);
        findings.into_iter().filter(is_fatal).collect()
    };
    if fatal(&AuditContext::default()).is_empty() {
        return Ok(());
    }
    // What it misses may be in another wheel. Those are read only now: there may be thousands.
    let wheels: Vec<WheelContents> =
        paths.iter().map(|path| WheelContents::open(path)).collect::<Result<_>>()?;
    let findings = fatal(&AuditContext { wheels: &wheels, ..AuditContext::default() });
    if findings.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> =
        findings.iter().map(|finding| format!("\n    {}", finding.place_message_and_code())).collect();
    let error = anyhow!(
        "the wheel `{}` would not load in Pyodide {}:{}",
        contents.filename,
        runtime.version,
        lines.concat()
    );
    Err(hinted(with_cause("would-not-load", error), "leave it out; `--no-audit` publishes it all the same"))
}
