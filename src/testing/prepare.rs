//! What the tests of one release need, made ready before the first of them runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, anyhow, bail};

use super::native::{self, NativeRun};
use super::request::{Colors, Isolation, Suite, TestRequest, TestedPackage};
use super::staging::{self, Staged};
use super::{TestPlan, TestResult};
use crate::audit::policy::is_fatal;
use crate::audit::{self, AuditContext};
use crate::building::{BuildRequest, Built, FinishRequest, OpenedSource};
use crate::context::Context;
use crate::dependencies::wheels::{self, WheelSources};
use crate::error::{Result, hinted};
use crate::overlay::keys::TestKeys;
use crate::overlay::values::RequirementText;
use crate::project::PyProject;
use crate::run::check_release;
use crate::run::session::Place;
use crate::runtime::Runtime;
use crate::source::Source;
use crate::ui::Stream;
use crate::wheel::{OpenedWheel, WheelContents, WheelFilename};

/// All that the tests of one release need.
#[derive(Debug)]
pub struct PreparedTests {
    source: Option<Source>,
    micropip: Vec<PathBuf>,
    wheels: Vec<PathBuf>,
    archive: PathBuf,
    staged: Staged,
    requirements: Vec<String>,
    arguments: Vec<String>,
    excused: BTreeMap<String, String>,
}

/// The wheel under test, and what overlays say of its tests.
struct Subject {
    wheel: OpenedWheel,
    keys: TestKeys,
    staged: Staged,
    /// What the package states that its tests require.
    stated: Vec<String>,
}

/// Builds the wheel if need be, finds its tests and what they require. Files go into the folder `work`.
///
/// # Errors
/// When the package does not build, it is not for the release, or something that the tests state cannot be had.
pub fn prepare(
    context: &Context,
    package: &TestedPackage,
    request: &TestRequest,
    runtime: &Runtime,
    work: &Path,
) -> Result<PreparedTests> {
    let Subject { wheel, keys, staged, stated } = find_subject(context, package, request, runtime, work)?;
    check_release(runtime, wheel.path(), wheel.filename())?;
    let archive = work.join(format!("tests-{}.zip", runtime.version));
    staged.pack(&archive)?;
    let mut at_hand = vec![wheel.clone()];
    for path in &request.wheels {
        at_hand.push(OpenedWheel::open(path)?);
    }
    // micropip would take the first and say nothing.
    refuse_duplicates(&at_hand)?;
    let packages = request.packages_dir.as_deref();
    let sources = WheelSources { runtime, wheels: &at_hand, packages };
    let mut asked = request.requires.clone();
    asked.extend(keys.requires.iter().map(|requirement| requirement.text.clone()));
    let found = find_requirements(&staged, stated, runtime, &wheel, &mut asked);
    context.ui.detail(format!("what the tests seem to need: {}", found.join(", ")));
    // The package is among the requirements, so that its own requirements are followed from the wheel at hand.
    let own = format!("{}=={}", wheel.metadata().name, wheel.metadata().version);
    let Reachable { wheels, requirements } = find_reachable(context, sources, &own, &asked, found)?;
    Ok(PreparedTests {
        source: match package {
            TestedPackage::Wheel(_) => None,
            TestedPackage::Source(source) | TestedPackage::Built { source, .. } => Some(source.clone()),
        },
        micropip: wheels::find_micropip(context, runtime, packages),
        // What a wheel requires comes before it, for those that look when they are installed.
        wheels: wheels.into_iter().chain(at_hand.iter().map(|wheel| wheel.path().to_owned())).collect(),
        archive,
        requirements,
        arguments: [&keys.args[..], &request.pytest[..]].concat(),
        excused: keys.deselect,
        staged,
    })
}

impl PreparedTests {
    /// Runs the tests in one place. pytest's output goes to `stdout`.
    ///
    /// # Errors
    /// When they cannot be run.
    pub fn run(
        &self,
        context: &Context,
        request: &TestRequest,
        runtime: &Runtime,
        place: Place,
        stdout: Stream,
    ) -> Result<Suite> {
        let started = Instant::now();
        context.ui.phase("Testing", format!("in Pyodide {} on {place}", runtime.version));
        // One interpreter for all tests is the default: starting one takes seconds.
        let parts: Vec<Vec<String>> = match request.isolation {
            Isolation::PerFile => self.staged.test_files().into_iter().map(|file| vec![file]).collect(),
            Isolation::Shared => vec![self.staged.paths.clone()],
        };
        let mut results = Vec::new();
        for part in parts {
            let mut arguments = self.arguments.clone();
            arguments.extend((request.colors == Colors::Always).then(|| "--color=yes".to_owned()));
            arguments.extend(part);
            let plan = TestPlan {
                runtime,
                place,
                micropip: &self.micropip,
                wheels: &self.wheels,
                archive: &self.archive,
                arguments,
                excused: &self.excused,
                timeout: request.timeout,
                stdout,
            };
            let run = super::run(context, &plan);
            results.extend(run.with_context(|| {
                format!("the tests could not be run in Pyodide {} on {place}", runtime.version)
            })?);
        }
        let seconds = started.elapsed().as_secs_f64();
        context.ui.phase("Tested", format!("{} in {seconds:.1} s", super::summary(&results)));
        Ok(Suite { pyodide: runtime.version.to_string(), place, seconds, results })
    }

    /// Runs the same tests on this machine.
    ///
    /// # Errors
    /// When there is no source, the package does not build for this machine, or pytest cannot run.
    pub fn run_native(&self, context: &Context) -> Result<Vec<TestResult>> {
        let Some(source) = &self.source else {
            bail!("`--native` builds the same source for this machine: name a source, not a wheel");
        };
        let arguments = [&self.arguments[..], &self.staged.paths[..]].concat();
        // The same pytest on both sides: its versions name tests differently.
        let filenames = self.wheels.iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok());
        let pytest = filenames.into_iter().find(|name: &WheelFilename| name.name == "pytest");
        let mut requirements = self.requirements.clone();
        requirements.extend(pytest.map(|name| format!("pytest=={}", name.version)));
        let run =
            NativeRun { source, staged: &self.staged, requirements: &requirements, arguments: &arguments };
        native::run(context, run)
    }
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
            let staged = staging::find(&tree, &pyproject, Some(tests), wheel)?;
            let stated = staging::stated_requirements(&tree, &pyproject);
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
    let staged = staging::find(&tree.path, &tree.pyproject, request.tests.as_deref(), &built.wheel)?;
    let stated = staging::stated_requirements(&tree.path, &tree.pyproject);
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
    stated: Vec<String>,
    runtime: &Runtime,
    wheel: &OpenedWheel,
    asked: &mut Vec<String>,
) -> Vec<String> {
    let own = wheel.name();
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

/// The wheels for requirements, and the requirements that can be met, without the package's own.
struct Reachable {
    wheels: Vec<PathBuf>,
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
    if let Ok(wheels) = wheels::find(context, sources, &all(&found)) {
        return Ok(Reachable { wheels, requirements: [asked, &found].concat() });
    }
    found.retain(|text| match wheels::find(context, sources, std::slice::from_ref(text)) {
        Ok(_) => true,
        Err(error) => {
            context.ui.warn(format!("the tests may need `{text}`: {}", error.root_cause()));
            false
        }
    });
    let wheels = wheels::find(context, sources, &all(&found))?;
    Ok(Reachable { wheels, requirements: [asked, &found].concat() })
}

/// Whether a requirement is of this normalised name.
fn is_of(name: &str, requirement: &str) -> bool {
    requirement.parse().is_ok_and(|parsed: RequirementText| parsed.name == name)
}

fn same_name(one: &str, other: &str) -> bool {
    one.parse().is_ok_and(|one: RequirementText| is_of(&one.name, other))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_compared_by_their_normalised_names() {
        assert!(is_of("a-b", "A_b>=1; python_version > '3'"));
        assert!(!is_of("a", "a-b"));
        assert!(same_name("A.b[x]", "a_b==2"));
        assert!(!same_name("not a requirement!", "a"));
    }
}
