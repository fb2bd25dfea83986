//! What the tests of one runtime need, made ready before the first of them runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};

use super::order::{Order, is_fatal};
use super::overlays;
use super::test::{Package, Suite, TestChoices};
use crate::audit;
use crate::build::Workshop;
use crate::error::{Result, hinted};
use crate::overlay::Changes;
use crate::overlay::values::RequirementText;
use crate::run::session::{Place, Stream};
use crate::runtime::{Runtime, TagChoice};
use crate::source::{Source, archive, only_folder};
use crate::testing::native::{self, NativeRun};
use crate::testing::requirements::{self, Shelf};
use crate::testing::staging::{self, Staged};
use crate::testing::{self, Plan, TestResult};
use crate::wasm::strip::Names;
use crate::wheel::filename::normalised;
use crate::wheel::metadata::Metadata;
use crate::wheel::{WheelContents, WheelFilename};

/// All that the tests of one runtime need.
pub(super) struct Prepared {
    foundation: Vec<PathBuf>,
    wheels: Vec<PathBuf>,
    archive: PathBuf,
    staged: Staged,
    requirements: Vec<String>,
    arguments: Vec<String>,
    excused: BTreeMap<String, String>,
}

impl Prepared {
    /// Builds the wheel, finds its tests and what they require.
    pub(super) fn new(
        workshop: Workshop<'_>,
        (package, arguments): (&Package, &TestChoices),
        runtime: &Runtime,
        work: &Path,
    ) -> Result<Self> {
        let Subject { wheel, tree, changes } = subject(workshop, (package, arguments), runtime, work)?;
        let contents = WheelContents::read(&wheel)?;
        runtime.accepts(&contents.filename).map_err(|reason| {
            hinted(
                anyhow!("`{}` is not for Pyodide {}: {reason}", wheel.display(), runtime.version),
                "build it for this release, or name another with `--pyodide`",
            )
        })?;
        if matches!(package, Package::Wheel(_)) {
            tell_what_will_not_load(workshop, &contents, runtime);
        }
        let staged = staging::find(&tree, arguments.tests.as_deref(), &contents)?;
        let archive = work.join(format!("tests-{}.zip", runtime.version));
        staged.pack(&archive)?;
        let mut at_hand = vec![wheel];
        for path in &arguments.wheels {
            at_hand.push(std::path::absolute(path)?);
        }
        refuse_doubles(&at_hand)?;
        let packages = arguments.packages_dir.as_deref();
        let shelf = Shelf { runtime, wheels: &at_hand, packages, access: workshop.access() };
        let metadata = Metadata::of(&contents)?;
        let mut stated = arguments.requires.clone();
        stated.extend(changes.test.requires.iter().map(|requirement| requirement.text.clone()));
        let found = found_out((&staged, &tree), (runtime, &metadata), &mut stated);
        workshop.ui.detail(format!("what the tests seem to need: {}", found.join(", ")));
        let own = format!("{}=={}", metadata.name, metadata.version);
        let (wheels, requirements) = reachable(shelf, (&own, &stated), found)?;
        Ok(Self {
            foundation: requirements::foundation(shelf),
            // What a wheel requires comes before it, for those that look when they are installed.
            wheels: wheels.into_iter().chain(at_hand).collect(),
            archive,
            requirements,
            arguments: [&changes.test.args[..], &arguments.pytest[..]].concat(),
            excused: changes.test.deselect.clone(),
            staged,
        })
    }

    /// Runs the tests in one place.
    pub(super) fn run(
        &self,
        workshop: Workshop<'_>,
        (runtime, place): (&Runtime, Place),
        (choices, stdout): (&TestChoices, Stream),
    ) -> Result<Suite> {
        let ui = workshop.ui;
        let started = Instant::now();
        ui.phase("Testing", format!("in Pyodide {} on {place}", runtime.version));
        let files = self.staged.test_files();
        let parts: Vec<Vec<String>> = if choices.forked_each {
            files.into_iter().map(|file| vec![file]).collect()
        } else {
            vec![self.staged.paths.clone()]
        };
        let mut results = Vec::new();
        for part in parts {
            let mut given = self.arguments.clone();
            if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
                given.push("--color=yes".to_owned());
            }
            given.extend(part);
            let plan = Plan {
                runtime,
                place,
                foundation: self.foundation.clone(),
                wheels: self.wheels.clone(),
                archive: self.archive.clone(),
                arguments: given,
                excused: self.excused.clone(),
                timeout: Duration::from_secs(choices.timeout),
                stdout,
            };
            let run = testing::run(&plan, (ui, workshop.environment));
            results.extend(run.with_context(|| {
                format!("the tests could not be run in Pyodide {} on {place}", runtime.version)
            })?);
        }
        let seconds = started.elapsed().as_secs_f64();
        ui.phase("Tested", format!("{} in {seconds:.1} s", testing::summary(&results)));
        Ok(Suite { pyodide: runtime.version.to_string(), place, seconds, results })
    }

    /// Runs the tests on this machine.
    pub(super) fn native(&self, workshop: Workshop<'_>, package: &Package) -> Result<Vec<TestResult>> {
        let (Package::Source(source) | Package::Built(source, _)) = package else {
            bail!("`--native` builds the same source for this machine: name a source, not a wheel");
        };
        let arguments = [&self.arguments[..], &self.staged.paths[..]].concat();
        // The same pytest on both sides: its versions name tests differently.
        let filenames = self.wheels.iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok());
        let pytest = filenames.into_iter().find(|name: &WheelFilename| name.name == "pytest");
        let mut requirements = self.requirements.clone();
        requirements.extend(pytest.map(|name| format!("pytest=={}", name.version)));
        native::run(NativeRun {
            workshop,
            source,
            staged: &self.staged,
            requirements: &requirements,
            arguments: &arguments,
        })
    }
}

/// A wheel that others built: what will not load is told before the runtime blames something else.
fn tell_what_will_not_load(workshop: Workshop<'_>, wheel: &WheelContents, runtime: &Runtime) {
    let findings = audit::audit(audit::Subject::Wheel(wheel), runtime, &audit::Companions::default());
    for finding in findings.iter().filter(|finding| is_fatal(finding)) {
        workshop.ui.warn(format!("{} [{}]", finding.place_and_message(), finding.code));
    }
}

/// The wheel under test, the tree with its tests, and what overlays say of both.
struct Subject {
    wheel: PathBuf,
    tree: PathBuf,
    changes: Changes,
}

fn subject(
    workshop: Workshop<'_>,
    (package, arguments): (&Package, &TestChoices),
    runtime: &Runtime,
    work: &Path,
) -> Result<Subject> {
    match package {
        Package::Wheel(wheel) => {
            let tests = arguments.tests.as_ref().ok_or_else(|| {
                hinted(anyhow!("a wheel does not say where its tests are"), "name them with `--tests PATH`")
            })?;
            let tree = std::path::absolute(tests)?;
            Ok(Subject { wheel: wheel.clone(), tree, changes: Changes::default() })
        }
        Package::Source(source) | Package::Built(source, _) => {
            let wheel = match package {
                Package::Built(_, wheel) => wheel.clone(),
                _ => built(workshop, (source, arguments), runtime, work)?,
            };
            // The tree as it came: the build's own may be changed for the wheel.
            let tree = match source {
                Source::Folder(folder) => folder.clone(),
                Source::Archive(source) => {
                    let folder = work.join(format!("tree-{}", runtime.version));
                    fs_err::create_dir_all(&folder)?;
                    archive::unpack(&source.path, &folder)?;
                    only_folder(&folder)?
                }
            };
            let quiet = Workshop { ui: workshop.ui.quieter(), ..workshop };
            let changes = overlays::changes(quiet, (&arguments.overlays, &tree), runtime)?;
            Ok(Subject { wheel, tree, changes })
        }
    }
}

/// What the tests seem to need beyond what was stated, to which pytest is added.
fn found_out(
    (staged, tree): (&Staged, &Path),
    (runtime, metadata): (&Runtime, &Metadata),
    stated: &mut Vec<String>,
) -> Vec<String> {
    let own = normalised(&metadata.name);
    let mut found = staged.requirements(tree);
    for name in staged.imported_packages(runtime) {
        if name != own && !found.iter().any(|text| is_of(&name, text)) {
            found.push(name);
        }
    }
    if !stated.iter().chain(&found).any(|text| is_of("pytest", text)) {
        stated.push("pytest".to_owned());
    }
    found.retain(|text| !stated.iter().any(|known| same_name(known, text)));
    found
}

/// The wheels for all requirements, and those without the package's own. What was only found out may be unreachable
/// without harm: the tests that need it say so.
fn reachable(
    shelf: Shelf<'_>,
    (own, stated): (&str, &[String]),
    mut found: Vec<String>,
) -> Result<(Vec<PathBuf>, Vec<String>)> {
    let all = |found: &[String]| [&[own.to_owned()], stated, found].concat();
    if let Ok(wheels) = requirements::wheels(shelf, &all(&found)) {
        return Ok((wheels, [stated, &found].concat()));
    }
    found.retain(|text| match requirements::wheels(shelf, std::slice::from_ref(text)) {
        Ok(_) => true,
        Err(error) => {
            shelf.access.ui.warn(format!("the tests may need `{text}`: {}", error.root_cause()));
            false
        }
    });
    Ok((requirements::wheels(shelf, &all(&found))?, [stated, &found].concat()))
}

/// The wheel of a source, in a folder of ours.
fn built(
    workshop: Workshop<'_>,
    (source, arguments): (&Source, &TestChoices),
    runtime: &Runtime,
    work: &Path,
) -> Result<PathBuf> {
    let out = work.join(format!("wheels-{}", runtime.version));
    let order = Order {
        workshop,
        source,
        cargo: &arguments.cargo,
        overlays: &arguments.overlays,
        tag: TagChoice::Line,
        names: Names::Dropped,
        out: &out,
    };
    Ok(order.build(runtime)??.summary.wheel)
}

/// Whether a requirement is of this normalised name.
fn is_of(name: &str, requirement: &str) -> bool {
    requirement.parse().is_ok_and(|parsed: RequirementText| parsed.name == name)
}

fn same_name(one: &str, other: &str) -> bool {
    one.parse().is_ok_and(|one: RequirementText| is_of(&one.name, other))
}

fn refuse_doubles(wheels: &[PathBuf]) -> Result<()> {
    let mut names = std::collections::BTreeMap::new();
    for path in wheels {
        let name = normalised(&Metadata::of(&WheelContents::open(path)?)?.name);
        if let Some(other) = names.insert(name.clone(), path) {
            return Err(hinted(
                anyhow!("two wheels of `{name}`: `{}` and `{}`", other.display(), path.display()),
                "name one of them",
            ));
        }
    }
    Ok(())
}
