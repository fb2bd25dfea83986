//! `pyodide-lock.json` (`repodata.json` up to 0.23): Python, Emscripten and ABI version of a release.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, anyhow};

use crate::abi::{EmscriptenVersion, PythonVersion, emscripten_of_abi};
use crate::digest::Sha256Digest;
use crate::error::{Result, hinted};
use crate::plain_name::PlainName;

/// What the lock file says of the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockFacts {
    /// The Python version.
    pub python: PythonVersion,
    /// The Python version with all that belongs to it: `3.15.0rc1`.
    pub python_release: pep440_rs::Version,
    /// The Emscripten version.
    pub emscripten: EmscriptenVersion,
    /// The ABI version, `2025_0`: from 0.26 on.
    pub abi_version: Option<String>,
    /// The packages that belong to the release, by normalised name.
    pub packages: BTreeMap<String, LockedPackage>,
}

/// A package that belongs to a release.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct LockedPackage {
    /// Its version.
    pub version: String,
    /// Its file, on Pyodide's content delivery network. Lock files of users may have addresses here.
    #[serde(default, deserialize_with = "parse_or_none")]
    pub file_name: Option<PlainName>,
    /// The SHA-256 of its file.
    #[serde(default, deserialize_with = "parse_or_none")]
    pub sha256: Option<Sha256Digest>,
    /// The names of the packages that are loaded with it.
    #[serde(default)]
    pub depends: Vec<String>,
    /// The modules that it brings.
    #[serde(default)]
    pub imports: Vec<String>,
    /// What it is: `package`, `cpython_module`, `shared_library`, from 0.24 on.
    #[serde(default)]
    pub package_type: Option<String>,
}

impl LockedPackage {
    /// Whether it brings a module of this name at its top.
    pub fn provides(&self, module: &str) -> bool {
        self.imports.iter().any(|import| import.split('.').next() == Some(module))
    }

    /// Whether it is a part of the standard library that the release keeps apart.
    pub fn is_part_of_python(&self) -> bool {
        self.package_type.as_deref() == Some("cpython_module")
    }

    /// Whether other Pythons have it from a package index. The oldest releases do not say what is a part of Python or a
    /// library: neither is a wheel there.
    pub(crate) fn is_on_package_indexes(&self) -> bool {
        !self.is_part_of_python() && self.file_ends_with(".whl")
    }

    /// Whether its file's name ends so.
    pub fn file_ends_with(&self, ending: &str) -> bool {
        self.file_name.as_ref().is_some_and(|name| name.ends_with(ending))
    }
}

/// What is no such thing is as good as absent.
fn parse_or_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: std::str::FromStr,
{
    let text = <String as serde::Deserialize>::deserialize(deserializer)?;
    Ok(text.parse().ok())
}

#[derive(serde::Deserialize)]
struct LockFile {
    info: LockInfo,
    #[serde(default)]
    packages: BTreeMap<String, LockedPackage>,
}

#[derive(serde::Deserialize)]
struct LockInfo {
    python: String,
    platform: String,
    #[serde(default = "wasm32")]
    arch: String,
    abi_version: Option<String>,
}

/// The only architecture there has been so far.
const WASM32: &str = "wasm32";

fn wasm32() -> String {
    WASM32.to_owned()
}

/// What the two forms of `info.platform` say.
struct Platform {
    emscripten: EmscriptenVersion,
    abi_version: Option<String>,
}

/// Reads the lock file of an unpacked release.
///
/// # Errors
/// When there is none or it does not say what it must.
pub(crate) fn read(folder: &Path) -> Result<LockFacts> {
    let names = ["pyodide-lock.json", "repodata.json"];
    let path = names.map(|name| folder.join(name)).into_iter().find(|path| path.is_file());
    let path =
        path.ok_or_else(|| anyhow!("there is no `{}` in `{}`", names.join("` or `"), folder.display()))?;
    let text = fs_err::read_to_string(&path)?;
    parse(&text).with_context(|| format!("cannot read `{}`", path.display()))
}

/// Reads the text of a lock file.
pub(crate) fn parse(text: &str) -> Result<LockFacts> {
    let LockFile { info, packages } = serde_json::from_str(text)?;
    if info.arch != WASM32 {
        return Err(hinted(
            anyhow!("the architecture `{}` is not `{WASM32}`", info.arch),
            "name another release: extension modules are built for 32-bit WebAssembly alone",
        ));
    }
    let Platform { emscripten, abi_version } = read_platform(&info)?;
    Ok(LockFacts {
        python: info.python.parse()?,
        python_release: info.python.parse()?,
        emscripten,
        abi_version,
        packages: packages
            .into_iter()
            .map(|(name, package)| (crate::wheel::filename::normalised(&name), package))
            .collect(),
    })
}

/// Reads `emscripten_4_0_9`, which names the Emscripten, and `pyemscripten_2026_0` (PEP 783), which names the ABI version:
/// an ABI version is one Emscripten for good, and `facts/abis.toml` knows which.
fn read_platform(info: &LockInfo) -> Result<Platform> {
    let LockInfo { platform, abi_version, .. } = info;
    match platform.split_once('_') {
        Some(("emscripten", version)) => {
            Ok(Platform { emscripten: version.parse()?, abi_version: abi_version.clone() })
        }
        Some(("pyemscripten", named)) => {
            if let Some(other) = abi_version.as_deref().filter(|other| *other != named) {
                return Err(anyhow!("the platform is `{platform}`, but the ABI version is `{other}`"));
            }
            let emscripten = emscripten_of_abi(named).ok_or_else(|| {
                hinted(
                    anyhow!(
                        "the platform `{platform}` does not say its Emscripten, and its ABI is not known"
                    ),
                    "update cargo-pyodide: a newer version knows newer ABIs",
                )
            })?;
            Ok(Platform { emscripten, abi_version: Some(named.to_owned()) })
        }
        _ => Err(anyhow!("the platform `{platform}` is not Emscripten")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_names_the_emscripten_or_the_abi() {
        let check = |info: &str| {
            let text = format!(r#"{{"info":{{"python":"3.14.2",{info}}},"packages":{{}}}}"#);
            match parse(&text) {
                Ok(facts) => format!("{} {:?}", facts.emscripten, facts.abi_version),
                Err(error) => crate::error::render(&error),
            }
        };
        let both = [
            r#""platform":"emscripten_5_0_3","abi_version":"2026_0","arch":"wasm32""#,
            r#""platform":"pyemscripten_2026_0","abi_version":"2026_0""#,
            r#""platform":"pyemscripten_2026_0""#,
        ];
        assert_eq!(both.map(check), [r#"5.0.3 Some("2026_0")"#; 3]);
        assert_eq!(check(r#""platform":"pyemscripten_2025_0""#), r#"4.0.9 Some("2025_0")"#);
        insta::assert_snapshot!(check(r#""platform":"pyemscripten_2026_0","abi_version":"2025_0""#), @"error: the platform is `pyemscripten_2026_0`, but the ABI version is `2025_0`");
        insta::assert_snapshot!(check(r#""platform":"pyemscripten_2099_0""#), @"
        error: the platform `pyemscripten_2099_0` does not say its Emscripten, and its ABI is not known
        hint: update cargo-pyodide: a newer version knows newer ABIs
        ");
        insta::assert_snapshot!(check(r#""platform":"emscripten_6_0_5","arch":"wasm64""#), @"
        error: the architecture `wasm64` is not `wasm32`
        hint: name another release: extension modules are built for 32-bit WebAssembly alone
        ");
    }

    #[test]
    fn files_with_names_that_are_paths_are_none() {
        let check = |name: &str| {
            let text = format!(
                r#"{{"info":{{"platform":"emscripten_4_0_9","python":"3.13.2"}},"packages":{{"x":{{"version":"1","file_name":"{name}","sha256":"/etc"}}}}}}"#
            );
            parse(&text).unwrap().packages["x"].clone()
        };
        assert_eq!(check("x-1-py3-none-any.whl").file_name.as_deref(), Some("x-1-py3-none-any.whl"));
        for name in ["../../x.whl", "/x.whl", "https://h/x.whl"] {
            assert_eq!(check(name).file_name, None);
        }
        assert_eq!(check("x").sha256, None);
    }

    #[test]
    fn reads_both_generations() {
        let check = |text: &str| match parse(text) {
            Ok(facts) => format!("{} {} {:?}", facts.python, facts.emscripten, facts.abi_version),
            Err(error) => format!("{error:#}"),
        };
        let old = r#"{"info":{"arch":"wasm32","platform":"emscripten_3_1_14","version":"0.21.3","python":"3.10.2"}}"#;
        let new = r#"{"info":{"abi_version":"2025_0","platform":"emscripten_4_0_9","python":"3.13.2"},"packages":{}}"#;
        assert_eq!(check(old), "3.10 3.1.14 None");
        assert_eq!(check(new), r#"3.13 4.0.9 Some("2025_0")"#);
        assert_eq!(
            check(r#"{"info":{"platform":"wasi_0_2","python":"3.13.2"}}"#),
            "the platform `wasi_0_2` is not Emscripten"
        );
        assert_eq!(check("{}"), "missing field `info` at line 1 column 2");
    }
}
