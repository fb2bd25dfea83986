//! One package for one release: from a source to a wheel that was audited.
//!
//! [`build`] is the life of a build, step by step. Each step hands on what it knows; nothing is read twice.

pub(crate) mod added_files;
pub(crate) mod checks;
mod crate_versions;
pub mod crates;
pub mod dependencies;
pub(crate) mod finish;
mod gated_names;
mod git_crates;
mod lock_file;
mod matched_rules;
pub mod metadata;
mod optimize;
mod outcome;
pub(crate) mod overlays;
mod own_workspace;
pub mod pack;
mod package;
pub mod report;
pub(crate) mod request;
mod rewritten_crates;
pub mod shell;
mod step_size;
pub(crate) mod tree;
pub mod try_versions;
pub(crate) mod tuning;
mod turned_off_features;

use anyhow::Context as _;

pub use gated_names::{GatedName, overlay_lines};
pub use optimize::Optimized;
pub use outcome::{Built, Outcome, Refused};
pub use request::{
    BuildRequest, CargoRequest, FinishRequest, GitCrates, OverlayRequest, Recipes, SilentSettings,
};
pub use step_size::StepSize;
pub use tree::{OpenedSource, watched_folder};
pub use tuning::Tuning;

use crate::abi::Contract;
use crate::audit::group::group;
use crate::audit::policy::is_fatal;
use crate::audit::{Finding, Severity};
use crate::backend::{self, BackEndBuild, RawBuild};
use crate::context::Context;
use crate::error::Result;
use crate::project::Project;
use crate::runtime::Runtime;
use crate::toolchain::{self, Toolchain};
use crate::ui::Clock;
use crate::wheel::WheelContents;
use crate::wheel::edits::Edits;
use crates::Crates;
use finish::FinishedWheel;
use optimize::Optimizer;
use package::Package;

/// Builds a package for a release.
///
/// # Errors
/// When the package cannot be built. A wheel that would not load is an outcome, not an error.
pub fn build(request: &BuildRequest, runtime: &Runtime, context: &Context) -> Result<Outcome> {
    OpenedSource::open(context, &request.source)?.build(request, runtime, context)
}

impl OpenedSource {
    /// Builds the package for a release.
    ///
    /// # Errors
    /// When the package cannot be built. A wheel that would not load is an outcome, not an error.
    pub fn build(&self, request: &BuildRequest, runtime: &Runtime, context: &Context) -> Result<Outcome> {
        let mut clock = Clock::default();
        let compression = request.compression(&context.environment)?;
        let changes = overlays::choose(context, &request.overlays, self, runtime)?;
        // Files are fetched first: nothing is compiled for a wheel that cannot be finished.
        let edits = added_files::edits(context, &changes)?;
        let recipes = crates::all_recipes(request, &changes)?;
        let tree = self.apply(context, &changes, &recipes)?;
        let project = Project::read(&tree.path, &tree.pyproject)?;
        // Before the toolchain, which may take minutes to build a standard library.
        checks::check_python(&project, runtime)?;
        clock.step("unpack");
        let toolchain = choose_toolchain(context, &project, runtime)?;
        let optimizer = Optimizer::choose(context, request, changes.optimization)?;
        clock.step("toolchain");
        let package = Package { project: &project, tree: &tree, rust: &toolchain.rust, folder: &self.folder };
        let mut crates = Crates::resolve(context, &package, request, &changes, &recipes, runtime)?;
        clock.step("metadata");
        // The back end builds one raw wheel; everything that depends on the release comes after it.
        let raw = self.build_raw(context, &package, runtime, &toolchain, &mut crates)?;
        // The back end times its own steps: this clock starts again after it.
        let mut seconds = clock.into_steps();
        seconds.extend(raw.seconds.iter().copied());
        let mut clock = Clock::default();
        let whose = || {
            let (origin, log) = (request.source.origin(), raw.log.display());
            format!("cannot make a wheel of `{origin}`; the log of the build is `{log}`")
        };
        let mut contents = finish::read(&raw.wheel, &raw.hidden).with_context(whose)?;
        let folder = self.folder.root.join("optimize");
        let optimized = optimizer.run(context, runtime, &folder, request.strip, &mut contents)?;
        clock.step("optimize");
        let finished = finish(context, request, runtime, contents, &edits, &optimized).with_context(whose)?;
        clock.step("finish");
        let findings = finish::audit(&finished, runtime, request.strip);
        clock.step("audit");
        // Audited in memory: a wheel that would not load never lies on disk, not even for a moment.
        if findings.iter().any(is_fatal) {
            return Ok(Outcome::refused(finished.contents.filename, runtime, findings, raw.log));
        }
        tell_findings(context, &findings);
        let gated = gated_names::find(&tree.path, &finished.contents);
        let pack::Written { wheel, summary } =
            pack::write(context, &finished, &request.out_dir, compression, &mut clock)?;
        seconds.extend(clock.into_steps());
        let applied = [&changes.applied[..], &crates.applied].concat();
        let built = Built {
            wheel,
            summary,
            tuning: crates.tuning,
            optimized,
            findings,
            gated,
            changes,
            applied,
            updates: crates.updates,
            toolchain,
            seconds,
        };
        Ok(Outcome::Built(Box::new(built)))
    }

    /// Calls the back end; again, if a crate does not compile with what was chosen for it.
    fn build_raw(
        &self,
        context: &Context,
        package: &Package<'_>,
        runtime: &Runtime,
        toolchain: &Toolchain,
        crates: &mut Crates,
    ) -> Result<RawBuild> {
        loop {
            let build = BackEndBuild {
                project: package.project,
                label: &self.label,
                owner: package.tree.owner,
                workspace: crates.workspace(),
                runtime,
                toolchain,
                choices: &crates.choices,
                folder: &self.folder,
            };
            let error = match backend::build(context, build) {
                Ok(raw) => return Ok(raw),
                Err(error) => error,
            };
            let Some(warning) = crates.turn_features_off(&error) else { return Err(error) };
            context.ui.warn(warning);
        }
    }
}

/// Turns the back end's wheel into one for the release.
fn finish(
    context: &Context,
    request: &BuildRequest,
    runtime: &Runtime,
    contents: WheelContents,
    edits: &Edits,
    optimized: &Optimized,
) -> Result<FinishedWheel> {
    let platform = runtime.platform_tag(&request.tag)?;
    let (platform, linked) = (&platform, &optimized.linked);
    let target = finish::Target { runtime, platform, strip: request.strip, edits, linked };
    let finished = finish::finish(contents, target)?;
    for missed in &finished.missed {
        context.ui.warn(format!("{missed}: nothing to do"));
    }
    Ok(finished)
}

/// The toolchain for a project and a release.
///
/// # Errors
/// When none serves.
pub fn choose_toolchain(context: &Context, project: &Project, runtime: &Runtime) -> Result<Toolchain> {
    let contract = Contract { exceptions: runtime.exceptions, emscripten: runtime.emscripten };
    toolchain::choose(context, contract, project.rust_version.as_ref())
}

fn tell_findings(context: &Context, findings: &[Finding]) {
    for group in group(findings) {
        match group.finding.severity {
            Severity::Note => context.ui.detail(group.place_message_and_code()),
            _ => context.ui.warn(group.place_message_and_code()),
        }
    }
}
