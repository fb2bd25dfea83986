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

/// Whether WebAssembly can switch stacks in a Node (JSPI), without which nothing blocking can wait in asyncio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StackSwitching {
    /// As it is.
    Always,
    /// With [`StackSwitching::FLAG`].
    WithFlag,
    /// Not at all.
    Never,
}

impl StackSwitching {
    /// What turns it on in Nodes that know it and leave it off.
    const FLAG: &str = "--experimental-wasm-jspi";

    /// Asks a Node. A Node refuses flags that it does not know, or knows no longer: no table of versions tells it better.
    pub(super) fn of(context: &Context, node: &Path) -> Self {
        let can = |flags: &[&str]| {
            let question = Invocation::new(node).args(flags).args(["-p", "'Suspending' in WebAssembly"]);
            question.output(&context.ui).is_ok_and(|printed| printed.stdout.trim() == "true")
        };
        if can(&[]) {
            Self::Always
        } else if can(&[Self::FLAG]) {
            Self::WithFlag
        } else {
            Self::Never
        }
    }

    /// What Node is given.
    pub(super) fn flags(self) -> &'static [&'static str] {
        match self {
            Self::WithFlag => &[Self::FLAG],
            Self::Always | Self::Never => &[],
        }
    }
}

/// A call of Node for a release, with what lets its event loop wait.
pub(super) fn invocation(context: &Context, runtime: &Runtime) -> Result<Invocation> {
    let node = find_node(context, runtime)?;
    let node_path = node.clone();
    let command = Invocation::new(node).arg("--no-warnings");
    if !runtime.switches_stacks() {
        return Ok(command);
    }
    let flags = context.ask_once(&format!("stack switching of {}", node_path.display()), || {
        Ok(StackSwitching::of(context, &node_path).flags().join(" "))
    })?;
    Ok(command.args(flags.split_whitespace()))
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
