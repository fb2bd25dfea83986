//! Whether what a wheel brings can be imported in its release.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::{Captured, Script, capture};
use crate::context::Context;
use crate::error::Result;
use crate::runtime::Runtime;
use crate::wheel::OpenedWheel;

/// Loads each extension module by its path in a process of its own, without the Python files around it: those may need
/// packages that are not here.
const MODULES: &str = include_str!("import_modules.py");

/// Imports packages by their names.
const PACKAGES: &str = include_str!("import_packages.py");

/// Whether the extension modules of a wheel load in their release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportCheck {
    /// All of them do.
    Loaded,
    /// One imports a module that is not part of the release: whether it loads beside that is not known.
    NeedsModule(String),
    /// One does not, and why.
    Failed(String),
    /// It was not tried, and why.
    NotTried(String),
}

impl fmt::Display for ImportCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded => f.write_str("ok"),
            Self::NeedsModule(name) => write!(f, "needs `{name}`"),
            Self::Failed(why) => f.write_str(why.lines().last().unwrap_or("failed")),
            Self::NotTried(why) => write!(f, "not tried: {why}"),
        }
    }
}

/// Loads the extension modules of a wheel on Node.
pub fn check_modules(context: &Context, runtime: &Runtime, wheel: &OpenedWheel) -> ImportCheck {
    let wheels = [wheel.path().to_owned()];
    match run(context, runtime, &wheels, MODULES, &wheel.modules()) {
        Ok(printed) if printed.status == 0 => ImportCheck::Loaded,
        Ok(printed) => judge(printed.stderr.trim()),
        Err(error) => ImportCheck::NotTried(error.to_string()),
    }
}

/// What a module's failure means, by the end of what Python printed.
fn judge(stderr: &str) -> ImportCheck {
    let last = stderr.lines().last().unwrap_or_default();
    let missing = last.strip_prefix("ModuleNotFoundError: No module named '");
    match missing.and_then(|rest| rest.split('\'').next()) {
        Some(name) => ImportCheck::NeedsModule(name.to_owned()),
        None => ImportCheck::Failed(stderr.to_owned()),
    }
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
        variables: BTreeMap::new(),
    };
    capture(context, runtime, wheels, &script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_others_lack_is_told_from_one_that_fails() {
        let check = |stderr: &str| judge(stderr).to_string();
        let missing = "Traceback\nModuleNotFoundError: No module named 'numpy'";
        assert_eq!(check(missing), "needs `numpy`");
        let panic = "thread panicked at src/lib.rs:3:\nTraceback\npyo3_runtime.PanicException: no";
        assert_eq!(check(panic), "pyo3_runtime.PanicException: no");
        assert!(matches!(judge(""), ImportCheck::Failed(_)));
    }
}
