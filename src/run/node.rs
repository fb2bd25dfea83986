//! Finds Node.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::context::Context;
use crate::error::{Result, hinted};
use crate::process::{self, Invocation};
use crate::runtime::Runtime;
use crate::ui::Ui;

/// How to get Node.
pub const ADVICE: &str = "install Node.js 18 or newer (Debian: `apt-get install nodejs`)";

/// Finds Node and checks its version against what the line needs.
///
/// # Errors
/// When there is none, or it is too old.
pub fn find_node(context: &Context, runtime: &Runtime) -> Result<PathBuf> {
    let node = process::find(&context.environment, &["node", "nodejs"], ADVICE)?;
    let major = node_version(&context.ui, &node)?;
    if major < runtime.facts.node {
        return Err(hinted(
            anyhow!(
                "Pyodide {} needs Node {} or newer, but `{}` is {major}",
                runtime.version,
                runtime.facts.node,
                node.display()
            ),
            ADVICE,
        ));
    }
    Ok(node)
}

/// What turns WebAssembly's stack switching (JSPI) on in Nodes that know it and leave it off.
const STACK_SWITCHING: &str = "--experimental-wasm-jspi";

/// The first Node whose flag gives the form of stack switching that became the standard, which Pyodide asks for.
const FIRST_WITH_STACK_SWITCHING: u32 = 23;

/// A call of Node in which asyncio can wait, where Node and release can switch stacks.
pub(super) fn waiting(context: &Context, runtime: &Runtime) -> Result<Invocation> {
    let node = find_node(context, runtime)?;
    let plain = Invocation::new(&node).arg("--no-warnings");
    if !runtime.switches_stacks() || node_version(&context.ui, &node)? < FIRST_WITH_STACK_SWITCHING {
        return Ok(plain);
    }
    // Asked, not looked up: a Node refuses flags that it does not know, or knows no longer.
    let can = |flags: &[&str]| {
        let question = Invocation::new(&node).args(flags).args(["-p", "'Suspending' in WebAssembly"]);
        question.output(&context.ui).is_ok_and(|printed| printed.stdout.trim() == "true")
    };
    let needed = context.ask_once(&format!("stack switching of {}", node.display()), || {
        Ok(if !can(&[]) && can(&[STACK_SWITCHING]) { STACK_SWITCHING } else { "" }.to_owned())
    })?;
    Ok(plain.args(Some(needed).filter(|flag| !flag.is_empty())))
}

/// The major version of a Node.
///
/// # Errors
/// When it does not run or does not say.
pub fn node_version(ui: &Ui, node: &Path) -> Result<u32> {
    let printed = Invocation::new(node).arg("--version").output(ui)?.stdout;
    let major = printed.trim().trim_start_matches('v').split('.').next().and_then(|text| text.parse().ok());
    major.ok_or_else(|| anyhow!("`{} --version` printed `{}`", node.display(), printed.trim()))
}
