//! What `build --json` prints.

use serde::Serialize;

use crate::build::{Clock, RawBuild};
use crate::runtime::Runtime;
use crate::source::Source;
use crate::toolchain::StandardLibrary;
use crate::wheel::finish::WheelSummary;

/// The document.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// What was built.
    source: SourceReport,
    /// Seconds spent before the first build.
    seconds: Seconds,
    /// One entry a wheel.
    pub(super) wheels: Vec<BuiltWheel>,
}

type Seconds = std::collections::BTreeMap<&'static str, f64>;

#[derive(Debug, Serialize)]
struct SourceReport {
    origin: String,
    sha256: Option<String>,
}

/// One wheel.
#[derive(Debug, Serialize)]
pub(super) struct BuiltWheel {
    #[serde(flatten)]
    pub(super) summary: WheelSummary,
    runtime: RuntimeReport,
    toolchain: ToolchainReport,
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
    /// A report without wheels yet.
    pub(super) fn new(source: &Source, clock: Clock) -> Self {
        let sha256 = match source {
            Source::Folder(_) => None,
            Source::Archive(archive) => Some(archive.sha256.clone()),
        };
        Self {
            source: SourceReport { origin: source.origin(), sha256 },
            seconds: clock.into_steps().into_iter().collect(),
            wheels: Vec::new(),
        }
    }
}

impl BuiltWheel {
    /// The entry of a wheel.
    pub(super) fn new(
        summary: WheelSummary,
        runtime: &Runtime,
        raw: &RawBuild,
        seconds: Vec<(&'static str, f64)>,
    ) -> Self {
        let toolchain = &raw.toolchain;
        Self {
            summary,
            runtime: RuntimeReport {
                version: runtime.version.to_string(),
                python: runtime.python.to_string(),
                emscripten: runtime.emscripten.to_string(),
                exceptions: runtime.exceptions.to_string(),
            },
            toolchain: ToolchainReport {
                rustc: toolchain.rust.version.to_string(),
                path: toolchain.rust.rustc.display().to_string(),
                standard_library: match toolchain.std {
                    StandardLibrary::Prebuilt => "prebuilt",
                    StandardLibrary::Built(_) => "built from source",
                },
                wasm_ld: toolchain.wasm_ld.program.display().to_string(),
                llvm: toolchain.wasm_ld.llvm,
            },
            seconds: seconds.into_iter().collect(),
        }
    }
}
