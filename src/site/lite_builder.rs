//! What builds a JupyterLite: the user's own `jupyter lite` if its kernel is for the release, with whatever extensions the
//! user has there; else one in an environment of the cache.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use crate::backend::environment;
use crate::context::Context;
use crate::error::Result;
use crate::process::{self, Invocation};

/// Where the kernel says its version, in a folder of Jupyter's data.
const KERNEL: &str = "labextensions/@jupyterlite/pyodide-kernel-extension/package.json";

/// A `jupyter lite`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LiteBuilder {
    /// The user's.
    Found {
        /// The program `jupyter`.
        program: PathBuf,
        /// The version of JupyterLite.
        version: String,
    },
    /// Ours.
    Installed {
        /// The program `jupyter-lite`.
        program: PathBuf,
        /// The version of JupyterLite.
        version: String,
    },
}

impl LiteBuilder {
    /// The user's if it has a kernel of the same minor version, else ours, which has the versions named.
    pub(super) fn choose(context: &Context, kernel: &str, core: &str) -> Result<Self> {
        match Self::find(context, kernel) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => context.ui.detail(format!("`jupyter lite` is not used: {error:#}")),
        }
        let requirements =
            [format!("jupyterlite-core=={core}"), format!("jupyterlite-pyodide-kernel=={kernel}")];
        let environment = environment::prepare(context, &requirements)?;
        Ok(Self::Installed { program: environment.script("jupyter-lite"), version: core.to_owned() })
    }

    /// The user's, if it fits.
    fn find(context: &Context, kernel: &str) -> Result<Option<Self>> {
        let Some(program) = process::look_up(&context.environment, "jupyter") else { return Ok(None) };
        let answer = Invocation::new(&program).args(["--paths", "--json"]).output(&context.ui)?;
        let folders: DataFolders =
            serde_json::from_str(&answer.stdout).context("cannot read what `jupyter --paths` says")?;
        let Some(theirs) = folders.kernel_version() else {
            context.ui.detail(format!("`{}` has no kernel for Pyodide", program.display()));
            return Ok(None);
        };
        if !is_same_minor(&theirs, kernel) {
            let text = format!(
                "`{}` is not used: its kernel is jupyterlite-pyodide-kernel {theirs}, and the release needs {kernel}",
                program.display()
            );
            context.ui.detail(text);
            return Ok(None);
        }
        let version = Invocation::new(&program).args(["lite", "--version"]).output(&context.ui)?;
        Ok(Some(Self::Found { program, version: version.stdout.trim().to_owned() }))
    }

    /// Calls it.
    pub(super) fn command(&self) -> Invocation {
        match self {
            Self::Found { program, .. } => Invocation::new(program).arg("lite"),
            Self::Installed { program, .. } => Invocation::new(program),
        }
    }
}

impl fmt::Display for LiteBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found { program, version } => {
                write!(f, "your `{} lite` ({version})", program.display())
            }
            Self::Installed { version, .. } => {
                write!(f, "JupyterLite {version} in an environment of the cache")
            }
        }
    }
}

/// What `jupyter --paths --json` answers.
#[derive(Debug, Deserialize)]
struct DataFolders {
    data: Vec<PathBuf>,
}

impl DataFolders {
    /// The version of the first kernel: JupyterLite takes that one.
    fn kernel_version(&self) -> Option<String> {
        self.data.iter().find_map(|folder| read_version(&folder.join(KERNEL)))
    }
}

fn read_version(path: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Package {
        version: String,
    }
    let package: Package = serde_json::from_slice(&fs_err::read(path).ok()?).ok()?;
    Some(package.version)
}

/// Whether two versions differ in their last part at most. Each minor version of the kernel is for one line.
fn is_same_minor(one: &str, other: &str) -> bool {
    let minor = |version: &str| version.splitn(3, '.').take(2).map(str::to_owned).collect::<Vec<_>>();
    minor(one) == minor(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_of_one_minor_version_are_for_one_line() {
        let check = |theirs: &str| is_same_minor(theirs, "0.7.2");
        let found = ["0.7.2", "0.7.0", "0.7.3rc1", "0.8.2", "0.6.2", "1.7.2", "", "0.70.2"].map(check);
        assert_eq!(found, [true, true, true, false, false, false, false, false]);
    }

    #[test]
    fn the_first_kernel_counts() {
        let place = tempfile::tempdir().unwrap();
        let folders = ["none", "first", "second"].map(|name| place.path().join(name));
        for (folder, version) in folders.iter().zip(["", "0.7.1", "0.8.6"]).skip(1) {
            let path = folder.join(KERNEL);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, format!("{{\"name\": \"x\", \"version\": \"{version}\"}}")).unwrap();
        }
        let data = folders.to_vec();
        assert_eq!(DataFolders { data }.kernel_version().as_deref(), Some("0.7.1"));
        assert_eq!(DataFolders { data: folders[..1].to_vec() }.kernel_version(), None);
    }
}
