//! Compiles C and C++ for a line with clang, and archives objects: what build scripts ask of Emscripten.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};

use super::c_arguments::{self, CompileCall, Language};
use super::{DriverPlan, log, program};
use crate::abi::ExceptionModel;
use crate::cache::{Cache, write_whole};
use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::process::Invocation;
use crate::toolchain::c_compiler::CCompiler;
use crate::toolchain::headers::Headers;
use crate::toolchain::{c_compiler, headers};
use crate::ui::{Ui, Verbosity};
use crate::wasm::Module;

/// What compiling C for a line takes beside what the plan says of the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CPlan {
    /// How exceptions unwind.
    pub exceptions: ExceptionModel,
    /// Whether the line has the helpers that today's clang calls for setjmp.
    pub jumps: Jumps,
    /// The cache's folder, in which headers are kept.
    pub cache: PathBuf,
    /// A file that lists what the release has for C to use, one name a line.
    pub symbols: PathBuf,
    /// The folder with a real `emcc`, if it is to compile.
    pub emsdk: Option<PathBuf>,
    /// The folder with `Python.h`, where the package's extension is written in C.
    pub python: Option<PathBuf>,
}

/// Whether C code can use setjmp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Jumps {
    /// It can: from 0.26 on.
    Served,
    /// The line has the helpers of clang before 19: up to 0.25.
    OtherHelpers,
}

/// Serves a call as `emcc` or `em++` that does not link.
///
/// # Errors
/// When it cannot be understood, no compiler or headers are there, or the compiler cannot be started.
pub(super) fn compile(plan: &DriverPlan, name: &str, arguments: &[String]) -> Result<u8> {
    let c = plan.c.as_ref().ok_or_else(|| anyhow!("the driver's plan says nothing of C"))?;
    let call = c_arguments::read(name, arguments)?;
    let tools = tools(plan, c)?;
    if call.links {
        return program::run(plan, (c, &tools), (name, &call));
    }
    let command = compiler_call(plan, (c, &tools), (name, &call))?;
    log(plan, &format!("compile {}\n  ignored: {}", command.copyable(), call.ignored.join(" ")))?;
    if call.output.is_none() && call.kept.iter().any(|argument| argument == "-E") {
        return preprocess(command, &c.cache);
    }
    let status = super::exit_status(command.pass_through()?);
    if status == 0 && c.jumps == Jumps::OtherHelpers {
        refuse_jumps(plan, &call)?;
    }
    Ok(status)
}

/// How the compiler is called for what stays of a call's arguments.
///
/// # Errors
/// When it is C++, and libc++'s headers are missing.
pub(super) fn compiler_call(
    plan: &DriverPlan,
    (c, tools): (&CPlan, &Tools),
    (name, call): (&str, &CompileCall),
) -> Result<Invocation> {
    let command = match tools {
        Tools::Clang { compiler, headers } => clang(c, (compiler, headers), (name, call))?,
        Tools::Emsdk(folder) => {
            Invocation::new(folder.join(name)).args(c_arguments::emscripten_flags(c.exceptions))
        }
    };
    let hidden = plan.rustc.iter().flat_map(|rustc| &rustc.remap);
    let command =
        command.args(hidden.map(|(folder, name)| format!("-ffile-prefix-map={}={name}", folder.display())));
    Ok(match &c.python {
        Some(headers) => command.arg("-I").arg(headers).args(without_python_of_host(&call.kept)),
        None => command.args(&call.kept),
    })
}

fn clang(
    c: &CPlan,
    (compiler, headers): (&CCompiler, &Headers),
    (name, call): (&str, &CompileCall),
) -> Result<Invocation> {
    let mut command = Invocation::new(&compiler.clang)
        .args(c_arguments::line_flags(c.exceptions, compiler.llvm))
        .arg("--sysroot")
        .arg(&headers.sysroot)
        .args(["-Xclang", "-iwithsysroot/include/compat"]);
    if call.language == Language::Cxx {
        command = command
            .args(["-nostdinc++", "-isystem"])
            .arg(&headers.config_site)
            .arg("-isystem")
            .arg(c_compiler::libcxx_headers(compiler)?);
    }
    // `emcc` compiles `-x`-less C++ inputs as C++ by their endings; `em++` everything.
    if name == "em++" {
        command = command.arg("--driver-mode=g++");
    }
    Ok(command)
}

/// What C is compiled with. It is looked for once a build, not once a file.
#[derive(Serialize, Deserialize)]
pub(super) enum Tools {
    /// A clang, and headers for it.
    Clang { compiler: CCompiler, headers: Headers },
    /// The folder with an `emcc` that has its own.
    Emsdk(PathBuf),
}

/// The file beside a build's log that says what C is compiled with.
pub const C_TOOLS: &str = "c-tools.json";

fn tools(plan: &DriverPlan, c: &CPlan) -> Result<Tools> {
    if let Some(folder) = &c.emsdk {
        return Ok(Tools::Emsdk(folder.clone()));
    }
    let kept = plan.log.with_file_name(C_TOOLS);
    if let Ok(bytes) = fs_err::read(&kept)
        && let Ok(tools) = serde_json::from_slice(&bytes)
    {
        return Ok(tools);
    }
    let environment = Environment::read();
    let ui = Ui::new(Verbosity::Quiet);
    let compiler = c_compiler::find(ui, &environment)?;
    let cache = Cache::new(c.cache.clone());
    let headers = headers::prepared(ui, (&cache, &environment), (&compiler, plan.emscripten))?;
    let tools = Tools::Clang { compiler, headers };
    // Several compilers run at once: the file is there whole, or not at all.
    write_whole(&kept, &serde_json::to_vec(&tools)?)?;
    Ok(tools)
}

/// The arguments without the headers of the Python that runs the back end: they are those of another machine.
fn without_python_of_host(arguments: &[String]) -> impl Iterator<Item = &String> {
    arguments.iter().filter(|argument| {
        argument.strip_prefix("-I").is_none_or(|folder| !Path::new(folder).join("Python.h").is_file())
    })
}

/// Preprocesses to stdout, which says the same of headers wherever the cache lies: a compiler cache compares it.
fn preprocess(command: Invocation, cache: &Path) -> Result<u8> {
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let file = work.path().join("preprocessed");
    let status = super::exit_status(command.arg("-o").arg(&file).pass_through()?);
    if status == 0 {
        let cache = cache.to_string_lossy();
        let finder = memchr::memmem::Finder::new(cache.as_bytes());
        let bytes = fs_err::read(&file)?;
        let mut rest = 0;
        let mut stdout = std::io::stdout().lock();
        for at in finder.find_iter(&bytes) {
            stdout.write_all(&bytes[rest..at])?;
            stdout.write_all(b"/cargo-pyodide")?;
            rest = at + cache.len();
        }
        stdout.write_all(&bytes[rest..])?;
    }
    Ok(status)
}

/// Up to 0.25 a module with today's setjmp would load and die at the first jump.
fn refuse_jumps(plan: &DriverPlan, call: &CompileCall) -> Result<()> {
    let (Some(output), Some(source)) = (&call.output, &call.source) else { return Ok(()) };
    let bytes = fs_err::read(output)?;
    let Ok(object) = Module::read(&bytes) else { return Ok(()) };
    if object.imports.iter().any(|(_, name, _)| name == "__wasm_setjmp") {
        fs_err::remove_file(output)?;
        return Err(hinted(
            anyhow!(
                "`{source}` uses setjmp, which clang 19 compiles for later lines than that of Emscripten {}",
                plan.emscripten
            ),
            "name Pyodide 0.26 or later, or leave the code out that jumps",
        ));
    }
    Ok(())
}

/// Serves a call as `emar` or `emranlib`.
///
/// # Errors
/// When there is no archiver, or it cannot be started.
pub(super) fn archive(plan: &DriverPlan, name: &str, arguments: &[String]) -> Result<u8> {
    let archiver = match plan.c.as_ref().and_then(|c| c.emsdk.as_ref()) {
        Some(folder) => folder.join("emar"),
        None => {
            let environment = Environment::read();
            let compiler = c_compiler::find(Ui::new(Verbosity::Quiet), &environment).ok();
            c_compiler::archiver(&environment, compiler.as_ref())?
        }
    };
    let mut command = Invocation::new(archiver);
    // `ranlib FILE` is `ar s FILE`.
    if name == "emranlib" {
        command = command.arg("s");
    }
    let command = command.args(arguments);
    log(plan, &format!("archive {}", command.copyable()))?;
    command.pass_through().map(super::exit_status).context("cannot archive objects")
}

impl CPlan {
    /// The plan for a line.
    pub fn new(exceptions: ExceptionModel, jumps: Jumps, (cache, symbols): (&Path, PathBuf)) -> Self {
        Self { exceptions, jumps, cache: cache.to_owned(), symbols, emsdk: None, python: None }
    }
}
