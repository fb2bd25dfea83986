//! What the tests of one release need, made ready before the first of them runs.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::anyhow;

use super::needs;
use super::prepared::{PreparedTests, StagedTests, is_of, same_name};
use super::repository::Extent;
use super::request::{TestRequest, TestedPackage};
use super::staging::{self, Staged};
use crate::audit::policy::is_fatal;
use crate::audit::{self, AuditContext};
use crate::building::{BuildRequest, Built, FinishRequest, OpenedSource};
use crate::context::Context;
use crate::dependencies::wheels::{self, FoundFiles, Purpose, WheelSources};
use crate::error::{Result, hinted};
use crate::overlay::keys::TestKeys;
use crate::project::PyProject;
use crate::run::check_release;
use crate::runtime::{LockedPackage, Runtime, markers};
use crate::source::TreeOwner;
use crate::wheel::{OpenedWheel, WheelContents};

/// The wheel under test, and what overlays say of its tests.
struct Subject {
    wheel: OpenedWheel,
    keys: TestKeys,
    staged: Staged,
    /// What the package states that its tests require.
    stated: Vec<String>,
}

/// Builds the wheel if need be, finds its tests and takes them out of their tree. Files go into the folder `work`.
///
/// # Errors
/// When the package does not build, it is not for the release, or there are no tests.
pub fn stage(
    context: &Context,
    package: &TestedPackage,
    request: &TestRequest,
    runtime: &Runtime,
    work: &Path,
) -> Result<StagedTests> {
    let Subject { wheel, keys, staged, stated } = find_subject(context, package, request, runtime, work)?;
    check_release(runtime, wheel.path(), wheel.filename())?;
    let archive = work.join(format!("tests-{}.zip", runtime.version));
    staged.pack(&archive)?;
    let mut asked = request.requires.clone();
    asked.extend(keys.requires.iter().map(|requirement| requirement.text.clone()));
    let found = find_requirements(&staged, stated, runtime, &wheel, &mut asked);
    context.ui.detail(format!("tests see the files of `{}`", staged.root.display()));
    context.ui.detail(format!("what the tests seem to need: {}", found.join(", ")));
    let mut found_here = found.clone();
    found_here.retain(|name| runtime.packages.get(name).is_none_or(LockedPackage::is_on_package_indexes));
    Ok(StagedTests {
        source: match package {
            TestedPackage::Wheel(_) => None,
            TestedPackage::Source(source) | TestedPackage::Built { source, .. } => Some(source.clone()),
        },
        wheel,
        archive,
        asked,
        found,
        found_here,
        arguments: [&keys.args[..], &request.pytest[..]].concat(),
        excused: keys.deselect,
        staged,
    })
}

/// Finds the wheels that the tests require in a release.
///
/// # Errors
/// When something that the user or the package asks for cannot be had.
pub fn prepare<'a>(
    context: &Context,
    staged: &'a StagedTests,
    request: &TestRequest,
    runtime: &Runtime,
) -> Result<PreparedTests<'a>> {
    let mut at_hand = vec![staged.wheel.clone()];
    for path in &request.wheels {
        at_hand.push(OpenedWheel::open(path)?);
    }
    // micropip would take the first and say nothing.
    refuse_duplicates(&at_hand)?;
    let packages = request.packages_dir.as_deref();
    let sources = WheelSources { runtime, wheels: &at_hand, packages, purpose: Purpose::Tests };
    let Reachable { files, requirements } =
        find_reachable(context, sources, &staged.own(), &staged.asked, staged.found.clone())?;
    let micropip = wheels::find_micropip(context, runtime, packages);
    Ok(PreparedTests { tests: staged, micropip, files, at_hand, requirements })
}

fn find_subject(
    context: &Context,
    package: &TestedPackage,
    request: &TestRequest,
    runtime: &Runtime,
    work: &Path,
) -> Result<Subject> {
    match package {
        TestedPackage::Wheel(wheel) => {
            check_release(runtime, wheel.path(), wheel.filename())?;
            warn_of_findings(context, wheel, runtime)?;
            let tests = request.tests.as_ref().ok_or_else(|| {
                hinted(anyhow!("a wheel does not say where its tests are"), "name them with `--tests PATH`")
            })?;
            let tree = std::path::absolute(tests)?;
            // Tests of the user's own: a folder whose settings cannot be read is pytest's affair.
            let pyproject = PyProject::read(&tree).unwrap_or_default();
            let staged = staging::find(&tree, Extent::Repository, &pyproject, Some(tests), wheel)?;
            let stated = needs::stated_requirements(&tree, &pyproject);
            Ok(Subject { wheel: wheel.clone(), keys: TestKeys::default(), staged, stated })
        }
        TestedPackage::Built { opened, built, .. } => of_build(opened, built, request),
        TestedPackage::Source(source) => {
            let out = work.join(format!("wheels-{}", runtime.version));
            let build = BuildRequest {
                cargo: request.cargo.clone(),
                overlays: request.overlays.clone(),
                finish: FinishRequest::quick(),
                ..BuildRequest::new(source.clone(), out)
            };
            let opened = OpenedSource::open(context, source)?;
            let built = opened.build(&build, runtime, context)?.accept()?;
            of_build(&opened, &built, request)
        }
    }
}

fn of_build(opened: &OpenedSource, built: &Built, request: &TestRequest) -> Result<Subject> {
    let tree = opened.tree();
    let extent = match tree.owner {
        TreeOwner::User => Extent::Repository,
        TreeOwner::Tool => Extent::Tree,
    };
    let staged = staging::find(&tree.path, extent, &tree.pyproject, request.tests.as_deref(), &built.wheel)?;
    let stated = needs::stated_requirements(&tree.path, &tree.pyproject);
    Ok(Subject { wheel: built.wheel.clone(), keys: built.changes.test.clone(), staged, stated })
}

/// Audits a wheel that others built, and warns of what will not load before the runtime blames something else.
fn warn_of_findings(context: &Context, wheel: &OpenedWheel, runtime: &Runtime) -> Result<()> {
    let contents = WheelContents::read(wheel.path())?;
    let findings = audit::audit(audit::Subject::Wheel(&contents), runtime, &AuditContext::default());
    for finding in findings.iter().filter(|finding| is_fatal(finding)) {
        context.ui.warn(finding.place_message_and_code());
    }
    Ok(())
}

/// What the tests seem to need beyond what was asked for, to which pytest is added.
fn find_requirements(
    staged: &Staged,
    mut stated: Vec<String>,
    runtime: &Runtime,
    wheel: &OpenedWheel,
    asked: &mut Vec<String>,
) -> Vec<String> {
    let own = wheel.name();
    // An overlay may have made a requirement optional that the tests import.
    for requirement in wheel.metadata().optional(&markers::of(runtime)) {
        if requirement.name() != own && !stated.iter().any(|text| is_of(&requirement.name(), text)) {
            stated.push(requirement.to_string());
        }
    }
    let mut found = staged.choose_requirements(stated);
    for name in staged.imported_packages(runtime) {
        if name != own && !found.iter().any(|text| is_of(&name, text)) {
            found.push(name);
        }
    }
    if !asked.iter().chain(&found).any(|text| is_of("pytest", text)) {
        // Only where neither the user nor the package names it: they may pin a version.
        asked.push("pytest".to_owned());
    }
    found.retain(|text| !asked.iter().any(|known| same_name(known, text)));
    found
}

/// The files for requirements, and the requirements that can be met, without the package's own.
struct Reachable {
    files: FoundFiles,
    requirements: Vec<String>,
}

/// The wheels for all requirements. A requirement that the tool only guessed may be missing: the tests that need it fail.
fn find_reachable(
    context: &Context,
    sources: WheelSources<'_>,
    own: &str,
    asked: &[String],
    mut found: Vec<String>,
) -> Result<Reachable> {
    let all = |found: &[String]| [&[own.to_owned()], asked, found].concat();
    // All at once first: versions are chosen together. One by one only to find out which cannot be had.
    if let Ok(files) = wheels::find(context, sources, &all(&found)) {
        return Ok(Reachable { files, requirements: [asked, &found].concat() });
    }
    found.retain(|text| match wheels::find(context, sources, std::slice::from_ref(text)) {
        Ok(_) => true,
        Err(error) => {
            context.ui.warn(format!("the tests may need `{text}`: {}", error.root_cause()));
            false
        }
    });
    let files = wheels::find(context, sources, &all(&found))?;
    Ok(Reachable { files, requirements: [asked, &found].concat() })
}

fn refuse_duplicates(wheels: &[OpenedWheel]) -> Result<()> {
    let mut names = BTreeSet::new();
    for wheel in wheels {
        let name = wheel.name();
        if !names.insert(name.clone()) {
            let same = wheels.iter().filter(|other| other.name() == name);
            let paths: Vec<String> = same.map(|other| format!("`{}`", other.path().display())).collect();
            return Err(hinted(
                anyhow!("two wheels of `{name}`: {}", paths.join(" and ")),
                "name one of them",
            ));
        }
    }
    Ok(())
}
