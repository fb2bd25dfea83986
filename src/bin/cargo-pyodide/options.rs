//! Options that several commands take, and the library's values that they become.

use std::path::PathBuf;

use cargo_pyodide::backend::CrateStore;
use cargo_pyodide::building::{CargoRequest, FinishRequest, OverlayRequest, Recipes, SilentSettings};
use cargo_pyodide::context::Network;
use cargo_pyodide::overlay::changes::VariantChoice;
use cargo_pyodide::toolchain::c_compiler::CToolchain;
use cargo_pyodide::wasm::optimization::Optimization;
use cargo_pyodide::wheel::deflate::Compression;
use clap::Args;

use crate::terminal::{Terminal, Verbosity};

/// How much the command prints on stderr.
#[derive(Debug, Clone, Args)]
pub(crate) struct VerbosityOptions {
    /// Show each command and each decision
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Show errors and warnings only
    #[arg(short, long)]
    quiet: bool,
}

impl VerbosityOptions {
    /// The terminal with this verbosity.
    pub(crate) fn terminal(&self) -> Terminal {
        Terminal::new(self.verbosity())
    }

    fn verbosity(&self) -> Verbosity {
        match (self.verbose, self.quiet) {
            (true, _) => Verbosity::Verbose,
            (_, true) => Verbosity::Quiet,
            _ => Verbosity::Normal,
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

/// What cargo and compilers are told.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct CargoOptions {
    /// The cargo profile [default: release]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Choose no `lto`, `codegen-units` and target features where the package says nothing
    #[arg(long)]
    profile_as_is: bool,
    /// Cargo features to turn on; repeatable
    #[arg(long, value_name = "FEATURES", value_delimiter = ',')]
    features: Vec<String>,
    /// Turn cargo's default features off
    #[arg(long)]
    no_default_features: bool,
    /// Share compiled crates with other packages instead of keeping them with this one
    #[arg(long)]
    share_crates: bool,
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
        let Self {
            profile,
            profile_as_is,
            features,
            no_default_features,
            share_crates,
            headers,
            c_toolchain,
        } = self.clone();
        let silent_settings = if profile_as_is { SilentSettings::AsIs } else { SilentSettings::Chosen };
        let crate_store = if share_crates { CrateStore::Shared } else { CrateStore::PerPackage };
        CargoRequest {
            profile,
            silent_settings,
            features,
            no_default_features,
            crate_store,
            headers,
            c_toolchain,
        }
    }
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
        let all = "--profile small --profile-as-is --features a,b --features c --no-default-features --share-crates --headers h \
                   --c-toolchain emsdk --overlay o.toml --variant v --variant w=f --no-recipes --offline";
        insta::assert_snapshot!(format!("{}\n\n{}", check(""), check(all)), @r#"
        CargoRequest { profile: None, silent_settings: Chosen, features: [], no_default_features: false, crate_store: PerPackage, headers: None, c_toolchain: Clang }
        OverlayRequest { files: [], variants: [], recipes: Applied }
        Allowed

        CargoRequest { profile: Some("small"), silent_settings: AsIs, features: ["a", "b", "c"], no_default_features: true, crate_store: Shared, headers: Some("h"), c_toolchain: Emsdk }
        OverlayRequest { files: ["o.toml"], variants: [VariantChoice { name: "v", file: None }, VariantChoice { name: "w", file: Some("f") }], recipes: Ignored }
        Forbidden
        "#);
    }

    #[test]
    fn verbosity_is_one_of_three() {
        #[derive(Parser)]
        struct Said {
            #[command(flatten)]
            verbosity: VerbosityOptions,
        }
        let parse = |words: &[&str]| Said::try_parse_from(std::iter::once("x").chain(words.iter().copied()));
        let check = |words: &[&str]| format!("{:?}", parse(words).unwrap().verbosity.verbosity());
        assert_eq!([check(&[]), check(&["-v"]), check(&["--quiet"])], ["Normal", "Verbose", "Quiet"]);
        assert!(parse(&["-v", "-q"]).is_err());
    }
}
