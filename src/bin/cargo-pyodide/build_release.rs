//! What `build` does for one release: the package, and with `--with-deps` what it requires.

use std::time::Instant;

use cargo_pyodide::building::dependencies::{DependencyBuilds, PureNeeds, find_needs_of_pure};
use cargo_pyodide::building::{self, BuildRequest, Built, Outcome, metadata, try_versions};
use cargo_pyodide::context::{Context, Network};
use cargo_pyodide::dependencies::published;
use cargo_pyodide::error::{Result, cause, hinted, with_cause};
use cargo_pyodide::project::NothingToBuild;
use cargo_pyodide::run::import;
use cargo_pyodide::runtime::Runtime;
use cargo_pyodide::source::SourceRequest;
use cargo_pyodide::wheel::metadata::Metadata;

use crate::build_report::Build;
use crate::terminal::Terminal;

/// What is built, and what is done with it.
pub(crate) struct Job<'a> {
    pub(crate) context: &'a Context,
    pub(crate) terminal: &'a Terminal,
    /// What the user typed.
    pub(crate) named: &'a SourceRequest,
    pub(crate) request: &'a BuildRequest,
    pub(crate) requirements: Requirements,
    pub(crate) versions: CrateVersions,
    pub(crate) imports: Imports,
    pub(crate) paths: Paths,
}

/// Whether requirements are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requirements {
    Built,
    Left,
}

/// Whether other versions of a crate are tried that does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CrateVersions {
    Tried,
    Locked,
}

/// Whether modules are loaded after a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Imports {
    Tried,
    Skipped,
}

/// Whether paths of wheels are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paths {
    Printed,
    Silent,
}

impl Job<'_> {
    /// Builds for one release: nothing for a pure package whose requirements are all available.
    pub(crate) fn build_for<'a>(&self, runtime: &'a Runtime, builds: &mut Vec<Build<'a>>) -> Result<()> {
        self.tell_what_is_published(runtime);
        let first = builds.len();
        let build = self.build(self.request, runtime)?;
        if self.requirements == Requirements::Left {
            builds.push(self.name_what_has_rust(build));
            return Ok(());
        }
        let package = match &build.outcome {
            Ok(Outcome::Built(built)) => built.wheel.metadata().clone(),
            Err(error) if is_pure(error) => {
                let package = self.metadata(runtime)?;
                let name = format!("{} {}", package.name, package.version);
                self.context
                    .ui
                    .phase("Skipping", format!("{name}: pure Python, its wheel installs as it is"));
                return self.build_requirements(runtime, &package, first, builds);
            }
            Ok(Outcome::Refused(_)) | Err(_) => {
                builds.push(build);
                return Ok(());
            }
        };
        builds.push(build);
        self.build_requirements(runtime, &package, first, builds)
    }

    /// Builds what a package requires. Those from `first` on are the builds for this release.
    fn build_requirements<'a>(
        &self,
        runtime: &'a Runtime,
        package: &Metadata,
        first: usize,
        builds: &mut Vec<Build<'a>>,
    ) -> Result<()> {
        let mut dependencies = DependencyBuilds::default();
        while let Some(next) =
            dependencies.next(self.context, self.request, runtime, package, &list_built(&builds[first..]))?
        {
            builds.push(self.build(&next, runtime)?);
        }
        if builds.len() == first {
            self.context.ui.phase(
                "Finished",
                format!(
                    "nothing to build for Pyodide {}: everything that it requires is available",
                    runtime.version
                ),
            );
        }
        Ok(())
    }

    /// Builds one package, and prints the wheel's path.
    fn build<'a>(&self, request: &BuildRequest, runtime: &'a Runtime) -> Result<Build<'a>> {
        let Self { context, terminal, .. } = self;
        let started = Instant::now();
        let outcome = match building::build(request, runtime, context) {
            Err(error) if self.versions == CrateVersions::Tried => {
                try_versions::build_with_other_versions(request, runtime, context, error)
            }
            outcome => outcome,
        };
        if let (Ok(Outcome::Built(built)), Paths::Printed) = (&outcome, self.paths) {
            terminal.wheel_path(&built.summary.wheel)?;
        }
        let import = match &outcome {
            Ok(Outcome::Built(built)) if self.imports == Imports::Tried => {
                let task = context.ui.task(format!("loading the modules in Pyodide {}", runtime.version));
                let check = import::check_modules(context, runtime, &built.wheel);
                drop(task);
                context.ui.detail(format!("modules in Pyodide {}: {check}", runtime.version));
                Some(check)
            }
            _ => None,
        };
        Ok(Build { runtime, outcome, import, seconds: started.elapsed().as_secs_f64() })
    }

    /// Says where a package that was named is there already: the user may not need a build.
    fn tell_what_is_published(&self, runtime: &Runtime) {
        if let SourceRequest::Package { name, version } = self.named
            && let Some(told) = published::describe(self.context, name, version.as_ref(), runtime)
        {
            self.context.ui.note(told);
        }
    }

    /// The failure of a pure package, with the requirement that has the Rust which the user looks for.
    fn name_what_has_rust<'a>(&self, build: Build<'a>) -> Build<'a> {
        let advice = match &build.outcome {
            Err(error) if is_pure(error) && self.context.network == Network::Allowed => {
                // Only advice: whatever fails on the way to it, the first error stands.
                let needs = self
                    .metadata(build.runtime)
                    .and_then(|package| find_needs_of_pure(self.context, build.runtime, &package));
                needs
                    .ok()
                    .and_then(|needs| advise_pure(&needs, build.runtime))
                    .zip(cause::<NothingToBuild>(error))
            }
            _ => None,
        };
        match advice {
            Some((hint, error)) => {
                Build { outcome: Err(hinted(with_cause("no-rust", error.clone()), hint)), ..build }
            }
            None => build,
        }
    }

    fn metadata(&self, runtime: &Runtime) -> Result<Metadata> {
        metadata::read(self.context, &self.request.source, &self.request.overlays, runtime)
    }
}

fn is_pure(error: &anyhow::Error) -> bool {
    matches!(cause(error), Some(NothingToBuild::Pure(_)))
}

fn advise_pure(needs: &PureNeeds, runtime: &Runtime) -> Option<String> {
    let version = &runtime.version;
    match needs {
        PureNeeds::Rust(source) => Some(format!(
            "the Rust is in its requirement `{source}`: `cargo pyodide build {source}`, or `--with-deps` with this package"
        )),
        PureNeeds::Nothing => Some(format!(
            "it needs no build: its wheel installs as it is, and everything that it requires is available for Pyodide {version}"
        )),
        PureNeeds::Other => None,
    }
}

/// The wheels that were built.
pub(crate) fn list_built<'a>(builds: &'a [Build<'_>]) -> Vec<&'a Built> {
    let wheels = builds.iter().filter_map(|build| match &build.outcome {
        Ok(Outcome::Built(built)) => Some(&**built),
        _ => None,
    });
    wheels.collect()
}
