//! Whether what a wheel requires can be had: with the release, with the wheels beside it, or from the package index.

use pep440_rs::Version;

use super::catalogue::Code;
use super::examined::AuditContext;
use super::finding::Findings;
use super::index::Availability;
use crate::redacted::redact;
use crate::runtime::{Runtime, markers};
use crate::wheel::WheelContents;
use crate::wheel::filename::normalised;
use crate::wheel::metadata::Metadata;
use crate::wheel::requirement::Requirement;

/// Checks every requirement that applies inside the release.
pub(super) fn check(
    wheel: &WheelContents,
    runtime: &Runtime,
    context: &AuditContext<'_>,
    findings: &mut Findings,
) {
    // What is wrong with the metadata itself was said already.
    let Ok(metadata) = Metadata::of(wheel) else { return };
    let environment = markers::of(runtime);
    for requirement in &metadata.requires {
        if requirement.applies(&environment, &[]) {
            check_requirement(requirement, runtime, context, findings);
        }
    }
}

fn check_requirement(
    requirement: &Requirement,
    runtime: &Runtime,
    context: &AuditContext<'_>,
    findings: &mut Findings,
) {
    let name = requirement.name();
    let shown = redact(&requirement.to_string());
    let release = format!("Pyodide {}", runtime.version);
    let beside = context.wheels.iter().filter_map(|wheel| Metadata::of(wheel).ok());
    if let Some(mate) = beside.into_iter().find(|mate| normalised(&mate.name) == name) {
        if !requirement.fits(&mate.version) {
            let message = format!(
                "it requires `{shown}`, the wheel beside it is of version {}: micropip refuses it",
                mate.version
            );
            findings.add(Code::DEPENDENCY_VERSION, shown, message);
        }
        return;
    }
    let has = runtime.packages.get(&name).map(|package| &package.version);
    // A version of the release that does not parse fits: micropip takes what the lock file has.
    let version = has.and_then(|has| has.parse::<Version>().ok());
    if has.is_some() && version.is_none_or(|version| requirement.fits(&version)) {
        return;
    }
    let place = match has {
        Some(has) => format!("of which {release} has {has}"),
        None => format!("which is not part of {release}"),
    };
    let found = context.index.map(|index| index.find(&name, &|version| requirement.fits(version), runtime));
    if let Some((code, rest)) = classify_absence(found, has.is_some()) {
        findings.add(code, shown.clone(), format!("it requires `{shown}`, {place}, {rest}"));
    }
}

/// The finding for a requirement that the release does not meet: micropip asks the package index next. None if that has it.
fn classify_absence(found: Option<Availability>, has_other_version: bool) -> Option<(Code, String)> {
    let absent = if has_other_version { Code::DEPENDENCY_VERSION } else { Code::MISSING_DEPENDENCY };
    let refused = |why: &str| format!("and the package index {why}: micropip refuses the wheel");
    match found {
        Some(Availability::Wheel(_)) => None,
        Some(Availability::NoWheel) => Some((absent, refused("has no wheel that fits"))),
        Some(Availability::Unknown) => Some((absent, refused("does not know it"))),
        Some(Availability::NotAsked(why)) => {
            Some((Code::DEPENDENCY_ELSEWHERE, format!("and the package index could not be asked: {why}")))
        }
        None => Some((
            Code::DEPENDENCY_ELSEWHERE,
            "so that micropip looks for a wheel on the package index".to_owned(),
        )),
    }
}
