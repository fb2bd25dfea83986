//! Whether what a wheel brings can be imported in its release.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Captured, Script, capture};
use crate::context::Context;
use crate::error::Result;
use crate::runtime::Runtime;
use crate::wheel::OpenedWheel;

/// Loads extension modules by their paths, without the Python files around them: those may need packages that are not here.
/// Then looks for the names that these files take. Opens libraries.
const MODULES: &str = include_str!("import_modules.py");

/// The status of that script if modules lack names.
const LACKS_NAMES: i32 = 3;

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
    /// They do, and some lack names that Python files of the wheel import from them: by module.
    LacksNames(BTreeMap<String, Vec<String>>),
    /// It was not tried, and why.
    NotTried(String),
}

impl fmt::Display for ImportCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded => f.write_str("ok"),
            Self::NeedsModule(name) => write!(f, "needs `{name}`"),
            Self::LacksNames(missing) => {
                let of = |(module, names): (&String, &Vec<String>)| {
                    format!("`{module}` lacks `{}`", names.join("`, `"))
                };
                f.write_str(&missing.iter().map(of).collect::<Vec<_>>().join("; "))
            }
            Self::Failed(why) => f.write_str(why.lines().last().unwrap_or("failed")),
            Self::NotTried(why) => write!(f, "not tried: {why}"),
        }
    }
}

/// Loads the extension modules of a wheel on Node.
pub fn check_modules(context: &Context, runtime: &Runtime, wheel: &OpenedWheel) -> ImportCheck {
    let wheels = [wheel.path().to_owned()];
    let of_module = |path: &String| {
        let taken = wheel.taken_names().iter().filter(|taken| taken.module == *path);
        json!({"path": path, "names": taken.map(|taken| &taken.name).collect::<BTreeSet<_>>()})
    };
    let modules: Vec<Value> = wheel.modules().iter().map(of_module).collect();
    let arguments = [Value::from(modules).to_string(), Value::from(wheel.libraries()).to_string()];
    match run(context, runtime, &wheels, MODULES, &arguments) {
        Ok(printed) if printed.status == 0 => ImportCheck::Loaded,
        Ok(printed) if printed.status == LACKS_NAMES => read_missing(printed.stderr.trim()),
        Ok(printed) => judge(printed.stderr.trim()),
        Err(error) => ImportCheck::NotTried(error.to_string()),
    }
}

/// The names that are missing, from the last line of what Python printed.
fn read_missing(stderr: &str) -> ImportCheck {
    match serde_json::from_str(stderr.lines().last().unwrap_or_default()) {
        Ok(missing) => ImportCheck::LacksNames(missing),
        Err(_) => ImportCheck::Failed(stderr.to_owned()),
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
