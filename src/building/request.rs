//! What is built, and how.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::anyhow;

use crate::backend::{CrateStore, LockUse};
use crate::env::Environment;
use crate::error::Result;
use crate::overlay::changes::VariantChoice;
use crate::runtime::TagChoice;
use crate::source::Source;
use crate::toolchain::c_compiler::CToolchain;
use crate::wasm::optimization::Optimization;
use crate::wasm::strip::Strip;
use crate::wheel::deflate::Compression;

/// What is built, and how. [`BuildRequest::new`] has the defaults.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The package.
    pub source: Source,
    /// What cargo and compilers are told.
    pub cargo: CargoRequest,
    /// Which overlays are applied.
    pub overlays: OverlayRequest,
    /// Which of a line's platform tags the wheel gets.
    pub tag: TagChoice,
    /// What is dropped of modules.
    pub strip: Strip,
    /// How much work is put into the finished wheel.
    pub finish: FinishRequest,
    /// Where the wheel goes.
    pub out_dir: PathBuf,
}

/// What cargo and compilers are told.
#[derive(Debug, Clone, Default)]
pub struct CargoRequest {
    /// The profile, if not `release`.
    pub profile: Option<String>,
    /// What becomes of settings of the profile `release` of which the package says nothing.
    pub silent_settings: SilentSettings,
    /// Features that are turned on.
    pub features: Vec<String>,
    /// Whether the default features are off.
    pub no_default_features: bool,
    /// How many jobs cargo runs at once, if not as many as it chooses.
    pub jobs: Option<NonZeroU32>,
    /// Whether the lock file may change.
    pub lock: LockUse,
    /// What becomes of crates from git whose repository cannot be reached.
    pub git_crates: GitCrates,
    /// Where compiled crates are kept.
    pub crate_store: CrateStore,
    /// The folder with the headers of the target's Python, for an extension in C.
    pub headers: Option<PathBuf>,
    /// What compiles C.
    pub c_toolchain: CToolchain,
}

/// What becomes of crates from git whose repository cannot be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GitCrates {
    /// The build fails.
    #[default]
    Required,
    /// The registry's crate of the same version takes the place of one, if it names the repository. Only who asks for it gets
    /// it: anybody can publish a crate that names a repository.
    FromRegistry,
}

/// What becomes of settings of the profile `release` of which the package says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SilentSettings {
    /// The tool chooses those that suit what modules are optimised for.
    #[default]
    Chosen,
    /// Cargo's defaults count.
    AsIs,
}

/// How much work is put into a finished wheel. What is not said depends on the profile.
#[derive(Debug, Clone, Copy, Default)]
pub struct FinishRequest {
    /// How hard it is compressed: for `release` as small as possible, else quickly.
    pub compression: Option<Compression>,
    /// For what modules are optimised after linking: for `release` speed, if there is a wasm-opt, else nothing.
    pub optimization: Option<Optimization>,
}

impl FinishRequest {
    /// As little as possible, for a wheel that is not kept.
    pub fn quick() -> Self {
        Self { compression: Some(Compression::Fast), optimization: Some(Optimization::None) }
    }
}

/// Which overlays are applied, besides the package's own table.
#[derive(Debug, Clone, Default)]
pub struct OverlayRequest {
    /// Files.
    pub files: Vec<PathBuf>,
    /// Variants that overlays offer.
    pub variants: Vec<VariantChoice>,
    /// Whether the recipes that the tool ships are applied.
    pub recipes: Recipes,
}

/// Whether the recipes that the tool ships are applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Recipes {
    /// Those that fit are.
    #[default]
    Applied,
    /// None is.
    Ignored,
}

impl BuildRequest {
    /// A package as it is, with the tag that its whole line installs.
    pub fn new(source: Source, out_dir: impl Into<PathBuf>) -> Self {
        Self {
            source,
            cargo: CargoRequest::default(),
            overlays: OverlayRequest::default(),
            tag: TagChoice::Line,
            strip: Strip::Symbols,
            finish: FinishRequest::default(),
            out_dir: out_dir.into(),
        }
    }

    /// How hard the wheel is compressed: as asked for, or by the profile.
    ///
    /// # Errors
    /// When `CARGO_PYODIDE_COMPRESS` says something else.
    pub fn compression(&self, environment: &Environment) -> Result<Compression> {
        let usual = if self.is_release() { Compression::Best } else { Compression::Fast };
        let asked = match self.finish.compression {
            Some(asked) => Some(asked),
            None => choice(environment, "CARGO_PYODIDE_COMPRESS")?,
        };
        Ok(asked.unwrap_or(usual))
    }

    /// For what modules are optimised, if the user says it.
    ///
    /// # Errors
    /// When `CARGO_PYODIDE_OPTIMIZE` says something else.
    pub fn optimization(&self, environment: &Environment) -> Result<Option<Optimization>> {
        match self.finish.optimization {
            Some(asked) => Ok(Some(asked)),
            // wasm-opt would leave debug information that does not fit the code.
            None if self.strip == Strip::Nothing => Ok(Some(Optimization::None)),
            None => choice(environment, "CARGO_PYODIDE_OPTIMIZE"),
        }
    }

    /// For what the package is compiled: as asked for by the user, an overlay or the profile.
    ///
    /// # Errors
    /// When `CARGO_PYODIDE_OPTIMIZE` says something else.
    pub(super) fn tuned_for(
        &self,
        environment: &Environment,
        by_overlay: Option<Optimization>,
    ) -> Result<Optimization> {
        // Of another profile the user knows what stands in it.
        if self.cargo.silent_settings == SilentSettings::AsIs || !self.is_release() {
            return Ok(Optimization::None);
        }
        Ok(self.optimization(environment)?.or(by_overlay).unwrap_or(self.usual_optimization()))
    }

    /// For what modules are optimised if nobody says it.
    pub fn usual_optimization(&self) -> Optimization {
        if self.is_release() { Optimization::Speed } else { Optimization::None }
    }

    /// Whether the profile is cargo's own for what is shipped.
    fn is_release(&self) -> bool {
        self.cargo.profile.as_deref().is_none_or(|profile| profile == "release")
    }

    /// The request for a package that this one's wheel requires: what the user chose for one package holds for no other.
    pub(super) fn for_dependency(&self, source: Source) -> Self {
        let overlays = OverlayRequest { recipes: self.overlays.recipes, ..OverlayRequest::default() };
        Self { cargo: CargoRequest::default(), overlays, source, ..self.clone() }
    }
}

/// What a variable says that stands for an option.
fn choice<T: FromStr<Err = String>>(environment: &Environment, name: &str) -> Result<Option<T>> {
    let parse = |text: &str| text.parse().map_err(|message: String| anyhow!("`{name}`: {message}"));
    environment.text(name).map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_for_one_package_holds_for_no_other() {
        let folder = |name: &str| Source::Folder(name.into());
        let request = BuildRequest {
            cargo: CargoRequest {
                profile: Some("small".into()),
                silent_settings: SilentSettings::AsIs,
                features: vec!["a".into()],
                no_default_features: true,
                jobs: NonZeroU32::new(3),
                lock: LockUse::Kept,
                git_crates: GitCrates::FromRegistry,
                crate_store: CrateStore::PerPackage,
                headers: Some("h".into()),
                c_toolchain: CToolchain::Emsdk,
            },
            overlays: OverlayRequest {
                files: vec!["o.toml".into()],
                variants: vec!["v".parse().unwrap()],
                recipes: Recipes::Ignored,
            },
            tag: TagChoice::Index,
            strip: Strip::DebugInfo,
            ..BuildRequest::new(folder("one"), "wheels")
        };
        insta::assert_snapshot!(
            format!("{:#?}", request.for_dependency(folder("other"))),
            @r#"
        BuildRequest {
            source: Folder(
                "other",
            ),
            cargo: CargoRequest {
                profile: None,
                silent_settings: Chosen,
                features: [],
                no_default_features: false,
                jobs: None,
                lock: Updated,
                git_crates: Required,
                crate_store: Shared,
                headers: None,
                c_toolchain: Clang,
            },
            overlays: OverlayRequest {
                files: [],
                variants: [],
                recipes: Ignored,
            },
            tag: Index,
            strip: DebugInfo,
            finish: FinishRequest {
                compression: None,
                optimization: None,
            },
            out_dir: "wheels",
        }
        "#
        );
    }
}
