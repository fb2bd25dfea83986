//! Finds Node, and starts it with what a session needs of this machine and no more.
//!
//! Node is no sandbox: Python reaches it through the module `js`. Its environment has none of the user's variables, and,
//! from Node 20 on, its permission model keeps a session of tests to its own files, without child processes, threads and
//! add-ons. What a script of `run` may do is not restricted: it sees the current folder.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::context::Context;
use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::process::{self, Invocation};
use crate::runtime::Runtime;
use crate::ui::Ui;

/// How to get Node.
pub const ADVICE: &str = "install Node.js 18 or newer (Debian: `apt-get install nodejs`)";

/// The variables that Node itself and its libraries read. All others are the user's business.
const VARIABLES: [&str; 6] = ["LANG", "LC_ALL", "LD_LIBRARY_PATH", "NODE_OPTIONS", "SystemRoot", "TZ"];

/// What turns WebAssembly's stack switching (JSPI) on in Nodes that know it and leave it off.
const STACK_SWITCHING: &str = "--experimental-wasm-jspi";

/// The first Node whose flag gives the form of stack switching that became the standard, which Pyodide asks for.
const FIRST_WITH_STACK_SWITCHING: u32 = 23;

/// The scripts that every session has beside its own.
pub(super) const SCRIPTS: [(&str, &str); 3] = [
    ("node_output.mjs", include_str!("node_output.mjs")),
    ("node_sockets.mjs", include_str!("node_sockets.mjs")),
    ("node_binding.mjs", include_str!("node_binding.mjs")),
];

/// A Node that was found.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// The program itself, not a version manager's stand-in for it: that one reads variables.
    program: PathBuf,
    major: u32,
    minor: u32,
    /// What turns its stack switching on, if it needs to be told.
    stack_switching: Option<String>,
}

/// The files that a session may use.
#[derive(Debug, Clone, Copy)]
pub(super) enum Files<'a> {
    /// All that the user may use.
    All,
    /// These alone, and those below them if they are folders: the first list to read, the second one to write too.
    Only(&'a [PathBuf], &'a [PathBuf]),
}

impl Node {
    /// Finds Node and checks its version against what the line needs.
    ///
    /// # Errors
    /// When there is none, or it is too old.
    pub(super) fn find(context: &Context, runtime: &Runtime) -> Result<Self> {
        let found = process::find(&context.environment, &["node", "nodejs"], ADVICE)?;
        let node = Self::ask(&context.ui, &found)?;
        if node.major < runtime.facts.node {
            return Err(hinted(
                anyhow!(
                    "Pyodide {} needs Node {} or newer, but `{}` is {}",
                    runtime.version,
                    runtime.facts.node,
                    found.display(),
                    node.major
                ),
                ADVICE,
            ));
        }
        Ok(node)
    }

    /// Finds a Node in which asyncio can wait, where Node and release can switch stacks.
    ///
    /// # Errors
    /// As [`Node::find`].
    pub(super) fn find_waiting(context: &Context, runtime: &Runtime) -> Result<Self> {
        let mut node = Self::find(context, runtime)?;
        if !runtime.switches_stacks() || node.major < FIRST_WITH_STACK_SWITCHING {
            return Ok(node);
        }
        // Asked, not looked up: a Node refuses flags that it does not know, or knows no longer.
        let can = |flags: &[&str]| {
            let question =
                Invocation::new(&node.program).args(flags).args(["-p", "'Suspending' in WebAssembly"]);
            question.output(&context.ui).is_ok_and(|printed| printed.stdout.trim() == "true")
        };
        let needed = context.ask_once(&format!("stack switching of {}", node.program.display()), || {
            Ok(if !can(&[]) && can(&[STACK_SWITCHING]) { STACK_SWITCHING } else { "" }.to_owned())
        })?;
        node.stack_switching = Some(needed).filter(|flag| !flag.is_empty());
        Ok(node)
    }

    fn ask(ui: &Ui, program: &Path) -> Result<Self> {
        let question = "process.versions.node + ' ' + process.execPath";
        let printed = Invocation::new(program).args(["-p", question]).output(ui)?.stdout;
        let parse = || {
            let (version, program) = printed.trim().split_once(' ')?;
            let mut numbers = version.split('.').map(str::parse);
            let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
            Some(Self { program: PathBuf::from(program), major, minor, stack_switching: None })
        };
        parse()
            .ok_or_else(|| anyhow!("`{}` does not say its version: `{}`", program.display(), printed.trim()))
    }

    /// A call of Node that sees these files and none of the user's variables.
    pub(super) fn command(&self, environment: &Environment, ui: &Ui, files: Files<'_>) -> Invocation {
        let mut command = Invocation::new(&self.program).clear_environment();
        for name in VARIABLES {
            if let Some(value) = environment.get(name) {
                command = command.env(name, value);
            }
        }
        command = command.arg("--no-warnings").args(&self.stack_switching);
        match files {
            Files::All => command,
            Files::Only(read, written) => match self.permissions(read, written) {
                Ok(permissions) => command.args(permissions),
                Err(why) => {
                    ui.detail(format!("Node's files are not restricted: {why}"));
                    command
                }
            },
        }
    }

    /// The options of Node's permission model, or why it cannot be had.
    fn permissions(&self, read: &[PathBuf], written: &[PathBuf]) -> std::result::Result<Vec<String>, String> {
        let switch = match (self.major, self.minor) {
            (..20, _) => return Err(format!("Node {} has no permission model", self.major)),
            (20..23, _) | (23, ..5) => "--experimental-permission",
            _ => "--permission",
        };
        let absolute = |path: &Path| std::path::absolute(path).map_err(|error| error.to_string());
        let mut options = vec![switch.to_owned()];
        let mut allow = |what: &str, path: &Path| match path.to_str() {
            // Node takes these for wildcards and for lists.
            Some(text) if !text.contains(['*', ',']) => {
                let option = format!("--allow-fs-{what}={text}");
                // Node 20 ends itself where a path is named twice.
                if !options.contains(&option) {
                    options.push(option);
                }
                Ok(())
            }
            _ => Err(format!("it cannot be told of `{}`", path.display())),
        };
        for path in read.iter().chain(written) {
            let path = absolute(path)?;
            allow("read", &path)?;
            // Where a folder on the way is a link, Node asks about either.
            if let Ok(real) = fs_err::canonicalize(&path)
                && real != path
            {
                allow("read", &real)?;
            }
        }
        for path in written {
            allow("write", &absolute(path)?)?;
        }
        Ok(options)
    }
}

/// The major version of a Node.
///
/// # Errors
/// When it does not run or does not say.
pub fn node_version(ui: &Ui, node: &Path) -> Result<u32> {
    Ok(Node::ask(ui, node)?.major)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(major: u32, minor: u32, read: &str) -> String {
        let node = Node { program: "node".into(), major, minor, stack_switching: None };
        match node.permissions(&[read.into()], &["/b".into()]) {
            Ok(options) => options.join(" "),
            Err(why) => why,
        }
    }

    #[test]
    fn a_session_is_kept_to_its_files_where_node_can() {
        let files = "--allow-fs-read=/a --allow-fs-read=/b --allow-fs-write=/b";
        assert_eq!(options(18, 20, "/a"), "Node 18 has no permission model");
        assert_eq!(options(20, 0, "/a"), format!("--experimental-permission {files}"));
        assert_eq!(options(23, 4, "/a"), format!("--experimental-permission {files}"));
        assert_eq!(options(23, 5, "/a"), format!("--permission {files}"));
        assert_eq!(options(24, 0, "/a"), format!("--permission {files}"));
        assert_eq!(options(24, 0, "/a,b"), "it cannot be told of `/a,b`");
    }

    #[test]
    fn none_of_the_users_variables_reach_node() {
        let node = Node { program: "/node".into(), major: 24, minor: 0, stack_switching: None };
        let environment = Environment::from_iter([("TOKEN", "x"), ("PATH", "/bin"), ("TZ", "UTC")]);
        let command = node.command(&environment, &Ui::silent(), Files::All);
        assert_eq!(command.copyable(), "env -i TZ=UTC /node --no-warnings");
    }
}
