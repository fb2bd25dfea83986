//! Tries whether the extension modules of a wheel load in their release, for the table of a build.

use crate::env::Environment;
use crate::run::{self, Script};
use crate::runtime::Runtime;
use crate::ui::Ui;
use crate::wheel::finish::WheelSummary;

/// Loads each extension module by its path in a process of its own, without the Python files around it: those may need
/// packages that are not here.
const PROGRAM: &str = include_str!("import_modules.py");

/// `ok`, or why not in a few words.
pub(super) fn tried(
    (ui, environment): (Ui, &Environment),
    runtime: &Runtime,
    wheel: &WheelSummary,
) -> String {
    let script = Script {
        name: "import".into(),
        file: None,
        path: String::new(),
        source: PROGRAM.into(),
        arguments: wheel.modules.iter().map(|module| module.path.clone()).collect(),
    };
    match run::capture((ui, environment), runtime, std::slice::from_ref(&wheel.wheel), &script) {
        Ok(printed) if printed.status == 0 => "ok".to_owned(),
        Ok(printed) => printed.stderr.trim().lines().last().unwrap_or("failed").chars().take(80).collect(),
        Err(error) => format!("not tried: {error}"),
    }
}
