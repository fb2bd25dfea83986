//! `pyodide-lock.json` (`repodata.json` up to 0.23): Python, Emscripten and ABI version of a release.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};

use crate::abi::{EmscriptenVersion, PythonVersion};
use crate::digest::Sha256Digest;
use crate::error::Result;
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
}

impl LockedPackage {
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
    arch: Option<String>,
    python: String,
    platform: String,
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
    if let Some(arch) = info.arch.filter(|arch| arch != "wasm32") {
        bail!(
            "its architecture is `{arch}`: releases with other memories than those of `wasm32` are not served"
        );
    }
    let version = info.platform.strip_prefix("emscripten_");
    let version = version.ok_or_else(|| anyhow!("the platform `{}` is not Emscripten", info.platform))?;
    Ok(LockFacts {
        python: info.python.parse()?,
        python_release: info.python.parse()?,
        emscripten: version.parse()?,
        abi_version: info.abi_version,
        packages: packages
            .into_iter()
            .map(|(name, package)| (crate::wheel::filename::normalised(&name), package))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            check(r#"{"info":{"arch":"wasm64","platform":"emscripten_5_0_3","python":"3.15.0"}}"#),
            "its architecture is `wasm64`: releases with other memories than those of `wasm32` are not served"
        );
        assert_eq!(
            check(r#"{"info":{"platform":"wasi_0_2","python":"3.13.2"}}"#),
            "the platform `wasi_0_2` is not Emscripten"
        );
        assert_eq!(check("{}"), "missing field `info` at line 1 column 2");
    }
}
