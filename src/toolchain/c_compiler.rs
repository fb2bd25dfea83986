//! Finds a C compiler for WebAssembly: clang of LLVM 19 or newer, an archiver, libc++'s headers.
//!
//! Looked for only when a package calls the driver to compile C, so that packages which are all Rust need none.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use serde::{Deserialize, Serialize};

use crate::env::Environment;
use crate::error::{Result, hinted, with_cause};
use crate::process::{Invocation, look_up};
use crate::ui::Ui;

/// The oldest LLVM whose setjmp and exceptions are those of the lines from 0.26 on.
const OLDEST: u32 = 19;
/// The newest that is looked for by name.
const NEWEST: u32 = 40;
/// The libc++ whose headers are known to fit the runtimes' own.
const LIBCXX: u32 = 19;

/// How to get what C takes.
pub const ADVICE: &str = "install clang 19 or newer with its tools, and Emscripten's headers (Debian: `apt-get install clang-19 llvm-19 libc++-19-dev emscripten`)";

/// What compiles C.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum CToolchain {
    /// The system's clang, with headers that fit the line's layouts
    #[default]
    Clang,
    /// An emsdk, or another Emscripten, whose C library is laid out as the line's
    Emsdk,
}

/// A clang.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CCompiler {
    /// The program; it compiles C++ as well.
    pub clang: PathBuf,
    /// Its major version.
    pub llvm: u32,
}

/// The compiler: `CARGO_PYODIDE_CLANG`, or the first on the `PATH` that is new enough.
///
/// # Errors
/// When there is none.
pub fn find(ui: &Ui, environment: &Environment) -> Result<CCompiler> {
    find_since(ui, environment, OLDEST)
}

/// The same, of this LLVM or a newer one: exception models need different ones.
///
/// # Errors
/// When there is none.
pub fn find_since(ui: &Ui, environment: &Environment, oldest: u32) -> Result<CCompiler> {
    let places: Vec<PathBuf> = match environment.get("CARGO_PYODIDE_CLANG") {
        Some(only) => vec![PathBuf::from(only)],
        None => std::iter::once("clang".to_owned())
            .chain((oldest..NEWEST).rev().map(|version| format!("clang-{version}")))
            .filter_map(|name| look_up(environment, &name))
            .collect(),
    };
    let mut looked = Vec::new();
    for clang in places {
        match version(ui, &clang) {
            Ok(llvm) if llvm >= oldest => return Ok(CCompiler { clang, llvm }),
            Ok(llvm) => looked.push(format!("`{}` is of LLVM {llvm}", clang.display())),
            Err(error) => looked.push(format!("`{}`: {error:#}", clang.display())),
        }
    }
    let found = if looked.is_empty() { "none was found".to_owned() } else { looked.join("; ") };
    let error = anyhow!(
        "no clang of LLVM {oldest} or newer to compile C with: {found}; looked at `CARGO_PYODIDE_CLANG` and for `clang` and `clang-NN` on the `PATH`"
    );
    let advice = if oldest == OLDEST {
        ADVICE.to_owned()
    } else {
        format!("install clang {oldest} or newer with its tools, libc++ {LIBCXX}'s and Emscripten's headers")
    };
    Err(hinted(with_cause("no-c-compiler", error), advice))
}

fn version(ui: &Ui, clang: &Path) -> Result<u32> {
    let printed = Invocation::new(clang).arg("-dumpversion").output(ui)?.stdout;
    let major = printed.trim().split('.').next().and_then(|text| text.parse().ok());
    major.ok_or_else(|| anyhow!("it does not say its version"))
}

/// An archiver that writes the symbol table of WebAssembly objects, as llvm-ar does and binutils' ar does not.
///
/// # Errors
/// When there is none.
pub fn find_archiver(environment: &Environment, compiler: Option<&CCompiler>) -> Result<PathBuf> {
    let beside = compiler.and_then(|compiler| {
        let folder = fs_err::canonicalize(&compiler.clang).ok()?;
        Some(folder.with_file_name(format!("llvm-ar{}", std::env::consts::EXE_SUFFIX)))
    });
    let names =
        std::iter::once("llvm-ar".to_owned()).chain((14..NEWEST).rev().map(|n| format!("llvm-ar-{n}")));
    let mut found = beside.into_iter().filter(|path| path.is_file());
    found.next().or_else(|| names.into_iter().find_map(|name| look_up(environment, &name))).ok_or_else(|| {
        let error = anyhow!("no `llvm-ar` to archive C objects with: looked beside clang and on the `PATH`");
        hinted(with_cause("no-c-compiler", error), ADVICE)
    })
}

/// The folder of libc++'s headers.
///
/// # Errors
/// When there is none of the version that fits.
pub fn libcxx_headers(compiler: &CCompiler) -> Result<PathBuf> {
    let own = fs_err::canonicalize(&compiler.clang).ok();
    let own =
        own.as_deref().and_then(Path::parent).and_then(Path::parent).map(|root| root.join("include/c++/v1"));
    let usual = ["/usr/lib/llvm-19", "/usr/local/opt/llvm@19", "/opt/homebrew/opt/llvm@19"];
    let places = own.into_iter().chain(usual.map(|root| Path::new(root).join("include/c++/v1")));
    let fits = |folder: &PathBuf| libcxx_version(folder) == Some(LIBCXX);
    places.into_iter().find(fits).ok_or_else(|| {
        let error = anyhow!(
            "no headers of libc++ {LIBCXX} to compile C++ with: looked beside `{}`",
            compiler.clang.display()
        );
        hinted(with_cause("no-c-compiler", error), ADVICE)
    })
}

/// The major version in `#define _LIBCPP_VERSION 190107`.
fn libcxx_version(folder: &Path) -> Option<u32> {
    let text = fs_err::read_to_string(folder.join("__config")).ok()?;
    let after = text.split("define _LIBCPP_VERSION ").nth(1)?;
    let number: u32 = after.split_whitespace().next()?.parse().ok()?;
    Some(number / 10_000)
}
