//! Runs one link: expands response files, calls wasm-ld, keeps a log.

use anyhow::{Context, anyhow};

use super::{DriverPlan, arguments, log};
use crate::error::Result;
use crate::process::Invocation;
use crate::ui::{Ui, Verbosity};

/// Links a side module.
///
/// # Errors
/// When the arguments do not describe one, or wasm-ld fails: then with its words, which rustc shows.
pub(super) fn run(plan: &DriverPlan, given: Vec<String>) -> Result<u8> {
    let given = expand(given)?;
    let link = arguments::read(&given).inspect_err(|error| {
        // rustc shows our message; the log is for whoever looks deeper.
        let _ = log(plan, &format!("refused: {error}\n  {}", given.join(" ")));
    })?;
    let linker = plan.wasm_ld.as_ref().ok_or_else(|| anyhow!("the driver's plan names no linker"))?;
    let response =
        tempfile::Builder::new().suffix(".rsp").tempfile().context("cannot make a response file")?;
    let quoted: Vec<String> = link.arguments().iter().map(|argument| quote(argument)).collect();
    fs_err::write(response.path(), quoted.join("\n"))?;
    let command = Invocation::new(&linker.program)
        .args(&linker.first_arguments)
        .arg(format!("@{}", response.path().display()));
    log(
        plan,
        &format!(
            "link {}\n  ignored: {}\n  {}",
            link.output,
            link.ignored.join(" "),
            link.arguments().join(" ")
        ),
    )?;
    let output = command.output(Ui::new(Verbosity::Quiet))?;
    let said = format!("{}{}", output.stdout, output.stderr);
    if !said.trim().is_empty() {
        log(plan, &said)?;
    }
    Ok(0)
}

fn expand(given: Vec<String>) -> Result<Vec<String>> {
    let mut expanded = Vec::with_capacity(given.len());
    for argument in given {
        match argument.strip_prefix('@') {
            Some(path) => expanded.extend(arguments::split_response(&fs_err::read_to_string(path)?)),
            None => expanded.push(argument),
        }
    }
    Ok(expanded)
}

/// A word of a response file as LLVM's tools read it.
fn quote(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}
