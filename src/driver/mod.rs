//! The driver: our executable when cargo, rustc or a build script calls it as `cargo`, `emcc` or a sibling.
//!
//! One plan, in a file that an environment variable names, says what to answer, which linker to run and what to add to
//! cargo's command line. A link becomes one run of wasm-ld; what the linker is told and says goes to a log beside the
//! build, because rustc hides a linker's output on success.

pub mod arguments;
pub mod build_systems;
pub mod c;
pub mod c_arguments;
pub mod cargo;
pub mod install;
pub mod link;
pub mod program;
pub mod rustc;
pub mod supplements;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize};

use crate::abi::EmscriptenVersion;
use crate::error::Result;
use crate::overlay::crates::CrateRecipe;
use crate::toolchain::{TARGET, WasmLd};

/// What the driver does when it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverPlan {
    /// What `emcc -dumpversion` answers: the Rust crate `libc` chooses struct layouts by it.
    pub emscripten: EmscriptenVersion,
    /// The linker; none where nothing is linked.
    pub wasm_ld: Option<WasmLd>,
    /// How cargo is called; none where cargo is not called through us.
    pub cargo: Option<CargoPlan>,
    /// How rustc is called.
    pub rustc: Option<RustcPlan>,
    /// What is linked in beside the package.
    pub supplements: Option<SupplementPlan>,
    /// How C is compiled; none where it is not.
    pub c: Option<c::CPlan>,
    /// Where each call and its outcome is written.
    pub log: PathBuf,
}

/// How the real rustc is called when cargo calls ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RustcPlan {
    /// The real rustc.
    pub program: PathBuf,
    /// Flags for every crate of the target.
    pub flags: Vec<String>,
    /// The standard library for the target, if it is not the compiler's own.
    pub sysroot: Option<PathBuf>,
    /// Local folders, and what compiled crates say instead; the last that fits counts.
    pub remap: Vec<(PathBuf, String)>,
    /// What single crates need.
    pub crates: Vec<CrateRecipe>,
}

/// Objects that mend what a line lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplementPlan {
    /// The rustc that compiles them.
    pub rustc: PathBuf,
    /// The sysroot, if it is not the compiler's own.
    pub sysroot: Option<PathBuf>,
    /// Which are linked into every module.
    pub wanted: Vec<supplements::Supplement>,
    /// Which are linked into the modules that import what they define, by the name of that function.
    pub on_demand: BTreeMap<String, supplements::Supplement>,
    /// The `invoke_j…` that the line has: others would throw in JavaScript, and are made here. None where all work.
    pub wide_invokes: Option<Vec<String>>,
}

/// How the real cargo is called when a build back end calls ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CargoPlan {
    /// The real cargo.
    pub program: PathBuf,
    /// A configuration file added with `--config`: linker and compiler flags of the target.
    pub config: PathBuf,
    /// A profile that takes the place of `--release`.
    pub profile: Option<String>,
    /// Arguments added to each command that compiles.
    pub features: Vec<String>,
}

impl DriverPlan {
    /// A plan for building a standard library: answers which Emscripten it stands for, and calls this compiler.
    pub fn for_sysroot(emscripten: EmscriptenVersion, rustc: RustcPlan, log: PathBuf) -> Self {
        let rustc = Some(rustc);
        Self { emscripten, wasm_ld: None, cargo: None, rustc, supplements: None, c: None, log }
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// When it is not there or not a plan.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs_err::read(path)?;
        serde_json::from_slice(&bytes).with_context(|| format!("cannot read the plan `{}`", path.display()))
    }
}

/// Runs a call of the driver: `name` is what it was called as. Returns the exit status.
///
/// # Errors
/// When the call cannot be understood, or the program behind it cannot be run.
pub fn run(plan: &Path, name: &str, arguments: Vec<OsString>) -> Result<u8> {
    let plan = DriverPlan::read(plan)?;
    match name {
        "cargo" => {
            let cargo = plan.cargo.as_ref().ok_or_else(|| anyhow!("the driver's plan names no cargo"))?;
            cargo::run(&plan, cargo, arguments)
        }
        "rustc" => {
            let rustc = plan.rustc.as_ref().ok_or_else(|| anyhow!("the driver's plan names no rustc"))?;
            rustc::run(&plan, rustc, arguments)
        }
        "emcc" | "em++" | "emar" | "emranlib" => compile_or_link(&plan, name, texts(arguments)?),
        "emcmake" | "emconfigure" | "emmake" => build_systems::run(&plan, name, &texts(arguments)?),
        _ => bail!("the driver was called as `{name}`, which it does not know"),
    }
}

fn texts(arguments: Vec<OsString>) -> Result<Vec<String>> {
    let text = |argument: OsString| {
        argument.into_string().map_err(|bad| anyhow!("`{}` is not UTF-8", bad.display()))
    };
    arguments.into_iter().map(text).collect()
}

fn compile_or_link(plan: &DriverPlan, name: &str, arguments: Vec<String>) -> Result<u8> {
    let asks = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if asks("-dumpmachine") {
        return answer(&format!("{TARGET}\n"));
    }
    if asks("-dumpversion") {
        return answer(&format!("{}\n", plan.emscripten));
    }
    if asks("--version") || asks("-v") && arguments.len() == 1 {
        return answer(&format!("emcc (cargo-pyodide, standing in for Emscripten) {}\n", plan.emscripten));
    }
    let links = arguments
        .iter()
        .any(|argument| argument.contains("EXPORTED_FUNCTIONS") || argument.contains("SIDE_MODULE"))
        || asks("-shared");
    let compiles = asks("-c") || asks("-E") || asks("-S");
    match name {
        "emar" | "emranlib" => c::archive(plan, name, &arguments),
        "emcc" | "em++" if links && !compiles => link::run(plan, arguments),
        _ => c::compile(plan, name, &arguments),
    }
}

/// Prints the answer to a question about the compiler.
fn answer(text: &str) -> Result<u8> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot answer")?;
    Ok(0)
}

/// The status with which the driver ends after the real program: cargo's own 101 where there is none, after a signal.
fn exit_status(status: std::process::ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(101)
}

/// Adds an entry to the plan's log.
fn log(plan: &DriverPlan, entry: &str) -> Result<()> {
    let mut file = fs_err::OpenOptions::new().create(true).append(true).open(&plan.log)?;
    file.write_all(format!("{entry}\n").as_bytes())?;
    Ok(())
}
