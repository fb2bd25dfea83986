//! Runs Python in a real Pyodide, with wheels installed: on Node, and in a page or a worker of a browser.

pub(crate) mod browser;
pub(crate) mod host;
pub mod import;
pub mod install;
mod message;
mod node;
mod server;
pub mod session;
mod user_browser;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde::Serialize;

pub use browser::{ADVICE as BROWSER_ADVICE, find_browser};
pub use node::{ADVICE as NODE_ADVICE, node_version};
use node::{Files, Node, SCRIPTS};
pub(crate) use server::mime_type;
use session::{Installation, Next, Place, Session};
pub use user_browser::open_in_browser;

use crate::context::Context;
use crate::error::{Result, hinted};
use crate::process::Invocation;
use crate::runtime::Runtime;
use crate::ui::Stream;
use crate::wheel::WheelFilename;

/// The status of the runner when the script never ran, or the interpreter died while it ran.
// The number that `timeout` and container runtimes use for their own failures: scripts rarely end with it.
pub const COULD_NOT_START: i32 = 125;

/// A Python program and its arguments.
#[derive(Debug, Clone, Serialize)]
pub struct Script {
    /// What `sys.argv[0]` and tracebacks say.
    pub name: String,
    /// `__file__`, if there is a file.
    pub file: Option<String>,
    /// The first entry of `sys.path`.
    pub path: String,
    /// The program.
    pub source: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The environment variables that it sees beside the runtime's own.
    pub variables: BTreeMap<String, String>,
}

impl Script {
    /// A program that asks for more of it, line by line.
    pub fn repl(variables: BTreeMap<String, String>) -> Self {
        Self {
            name: "<stdin>".into(),
            file: None,
            path: String::new(),
            source: include_str!("repl.py").into(),
            arguments: Vec::new(),
            variables,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScriptRequest<'a> {
    runtime: &'a Path,
    wheels: &'a [PathBuf],
    folder: PathBuf,
    script: &'a Script,
    harness: &'a str,
    raw_streams: bool,
    switches_stacks: bool,
    terminals: Vec<u32>,
}

/// Wheels that their RECORDs describe, in the order in which they are installed: micropip installs changed ones, too.
#[derive(Debug, Clone, Default)]
pub struct CheckedWheels(Vec<PathBuf>);

impl CheckedWheels {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Runs a script on Node and returns its exit status. Its streams are those of this process.
///
/// # Errors
/// When Node cannot be had, a wheel is for another runtime, or the interpreter dies.
pub fn run(context: &Context, runtime: &Runtime, wheels: &CheckedWheels, script: &Script) -> Result<u8> {
    let is_terminal =
        [std::io::stdin().is_terminal(), std::io::stdout().is_terminal(), std::io::stderr().is_terminal()];
    let terminals = (0..3).zip(is_terminal).filter(|(_, is)| *is).map(|(descriptor, _)| descriptor).collect();
    let node = Node::find_waiting(context, runtime)?;
    let prepared =
        ReadyScript::new(context, runtime, &node, &wheels.0, script, Sight::CurrentFolder(terminals))?;
    let status = prepared.command.run_attached(&context.ui)?;
    match status.code() {
        Some(COULD_NOT_START) => Err(anyhow!("Pyodide {} did not finish the script", runtime.version)),
        Some(code) => Ok(u8::try_from(code).unwrap_or(1)),
        // Ended by a signal: what a shell would say.
        None => Ok(130),
    }
}

/// Runs a script in a browser and returns its exit status. Its output is ours; it has no input, and no folder of ours.
///
/// # Errors
/// When no browser can be had, a wheel is for another runtime, or the interpreter dies.
pub fn run_in_browser(
    context: &Context,
    runtime: &Runtime,
    place: Place,
    foundation: &[PathBuf],
    wheels: &CheckedWheels,
    script: &Script,
) -> Result<u8> {
    const FOLDER: &str = "/home/pyodide";
    let wheels: Vec<PathBuf> =
        wheels.0.iter().map(|wheel| check_wheel(wheel, runtime)).collect::<Result<_>>()?;
    let mut program = serde_json::to_value(script)?;
    program["folder"] = FOLDER.into();
    program["path"] = FOLDER.into();
    let session = Session {
        runtime,
        place,
        foundation,
        wheels: &wheels,
        installation: Installation::Usual,
        loaded: &[],
        release_files: &BTreeMap::new(),
        archives: &[],
        folder: FOLDER,
        harness: include_str!("harness.py"),
        program,
        stdout: Stream::Stdout,
    };
    let mut open = session.open(context)?;
    loop {
        match open.next(Duration::from_secs(1))? {
            Next::TimedOut => {}
            Next::Ended(how) => {
                return Err(anyhow!(
                    "Pyodide {} on {place} ended while the script ran: {how}",
                    runtime.version
                ));
            }
            Next::Event(event) => match event["event"].as_str().unwrap_or_default() {
                "done" => {
                    return Ok(event["status"]
                        .as_u64()
                        .and_then(|code| u8::try_from(code).ok())
                        .unwrap_or(1));
                }
                "died" | "fatal" => {
                    let why = event["message"].as_str().unwrap_or_default();
                    return Err(anyhow!(
                        "Pyodide {} on {place} did not finish the script: {why}",
                        runtime.version
                    ));
                }
                _ => {}
            },
        }
    }
}

/// What a script printed, and its exit status.
#[derive(Debug)]
pub struct Captured {
    /// The status: [`COULD_NOT_START`] if the interpreter died.
    pub status: i32,
    /// Standard error.
    pub stderr: String,
}

/// Runs a script on Node and returns what it printed.
///
/// # Errors
/// When Node cannot be had, or a wheel is for another runtime.
pub fn capture(
    context: &Context,
    runtime: &Runtime,
    wheels: &[PathBuf],
    script: &Script,
) -> Result<Captured> {
    let node = Node::find(context, runtime)?;
    let prepared = ReadyScript::new(context, runtime, &node, wheels, script, Sight::Wheels)?;
    let (status, output) = prepared.command.output_unchecked(&context.ui)?;
    Ok(Captured { status: status.code().unwrap_or(COULD_NOT_START), stderr: output.stderr })
}

/// What a script sees of this machine.
enum Sight {
    /// The current folder; and which of its streams are terminals.
    CurrentFolder(Vec<u32>),
    /// The wheels that are installed, and an empty folder.
    Wheels,
}

/// A run that is ready to start. The folder with its files lives as long.
struct ReadyScript {
    command: Invocation,
    _work: tempfile::TempDir,
}

impl ReadyScript {
    fn new(
        context: &Context,
        runtime: &Runtime,
        node: &Node,
        wheels: &[PathBuf],
        script: &Script,
        sight: Sight,
    ) -> Result<Self> {
        let wheels: Vec<PathBuf> =
            wheels.iter().map(|wheel| check_wheel(wheel, runtime)).collect::<Result<_>>()?;
        let work = tempfile::tempdir().context("cannot make a temporary folder")?;
        let runner = work.path().join("node.mjs");
        // The scripts are part of the program and written anew each time: nothing has to be installed beside it.
        fs_err::write(&runner, include_str!("node.mjs"))?;
        for (name, text) in SCRIPTS {
            fs_err::write(work.path().join(name), text)?;
        }
        let (folder, terminals, is_restricted) = match sight {
            Sight::CurrentFolder(terminals) => {
                (std::env::current_dir().context("the current folder is gone")?, terminals, false)
            }
            Sight::Wheels => (work.path().join("folder"), Vec::new(), true),
        };
        fs_err::create_dir_all(&folder)?;
        let request = ScriptRequest {
            runtime: &runtime.folder,
            wheels: &wheels,
            folder: folder.clone(),
            script,
            harness: include_str!("harness.py"),
            raw_streams: runtime.sets_streams_byte_by_byte(),
            switches_stacks: runtime.switches_stacks(),
            terminals,
        };
        let path = work.path().join("request.json");
        fs_err::write(&path, serde_json::to_vec(&request)?)?;
        let own = [work.path().to_owned(), runtime.folder.clone()];
        let (read, written): (Vec<PathBuf>, _) = (own.into_iter().chain(wheels).collect(), [folder]);
        let files = if is_restricted { Files::Only(&read, &written) } else { Files::All };
        let command = node.command(&context.environment, &context.ui, files).arg(runner).arg(path);
        Ok(Self { command, _work: work })
    }
}

/// A wheel's absolute path, if its tags say that this runtime installs it.
fn check_wheel(path: &Path, runtime: &Runtime) -> Result<PathBuf> {
    // Node names a missing file late, and as its own mistake.
    fs_err::metadata(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let filename: WheelFilename = name.parse().with_context(|| format!("cannot use `{}`", path.display()))?;
    check_release(runtime, path, &filename)?;
    Ok(std::path::absolute(path)?)
}

/// Refuses a wheel whose tags say that this runtime does not install it.
pub(crate) fn check_release(runtime: &Runtime, path: &Path, filename: &WheelFilename) -> Result<()> {
    runtime.accepts(filename).map_err(|reason| {
        hinted(
            anyhow!("`{}` is not for Pyodide {}: {reason}", path.display(), runtime.version),
            "build it for this release, or name another with `--pyodide`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::double;

    #[test]
    fn a_wheel_of_another_release_is_refused_before_anything_starts() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = double::runtime("0.29.0", "3.13");
        let tag = &runtime.facts.tag;
        let check = |name: &str| {
            let path = folder.path().join(name);
            fs_err::write(&path, "").unwrap();
            check_wheel(&path, &runtime).map_err(|error| error.to_string())
        };
        assert!(check(&format!("a-1-cp313-cp313-{tag}.whl")).is_ok());
        assert!(check("a-1-py3-none-any.whl").is_ok());
        let python = check(&format!("a-1-cp312-cp312-{tag}.whl")).unwrap_err();
        assert!(python.contains("is not for Pyodide 0.29.0: its Python tag is `cp312-cp312`"), "{python}");
        let platform = check("a-1-cp313-cp313-linux_x86_64.whl").unwrap_err();
        assert!(platform.contains("its platform tag is `linux_x86_64`"), "{platform}");
        assert!(check("a-1.whl").unwrap_err().starts_with("cannot use `"));
        assert!(check_wheel(&folder.path().join("gone-1-py3-none-any.whl"), &runtime).is_err());
    }
}
