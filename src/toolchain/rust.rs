//! Finds Rust toolchains and reads what each is made of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::abi::TARGET;
use crate::context::Context;
use crate::env::Environment;
use crate::error::Result;
use crate::process::{Invocation, look_up};
use crate::ui::Ui;

/// How to get a compiler.
pub const ADVICE: &str = "install Rust with rustup, or with the system's packages (Debian: `apt-get install rustc-web cargo-web rust-web-src`)";

/// One compiler with its cargo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RustToolchain {
    /// The compiler itself, not rustup's stand-in.
    pub rustc: PathBuf,
    /// The cargo beside it.
    pub cargo: PathBuf,
    /// Its version.
    pub version: Version,
    /// Its commit, which tells builds of one version apart.
    pub commit: String,
    /// What changes when the file of the compiler does.
    #[serde(default)]
    pub stamp: String,
    /// The host's target name.
    pub host: String,
    /// The folder that `--print sysroot` names.
    pub sysroot: PathBuf,
    /// The `library` folder of its sources, if `rust-src` is there.
    pub sources: Option<PathBuf>,
}

impl RustToolchain {
    /// The version without `-nightly`, which semver counts as older than the release.
    pub fn version_without_channel(&self) -> Version {
        Version::new(self.version.major, self.version.minor, self.version.patch)
    }

    /// The folder of libraries for a target.
    pub fn target_libraries(&self, target: &str) -> PathBuf {
        self.sysroot.join("lib").join("rustlib").join(target).join("lib")
    }

    /// Whether a standard library for our target came with it.
    pub fn has_prebuilt_std(&self) -> bool {
        let Ok(entries) = fs_err::read_dir(self.target_libraries(TARGET)) else { return false };
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    }

    /// A call of this compiler.
    pub fn compiler(&self) -> Invocation {
        without_rust_settings(Invocation::new(&self.rustc))
    }

    /// A call of its cargo in a folder, steered by nothing but its arguments.
    pub fn cargo_in(&self, folder: &Path) -> Invocation {
        without_rust_settings(Invocation::new(&self.cargo).current_dir(folder).env("RUSTC", &self.rustc))
    }
}

/// Removes the variables through which a user's shell would steer a compiler that we steer ourselves.
pub fn without_rust_settings(invocation: Invocation) -> Invocation {
    [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
    ]
    .into_iter()
    .fold(invocation, Invocation::env_remove)
}

/// All toolchains, in the order in which they are tried, each once.
pub fn find_all(context: &Context) -> Vec<RustToolchain> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for rustc in compilers(&context.environment) {
        match read(context, &rustc) {
            Ok(toolchain) if seen.insert(toolchain.sysroot.clone()) => found.push(toolchain),
            Ok(_) => {}
            Err(error) => context.ui.detail(format!("not `{}`: {error:#}", rustc.display())),
        }
    }
    found
}

/// The cargo that called us, by the variable that it sets.
pub fn find_own_cargo(environment: &Environment) -> Option<PathBuf> {
    let named = environment.text("CARGO")?;
    if named.contains(['/', '\\']) {
        let path = PathBuf::from(named);
        return path.is_file().then_some(path);
    }
    look_up(environment, named)
}

fn compilers(environment: &Environment) -> Vec<PathBuf> {
    if let Some(only) = environment.get("CARGO_PYODIDE_RUSTC") {
        return vec![PathBuf::from(only)];
    }
    let mut paths = Vec::new();
    if let Some(rustc) = environment.text("RUSTC") {
        paths.extend(if rustc.contains(['/', '\\']) {
            Some(PathBuf::from(rustc))
        } else {
            look_up(environment, rustc)
        });
    }
    let program = format!("rustc{}", std::env::consts::EXE_SUFFIX);
    paths.extend(environment.path_folders().into_iter().map(|folder| folder.join(&program)));
    if let Some(toolchains) =
        rustup_home(environment).and_then(|home| fs_err::read_dir(home.join("toolchains")).ok())
    {
        let mut folders: Vec<PathBuf> = toolchains.flatten().map(|entry| entry.path()).collect();
        folders.sort();
        paths.extend(folders.into_iter().map(|folder| folder.join("bin").join(&program)));
    }
    paths.extend(["/usr/bin", "/usr/local/bin"].map(|folder| PathBuf::from(folder).join(&program)));
    let mut seen = BTreeSet::new();
    paths.retain(|path| path.is_file() && seen.insert(path.clone()));
    paths
}

fn rustup_home(environment: &Environment) -> Option<PathBuf> {
    if let Some(home) = environment.get("RUSTUP_HOME") {
        return Some(PathBuf::from(home));
    }
    etcetera::home_dir().ok().map(|home| home.join(".rustup"))
}

/// Asks a compiler what it is. The answer is kept in the cache as long as the file does not change.
fn read(context: &Context, rustc: &Path) -> Result<RustToolchain> {
    let metadata = fs_err::metadata(rustc)?;
    let changed = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let rustup_settings = rustup_home(&context.environment)
        .and_then(|home| fs_err::read_to_string(home.join("settings.toml")).ok())
        .unwrap_or_default();
    let key = crate::digest::key(&[
        "2",
        &rustc.to_string_lossy(),
        &metadata.len().to_string(),
        &format!("{changed:?}"),
        &rustup_settings,
        context.environment.text("RUSTUP_TOOLCHAIN").unwrap_or_default(),
    ]);
    let kept = context.cache.folder(crate::cache::Kind::Drivers).join(format!("rustc-{key}.json"));
    if let Some(toolchain) =
        fs_err::read(&kept).ok().and_then(|bytes| serde_json::from_slice::<RustToolchain>(&bytes).ok())
        && !toolchain.stamp.is_empty()
        && toolchain.rustc.is_file()
        && toolchain.cargo.is_file()
    {
        return Ok(RustToolchain { sources: sources_in(&toolchain.sysroot), ..toolchain });
    }
    let toolchain =
        RustToolchain { stamp: format!("{} {changed:?}", metadata.len()), ..ask(&context.ui, rustc)? };
    if fs_err::create_dir_all(context.cache.folder(crate::cache::Kind::Drivers)).is_ok() {
        // Only a convenience: without it the compiler is asked again.
        let _ = fs_err::write(&kept, serde_json::to_vec(&toolchain)?);
    }
    Ok(toolchain)
}

fn ask(ui: &Ui, rustc: &Path) -> Result<RustToolchain> {
    // Away from any project: rustup's stand-in would follow its `rust-toolchain.toml`, and the answer is kept for all.
    let rustc = &std::path::absolute(rustc)?;
    let elsewhere = std::env::temp_dir();
    let ask = |arguments: &[&str]| Invocation::new(rustc).current_dir(&elsewhere).args(arguments).output(ui);
    let verbose = ask(&["-vV"])?.stdout;
    let field = |name: &str| {
        let line = verbose.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map(str::to_owned).ok_or_else(|| anyhow!("`{} -vV` does not say its {name}", rustc.display()))
    };
    let version = Version::parse(&field("release")?).context("the compiler's version")?;
    let sysroot = PathBuf::from(ask(&["--print", "sysroot"])?.stdout.trim());
    let bin = sysroot.join("bin");
    // Behind rustup's stand-in lies the toolchain's own compiler.
    let own = bin.join(format!("rustc{}", std::env::consts::EXE_SUFFIX));
    let rustc = if own.is_file() { own } else { rustc.to_owned() };
    let beside = |folder: &Path| folder.join(format!("cargo{}", std::env::consts::EXE_SUFFIX));
    let cargo = [Some(bin.as_path()), rustc.parent()]
        .into_iter()
        .flatten()
        .map(beside)
        .find(|path| path.is_file())
        .ok_or_else(|| anyhow!("there is no cargo beside it"))?;
    Ok(RustToolchain {
        cargo,
        version,
        commit: field("commit-hash").unwrap_or_else(|_| "unknown".into()),
        host: field("host")?,
        stamp: String::new(),
        sources: sources_in(&sysroot),
        rustc,
        sysroot,
    })
}

fn sources_in(sysroot: &Path) -> Option<PathBuf> {
    let library = sysroot.join("lib").join("rustlib").join("src").join("rust").join("library");
    library.join("std").join("Cargo.toml").is_file().then_some(library)
}
