//! Tries whether the extension modules of a wheel load in their release, for the table of a build.

use std::path::Path;

use crate::env::Environment;
use crate::run::{self, Script};
use crate::runtime::Runtime;
use crate::ui::Ui;

/// Loads each extension module by its path in a process of its own, without the Python files around it: those may need
/// packages that are not here.
const PROGRAM: &str = include_str!("import_modules.py");

/// `ok`, or why not in a few words.
pub(super) fn tried(
    (ui, environment): (Ui, &Environment),
    runtime: &Runtime,
    (wheel, modules): (&Path, &[String]),
) -> String {
    let script = Script {
        name: "import".into(),
        file: None,
        path: String::new(),
        source: PROGRAM.into(),
        arguments: modules.to_vec(),
    };
    match run::capture((ui, environment), runtime, &[wheel.to_owned()], &script) {
        Ok(printed) if printed.status == 0 => "ok".to_owned(),
        Ok(printed) => printed.stderr.trim().lines().last().unwrap_or("failed").chars().take(80).collect(),
        Err(error) => format!("not tried: {error}"),
    }
}
