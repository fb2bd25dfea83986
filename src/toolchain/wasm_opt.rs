//! Finds Binaryen's wasm-opt: one of this machine, or the npm package `binaryen`, which runs on Node.
//!
//! The package is installed once into the cache. It holds the same program, compiled to JavaScript: it writes the same bytes
//! and takes a few times as long.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

use crate::cache::Kind;
use crate::context::{Context, Network};
use crate::error::{Result, hinted};
use crate::process::{Invocation, find as find_program, look_up};

/// The oldest Binaryen that knows the features of today's modules by name: `bulk-memory-opt` and `call-indirect-overlong`.
pub const OLDEST: u32 = 121;
/// The npm package that is installed if this machine has no wasm-opt.
const PACKAGE: &str = "binaryen@132.0.0";
/// The version that its program prints.
const PACKAGE_PRINTS: &str = "132 (version_132)";
/// The key of the package in the cache.
const KEY: &str = "binaryen-132.0.0";

/// How to get one.
pub const ADVICE: &str = "install Binaryen 121 or newer (its program is `wasm-opt`), or npm and Node.js, with which the tool installs the package `binaryen` into its cache";

/// A wasm-opt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasmOpt {
    /// The program, or Node.
    pub program: PathBuf,
    /// What stands before its own arguments.
    first_arguments: Vec<OsString>,
    /// What it prints as its version.
    pub version: String,
}

impl WasmOpt {
    /// A call of it.
    pub fn invocation(&self) -> Invocation {
        Invocation::new(&self.program).args(self.first_arguments.iter().cloned())
    }
}

/// A wasm-opt that is here: `CARGO_PYODIDE_WASM_OPT`, the first on the `PATH` if it is new enough, or the package in the
/// cache.
///
/// # Errors
/// When there is none: says where it looked.
pub fn find(context: &Context) -> Result<WasmOpt> {
    let mut looked = Vec::new();
    let named = context.environment.get("CARGO_PYODIDE_WASM_OPT").map(PathBuf::from);
    let is_named = named.is_some();
    if let Some(program) = named.or_else(|| look_up(&context.environment, "wasm-opt")) {
        match ask_version(context, &program) {
            Ok(version) => return Ok(WasmOpt { program, first_arguments: Vec::new(), version }),
            Err(error) => looked.push(format!("{error:#}")),
        }
    }
    if !is_named {
        match installed(context) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => looked.push("the cache has no npm package `binaryen`".to_owned()),
            Err(error) => looked.push(format!("{error:#}")),
        }
    }
    Err(hinted(anyhow!("no `wasm-opt` of Binaryen {OLDEST} or newer: {}", looked.join("; ")), ADVICE))
}

/// The same; the npm package is installed if there is none and the network may be asked.
///
/// # Errors
/// When there is none and npm cannot deliver it.
pub fn find_or_install(context: &Context) -> Result<WasmOpt> {
    let error = match find(context) {
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    let may_install = context.network == Network::Allowed
        && context.environment.get("CARGO_PYODIDE_WASM_OPT").is_none()
        && !context.has_failed(PACKAGE);
    if !may_install {
        return Err(error);
    }
    install(context).inspect_err(|_| context.note_failure(PACKAGE))?;
    find(context)
}

/// Asks a program for its version, and refuses one that is too old.
fn ask_version(context: &Context, program: &Path) -> Result<String> {
    let command = Invocation::new(program).arg("--version");
    let printed = context.ask_once(&command.copyable(), || Ok(command.output(&context.ui)?.stdout))?;
    let (major, version) = parse_version(&printed)
        .ok_or_else(|| anyhow!("`{}` does not say which Binaryen it is of", program.display()))?;
    if major < OLDEST {
        bail!(
            "`{}` is of Binaryen {major}, which does not know the features of today's modules",
            program.display()
        );
    }
    Ok(version)
}

/// The major version in `wasm-opt version 132 (version_132)`, and all that stands behind `version`.
fn parse_version(printed: &str) -> Option<(u32, String)> {
    let version = printed.lines().next()?.split("version ").nth(1)?.trim();
    let major = version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some((major, version.to_owned()))
}

/// The package in the cache, if it is there.
fn installed(context: &Context) -> Result<Option<WasmOpt>> {
    if !context.cache.has(Kind::Optimizers, KEY) {
        return Ok(None);
    }
    let node = find_node(context)?;
    let script = script(&context.cache.entry(Kind::Optimizers, KEY)?);
    // It was asked when it was installed: starting it takes half a second.
    let version = PACKAGE_PRINTS.to_owned();
    Ok(Some(WasmOpt { program: node, first_arguments: vec![script.into()], version }))
}

fn find_node(context: &Context) -> Result<PathBuf> {
    find_program(&context.environment, &["node", "nodejs"], ADVICE)
}

/// The program in the folder where npm installed its package.
fn script(folder: &Path) -> PathBuf {
    folder.join("node_modules/binaryen/bin/wasm-opt")
}

fn install(context: &Context) -> Result<()> {
    let npm = find_program(&context.environment, &["npm"], ADVICE)?;
    let node = find_node(context)?;
    context.cache.get_or_make(&context.ui, Kind::Optimizers, KEY, |folder| {
        let task = context.ui.task(format!("installing {PACKAGE} with npm"));
        Invocation::new(&npm)
            .args(["install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund", "--prefix"])
            .arg(folder)
            .arg(PACKAGE)
            .current_dir(folder)
            .output(&context.ui)
            .with_context(|| format!("npm could not install `{PACKAGE}`"))?;
        drop(task);
        let printed = Invocation::new(&node).arg(script(folder)).arg("--version").output(&context.ui)?.stdout;
        match parse_version(&printed) {
            Some((_, version)) if version == PACKAGE_PRINTS => Ok(()),
            _ => bail!("the package `{PACKAGE}` says that it is `{}`", printed.trim()),
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let check = |printed| parse_version(printed).map(|(major, version)| format!("{major}: {version}"));
        assert_eq!(check("wasm-opt version 132 (version_132)\n").unwrap(), "132: 132 (version_132)");
        assert_eq!(check("wasm-opt version 108\n").unwrap(), "108: 108");
        assert_eq!(
            check("wasm-opt version 124 (version_124-13-g0b)").unwrap(),
            "124: 124 (version_124-13-g0b)"
        );
        assert_eq!(check("command not found"), None);
        assert_eq!(check("version x"), None);
    }
}
