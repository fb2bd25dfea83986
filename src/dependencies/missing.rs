//! Why a requirement cannot be had inside a release, and whether it could be built: read from its newest sdist.

use std::fmt;

use pep440_rs::Version;

use crate::context::Context;
use crate::error::{Result, cause};
use crate::project::{Core, NothingToBuild, Project, PyProject, lock_file, native_sign};
use crate::source::limits::UnpackLimits;
use crate::source::sdist;
use crate::wheel::requirement::Requirement;

/// Why a requirement is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// The wheel at hand has this version, which does not fit.
    AtHand(Version),
    /// It was not looked for: the network may not be used.
    NotAsked,
    /// The package index does not know it.
    Unknown,
    /// It has a Rust core, and can be built.
    Rust {
        /// What `build` takes.
        source: String,
        /// The newest Rust that it asks for.
        rust_version: Option<String>,
        /// Whether the Cargo workspace compiles C or C++.
        compiles_c: bool,
    },
    /// It has native code that is not Rust.
    Native {
        /// The version looked at.
        version: String,
        /// The file or back end that tells.
        sign: String,
    },
    /// There is Rust, of which maturin makes no module.
    NoModule {
        /// The version looked at.
        version: String,
        /// What maturin makes, by its key `bindings`.
        bindings: String,
    },
    /// It is pure Python, but has no wheel.
    PureSource {
        /// The version looked at.
        version: String,
    },
    /// It has no sdist that fits, only wheels for other platforms.
    OnlyWheels,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtHand(version) => write!(f, "missing: the given wheel is of version {version}"),
            Self::NotAsked => {
                f.write_str("not in the release; the package index was not asked (`--offline`)")
            }
            Self::Unknown => f.write_str("missing: the package index does not know it"),
            Self::Rust { source, rust_version, compiles_c } => {
                write!(f, "missing: Rust, can be built: `cargo pyodide build {source}`")?;
                if let Some(version) = rust_version {
                    write!(f, ", needs Rust {version}")?;
                }
                if *compiles_c { f.write_str(", compiles C") } else { Ok(()) }
            }
            Self::Native { version, sign } => {
                write!(
                    f,
                    "missing: {version} is native code that is not Rust (`{sign}`): it needs Pyodide's own build"
                )
            }
            Self::NoModule { version, bindings } if bindings == "bin" => {
                write!(f, "missing: {version} is a program in Rust, and Pyodide starts no programs")
            }
            Self::NoModule { version, bindings } => {
                write!(
                    f,
                    "missing: {version} is a library in Rust that Python does not import (`bindings = \"{bindings}\"`)"
                )
            }
            Self::PureSource { version } => {
                write!(
                    f,
                    "missing: {version} is pure Python without a wheel: make one with `pip wheel --no-deps`"
                )
            }
            Self::OnlyWheels => {
                f.write_str("missing: only wheels for other platforms fit, and there is no sdist")
            }
        }
    }
}

/// Looks into the newest sdist that fits.
///
/// # Errors
/// When the sdist cannot be unpacked. An sdist that cannot be had is not an error: only wheels are left.
pub(super) fn classify(requirement: &Requirement, context: &Context) -> Result<Missing> {
    let name = &requirement.name();
    let Some(version) = sdist::newest(name, &|version| requirement.fits(version), context)? else {
        return Ok(Missing::OnlyWheels);
    };
    // An sdist that the index lists and does not deliver helps as little as none.
    let Ok(found) = sdist::find(name, Some(&version), context) else {
        return Ok(Missing::OnlyWheels);
    };
    let work = tempfile::tempdir()?;
    let tree = found.unpack(work.path(), UnpackLimits::of(&context.environment)?)?;
    let project = PyProject::read(&tree).and_then(|read| Project::read(&tree, &read));
    if let Ok(project) = &project
        && project.core == Core::Rust
    {
        let lock = project.manifest.as_deref().and_then(lock_file::find);
        let lock = lock.and_then(|path| fs_err::read_to_string(path).ok()).unwrap_or_default();
        return Ok(Missing::Rust {
            source: format!("{name}=={version}"),
            rust_version: project.rust_version.as_ref().map(ToString::to_string),
            compiles_c: lock_file::compiles_c(&lock),
        });
    }
    let version = version.to_string();
    let nothing_to_build = project.as_ref().err().and_then(cause::<NothingToBuild>);
    if let Some(NothingToBuild::NoModule { bindings, .. }) = nothing_to_build {
        return Ok(Missing::NoModule { version, bindings: bindings.clone() });
    }
    Ok(match native_sign(&tree) {
        Some(sign) => Missing::Native { version, sign },
        None => Missing::PureSource { version },
    })
}
