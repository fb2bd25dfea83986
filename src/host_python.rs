//! The Python of this machine: it runs build back ends, and its pip knows the package index.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder};

use crate::abi::PythonVersion;
use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::process::{self, Invocation};
use crate::ui::Ui;

/// The oldest Python of the host that serves.
pub const OLDEST: PythonVersion = PythonVersion { major: 3, minor: 9 };

/// The host's Python.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPython {
    /// The program.
    pub program: PathBuf,
    /// Its version.
    pub version: PythonVersion,
    /// The full version, `3.11.7`.
    pub full_version: String,
}

impl HostPython {
    /// The Python named by `--python`, else `python3` or `python` on the `PATH`.
    ///
    /// # Errors
    /// When there is none, it cannot run, or it is too old.
    pub fn find(ui: &Ui, environment: &Environment, named: Option<&Path>) -> Result<Self> {
        let program = match named {
            // A name without a folder is looked up on the `PATH`, as a shell does.
            Some(path) if path.components().count() > 1 => path.to_owned(),
            Some(name) => process::find(environment, &[&name.to_string_lossy()], ADVICE)?,
            None => process::find(environment, &["python3", "python"], ADVICE)?,
        };
        let question = "import sys; print('.'.join(map(str, sys.version_info[:3])), sys.executable)";
        let printed = Invocation::new(&program)
            .args(["-c", question])
            .output(ui)
            .with_context(|| format!("cannot run `{}` as Python", program.display()))
            .map_err(|error| hinted(error, ADVICE))?;
        let (full_version, executable) = printed
            .stdout
            .trim()
            .split_once(' ')
            .ok_or_else(|| anyhow!("`{}` does not say its version", program.display()))?;
        let version: PythonVersion = full_version.parse()?;
        if version < OLDEST {
            return Err(hinted(
                anyhow!("`{}` is Python {full_version}, older than {OLDEST}", program.display()),
                ADVICE,
            ));
        }
        // The executable itself, not a version manager's stand-in for it.
        Ok(Self { program: PathBuf::from(executable), version, full_version: full_version.to_owned() })
    }

    /// The environment markers of this machine (PEP 508), as far as requirements of packages ask for them.
    ///
    /// # Errors
    /// When its version is none of Python's.
    pub(crate) fn markers(&self) -> Result<MarkerEnvironment> {
        let (os_name, sys_platform, platform_system) = match std::env::consts::OS {
            "windows" => ("nt", "win32", "Windows"),
            "macos" => ("posix", "darwin", "Darwin"),
            _ => ("posix", "linux", "Linux"),
        };
        let python = self.version.to_string();
        let markers = MarkerEnvironmentBuilder {
            implementation_name: "cpython",
            implementation_version: &self.full_version,
            os_name,
            platform_machine: std::env::consts::ARCH,
            platform_python_implementation: "CPython",
            platform_release: "",
            platform_system,
            platform_version: "",
            python_full_version: &self.full_version,
            python_version: &python,
            sys_platform,
        };
        MarkerEnvironment::try_from(markers)
            .with_context(|| format!("`{}` is no version of Python", self.full_version))
    }
}

/// How to get a Python.
pub const ADVICE: &str = "install Python 3.9 or newer, or name one with `--python PATH`";
