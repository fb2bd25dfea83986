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

/// The major version of a Node.
///
/// # Errors
/// When it does not run or does not say.
pub fn node_version(ui: &Ui, node: &Path) -> Result<u32> {
    let printed = Invocation::new(node).arg("--version").output(ui)?.stdout;
    let major = printed.trim().trim_start_matches('v').split('.').next().and_then(|text| text.parse().ok());
    major.ok_or_else(|| anyhow!("`{} --version` printed `{}`", node.display(), printed.trim()))
}
