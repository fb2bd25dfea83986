//! Compiles C and C++ for a line with clang, and archives objects: what build scripts ask of Emscripten.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};

use super::c_arguments::{CompileCall, Language};
use crate::abi::exceptions;
use crate::cache::Cache;
use crate::context::{Context, Network};
use crate::env::Environment;
use crate::error::{Result, hinted, with_cause};
use crate::files::write_whole;
use crate::plan::{C_TOOLS, CPlan, DriverPlan, Jumps};
use crate::process::{Invocation, exit_code};
use crate::toolchain::c_compiler::{self, CCompiler};
use crate::toolchain::c_headers::{self, Headers};
use crate::ui::Ui;
use crate::wasm::Module;

/// What C is compiled with. It is looked for once a build, not once a file.
#[derive(Serialize, Deserialize)]
enum Tools {
    /// A clang, and headers for it.
    Clang { compiler: CCompiler, headers: Headers },
    /// The folder with an `emcc` that has its own.
    Emsdk(PathBuf),
}

/// The compiler of a build, called as `emcc` or `em++`.
pub(super) struct Compiler<'a> {
    /// The driver's plan.
    pub(super) plan: &'a DriverPlan,
    /// The part of it that is about C.
    pub(super) c: &'a CPlan,
    name: &'a str,
    tools: Tools,
}

impl<'a> Compiler<'a> {
    /// Finds the compiler that the plan means.
    ///
    /// # Errors
    /// When the plan says nothing of C, or no compiler or headers are there.
    pub(super) fn find(plan: &'a DriverPlan, name: &'a str, environment: &Environment) -> Result<Self> {
        let c = plan.c.as_ref().ok_or_else(|| anyhow!("the driver's plan says nothing of C"))?;
        Ok(Self { plan, c, name, tools: find_tools(plan, c, environment)? })
    }

    /// Serves a call that does not link.
    ///
    /// # Errors
    /// When the compiler cannot be started, or compiled what the line cannot run.
    pub(super) fn compile(&self, call: &CompileCall) -> Result<u8> {
        let command = self.command(call)?;
        let log = format!("compile {}\n  ignored: {}", command.copyable(), call.ignored.join(" "));
        self.plan.log(&log)?;
        if call.output.is_none() && call.kept.iter().any(|argument| argument == "-E") {
            return preprocess(command, &self.c.cache);
        }
        let status = exit_code(command.run_through()?);
        // Only the object tells: a header may mention setjmp that no code calls.
        if status == 0 && self.c.jumps == Jumps::OldHelpers {
            refuse_jumps(self.plan, call)?;
        }
        Ok(status)
    }

    /// How the compiler is called for what stays of a call's arguments.
    ///
    /// # Errors
    /// When the call is C++, and libc++'s headers are missing.
    pub(super) fn command(&self, call: &CompileCall) -> Result<Invocation> {
        let command = match &self.tools {
            Tools::Clang { compiler, headers } => self.clang(compiler, headers, call.language)?,
            // It only compiles. The link stays ours, so that the module is the same kind as one of Rust alone.
            Tools::Emsdk(folder) => {
                Invocation::new(folder.join(self.name)).args(self.c.exceptions.row().emcc)
            }
        };
        let first = self.c.first_header.iter();
        let command = first.fold(command, |command, header| command.arg("-include").arg(header));
        // Assertions and debug information would name folders of this machine.
        let hidden = self.plan.rustc.iter().flat_map(|rustc| &rustc.remap);
        let command = command
            .args(hidden.map(|(folder, name)| format!("-ffile-prefix-map={}={name}", folder.display())));
        Ok(match &self.c.python {
            Some(headers) => command.arg("-I").arg(headers).args(without_python_of_host(&call.kept)),
            None => command.args(&call.kept),
        })
    }

    fn clang(&self, compiler: &CCompiler, headers: &Headers, language: Language) -> Result<Invocation> {
        let mut command = Invocation::new(&compiler.clang)
            .with_our_temporary_folder()
            .args(exceptions::clang_flags(self.c.exceptions, compiler.llvm))
            .arg("--sysroot")
            .arg(&headers.sysroot)
            // Where Emscripten keeps the headers of names that other systems have; `emcc` adds it by itself.
            .args(["-Xclang", "-iwithsysroot/include/compat"]);
        if language == Language::Cxx {
            command = command
                // libc++'s headers come with clang; ours says which ABI the libc++ inside the runtimes has. Nothing
                // of it is linked a second time: the module imports it.
                .args(["-nostdinc++", "-isystem"])
                .arg(&headers.config_site)
                .arg("-isystem")
                .arg(c_compiler::libcxx_headers(compiler)?);
        }
        // `emcc` compiles `-x`-less C++ inputs as C++ by their endings; `em++` everything.
        if self.name == "em++" {
            command = command.arg("--driver-mode=g++");
        }
        Ok(command)
    }
}

fn find_tools(plan: &DriverPlan, c: &CPlan, environment: &Environment) -> Result<Tools> {
    if let Some(folder) = &c.emsdk {
        return Ok(Tools::Emsdk(folder.clone()));
    }
    // A build script compiles hundreds of files, each in a process of its own: only the first one looks.
    let kept = plan.log.with_file_name(C_TOOLS);
    if let Ok(bytes) = fs_err::read(&kept)
        && let Ok(tools) = serde_json::from_slice(&bytes)
    {
        return Ok(tools);
    }
    let cache = Cache::new(c.cache.clone());
    // Silent and offline: this runs inside a build script, whose output cargo reads as directives.
    let context = Context::new(Ui::silent(), environment.clone(), cache, Network::Forbidden);
    let compiler = c_compiler::find_since(&context.ui, environment, c.exceptions.row().oldest_llvm())?;
    let headers = c_headers::prepare(&context, &compiler, plan.emscripten)?;
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
    let status = exit_code(command.arg("-o").arg(&file).run_through()?);
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
        let error = anyhow!(
            "`{source}` uses setjmp, which clang 19 compiles for later lines than that of Emscripten {}",
            plan.emscripten
        );
        return Err(hinted(
            with_cause("c-setjmp", error),
            "name Pyodide 0.26 or later, or leave out the code that uses setjmp",
        ));
    }
    Ok(())
}

/// Serves a call as `emar` or `emranlib`.
///
/// # Errors
/// When there is no archiver, or it cannot be started.
pub(super) fn archive(
    plan: &DriverPlan,
    name: &str,
    arguments: &[String],
    environment: &Environment,
) -> Result<u8> {
    let archiver = match plan.c.as_ref().and_then(|c| c.emsdk.as_ref()) {
        Some(folder) => folder.join("emar"),
        None => {
            let compiler = c_compiler::find(&Ui::silent(), environment).ok();
            c_compiler::find_archiver(environment, compiler.as_ref())?
        }
    };
    let mut command = Invocation::new(archiver);
    // `ranlib FILE` is `ar s FILE`.
    if name == "emranlib" {
        command = command.arg("s");
    }
    let command = command.args(arguments);
    plan.log(&format!("archive {}", command.copyable()))?;
    command.run_through().map(exit_code).context("cannot archive objects")
}
