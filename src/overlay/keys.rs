//! The keys of an overlay, each with an example: what serde fills from a table of TOML.
//!
//! Values are parsed here, so that a wrong one is refused with its place. `docs/overlays.md` shows all keys.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IntoDeserializer;

use super::values::{CrateUpdate, ExtraName, InsidePath, Location, RequirementText, SystemName};
use crate::digest::Sha256Digest;
use crate::wasm::optimization::Optimization;

/// What is changed: the keys that stand at the top of an overlay, in a `[[when]]` and in a variant.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Section {
    /// What the wheel requires.
    pub dependencies: DependencyKeys,
    /// How cargo is called.
    pub cargo: CargoKeys,
    /// Unified diffs against the source tree: `patches = ["no-sockets.patch"]`.
    pub patches: Vec<InsidePath>,
    /// Files that are put into the source tree.
    pub sources: Vec<SourceKeys>,
    /// Files that are put into the wheel.
    pub files: Vec<FileKeys>,
    /// What modules are optimised for after linking: `optimize = "size"`.
    pub optimize: Option<Optimization>,
    /// How the package's own tests are run.
    pub test: TestKeys,
}

/// `[dependencies]`: changes of `Requires-Dist` in the wheel's METADATA.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DependencyKeys {
    /// Moves requirements into an extra: `optional = { http = ["requests"] }`.
    pub optional: BTreeMap<ExtraName, Vec<RequirementText>>,
    /// Drops requirements: `remove = ["psutil"]`.
    pub remove: Vec<RequirementText>,
    /// Adds requirements: `add = ["pyodide-http; python_version < '3.12'"]`.
    pub add: Vec<RequirementText>,
    /// Puts others in the place of requirements: `replace = { urllib3 = "urllib3>=2.2" }`.
    pub replace: BTreeMap<RequirementText, RequirementText>,
}

/// `[cargo]`: how cargo is called.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CargoKeys {
    /// Features that are turned on: `features = ["python"]`.
    pub features: Vec<String>,
    /// Turns the default features off: `no-default-features = true`.
    pub no_default_features: Option<bool>,
    /// Crates that are updated in the lock file first: `update = ["mio", "tokio@1.54"]`.
    pub update: Vec<CrateUpdate>,
    /// Crates taken from a folder beside the overlay: `patch = { mio = "vendor/mio" }`.
    pub patch: BTreeMap<String, InsidePath>,
    /// Compiler flags for every crate of the target: `rustflags = ["--cfg", "small"]`.
    pub rustflags: Vec<String>,
    /// Compiler flags for one crate of the target: `crate-rustflags = { tokio = ["--cfg", "tokio_unstable"] }`.
    pub crate_rustflags: BTreeMap<String, Vec<String>>,
    /// Crates that take every WebAssembly target for a browser, and must not: `not-in-browser = ["zxcvbn"]`.
    pub not_in_browser: Vec<String>,
    /// Crates that have code for some systems alone, and the one that they take Emscripten for:
    /// `target-os = { hostname = "linux" }`.
    pub target_os: BTreeMap<String, SystemName>,
    /// Settings of the cargo profile: `profile = { lto = "fat", opt-level = "s" }`.
    pub profile: ProfileKeys,
    /// Environment variables of the build: `env = { OPENSSL_NO_VENDOR = "1" }`.
    pub env: BTreeMap<String, String>,
}

/// `[cargo.profile]`: settings of the profile with which the package is built.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ProfileKeys {
    /// Link-time optimisation: `false`, `true`, `"thin"`, `"fat"`, `"off"`.
    pub lto: Option<toml::Value>,
    /// Into how many units each crate is split.
    pub codegen_units: Option<u32>,
    /// `0` to `3`, `"s"` or `"z"`.
    pub opt_level: Option<toml::Value>,
    /// `"unwind"` or `"abort"`.
    pub panic: Option<Panic>,
    /// Debug information.
    pub debug: Option<toml::Value>,
    /// Whether integer overflow panics.
    pub overflow_checks: Option<bool>,
    /// Whether `debug_assert!` is compiled.
    pub debug_assertions: Option<bool>,
}

/// What a Rust panic does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Panic {
    /// It unwinds, and becomes a Python exception.
    Unwind,
    /// It ends the interpreter.
    Abort,
}

impl ProfileKeys {
    /// The settings as cargo's configuration has them.
    pub fn table(&self) -> toml::Table {
        let panic = self.panic.map(|panic| match panic {
            Panic::Unwind => "unwind",
            Panic::Abort => "abort",
        });
        let settings = [
            ("lto", self.lto.clone()),
            ("codegen-units", self.codegen_units.map(|units| toml::Value::from(i64::from(units)))),
            ("opt-level", self.opt_level.clone()),
            ("panic", panic.map(toml::Value::from)),
            ("debug", self.debug.clone()),
            ("overflow-checks", self.overflow_checks.map(toml::Value::from)),
            ("debug-assertions", self.debug_assertions.map(toml::Value::from)),
        ];
        settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// These settings, and those of another where this one is silent.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            lto: self.lto.or(other.lto),
            codegen_units: self.codegen_units.or(other.codegen_units),
            opt_level: self.opt_level.or(other.opt_level),
            panic: self.panic.or(other.panic),
            debug: self.debug.or(other.debug),
            overflow_checks: self.overflow_checks.or(other.overflow_checks),
            debug_assertions: self.debug_assertions.or(other.debug_assertions),
        }
    }
}

/// One entry of `sources`: `{ to = "README.md", text = "" }`, or with `from` a file beside the overlay.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct SourceKeys {
    /// Its path in the source tree.
    pub to: InsidePath,
    /// What it holds.
    #[serde(default)]
    pub text: Option<String>,
    /// A file beside the overlay that holds it.
    #[serde(default)]
    pub from: Option<InsidePath>,
}

impl<'de> Deserialize<'de> for SourceKeys {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keys = Self::deserialize(deserializer)?;
        if keys.text.is_some() == keys.from.is_some() {
            return Err(serde::de::Error::custom(format!(
                "the source file `{}` needs either `text` or `from`",
                keys.to
            )));
        }
        Ok(keys)
    }
}

/// One entry of `files`: `{ from = "data/words.txt", to = "widget/words.txt" }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct FileKeys {
    /// A file beside the overlay, or an address.
    pub from: Location,
    /// Its path in the wheel.
    pub to: InsidePath,
    /// Its SHA-256: needed for what comes from an address.
    #[serde(default)]
    pub sha256: Option<Sha256Digest>,
}

impl<'de> Deserialize<'de> for FileKeys {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keys = Self::deserialize(deserializer)?;
        match (&keys.from, &keys.sha256) {
            (Location::Address(address), None) => {
                Err(serde::de::Error::custom(format!("`{address}` is an address: it needs a `sha256`")))
            }
            _ => Ok(keys),
        }
    }
}

/// `[test]`: how the package's own tests are run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TestKeys {
    /// What the tests require: `requires = ["hypothesis"]`.
    pub requires: Vec<RequirementText>,
    /// Arguments of pytest: `args = ["-p", "no:cacheprovider"]`.
    pub args: Vec<String>,
    /// Tests that cannot work, and why: `deselect = { "tests/test_x.py::test_threads" = "needs threads" }`.
    pub deselect: BTreeMap<String, String>,
}

/// Reads a section from what is left of a table.
///
/// # Errors
/// When a key is unknown or a value is wrong.
pub(super) fn section(table: toml::Spanned<toml::de::DeTable<'_>>) -> Result<Section, toml::de::Error> {
    Section::deserialize(toml::de::Deserializer::from(table).into_deserializer())
}
