//! Tests with all that they need: run in a release, and on this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, bail};
use pep508_rs::ExtraName;

use super::native::{self, NativeResults, NativeRun};
use super::needs::find_lacking;
use super::request::{Colors, Isolation, Suite, TestRequest};
use super::staging::Staged;
use super::{TestPlan, TestResult};
use crate::context::Context;
use crate::dependencies::wheels::{self, FoundFiles, Purpose, WheelSources};
use crate::error::Result;
use crate::overlay::values::RequirementText;
use crate::run::session::Place;
use crate::runtime::Runtime;
use crate::source::Source;
use crate::ui::Stream;
use crate::wheel::requirement::Requirement;
use crate::wheel::{OpenedWheel, WheelFilename};

/// The tests of a package, what they require as far as that can be seen, and the wheel under test.
#[derive(Debug)]
pub struct StagedTests {
    pub(super) source: Option<Source>,
    pub(super) wheel: OpenedWheel,
    pub(super) staged: Staged,
    pub(super) archive: PathBuf,
    /// What was asked for: the user's requirements, those of overlays, and pytest.
    pub(super) asked: Vec<String>,
    /// What they seem to need beside that.
    pub(super) found: Vec<String>,
    /// The same without what every Python brings: what this machine's is given.
    pub(super) found_here: Vec<String>,
    pub(super) arguments: Vec<String>,
    pub(super) excused: BTreeMap<String, String>,
}

/// All that the tests of one release need.
#[derive(Debug)]
pub struct PreparedTests<'a> {
    pub(super) tests: &'a StagedTests,
    pub(super) micropip: Vec<PathBuf>,
    pub(super) files: FoundFiles,
    /// The wheel under test, and those that the user gave.
    pub(super) at_hand: Vec<OpenedWheel>,
    pub(super) requirements: Vec<String>,
}

/// Where tests run, and where their output goes.
#[derive(Debug, Clone, Copy)]
struct Environs {
    place: Place,
    stdout: Stream,
}

/// The files with what failures said is missing.
struct More {
    files: FoundFiles,
    /// The places of the results of tests that run again.
    again: BTreeSet<usize>,
}

impl StagedTests {
    /// The package as a requirement: among the others, so that its own are followed from the wheel at hand.
    pub(super) fn own(&self) -> String {
        format!("{}=={}", self.wheel.metadata().name, self.wheel.metadata().version)
    }

    /// What pytest is given for one file. Tests inside the package are run as its modules, as they are all at once.
    fn arguments_for(&self, file: String) -> Vec<String> {
        const AS_MODULES: &str = "--pyargs";
        let are_installed = self.staged.arguments.first().is_some_and(|first| first == AS_MODULES);
        match file.strip_suffix(".py") {
            Some(module) if are_installed && self.wheel.has(&file) => {
                vec![AS_MODULES.to_owned(), module.replace('/', ".")]
            }
            _ => vec![file],
        }
    }

    /// Runs the tests on this machine, whatever of what they require can be had in a release.
    ///
    /// # Errors
    /// When there is no source, the package does not build for this machine, or pytest cannot run.
    pub fn run_native(&self, context: &Context) -> Result<NativeResults> {
        self.run_native_with(context, &self.asked)
    }

    fn run_native_with(&self, context: &Context, asked: &[String]) -> Result<NativeResults> {
        let Some(source) = &self.source else {
            bail!("`--native` builds the same source for this machine: name a source, not a wheel");
        };
        let own = self.wheel.name();
        // `own[test]`: an index may have somebody else's package of this name.
        let (of_own, mut asked): (Vec<String>, Vec<String>) =
            asked.iter().cloned().partition(|text| is_of(&own, text));
        let (guessed_of_own, mut found): (Vec<String>, Vec<String>) =
            self.found_here.iter().cloned().partition(|text| is_of(&own, text));
        asked.extend(native::requirements_of(context, &self.wheel, &extras_of(&of_own))?);
        found.extend(native::requirements_of(context, &self.wheel, &extras_of(&guessed_of_own))?);
        found.retain(|text| !asked.contains(text));
        let Staged { folder, arguments, .. } = &self.staged;
        let arguments = [&self.arguments[..], &arguments[..]].concat();
        let run = NativeRun {
            source,
            wheel: &self.wheel,
            archive: &self.archive,
            folder,
            requirements: &asked,
            guesses: &found,
            arguments: &arguments,
        };
        native::run(context, run)
    }
}

impl PreparedTests<'_> {
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
        let staged = &self.tests.staged;
        context.ui.phase("Testing", format!("in Pyodide {} on {place}", runtime.version));
        // One interpreter for all tests is the default: starting one takes seconds.
        let parts: Vec<Vec<String>> = match request.isolation {
            Isolation::PerFile if !staged.test_files().is_empty() => {
                staged.test_files().into_iter().map(|file| self.tests.arguments_for(file)).collect()
            }
            _ => vec![staged.arguments.clone()],
        };
        let mut results = Vec::new();
        for part in parts {
            let run = self.run_part(context, request, runtime, Environs { place, stdout }, &part);
            results.extend(run.with_context(|| {
                format!("the tests could not be run in Pyodide {} on {place}", runtime.version)
            })?);
        }
        let seconds = started.elapsed().as_secs_f64();
        context.ui.phase("Tested", format!("{} in {seconds:.1} s", super::summary(&results)));
        Ok(Suite::new(runtime, place, seconds, results))
    }

    /// Runs a part of the tests. If failures say that a package is missing that can be had, their tests run again with it.
    fn run_part(
        &self,
        context: &Context,
        request: &TestRequest,
        runtime: &Runtime,
        environs: Environs,
        part: &[String],
    ) -> Result<Vec<TestResult>> {
        let StagedTests { staged, archive, excused, arguments, .. } = self.tests;
        let color = (request.colors == Colors::Always).then(|| "--color=yes".to_owned());
        let arguments: Vec<String> = arguments.iter().cloned().chain(color).chain(part.to_vec()).collect();
        let mut requirements = self.requirements.clone();
        let mut files = self.files.clone();
        let mut results = Vec::new();
        loop {
            // What a wheel requires comes before it, for those that look when they are installed.
            let at_hand = self.at_hand.iter().map(|wheel| wheel.path().to_owned());
            let wheels: Vec<PathBuf> = files.wheels.iter().cloned().chain(at_hand).collect();
            let plan = TestPlan {
                runtime,
                place: environs.place,
                micropip: &self.micropip,
                wheels: &wheels,
                loaded: &files.loaded,
                release_files: &files.release,
                archive,
                folder: &staged.folder,
                arguments: arguments.clone(),
                excused,
                timeout: request.timeout,
                stdout: environs.stdout,
            };
            results = super::run(context, &plan, results)?;
            let Some(more) = self.find_more(context, request, runtime, &results, &mut requirements) else {
                return Ok(results);
            };
            files = more.files;
            let mut place = 0..;
            results.retain(|_| !more.again.contains(&place.next().unwrap_or_default()));
        }
    }

    /// The files that failures say are missing, and whose tests run again.
    fn find_more(
        &self,
        context: &Context,
        request: &TestRequest,
        runtime: &Runtime,
        results: &[TestResult],
        requirements: &mut Vec<String>,
    ) -> Option<More> {
        let sources = WheelSources {
            runtime,
            wheels: &self.at_hand,
            packages: request.packages_dir.as_deref(),
            purpose: Purpose::Tests,
        };
        let mut again = BTreeSet::new();
        let mut names = Vec::new();
        for (package, places) in find_lacking(results, runtime) {
            // One that is there already, or cannot be had, changes nothing.
            let is_new = !requirements.iter().any(|known| same_name(known, &package));
            if is_new && wheels::find(context, sources, std::slice::from_ref(&package)).is_ok() {
                again.extend(places);
                names.push(package);
            }
        }
        let all = [&[self.tests.own()], &requirements[..], &names].concat();
        let files = wheels::find(context, sources, &all).ok().filter(|_| !names.is_empty())?;
        context
            .ui
            .phase("Loading", format!("{}, which tests lack; {} run again", names.join(", "), again.len()));
        requirements.extend(names);
        Some(More { files, again })
    }

    /// Runs the same tests on this machine, with all that they require: not only with what the release can have.
    ///
    /// # Errors
    /// When there is no source, the package does not build for this machine, or pytest cannot run.
    pub fn run_native(&self, context: &Context) -> Result<NativeResults> {
        // The same pytest on both sides: its versions name tests differently.
        let filenames = self.files.wheels.iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok());
        let pytest = filenames.into_iter().find(|name: &WheelFilename| name.name == "pytest");
        let mut asked = self.tests.asked.clone();
        asked.extend(pytest.map(|name| format!("pytest=={}", name.version)));
        self.tests.run_native_with(context, &asked)
    }
}

/// The extras that requirements ask for.
fn extras_of(requirements: &[String]) -> Vec<ExtraName> {
    let parsed = requirements.iter().filter_map(|text| text.parse::<Requirement>().ok());
    parsed.flat_map(|requirement| requirement.extras().to_vec()).collect()
}

/// Whether a requirement is of this normalised name.
pub(super) fn is_of(name: &str, requirement: &str) -> bool {
    requirement.parse().is_ok_and(|parsed: RequirementText| parsed.name == name)
}

pub(super) fn same_name(one: &str, other: &str) -> bool {
    one.parse().is_ok_and(|one: RequirementText| is_of(&one.name, other))
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
