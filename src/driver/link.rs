//! Runs one link: expands response files, compiles supplements, calls wasm-ld, keeps a log.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::link_arguments::{self, CannotLink, LinkPlan};
use super::supplements::{self, WideInvoke};
use crate::env::Environment;
use crate::error::{Result, with_cause};
use crate::plan::{DriverPlan, Supplement, SupplementPlan, WasmLd};
use crate::process::Invocation;
use crate::ui::Ui;
use crate::wasm::module::Import;
use crate::wasm::{Module, relocations, weak_symbols};

/// Links a side module.
///
/// # Errors
/// When the arguments do not describe one, or wasm-ld fails: then with its words, which rustc shows.
pub(super) fn run(plan: &DriverPlan, given: &[String], environment: &Environment) -> Result<u8> {
    // Cargo links a dependency too that is a `cdylib` beside a library; nobody loads what comes of it.
    let is_dependency = environment.get("CARGO_PRIMARY_PACKAGE").is_none();
    let checked = link_arguments::read(given).and_then(|link| {
        if plan.links_library {
            return Ok(link);
        }
        let link = link.with_entries_alone();
        if is_dependency { Ok(link) } else { link.require_entry().map(|()| link) }
    });
    let mut link = checked.map_err(|error| {
        // rustc shows our message; the log is for whoever looks deeper.
        let _ = plan.log(&format!("refused: {error}\n  {}", given.join(" ")));
        match error {
            CannotLink::NoEntry(_) => with_cause("no-module", error),
            _ => error.into(),
        }
    })?;
    let linker = plan.wasm_ld.as_ref().ok_or_else(|| anyhow!("the driver's plan names no linker"))?;
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    // The inputs are cargo's: copies are changed.
    mend_inputs(plan, &mut link, work.path())?;
    if let Some(supplements) = &plan.supplements {
        put_first(&mut link, &supplements::compile(supplements, &[], work.path())?);
    }
    call(plan, linker, &link)?;
    if let Some(supplements) = &plan.supplements {
        let bytes = fs_err::read(Path::new(&link.output))?;
        let module = Module::read(&bytes)?;
        let wide = missing_wide_invokes(supplements, &module, &bytes)?;
        let wanted = find_wanted(supplements, &module);
        // What a module imports is known only when it is linked: what is missing is made then, and all is linked
        // once more.
        if !wide.is_empty() || !wanted.is_empty() {
            let more = SupplementPlan { wanted, ..supplements.clone() };
            put_first(&mut link, &supplements::compile(&more, &wide, work.path())?);
            call(plan, linker, &link)?;
        }
    }
    Ok(0)
}

/// Puts mended copies in the place of inputs in which a call names a global, or which define names weakly.
fn mend_inputs(plan: &DriverPlan, link: &mut LinkPlan, work: &Path) -> Result<()> {
    let folders: Vec<PathBuf> =
        link.inputs.iter().filter_map(|input| input.strip_prefix("-L").map(PathBuf::from)).collect();
    for (number, input) in link.inputs.iter_mut().enumerate() {
        let path = match input.strip_prefix("-l") {
            Some(name) => {
                folders.iter().map(|folder| folder.join(format!("lib{name}.a"))).find(|path| path.is_file())
            }
            None => Some(PathBuf::from(input.as_str())).filter(|path| path.is_file()),
        };
        let Some(path) = path else { continue };
        let mut bytes = fs_err::read(&path)?;
        let unreadable = || format!("cannot read `{}`", path.display());
        // LLVM may leave a call with the relocation of a global, in C and in Rust; an emsdk then links the wrong
        // function.
        let calls = relocations::wrong_calls(&bytes).with_context(unreadable)?;
        // A module binds its own names, and yet wasm-ld exports the weak ones.
        let definitions = weak_symbols::visible_definitions(&bytes).with_context(unreadable)?;
        if calls.is_empty() && definitions.is_empty() {
            continue;
        }
        plan.log(&format!(
            "{} calls of globals mended and {} weak definitions hidden in {}",
            calls.len(),
            definitions.len(),
            path.display()
        ))?;
        relocations::mend(&mut bytes, &calls);
        weak_symbols::hide(&mut bytes, &definitions);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mended = work.join(format!("mended-{number}-{name}"));
        fs_err::write(&mended, bytes)?;
        *input = mended.to_string_lossy().into_owned();
    }
    Ok(())
}

/// The supplements that define what a linked module imports.
fn find_wanted(supplements: &SupplementPlan, module: &Module) -> Vec<Supplement> {
    let imports = |name: &str| module.imports.iter().any(|(_, import, _)| import == name);
    supplements
        .on_demand
        .iter()
        .filter(|(name, _)| imports(name))
        .map(|(_, supplement)| *supplement)
        .collect()
}

fn put_first(link: &mut LinkPlan, objects: &[PathBuf]) {
    let objects = objects.iter().map(|object| object.to_string_lossy().into_owned());
    link.inputs.splice(0..0, objects);
}

/// Calls wasm-ld.
///
/// # Errors
/// When it fails: then with its words.
pub(super) fn call(plan: &DriverPlan, linker: &WasmLd, link: &LinkPlan) -> Result<()> {
    let response =
        tempfile::Builder::new().suffix(".rsp").tempfile().context("cannot make a response file")?;
    // A file and not the command line, which is too short for some links on some systems.
    let arguments = link.arguments(plan.keeps_debug_info);
    let quoted: Vec<String> = arguments.iter().map(|argument| quote(argument)).collect();
    fs_err::write(response.path(), quoted.join("\n"))?;
    let command = Invocation::new(&linker.program)
        .args(&linker.first_arguments)
        .arg(format!("@{}", response.path().display()));
    let (ignored, passed) = (link.ignored.join(" "), arguments.join(" "));
    plan.log(&format!("link {}\n  ignored: {ignored}\n  {passed}", link.output))?;
    // rustc drops what a linker prints on success: the log is the only place for its warnings.
    let output = command.output(&Ui::silent())?;
    let said = format!("{}{}", output.stdout, output.stderr);
    if !said.trim().is_empty() {
        plan.log(&said)?;
    }
    Ok(())
}

/// The `invoke_j…` that a linked module imports and the line does not have.
fn missing_wide_invokes(
    supplements: &SupplementPlan,
    module: &Module,
    bytes: &[u8],
) -> Result<Vec<WideInvoke>> {
    let Some(has) = &supplements.wide_invokes else { return Ok(Vec::new()) };
    let names = Module::function_names(bytes)?;
    let functions = module.imports.iter().filter_map(|(_, name, import)| match import {
        Import::Function(signature) => Some((name, signature)),
        _ => None,
    });
    let mut wanted: Vec<WideInvoke> = functions
        .enumerate()
        .filter(|(_, (name, _))| name.starts_with("invoke_j") && !has.contains(name))
        .filter_map(|(index, (_, signature))| {
            WideInvoke::new(names.get(&u32::try_from(index).ok()?)?, signature)
        })
        .collect();
    wanted.sort();
    wanted.dedup();
    Ok(wanted)
}

pub(super) fn expand(given: Vec<String>) -> Result<Vec<String>> {
    let mut expanded = Vec::with_capacity(given.len());
    for argument in given {
        // `@rpath/…`, which some flags take, is no file.
        match argument.strip_prefix('@').filter(|path| Path::new(path).is_file()) {
            Some(path) => expanded.extend(link_arguments::split_response(&fs_err::read_to_string(path)?)),
            None => expanded.push(argument),
        }
    }
    Ok(expanded)
}

/// A word of a response file as LLVM's tools read it.
fn quote(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}
