//! The outcome of builds, as one document for machines: `docs/schemas/build.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::optimize::Optimized;
use super::outcome::{Built, Outcome, Refused};
use super::pack::WheelSummary;
use crate::audit::Finding;
use crate::audit::budget::Excess;
use crate::digest::Sha256Digest;
use crate::document::{ErrorDocument, VERSION};
use crate::error::Result;
use crate::overlay::changes::Applied;
use crate::runtime::Runtime;
use crate::source::Source;
use crate::toolchain::{StandardLibrary, Toolchain};
use crate::ui::{Clock, StepTime};

/// The document.
#[derive(Debug, Serialize)]
pub struct Report {
    version: u32,
    /// What was built; none if it was not found.
    source: Option<SourceReport>,
    /// Seconds spent before the first build.
    seconds: Seconds,
    /// One entry a wheel.
    wheels: Vec<WheelReport>,
    /// Wheels that would not load, and were not kept.
    refused: Vec<RefusedReport>,
    /// Releases for which no wheel could be built.
    failed: Vec<FailedReport>,
    /// What is larger than its budget.
    exceeded: Vec<Excess>,
    /// What ended the command before its end.
    error: Option<ErrorDocument>,
}

/// A wheel that the audit refused.
#[derive(Debug, Serialize)]
struct RefusedReport {
    wheel: String,
    pyodide: String,
    findings: Vec<Finding>,
    log: PathBuf,
}

/// A build that failed.
#[derive(Debug, Serialize)]
struct FailedReport {
    pyodide: String,
    error: ErrorDocument,
}

type Seconds = BTreeMap<&'static str, f64>;

#[derive(Debug, Serialize)]
struct SourceReport {
    origin: String,
    sha256: Option<Sha256Digest>,
}

/// One wheel.
#[derive(Debug, Serialize)]
struct WheelReport {
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
    /// A report of what was done before the first build.
    pub fn new(source: Option<&Source>, clock: Clock) -> Self {
        let source = source.map(|source| SourceReport {
            origin: source.origin(),
            sha256: match source {
                Source::Folder(_) => None,
                Source::Archive(archive) => Some(archive.sha256),
            },
        });
        Self {
            version: VERSION,
            source,
            seconds: by_name(clock.into_steps()),
            wheels: Vec::new(),
            refused: Vec::new(),
            failed: Vec::new(),
            exceeded: Vec::new(),
            error: None,
        }
    }

    /// Adds a build. `import` says whether the modules of its wheel load.
    pub fn add(&mut self, runtime: &Runtime, outcome: Result<Outcome>, import: Option<String>) {
        let pyodide = runtime.version.to_string();
        match outcome {
            Ok(Outcome::Built(built)) => self.wheels.push(WheelReport::new(*built, runtime, import)),
            Ok(Outcome::Refused(refused)) => {
                let Refused { filename, findings, log, .. } = *refused;
                self.refused.push(RefusedReport { wheel: filename.to_string(), pyodide, findings, log });
            }
            Err(error) => self.failed.push(FailedReport { pyodide, error: ErrorDocument::of(&error) }),
        }
    }

    /// Adds what is larger than its budget.
    pub fn add_exceeded(&mut self, exceeded: Vec<Excess>) {
        self.exceeded.extend(exceeded);
    }

    /// Adds what ended the command.
    #[must_use]
    pub fn ended_by(self, error: Option<&anyhow::Error>) -> Self {
        Self { error: error.map(ErrorDocument::of), ..self }
    }
}

impl WheelReport {
    fn new(built: Built, runtime: &Runtime, import: Option<String>) -> Self {
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
