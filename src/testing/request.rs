//! What is tested, and with what.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::TestResult;
use super::conformance::Conformance;
use crate::building::{Built, CargoRequest, OpenedSource, OverlayRequest};
use crate::run::session::Place;
use crate::runtime::Runtime;
use crate::source::Source;
use crate::wheel::OpenedWheel;

/// The package under test.
#[derive(Debug)]
pub enum TestedPackage {
    /// A wheel alone.
    Wheel(OpenedWheel),
    /// A source, which is built.
    Source(Source),
    /// A source that is open, and the wheel that was built of it.
    Built {
        /// Where it comes from.
        source: Source,
        /// The source, with the tree in which its tests are.
        opened: OpenedSource,
        /// The wheel, and what overlays say of its tests.
        built: Box<Built>,
    },
}

/// What is tested, and with what.
#[derive(Debug, Clone)]
pub struct TestRequest {
    /// The tests: a file or folder of the source, or one of the user's.
    pub tests: Option<PathBuf>,
    /// Wheels that are installed with the package.
    pub wheels: Vec<PathBuf>,
    /// What the tests require beyond what the tool finds.
    pub requires: Vec<String>,
    /// A folder with packages of the release, asked before its network.
    pub packages_dir: Option<PathBuf>,
    /// How long a test may do nothing.
    pub timeout: Duration,
    /// Which tests share an interpreter.
    pub isolation: Isolation,
    /// What cargo is told.
    pub cargo: CargoRequest,
    /// Which overlays are applied.
    pub overlays: OverlayRequest,
    /// Arguments of pytest.
    pub pytest: Vec<String>,
    /// Whether pytest writes in colours.
    pub colors: Colors,
}

/// Which tests share an interpreter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Isolation {
    /// All of them, until one ends it.
    #[default]
    Shared,
    /// Those of one file.
    PerFile,
}

/// Whether pytest writes in colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Colors {
    /// As pytest decides.
    #[default]
    Auto,
    /// Always: its output reaches a terminal.
    Always,
}

impl Default for TestRequest {
    fn default() -> Self {
        Self {
            tests: None,
            wheels: Vec::new(),
            requires: Vec::new(),
            packages_dir: None,
            timeout: Duration::from_mins(10),
            isolation: Isolation::default(),
            cargo: CargoRequest::default(),
            overlays: OverlayRequest::default(),
            pytest: Vec::new(),
            colors: Colors::default(),
        }
    }
}

/// The results of the tests of one release and place.
#[derive(Debug, Serialize)]
pub struct Suite {
    /// The release.
    pub pyodide: String,
    /// Where they ran.
    pub place: Place,
    /// Seconds.
    pub seconds: f64,
    /// How much of what a browser can do works.
    pub conformance: Conformance,
    /// One result a test.
    pub results: Vec<TestResult>,
}

impl Suite {
    /// The results of one release and place.
    pub fn new(runtime: &Runtime, place: Place, seconds: f64, results: Vec<TestResult>) -> Self {
        let conformance = Conformance::of(&results);
        Self { pyodide: runtime.version.to_string(), place, seconds, conformance, results }
    }
}
