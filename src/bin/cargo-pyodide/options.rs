//! Options that several commands take, and the library's values that they become.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use cargo_pyodide::backend::{CrateStore, LockUse};
use cargo_pyodide::building::{CargoRequest, FinishRequest, OverlayRequest, Recipes, SilentSettings};
use cargo_pyodide::context::{Hashes, Network};
use cargo_pyodide::error::{Result, hinted};
use cargo_pyodide::nearest::find_nearest;
use cargo_pyodide::overlay::changes::VariantChoice;
use cargo_pyodide::project::{self, Defaults, PyProject};
use cargo_pyodide::redacted::Redacted;
use cargo_pyodide::source::SourceRequest;
use cargo_pyodide::toolchain::c_compiler::CToolchain;
use cargo_pyodide::wasm::optimization::Optimization;
use cargo_pyodide::wheel::deflate::Compression;
use clap::{ArgAction, Args};

use crate::terminal::{Terminal, Verbosity};

/// How much the command prints on stderr.
#[derive(Debug, Clone, Args)]
pub(crate) struct VerbosityOptions {
    /// Show each command and each decision; twice, also what compilers and build back ends print
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Show errors and warnings only; twice, errors only
    #[arg(short, long, action = ArgAction::Count)]
    quiet: u8,
}

impl VerbosityOptions {
    /// The terminal with this verbosity.
    pub(crate) fn terminal(&self) -> Terminal {
        Terminal::new(self.verbosity())
    }

    fn verbosity(&self) -> Verbosity {
        match (self.verbose, self.quiet) {
            (0, 0) => Verbosity::Normal,
            (1, _) => Verbosity::Verbose,
            (0, 1) => Verbosity::Quiet,
            (0, _) => Verbosity::Silent,
            _ => Verbosity::Loud,
        }
    }
}

/// Whether the network is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct NetworkOptions {
    /// Use only what is in the cache
    #[arg(long)]
    offline: bool,
}

impl NetworkOptions {
    /// Whether the network may be asked.
    pub(crate) fn network(&self) -> Network {
        if self.offline { Network::Forbidden } else { Network::Allowed }
    }
}

/// Indexes beside the one that pip is configured for.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct IndexOptions {
    /// A package index, or a site of `cargo pyodide site`, that is asked before the index of pip; repeatable
    #[arg(long = "index", value_name = "URL", value_parser = parse_address)]
    indexes: Vec<Redacted<String>>,
}

impl IndexOptions {
    /// The addresses.
    pub(crate) fn addresses(&self) -> Vec<Redacted<String>> {
        self.indexes.clone()
    }
}

fn parse_address(text: &str) -> Result<Redacted<String>, String> {
    match text.split_once("://") {
        Some(("http" | "https", _)) => Ok(Redacted::new(text.to_owned())),
        _ => Err("expected an address: `https://HOST/simple/`, or that of a site".to_owned()),
    }
}

/// What is asked of the files of the package index.
#[derive(Debug, Clone, Args)]
pub(crate) struct HashOptions {
    /// Refuse files of the package index for which it states no SHA-256
    #[arg(long)]
    require_hashes: bool,
}

impl HashOptions {
    /// The rule.
    pub(crate) fn hashes(&self) -> Hashes {
        if self.require_hashes { Hashes::Required } else { Hashes::Optional }
    }
}

/// What cargo and compilers are told.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct CargoOptions {
    /// The cargo profile [default: release]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Choose no `lto`, `codegen-units` and target features where the package says nothing
    #[arg(long)]
    profile_as_is: bool,
    /// Cargo features to turn on; repeatable
    #[arg(short = 'F', long, value_name = "FEATURES", value_delimiter = ',')]
    features: Vec<String>,
    /// Turn cargo's default features off
    #[arg(long)]
    no_default_features: bool,
    /// Keep compiled crates with this package instead of sharing them with others
    #[arg(long)]
    no_share_crates: bool,
    /// How many jobs cargo runs at once
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroU32>,
    /// Fail if `Cargo.lock` is missing or would have to change
    #[arg(long)]
    locked: bool,
    /// The same as `--locked --offline`
    #[arg(long)]
    frozen: bool,
    /// The folder with the headers of the target's Python, for an extension in C [default: those of a Python of this machine]
    #[arg(long, value_name = "FOLDER")]
    headers: Option<PathBuf>,
    /// What compiles C: `clang`, or `emsdk` for an Emscripten that you installed
    #[arg(long, value_enum, value_name = "TOOLCHAIN", default_value_t, hide_possible_values = true)]
    c_toolchain: CToolchain,
}

impl CargoOptions {
    /// The request.
    pub(crate) fn request(&self) -> CargoRequest {
        let Self { profile, features, no_default_features, jobs, headers, c_toolchain, .. } = self.clone();
        let silent_settings = if self.profile_as_is { SilentSettings::AsIs } else { SilentSettings::Chosen };
        let crate_store = if self.no_share_crates { CrateStore::PerPackage } else { CrateStore::Shared };
        let lock = if self.locked || self.frozen { LockUse::Kept } else { LockUse::Updated };
        CargoRequest {
            profile,
            silent_settings,
            features,
            no_default_features,
            jobs,
            lock,
            crate_store,
            headers,
            c_toolchain,
            ..CargoRequest::default()
        }
    }

    /// Takes the profile that a package's own file states, if the command line names none.
    pub(crate) fn take_profile(&mut self, defaults: &Defaults) {
        self.profile = self.profile.take().or_else(|| defaults.profile.clone());
    }

    /// Whether the network may be asked, by `--offline` and `--frozen`.
    pub(crate) fn network(&self, options: &NetworkOptions) -> Network {
        if self.frozen { Network::Forbidden } else { options.network() }
    }
}

/// Which project of a folder is meant, in cargo's words.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct MemberOptions {
    /// The project of this name, in the folder or below it
    #[arg(short = 'p', long = "package", value_name = "NAME")]
    member: Option<String>,
    /// The `Cargo.toml` or `pyproject.toml` of the project, instead of a source
    #[arg(long, value_name = "PATH")]
    manifest_path: Option<PathBuf>,
}

impl MemberOptions {
    /// The source that is meant: the one that was named, where the options say nothing.
    ///
    /// # Errors
    /// When there is no such manifest or project.
    pub(crate) fn choose(&self, named: &SourceRequest) -> Result<SourceRequest> {
        let folder = match (&self.manifest_path, named) {
            (Some(manifest), _) => folder_of_manifest(manifest)?,
            (None, SourceRequest::Folder(folder)) => folder.clone(),
            (None, _) if self.member.is_none() => return Ok(named.clone()),
            (None, _) => bail!("`--package` chooses a project of a folder, and `{named}` is none"),
        };
        let Some(package) = &self.member else { return Ok(SourceRequest::Folder(folder)) };
        let members = project::list_members(&folder);
        if let Some(member) = members.iter().find(|member| member.is_called(package)) {
            return Ok(SourceRequest::Folder(member.folder.clone()));
        }
        let error = anyhow!("there is no Python project `{package}` in `{}`", folder.display());
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        Err(hinted(
            error,
            match find_nearest(package, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "name the folder of the workspace".to_owned(),
                None => format!("the projects there are {}", names.join(", ")),
            },
        ))
    }
}

/// The defaults that a package states in its own folder; none for the packages of others.
///
/// # Errors
/// When its file cannot be read.
pub(crate) fn defaults_of(source: &SourceRequest) -> Result<Defaults> {
    match source {
        SourceRequest::Folder(folder) => Defaults::of(&PyProject::read(folder)?),
        _ => Ok(Defaults::default()),
    }
}

/// Takes values that a package's own file states, if the command line has none.
///
/// # Errors
/// When one of them is none of the option's.
pub(crate) fn take_values<T, E: Display>(
    option: &mut Vec<T>,
    key: &str,
    stated: &[String],
    parse: impl Fn(&str) -> std::result::Result<T, E>,
) -> Result<()> {
    if option.is_empty() {
        let wrong = |error: E| anyhow!("`{key}` of `[tool.cargo-pyodide.defaults]`: {error}");
        *option = stated.iter().map(|text| parse(text).map_err(wrong)).collect::<Result<_>>()?;
    }
    Ok(())
}

fn folder_of_manifest(manifest: &Path) -> Result<PathBuf> {
    let is_manifest =
        manifest.file_name().is_some_and(|name| name == "Cargo.toml" || name == "pyproject.toml");
    if !is_manifest || !manifest.is_file() {
        let error =
            anyhow!("`{}` is not the `Cargo.toml` or `pyproject.toml` of a project", manifest.display());
        return Err(hinted(error, "name the file itself, as for cargo"));
    }
    let folder = manifest.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(folder.unwrap_or(Path::new(".")).to_owned())
}

/// How much work is put into finished wheels.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct FinishOptions {
    /// How hard wheels are compressed: `fast`, or `best`, which takes seconds and saves 5 to 8 % [default: best for the profile `release`, else fast]
    #[arg(long, value_enum, value_name = "HOW", hide_possible_values = true)]
    compress: Option<Compression>,
    /// What modules are optimized for after linking, with Binaryen: `none`, `size` or `speed` [default: speed for the profile `release`, if there is a wasm-opt or npm can fetch one, else none]
    #[arg(long, value_enum, value_name = "FOR", hide_possible_values = true)]
    optimize: Option<Optimization>,
}

impl FinishOptions {
    /// The request.
    pub(crate) fn request(self) -> FinishRequest {
        let Self { compress, optimize } = self;
        FinishRequest { compression: compress, optimization: optimize }
    }
}

/// The overlays that the user chose.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OverlayOptions {
    /// An overlay: a file of changes to the package; repeatable
    #[arg(long = "overlay", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A variant that an overlay offers; FILE replaces the file that the variant would fetch; repeatable
    #[arg(long = "variant", value_name = "NAME[=FILE]")]
    variants: Vec<VariantChoice>,
    /// Apply none of the recipes that the tool ships
    #[arg(long)]
    no_recipes: bool,
}

impl OverlayOptions {
    /// The request.
    pub(crate) fn request(&self) -> OverlayRequest {
        let Self { files, variants, no_recipes } = self.clone();
        OverlayRequest { files, variants, recipes: recipes(no_recipes) }
    }
}

/// What `--no-recipes` means.
pub(crate) fn recipes(no_recipes: bool) -> Recipes {
    if no_recipes { Recipes::Ignored } else { Recipes::Applied }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        cargo: CargoOptions,
        #[command(flatten)]
        overlays: OverlayOptions,
        #[command(flatten)]
        network: NetworkOptions,
    }

    fn check(words: &str) -> String {
        let line = Line::parse_from(std::iter::once("x").chain(words.split_whitespace()));
        format!("{:?}\n{:?}\n{:?}", line.cargo.request(), line.overlays.request(), line.network.network())
    }

    #[test]
    fn options_become_requests() {
        let all = "--profile small --profile-as-is --features a,b -F c --no-default-features --no-share-crates --headers h -j 3 --locked \
                   --c-toolchain emsdk --overlay o.toml --variant v --variant w=f --no-recipes --offline";
        insta::assert_snapshot!(format!("{}\n\n{}", check(""), check(all)), @r#"
        CargoRequest { profile: None, silent_settings: Chosen, features: [], no_default_features: false, jobs: None, lock: Updated, git_crates: Required, crate_store: Shared, headers: None, c_toolchain: Clang }
        OverlayRequest { files: [], variants: [], recipes: Applied }
        Allowed

        CargoRequest { profile: Some("small"), silent_settings: AsIs, features: ["a", "b", "c"], no_default_features: true, jobs: Some(3), lock: Kept, git_crates: Required, crate_store: PerPackage, headers: Some("h"), c_toolchain: Emsdk }
        OverlayRequest { files: ["o.toml"], variants: [VariantChoice { name: "v", file: None }, VariantChoice { name: "w", file: Some("f") }], recipes: Ignored }
        Forbidden
        "#);
    }

    #[test]
    fn verbosity_is_one_of_five() {
        #[derive(Parser)]
        struct Said {
            #[command(flatten)]
            verbosity: VerbosityOptions,
        }
        let parse = |words: &[&str]| Said::try_parse_from(std::iter::once("x").chain(words.iter().copied()));
        let check = |words: &[&str]| format!("{:?}", parse(words).unwrap().verbosity.verbosity());
        assert_eq!([check(&[]), check(&["-v"]), check(&["--quiet"])], ["Normal", "Verbose", "Quiet"]);
        assert_eq!([check(&["-vv"]), check(&["-qq"]), check(&["-qqq"])], ["Loud", "Silent", "Silent"]);
        assert!(parse(&["-v", "-q"]).is_err());
    }
}
