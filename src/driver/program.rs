//! Links a program, as configure scripts and CMake do to find out what a C library has.
//!
//! Nothing can run it: there is no start-up code. But it links if and only if the release has what it uses, so that what is
//! found out is what there will be.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context as _, anyhow};

use super::c::Compiler;
use super::c_arguments::{self, CompileCall};
use super::{link, link_arguments};
use crate::abi;
use crate::error::{Result, with_cause};
use crate::process::exit_code;
use crate::wasm::Module;
use crate::wasm::module::Import;

/// Compiles the sources of a call as `emcc` or `em++` and links them.
///
/// # Errors
/// When the compiler or the linker cannot be started, the linker fails, or the release lacks what the program uses.
pub(super) fn run(compiler: &Compiler<'_>, call: &CompileCall) -> Result<u8> {
    let plan = compiler.plan;
    let linker = plan.wasm_ld.as_ref().ok_or_else(|| anyhow!("the driver's plan names no linker"))?;
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let output = call.output.clone().unwrap_or_else(|| "a.out".to_owned());
    let compile = compiler.command(&CompileCall { kept: call.flags(), ..call.clone() })?;
    let mut inputs = Vec::new();
    for (number, input) in call.inputs.iter().enumerate() {
        if !c_arguments::is_source(input) {
            inputs.push(input.clone());
            continue;
        }
        let object = work.path().join(format!("{number}.o"));
        let command = compile.clone().arg("-c").arg("-o").arg(&object).arg(input);
        plan.log(&format!("compile for a program {}", command.copyable()))?;
        let status = exit_code(command.run_through()?);
        if status != 0 {
            return Ok(status);
        }
        inputs.push(object.to_string_lossy().into_owned());
    }
    let words = ["-shared", "-o", &output].map(str::to_owned).into_iter();
    let words: Vec<String> = words.chain(inputs).chain(call.libraries.clone()).collect();
    let mut wanted = link_arguments::read(&words)?;
    // Nothing is exported, so the linker would drop everything: but a function that nobody calls may be the question.
    wanted.exports.clear();
    wanted.inputs.push("--no-gc-sections".to_owned());
    link::call(plan, linker, &wanted)?;
    let bytes = fs_err::read(&output)?;
    let missing = find_missing(&Module::read(&bytes)?, &compiler.c.symbols)?;
    if missing.is_empty() {
        return Ok(0);
    }
    fs_err::remove_file(&output)?;
    // In the words of a linker: configure scripts and people look for them.
    Err(with_cause("c-program", anyhow!("undefined symbol: {} (the release has none)", missing.join(", "))))
}

/// What a module asks for that the release does not have.
fn find_missing(module: &Module, symbols: &Path) -> Result<Vec<String>> {
    let text = fs_err::read_to_string(symbols)?;
    let has: HashSet<&str> = text.lines().collect();
    let wanted = module.imports.iter().filter(|(from, _, import)| {
        matches!(import, Import::Function(_)) || ["GOT.func", "GOT.mem"].contains(&from.as_str())
    });
    let mut missing: Vec<String> = wanted
        .map(|(_, name, _)| name)
        .filter(|name| !has.contains(name.as_str()) && !abi::is_made_on_demand(name))
        .cloned()
        .collect();
    missing.sort();
    missing.dedup();
    Ok(missing)
}
