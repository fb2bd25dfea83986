//! What cargo and compilers are told for one build: the user's choices, overlays and recipes taken together.

use std::num::NonZeroU32;
use std::path::PathBuf;

use super::target_folder::CrateStore;
use crate::overlay::changes::CargoChanges;
use crate::overlay::crates::CrateRecipe;
use crate::project::bindings::StableAbi;
use crate::toolchain::c_compiler::CToolchain;
use crate::wasm::strip::Strip;

/// Whether cargo may change the lock file, or make one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LockUse {
    /// Where the manifests and the lock file disagree, as in many sdists, cargo changes it.
    #[default]
    Updated,
    /// It must be there and fit: cargo's `--locked`.
    Kept,
}

/// How cargo and compilers are called.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CargoChoices {
    /// A profile instead of `release`.
    pub profile: Option<String>,
    /// `--features` and `--no-default-features`, as cargo takes them.
    pub features: Vec<String>,
    /// What overlays say beyond that.
    pub overlay: CargoChanges,
    /// What single crates need.
    pub crates: Vec<CrateRecipe>,
    /// Hash of the inputs that cargo's fingerprint does not cover: patches, environment, per-crate flags. None if there are
    /// none.
    pub key: Option<String>,
    /// Features of the target with which Rust is compiled, unless the user's flags turn them off.
    pub target_features: Vec<&'static str>,
    /// The stable ABI that PyO3 must be told of.
    pub stable_abi: Option<StableAbi>,
    /// Whether a library comes of it that Python opens through cffi, and no module.
    pub links_library: bool,
    /// How many jobs cargo runs at once, if not as many as it chooses.
    pub jobs: Option<NonZeroU32>,
    /// Whether the lock file may change.
    pub lock: LockUse,
    /// Where compiled crates are kept.
    pub crate_store: CrateStore,
    /// A folder with headers of Python, for extensions in C.
    pub headers: Option<PathBuf>,
    /// What compiles C.
    pub c_toolchain: CToolchain,
    /// What is dropped of modules. If nothing is, they name the sources where they are.
    pub strip: Strip,
}

impl CargoChoices {
    /// Says what is dropped of modules. If nothing is, there is debug information, whatever the package's profile says.
    pub fn set_strip(&mut self, strip: Strip) {
        self.strip = strip;
        if self.keeps_debug_info() {
            self.overlay.profile.debug = Some(true.into());
        }
    }

    /// Whether compilers and linker keep debug information.
    pub(super) fn keeps_debug_info(&self) -> bool {
        self.strip == Strip::Nothing
    }
}
