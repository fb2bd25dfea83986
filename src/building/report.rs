//! The outcome of builds, as one document for machines.

use std::collections::BTreeMap;

use serde::Serialize;

use super::optimize::Optimized;
use super::outcome::Built;
use super::pack::WheelSummary;
use crate::audit::Finding;
use crate::digest::Sha256Digest;
use crate::overlay::changes::Applied;
use crate::runtime::Runtime;
use crate::source::Source;
use crate::toolchain::{StandardLibrary, Toolchain};
use crate::ui::{Clock, StepTime};

/// The document.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What was built.
    source: SourceReport,
    /// Seconds spent before the first build.
    seconds: Seconds,
    /// One entry a wheel.
    wheels: Vec<WheelReport>,
}

type Seconds = BTreeMap<&'static str, f64>;

#[derive(Debug, Serialize)]
struct SourceReport {
    origin: String,
    sha256: Option<Sha256Digest>,
}

/// One wheel.
#[derive(Debug, Serialize)]
pub struct WheelReport {
    #[serde(flatten)]
    summary: WheelSummary,
    /// The settings of cargo's profile `release` that were chosen.
    #[serde(skip_serializing_if = "toml::Table::is_empty")]
    chosen_profile: toml::Table,
    /// The features of the target that were chosen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chosen_target_features: Vec<&'static str>,
    #[serde(flatten)]
    optimized: Optimized,
    runtime: RuntimeReport,
    toolchain: ToolchainReport,
    /// What overlays changed.
    overlays: Vec<Applied>,
    /// What the audit found.
    findings: Vec<Finding>,
    /// `ok` if its modules load in the release, else why not; none if that was not tried.
    import: Option<String>,
    seconds: Seconds,
}

#[derive(Debug, Serialize)]
struct RuntimeReport {
    version: String,
    python: String,
    emscripten: String,
    exceptions: String,
}

#[derive(Debug, Serialize)]
struct ToolchainReport {
    rustc: String,
    path: String,
    standard_library: &'static str,
    wasm_ld: String,
    llvm: u32,
}

impl Report {
    /// A report of these wheels.
    pub fn new(source: &Source, clock: Clock, wheels: Vec<WheelReport>) -> Self {
        let sha256 = match source {
            Source::Folder(_) => None,
            Source::Archive(archive) => Some(archive.sha256),
        };
        Self {
            source: SourceReport { origin: source.origin(), sha256 },
            seconds: by_name(clock.into_steps()),
            wheels,
        }
    }
}

impl WheelReport {
    /// The entry of a wheel.
    pub fn new(built: Built, runtime: &Runtime, import: Option<String>) -> Self {
        Self {
            summary: built.summary,
            chosen_profile: built.tuning.profile.table(),
            chosen_target_features: built.tuning.target_features,
            optimized: built.optimized,
            runtime: RuntimeReport {
                version: runtime.version.to_string(),
                python: runtime.python.to_string(),
                emscripten: runtime.emscripten.to_string(),
                exceptions: runtime.exceptions.to_string(),
            },
            toolchain: ToolchainReport::new(&built.toolchain),
            overlays: built.applied,
            findings: built.findings,
            import,
            seconds: by_name(built.seconds),
        }
    }
}

impl ToolchainReport {
    fn new(toolchain: &Toolchain) -> Self {
        Self {
            rustc: toolchain.rust.version.to_string(),
            path: toolchain.rust.rustc.display().to_string(),
            standard_library: match toolchain.std {
                StandardLibrary::Prebuilt => "prebuilt",
                StandardLibrary::Built(_) => "built from source",
            },
            wasm_ld: toolchain.wasm_ld.program.display().to_string(),
            llvm: toolchain.wasm_ld.llvm,
        }
    }
}

fn by_name(steps: Vec<StepTime>) -> Seconds {
    steps.into_iter().collect()
}
