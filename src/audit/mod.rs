//! The audit: verifies statically that a wheel will install and load in a release, and tells what in it cannot work.
//!
//! Nothing is run. A finding is a value with a stable code; `facts/findings.toml` tells what each means. Errors are meant
//! to be what the running release refuses, no more and no less: tests mutate modules and compare.

mod abi3;
pub mod budget;
pub mod catalogue;
mod dependencies;
mod entry;
mod examined;
mod finding;
pub mod group;
mod imports;
mod index;
mod lints;
mod model;
mod names;
pub mod policy;
mod proposals;
pub mod report;
pub mod size;
pub mod subject;
mod tags;

pub use catalogue::{Code, Severity};
pub use examined::{AuditContext, Subject};
pub use finding::Finding;
pub use index::{Availability, WheelIndex};

use crate::runtime::Runtime;
use examined::{Examined, ModuleContext, Neighbour};
use finding::Findings;

/// Checks a subject against a release. Findings come in the order of the files, errors first in each.
pub fn audit(subject: Subject<'_>, runtime: &Runtime, context: &AuditContext<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Subject::Wheel(wheel) = subject {
        let mut whole = Findings::default();
        tags::check(wheel, runtime, &mut whole);
        dependencies::check(wheel, runtime, context, &mut whole);
        findings.extend(whole.into_list());
        findings.extend(names::check(wheel));
    }
    let mut all = Vec::new();
    for (path, bytes) in examined::modules(subject) {
        let mut found = Findings::of(path);
        all.extend(examined::examine(path, bytes, &mut found));
        findings.extend(found.into_list());
    }
    let neighbours: Vec<Neighbour> = context.wheels.iter().flat_map(Neighbour::of).collect();
    let context = ModuleContext { runtime, all: &all, neighbours: &neighbours, subject, audit: context };
    for this in &all {
        findings.extend(check_module(this, &context));
    }
    // A fixed order, whatever thread found them: two audits of the same file print the same.
    findings.sort_by(|a, b| (&a.file, b.severity, a.code).cmp(&(&b.file, a.severity, b.code)));
    findings
}

fn check_module(this: &Examined<'_>, context: &ModuleContext<'_>) -> Vec<Finding> {
    let mut findings = Findings::of(this.path);
    let libraries = imports::libraries(this, context, &mut findings);
    imports::check(this, context.runtime, &libraries, &mut findings);
    entry::check(this, context, &mut findings);
    proposals::check(this, context.runtime, &mut findings);
    abi3::check(this, context.subject, &mut findings);
    lints::check(this, context, &mut findings);
    findings.into_list()
}
