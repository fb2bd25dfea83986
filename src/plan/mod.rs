//! The driver's plan: one value in a file beside a build, and the names that tool and driver share.

pub(crate) mod stand_in;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::abi::{EmscriptenVersion, ExceptionModel};
use crate::error::Result;
use crate::overlay::crates::CrateRecipe;

/// What the driver does when it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DriverPlan {
    /// What `emcc -dumpversion` answers: the Rust crate `libc` chooses struct layouts by it.
    pub emscripten: EmscriptenVersion,
    /// Whether the linker leaves debug information in.
    pub keeps_debug_info: bool,
    /// Whether a library is linked that Python opens through cffi, and no module that it imports.
    pub links_library: bool,
    /// The linker; none where nothing is linked.
    pub wasm_ld: Option<WasmLd>,
    /// How cargo is called; none where cargo is not called through us.
    pub cargo: Option<CargoPlan>,
    /// How rustc is called.
    pub rustc: Option<RustcPlan>,
    /// What is linked in besides the package.
    pub supplements: Option<SupplementPlan>,
    /// How C is compiled; none where it is not.
    pub c: Option<CPlan>,
    /// Where each call and its outcome is written.
    pub log: PathBuf,
}

/// How the real rustc is called when cargo calls ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RustcPlan {
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
pub(crate) struct SupplementPlan {
    /// The rustc that compiles them.
    pub rustc: PathBuf,
    /// The sysroot, if it is not the compiler's own.
    pub sysroot: Option<PathBuf>,
    /// Which are linked into every module.
    pub wanted: Vec<Supplement>,
    /// Which are linked into the modules that import what they define, by the name of that function.
    pub on_demand: BTreeMap<String, Supplement>,
    /// The `invoke_j…` that the line has: others would throw in JavaScript, and are made here. None where all work.
    pub wide_invokes: Option<Vec<String>>,
}

/// How the real cargo is called when a build back end calls ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CargoPlan {
    /// The real cargo.
    pub program: PathBuf,
    /// A configuration file added with `--config`: linker and compiler flags of the target.
    pub config: PathBuf,
    /// A profile that takes the place of `--release`.
    pub profile: Option<String>,
    /// Arguments added to each command that compiles.
    pub features: Vec<String>,
    /// Whether the lock file must stay as it is.
    pub is_locked: bool,
}

impl DriverPlan {
    /// A plan for building a standard library: answers which Emscripten it stands for, and calls this compiler.
    pub(crate) fn for_sysroot(emscripten: EmscriptenVersion, rustc: RustcPlan, log: PathBuf) -> Self {
        let rustc = Some(rustc);
        Self {
            emscripten,
            keeps_debug_info: false,
            links_library: false,
            wasm_ld: None,
            cargo: None,
            rustc,
            supplements: None,
            c: None,
            log,
        }
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// When it is not there or not a plan.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = fs_err::read(path)?;
        serde_json::from_slice(&bytes).with_context(|| format!("cannot read the plan `{}`", path.display()))
    }
}

impl DriverPlan {
    /// Adds an entry to the log of the plan's build.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub(crate) fn log(&self, entry: &str) -> Result<()> {
        // Appended in one write: the driver runs many times at once, and entries must not mix.
        let mut file = fs_err::OpenOptions::new().create(true).append(true).open(&self.log)?;
        file.write_all(format!("{entry}\n").as_bytes())?;
        Ok(())
    }
}

/// A linker for WebAssembly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WasmLd {
    /// The program.
    pub program: PathBuf,
    /// Arguments before all others: `rust-lld` must be told which linker to be.
    pub first_arguments: Vec<String>,
    /// The version of LLVM that it belongs to.
    pub llvm: u32,
}

/// A supplement that is linked into every module of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Supplement {
    /// How landing pads number types, for 0.21.
    LandingPads,
    /// Times with 32-bit seconds, for 0.21.
    NarrowTime,
    /// A `pthread_create` that says that there are no threads, for 0.21 to 0.29 and modules that call it.
    NoThreads,
}

/// What compiling C for a line needs besides the rest of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CPlan {
    /// How exceptions unwind.
    pub exceptions: ExceptionModel,
    /// Whether the line has the helpers that today's clang calls for setjmp.
    pub jumps: Jumps,
    /// The cache's folder, in which headers are kept.
    pub cache: PathBuf,
    /// A file that lists what the release has for C to use, one name a line.
    pub symbols: PathBuf,
    /// A header that is read before each file.
    pub first_header: Option<PathBuf>,
    /// The folder with a real `emcc`, if it is to compile.
    pub emsdk: Option<PathBuf>,
    /// The folder with `Python.h`, where the package's extension is written in C.
    pub python: Option<PathBuf>,
}

/// Whether C code can use setjmp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Jumps {
    /// It can: from 0.26 on.
    Served,
    /// The line has the helpers of clang before 19: up to 0.25.
    OldHelpers,
}

/// The file beside a build's log that says what C is compiled with.
pub(crate) const C_TOOLS: &str = "c-tools.json";

/// Our own flag: it changes nothing but the command line, by which a compiler cache tells lines apart.
pub(crate) const PLAN_FLAG: &str = "-fcargo-pyodide-plan=";

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(folder: &Path) -> DriverPlan {
        let recipe = "crate = 'a'\nabout = 'x'\n[[rule]]\nversions = '^1.2, <2'\nfeatures = ['f']\nwithout-features = ['g']\n\
                      rustflags = ['--cfg', 'a=\"b\"']\nnot-in-browser = true\nupdate = true\nwhy = 'y'";
        let rustc = RustcPlan {
            program: "/rust/rustc".into(),
            flags: vec!["-C".into(), "link-arg=a b".into()],
            sysroot: Some("/sysroot".into()),
            remap: vec![("/home/me".into(), "/home".into()), ("/home/me/a".into(), "/source".into())],
            crates: vec![CrateRecipe::read(recipe).unwrap()],
        };
        DriverPlan {
            wasm_ld: Some(WasmLd {
                program: "/lld".into(),
                first_arguments: vec!["-flavor".into()],
                llvm: 21,
            }),
            cargo: Some(CargoPlan {
                program: "/rust/cargo".into(),
                config: "/build/config.toml".into(),
                profile: Some("small".into()),
                features: vec!["--features=a".into()],
                is_locked: false,
            }),
            supplements: Some(SupplementPlan {
                rustc: "/rust/rustc".into(),
                sysroot: None,
                wanted: vec![Supplement::LandingPads, Supplement::NarrowTime],
                on_demand: [("pthread_create".to_owned(), Supplement::NoThreads)].into(),
                wide_invokes: Some(vec!["invoke_j".into()]),
            }),
            c: Some(CPlan {
                exceptions: ExceptionModel::JavaScript,
                jumps: Jumps::OldHelpers,
                cache: "/cache".into(),
                symbols: "/build/symbols.txt".into(),
                first_header: None,
                emsdk: None,
                python: Some("/headers".into()),
            }),
            ..DriverPlan::for_sysroot(EmscriptenVersion(3, 1, 58), rustc, folder.join("driver.log"))
        }
    }

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let (path, plan) = (folder.path().join("plan.json"), plan(folder.path()));
        fs_err::write(&path, serde_json::to_string_pretty(&plan).unwrap()).unwrap();
        assert_eq!(DriverPlan::read(&path).unwrap(), plan);
    }

    #[test]
    fn what_is_no_plan_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        fs_err::write(&path, "{}").unwrap();
        let error = DriverPlan::read(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read the plan `{}`", path.display()));
    }

    #[test]
    fn entries_of_the_log_are_lines_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let plan = plan(folder.path());
        plan.log("one").unwrap();
        plan.log("two").unwrap();
        assert_eq!(fs_err::read_to_string(&plan.log).unwrap(), "one\ntwo\n");
    }
}
