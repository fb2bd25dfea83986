//! What `build` says at its end: a table, errors, or one JSON document.

use serde::Serialize;

use super::import;
use super::order::kilobytes;
use crate::env::Environment;
use crate::error::{EXIT_COULD_NOT, EXIT_FAILED, Result, render};
use crate::ui::Ui;

use crate::build::{Clock, RawBuild};
use crate::overlay::changes::Applied;
use crate::runtime::Runtime;
use crate::source::Source;
use crate::toolchain::StandardLibrary;
use crate::wheel::finish::WheelSummary;

/// What came of one release.
pub(super) struct Outcome<'a> {
    pub(super) runtime: &'a Runtime,
    /// The wheel; the inner error is one that would not load.
    pub(super) built: Result<Result<BuiltWheel>>,
    pub(super) seconds: f64,
}

/// Shows the errors and, for several releases, the table. Returns the exit status: the worst of all.
pub(super) fn conclude((ui, environment): (Ui, &Environment), outcomes: &[Outcome<'_>]) -> u8 {
    let mut status = 0;
    for outcome in outcomes {
        let error = match &outcome.built {
            Ok(Ok(_)) => continue,
            Ok(Err(refused)) => {
                status = status.max(EXIT_FAILED);
                refused
            }
            Err(error) => {
                status = EXIT_COULD_NOT;
                error
            }
        };
        ui.failure(&render(error));
    }
    if outcomes.len() > 1 {
        let head = ["line", "wheel", "size", "seconds", "audit", "import"].map(str::to_owned);
        let rows = outcomes.iter().map(|outcome| row((ui, environment), outcome));
        ui.table_aside(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    }
    status
}

fn row(access: (Ui, &Environment), outcome: &Outcome<'_>) -> [String; 6] {
    let line = outcome.runtime.line().to_string();
    let seconds = format!("{:.1}", outcome.seconds);
    let dash = || "-".to_owned();
    match &outcome.built {
        Ok(Ok(wheel)) => {
            let name = wheel.summary.wheel.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let modules: Vec<String> =
                wheel.summary.modules.iter().map(|module| module.path.clone()).collect();
            let size = format!("{:.0} kB", kilobytes(wheel.summary.size));
            [
                line,
                name,
                size,
                seconds,
                "clean".to_owned(),
                import::tried(access, outcome.runtime, (&wheel.summary.wheel, &modules)),
            ]
        }
        Ok(Err(_)) => [line, dash(), dash(), seconds, "failed".to_owned(), dash()],
        Err(_) => [line, "not built".to_owned(), dash(), seconds, dash(), dash()],
    }
}

/// The document.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// What was built.
    source: SourceReport,
    /// Seconds spent before the first build.
    seconds: Seconds,
    /// One entry a wheel.
    wheels: Vec<BuiltWheel>,
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
    /// What overlays changed.
    overlays: Vec<Applied>,
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
    pub(super) fn new(source: &Source, clock: Clock, wheels: Vec<BuiltWheel>) -> Self {
        let sha256 = match source {
            Source::Folder(_) => None,
            Source::Archive(archive) => Some(archive.sha256.clone()),
        };
        Self {
            source: SourceReport { origin: source.origin(), sha256 },
            seconds: clock.into_steps().into_iter().collect(),
            wheels,
        }
    }
}

impl BuiltWheel {
    /// The entry of a wheel.
    pub(super) fn new(
        summary: WheelSummary,
        (runtime, raw): (&Runtime, &RawBuild),
        (seconds, overlays): (Vec<(&'static str, f64)>, Vec<Applied>),
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
            overlays,
            seconds: seconds.into_iter().collect(),
        }
    }
}
