//! Whether what a wheel brings can be imported in its release.

use std::path::{Path, PathBuf};

use super::{Captured, Script, capture};
use crate::context::Context;
use crate::error::Result;
use crate::runtime::Runtime;

/// Loads each extension module by its path in a process of its own, without the Python files around it: those may need
/// packages that are not here.
const MODULES: &str = include_str!("import_modules.py");

/// Imports packages by their names.
const PACKAGES: &str = include_str!("import_packages.py");

/// Loads the extension modules of a wheel, by their paths in it, on Node.
///
/// # Errors
/// When Node cannot be had, or the wheel is for another runtime. The status says whether every module loads.
pub fn load_modules(
    context: &Context,
    runtime: &Runtime,
    wheel: &Path,
    modules: &[String],
) -> Result<Captured> {
    run(context, runtime, &[wheel.to_owned()], MODULES, modules)
}

/// Imports packages by their names, with these wheels installed, on Node.
///
/// # Errors
/// When Node cannot be had, or a wheel is for another runtime. The status says whether every package imports.
pub fn import_packages(
    context: &Context,
    runtime: &Runtime,
    wheels: &[PathBuf],
    names: &[String],
) -> Result<Captured> {
    run(context, runtime, wheels, PACKAGES, names)
}

fn run(
    context: &Context,
    runtime: &Runtime,
    wheels: &[PathBuf],
    program: &str,
    arguments: &[String],
) -> Result<Captured> {
    let script = Script {
        name: "import".into(),
        file: None,
        path: String::new(),
        source: program.into(),
        arguments: arguments.to_vec(),
    };
    capture(context, runtime, wheels, &script)
}

impl Captured {
    /// `ok`, or why not in a few words.
    pub fn in_short(&self) -> String {
        if self.status == 0 {
            return "ok".to_owned();
        }
        self.stderr.trim().lines().last().unwrap_or("failed").chars().take(80).collect()
    }
}
