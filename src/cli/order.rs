//! One package built for one runtime: from its source to a wheel that was audited.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use super::compatibility::{self, CargoLock};
use super::overlays::{self, Fitting, OverlayArguments};
use super::report::BuiltWheel;
use crate::audit::{self, Code, Companions, Finding, Severity, Subject};
use crate::build::{
    self, BuildFolder, CargoChoices, Clock, CratesKept, RawBuild, Workshop, not_in_browser, source_tree,
};
use crate::cache::with_disk_hint;
use crate::error::{Result, hinted};
use crate::overlay::Changes;
use crate::overlay::changes::Applied;
use crate::overlay::crates::CrateRecipe;
use crate::overlay::values::CrateUpdate;
use crate::project::{Project, bindings};
use crate::runtime::{Runtime, TagChoice};
use crate::source::Source;
use crate::toolchain::RustToolchain;
use crate::toolchain::c_compiler::CToolchain;
use crate::wasm::strip::Names;
use crate::wheel::WheelContents;
use crate::wheel::edits::Edits;
use crate::wheel::finish::{self, FinishedWheel, Target};

/// What cargo and compilers are told.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct CargoArguments {
    /// The cargo profile [default: release]
    #[arg(long, value_name = "PROFILE")]
    pub(super) profile: Option<String>,
    /// Cargo features to turn on; repeatable
    #[arg(long, value_name = "FEATURES", value_delimiter = ',')]
    pub(super) features: Vec<String>,
    /// Turn cargo's default features off
    #[arg(long)]
    pub(super) no_default_features: bool,
    /// Keep compiled crates where other packages find them, instead of with this package
    #[arg(long)]
    pub(super) share_crates: bool,
    /// The folder with the headers of the target's Python, for an extension in C [default: those of a Python of this machine]
    #[arg(long, value_name = "FOLDER")]
    pub(super) headers: Option<PathBuf>,
    /// What compiles C: `clang`, or `emsdk`, which is an Emscripten of yours
    #[arg(long, value_enum, value_name = "TOOLCHAIN", default_value_t, hide_possible_values = true)]
    pub(super) c_toolchain: CToolchain,
}

impl CargoArguments {
    /// The choices with what overlays say; the recipes for crates come later, when the graph is known.
    fn choices(&self, changes: &Changes) -> CargoChoices {
        let mut features = Vec::new();
        if self.no_default_features || changes.cargo.no_default_features {
            features.push("--no-default-features".to_owned());
        }
        let named: Vec<&str> =
            changes.cargo.features.iter().chain(&self.features).map(String::as_str).collect();
        if !named.is_empty() {
            features.push(format!("--features={}", named.join(",")));
        }
        let profile = self.profile.clone();
        CargoChoices {
            profile,
            features,
            overlay: changes.cargo.clone(),
            key: changes.key(),
            headers: self.headers.clone(),
            c_toolchain: self.c_toolchain,
            crates_kept: if self.share_crates { CratesKept::Together } else { CratesKept::Apart },
            ..CargoChoices::default()
        }
    }
}

/// What is built, and how.
pub(super) struct Order<'a> {
    pub(super) workshop: Workshop<'a>,
    pub(super) source: &'a Source,
    pub(super) cargo: &'a CargoArguments,
    pub(super) overlays: &'a OverlayArguments,
    pub(super) tag: TagChoice,
    pub(super) names: Names,
    pub(super) out: &'a Path,
}

impl Order<'_> {
    /// Builds for one runtime. The inner error is a wheel that would not load.
    pub(super) fn build(&self, runtime: &Runtime) -> Result<Result<BuiltWheel>> {
        let workshop = self.workshop;
        let mut clock = Clock::default();
        let folder = BuildFolder::open(workshop, self.source)?;
        let tree = folder.tree(self.source)?;
        let changes = overlays::changes(workshop, (self.overlays, &tree), runtime)?;
        // Files are fetched first: nothing is compiled for a wheel that cannot be finished.
        let edits = overlays::edits(&changes, workshop.access())?;
        let project = Project::read(&source_tree::edited(&folder, (self.source, tree), &changes)?)?;
        compatibility::check_python(&project, runtime)?;
        clock.step("unpack");
        let toolchain = build::toolchain_for(workshop, &project, runtime)?;
        clock.step("toolchain");
        let (choices, recipes) = self.choices((&project, runtime), (&toolchain.rust, &folder), &changes)?;
        compatibility::warn_of_abort(workshop, &project, &choices);
        clock.step("metadata");
        let raw = build::build(workshop, &project, (runtime, toolchain, &choices), folder)?;
        let mut seconds = clock.into_steps();
        seconds.extend(raw.seconds.iter().copied());
        Ok(self.finish((runtime, &raw), &edits)?.map(|(summary, more)| {
            seconds.extend(more);
            BuiltWheel::new(summary, (runtime, &raw), (seconds, [changes.applied, recipes].concat()))
        }))
    }

    /// How cargo is called, with what the recipes for crates say: asked of the graph, which is brought up to date first.
    fn choices(
        &self,
        (project, runtime): (&Project, &Runtime),
        (rust, folder): (&RustToolchain, &BuildFolder),
        changes: &Changes,
    ) -> Result<(CargoChoices, Vec<Applied>)> {
        let workshop = self.workshop;
        let update = |updates: &[CrateUpdate]| {
            source_tree::update_lock(workshop, (project, rust), updates, &folder.root)
        };
        update(&changes.cargo.updates)?;
        let mut choices = self.cargo.choices(changes);
        let mut recipes = overlays::crate_recipes(self.overlays)?;
        recipes.extend(changes.cargo.not_in_browser.iter().map(|name| CrateRecipe::of_no_browser(name)));
        let flags = changes.cargo.crate_rustflags.iter();
        let own = flags.map(|(name, flags)| CrateRecipe::of_flags(name, flags));
        choices.crates = recipes.iter().cloned().chain(own).collect();
        let is_ours = project.root.starts_with(&folder.root);
        let lock = if is_ours { CargoLock::Ours } else { CargoLock::OfTheUser };
        let graph = compatibility::graph(workshop, project, (rust, &choices.features), lock)?;
        let Some(graph) = graph else {
            return Ok((choices, Vec::new()));
        };
        compatibility::check_bindings(workshop, &graph, runtime)?;
        choices.stable_abi = bindings::stable_abi(&graph);
        let fitting = overlays::fitting(&graph, &recipes);
        let (updates, rest): (Vec<Fitting<'_>>, Vec<_>) =
            fitting.into_iter().partition(|fitting| fitting.rule.update);
        if is_ours {
            update(&updates.iter().filter_map(Fitting::update).collect::<Vec<_>>())?;
        } else {
            for fitting in &updates {
                workshop.ui.warn(fitting.advice());
            }
        }
        for Fitting { used, .. } in rest.iter().filter(|fitting| fitting.rule.not_in_browser) {
            choices.overlay.patch.insert(used.name.clone(), not_in_browser::copied(workshop, used)?);
        }
        compatibility::warn_of_browser(workshop, &graph, &choices.overlay.patch);
        let applied: Vec<&Fitting<'_>> = updates.iter().filter(|_| is_ours).chain(&rest).collect();
        for fitting in &applied {
            workshop.ui.phase("Applying", fitting.line());
        }
        if !rest.is_empty() {
            let lines: Vec<String> = rest.iter().map(Fitting::line).collect();
            let own = choices.key.take().unwrap_or_default();
            choices.key = Some(crate::digest::key(&[&own, &lines.join("\n")]));
        }
        Ok((choices, applied.iter().map(|fitting| fitting.applied()).collect()))
    }

    /// Finishes a raw wheel, holds it against its release and writes it.
    fn finish(&self, (runtime, raw): (&Runtime, &RawBuild), edits: &Edits) -> Result<Result<Written>> {
        let ui = self.workshop.ui;
        let mut clock = Clock::default();
        let platform = runtime.platform_tag(&self.tag)?;
        let target = Target { runtime, platform: &platform, names: self.names, edits };
        let finished = finish::finish(&raw.wheel, target, &raw.hidden).with_context(|| {
            format!("no wheel of `{}`; the log of its build is `{}`", self.source.origin(), raw.log.display())
        })?;
        for missed in &finished.missed {
            ui.warn(format!("{missed}: nothing to do"));
        }
        clock.step("finish");
        let findings = audited(&finished, runtime, raw);
        clock.step("audit");
        if findings.iter().any(is_fatal) {
            return Ok(Err(refused(&finished, runtime, (&findings, &raw.log))));
        }
        for finding in &findings {
            match finding.severity {
                Severity::Note => ui.detail(finding),
                _ => ui.warn(format!("{} [{}]", finding.place_and_message(), finding.code)),
            }
        }
        let path = finished
            .contents
            .write(self.out, finish::entry_time(self.workshop.environment)?)
            .map_err(|error| with_disk_hint(error, self.out))?;
        let summary = finish::summarise(&finished, &path)?;
        clock.step("write");
        let size = kilobytes(summary.size);
        ui.phase("Finished", format!("{} ({size:.1} kB)", finished.contents.filename));
        Ok(Ok((summary, clock.into_steps())))
    }
}

/// A wheel that was written, and the seconds of its steps.
type Written = (finish::WheelSummary, Vec<(&'static str, f64)>);

/// Holds a finished wheel against its release. The raw wheel still has the names that tell which crate does what.
fn audited(finished: &FinishedWheel, runtime: &Runtime, raw: &RawBuild) -> Vec<Finding> {
    let with_names = |path: &str| {
        let at = finished.modules.iter().position(|module| module == path)?;
        WheelContents::open(&raw.wheel).ok()?.files.remove(finished.raw_modules.get(at)?)
    };
    let companions = Companions { with_names: Some(&with_names), ..Companions::default() };
    let mut findings = audit::audit(Subject::Wheel(&finished.contents), runtime, &companions);
    // Names that were asked for are no news.
    let names_are_kept = |finding: &Finding| finding.code == Code::DEBUG_SECTIONS;
    findings.retain(|finding| !names_are_kept(finding));
    findings
}

/// Whether a finding keeps the wheel from being kept: what is wrong with the wheel itself does. What it requires can be
/// had otherwise, or made optional.
pub(super) fn is_fatal(finding: &Finding) -> bool {
    let is_about_dependencies = [Code::MISSING_DEPENDENCY, Code::DEPENDENCY_VERSION].contains(&finding.code);
    finding.severity == Severity::Error && !is_about_dependencies
}

/// The error for a wheel that would not load.
fn refused(wheel: &FinishedWheel, runtime: &Runtime, (findings, log): (&[Finding], &Path)) -> anyhow::Error {
    let fatal = findings.iter().filter(|finding| is_fatal(finding));
    let lines: Vec<String> =
        fatal.map(|finding| format!("\n    {} [{}]", finding.place_and_message(), finding.code)).collect();
    let (name, version) = (&wheel.contents.filename, &runtime.version);
    hinted(
        anyhow!("the wheel `{name}` would not load in Pyodide {version}:{}", lines.concat()),
        format!("the wheel was not kept; the log of the build is `{}`", log.display()),
    )
}

#[expect(clippy::cast_precision_loss, reason = "a size for reading")]
pub(super) fn kilobytes(bytes: u64) -> f64 {
    bytes as f64 / 1000.0
}
