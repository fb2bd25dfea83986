//! What is measured, against what, and how often.

use std::path::PathBuf;
use std::time::Duration;

use crate::building::{CargoRequest, OverlayRequest};
use crate::run::session::Place;
use crate::source::Source;

/// The package that is measured.
#[derive(Debug, Clone)]
pub enum MeasuredPackage {
    /// A wheel.
    Wheel(PathBuf),
    /// A source, which is built as `build` builds it.
    Source(Source),
}

/// What is measured, against what, and how often. [`BenchRequest::new`] has the defaults.
#[derive(Debug, Clone)]
pub struct BenchRequest {
    /// The package.
    pub package: MeasuredPackage,
    /// The script: its functions `bench_*` are measured. Without one there must be the start-up.
    pub script: Option<PathBuf>,
    /// Parts of the names of the functions that are measured; all if there are none.
    pub only: Vec<String>,
    /// Whether the time until the package is imported is measured too.
    pub start_up: StartUpTime,
    /// Other wheels that are measured in the same way.
    pub against: Vec<PathBuf>,
    /// Whether the source is also built for this machine and measured there.
    pub native: NativeSide,
    /// Wheels that are installed with the package.
    pub wheels: Vec<PathBuf>,
    /// A folder with packages of the release, asked before its network.
    pub packages_dir: Option<PathBuf>,
    /// Where Pyodide runs.
    pub place: Place,
    /// How many interpreters each side gets.
    pub rounds: u32,
    /// How many values each interpreter gives, after one that warms it up.
    pub values: u32,
    /// How long the calls of one value take together, at least.
    pub min_time: Duration,
    /// How long nothing may happen.
    pub timeout: Duration,
    /// What cargo is told.
    pub cargo: CargoRequest,
    /// Which overlays are applied.
    pub overlays: OverlayRequest,
}

/// Whether the time until a package is imported is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartUpTime {
    /// It is.
    Measured,
    /// It is not.
    Skipped,
}

/// Whether this machine is measured too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NativeSide {
    /// It is.
    Measured,
    /// It is not.
    Skipped,
}

impl BenchRequest {
    /// The functions of a script, on Node: ten interpreters a side, three values each of at least a tenth of a second.
    pub fn new(package: MeasuredPackage, script: Option<PathBuf>) -> Self {
        Self {
            package,
            script,
            only: Vec::new(),
            start_up: StartUpTime::Skipped,
            against: Vec::new(),
            native: NativeSide::Skipped,
            wheels: Vec::new(),
            packages_dir: None,
            place: Place::Node,
            rounds: 10,
            values: 3,
            min_time: Duration::from_millis(100),
            timeout: Duration::from_mins(10),
            cargo: CargoRequest::default(),
            overlays: OverlayRequest::default(),
        }
    }
}
