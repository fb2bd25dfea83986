//! The outcome of a build.

use std::path::PathBuf;

use anyhow::anyhow;

use super::gated_names::GatedName;
use super::optimize::Optimized;
use super::pack::WheelSummary;
use super::tuning::Tuning;
use crate::audit::Finding;
use crate::audit::group::group;
use crate::audit::policy::is_fatal;
use crate::error::{Result, hinted, with_cause};
use crate::overlay::Changes;
use crate::overlay::changes::Applied;
use crate::overlay::values::CrateUpdate;
use crate::runtime::Runtime;
use crate::toolchain::Toolchain;
use crate::ui::StepTime;
use crate::wheel::{OpenedWheel, WheelFilename};

/// The outcome of a build.
#[derive(Debug)]
pub enum Outcome {
    /// A wheel that will load.
    Built(Box<Built>),
    /// A wheel that would not load, and was not kept.
    Refused(Box<Refused>),
}

/// A wheel that was built, audited and written.
#[derive(Debug)]
pub struct Built {
    /// The wheel on disk.
    pub wheel: OpenedWheel,
    /// What it is made of.
    pub summary: WheelSummary,
    /// What was chosen for compiling, since the package says nothing of it.
    pub tuning: Tuning,
    /// What was done to its modules.
    pub optimized: Optimized,
    /// What the audit found: nothing that keeps it from loading.
    pub findings: Vec<Finding>,
    /// Names that its Python files take from its modules, and that the sources may leave out.
    pub gated: Vec<GatedName>,
    /// What overlays change in the package.
    pub changes: Changes,
    /// Which overlays and recipes applied.
    pub applied: Vec<Applied>,
    /// The crates that overlays update, with the versions that were taken.
    pub updates: Vec<CrateUpdate>,
    /// What it was compiled with.
    pub toolchain: Toolchain,
    /// The steps and their seconds.
    pub seconds: Vec<StepTime>,
}

/// How many findings are told of a wheel that is refused.
const SHOWN: usize = 50;

/// A wheel that the audit refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The wheel's name.
    pub filename: WheelFilename,
    /// The release that would not load it.
    pub pyodide: semver::Version,
    /// What the audit found.
    pub findings: Vec<Finding>,
    /// The log of the build.
    pub log: PathBuf,
}

impl Outcome {
    /// A wheel that the release would not load.
    pub(super) fn refused(
        filename: WheelFilename,
        runtime: &Runtime,
        findings: Vec<Finding>,
        log: PathBuf,
    ) -> Self {
        let pyodide = runtime.version.clone();
        Self::Refused(Box::new(Refused { filename, pyodide, findings, log }))
    }

    /// The wheel.
    ///
    /// # Errors
    /// When it would not load.
    pub fn accept(self) -> Result<Built> {
        match self {
            Self::Built(built) => Ok(*built),
            // For callers that need a wheel, to which a refused one is no better than none.
            Self::Refused(refused) => Err(refused.into_error()),
        }
    }
}

impl Refused {
    /// What to tell the user.
    pub fn into_error(self) -> anyhow::Error {
        let fatal: Vec<Finding> = self.findings.into_iter().filter(is_fatal).collect();
        let groups = group(&fatal);
        let mut lines: Vec<String> = groups
            .iter()
            .map(|group| format!("\n    {}; {}", group.place_message_and_code(), group.finding.advice))
            .collect();
        if lines.len() > SHOWN {
            let more = format!("\n    and {} more", lines.len() - SHOWN);
            lines.truncate(SHOWN);
            lines.push(more);
        }
        let error = anyhow!(
            "the wheel `{}` would not load in Pyodide {}:{}",
            self.filename,
            self.pyodide,
            lines.concat()
        );
        hinted(
            with_cause("would-not-load", error),
            format!("the wheel was not kept; the log of the build is `{}`", self.log.display()),
        )
    }
}
