//! What is built, and how.

use std::path::PathBuf;

use crate::backend::CrateStore;
use crate::overlay::changes::VariantChoice;
use crate::runtime::TagChoice;
use crate::source::Source;
use crate::toolchain::c_compiler::CToolchain;
use crate::wasm::strip::Names;

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
    /// Whether the names of functions stay in the modules.
    pub names: Names,
    /// Where the wheel goes.
    pub out_dir: PathBuf,
}

/// What cargo and compilers are told.
#[derive(Debug, Clone, Default)]
pub struct CargoRequest {
    /// The profile, if not `release`.
    pub profile: Option<String>,
    /// Features that are turned on.
    pub features: Vec<String>,
    /// Whether the default features are off.
    pub no_default_features: bool,
    /// Where compiled crates are kept.
    pub crate_store: CrateStore,
    /// The folder with the headers of the target's Python, for an extension in C.
    pub headers: Option<PathBuf>,
    /// What compiles C.
    pub c_toolchain: CToolchain,
}

/// Which overlays are applied, beside the package's own table.
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
            names: Names::Dropped,
            out_dir: out_dir.into(),
        }
    }

    /// The request for a package that this one's wheel requires: what the user chose for one package holds for no other.
    pub(super) fn for_dependency(&self, source: Source) -> Self {
        let overlays = OverlayRequest { recipes: self.overlays.recipes, ..OverlayRequest::default() };
        let (tag, names) = (self.tag.clone(), self.names);
        Self { source, cargo: CargoRequest::default(), overlays, tag, names, out_dir: self.out_dir.clone() }
    }
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
                features: vec!["a".into()],
                no_default_features: true,
                crate_store: CrateStore::Shared,
                headers: Some("h".into()),
                c_toolchain: CToolchain::Emsdk,
            },
            overlays: OverlayRequest {
                files: vec!["o.toml".into()],
                variants: vec!["v".parse().unwrap()],
                recipes: Recipes::Ignored,
            },
            tag: TagChoice::Index,
            names: Names::Kept,
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
                features: [],
                no_default_features: false,
                crate_store: PerPackage,
                headers: None,
                c_toolchain: Clang,
            },
            overlays: OverlayRequest {
                files: [],
                variants: [],
                recipes: Ignored,
            },
            tag: Index,
            names: Kept,
            out_dir: "wheels",
        }
        "#
        );
    }
}
