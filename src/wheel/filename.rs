//! Wheel file names: `NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl`.

use std::fmt;
use std::str::FromStr;

/// The parts of a wheel's file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelFilename {
    /// The distribution's name, as written.
    pub name: String,
    /// Its version, as written.
    pub version: String,
    /// The build number, if there is one.
    pub build: Option<String>,
    /// The Python tag; several are joined with dots.
    pub python: String,
    /// The ABI tag.
    pub abi: String,
    /// The platform tag.
    pub platform: String,
}

/// Why a text is not a wheel's file name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a wheel's file name: expected `NAME-VERSION-PYTHON-ABI-PLATFORM.whl`")]
pub struct NotAWheelFilename(String);

impl FromStr for WheelFilename {
    type Err = NotAWheelFilename;

    fn from_str(text: &str) -> Result<Self, NotAWheelFilename> {
        let refused = || NotAWheelFilename(text.to_owned());
        let stem = text.strip_suffix(".whl").ok_or_else(refused)?;
        let parts: Vec<String> = stem.split('-').map(str::to_owned).collect();
        if parts
            .iter()
            .any(|part| part.is_empty() || part.contains(['/', '\\', ':']) || part.contains(char::is_control))
        {
            return Err(refused());
        }
        match <[String; 5]>::try_from(parts.clone()) {
            Ok([name, version, python, abi, platform]) => {
                Ok(Self { name, version, build: None, python, abi, platform })
            }
            Err(_) => match <[String; 6]>::try_from(parts) {
                Ok([name, version, build, python, abi, platform])
                    if build.starts_with(|c: char| c.is_ascii_digit()) =>
                {
                    Ok(Self { name, version, build: Some(build), python, abi, platform })
                }
                _ => Err(refused()),
            },
        }
    }
}

impl fmt::Display for WheelFilename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let build = self.build.as_ref().map(|build| format!("-{build}")).unwrap_or_default();
        write!(f, "{}-{}{build}-{}-{}-{}.whl", self.name, self.version, self.python, self.abi, self.platform)
    }
}

impl WheelFilename {
    /// The `Tag:` lines that this name stands for: each combination of its parts.
    pub fn tags(&self) -> Vec<String> {
        let mut tags = Vec::new();
        for python in self.python.split('.') {
            for abi in self.abi.split('.') {
                for platform in self.platform.split('.') {
                    tags.push(format!("{python}-{abi}-{platform}"));
                }
            }
        }
        tags
    }

    /// Whether it promises the stable ABI only.
    pub fn is_abi3(&self) -> bool {
        self.abi.split('.').any(|abi| abi == "abi3")
    }

    /// Whether it promises no platform.
    pub fn is_pure(&self) -> bool {
        self.platform == "any"
    }
}

/// A project name as PEP 503 compares it.
pub fn normalised(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for part in name.split(['-', '_', '.']).filter(|part| !part.is_empty()) {
        if !normal.is_empty() {
            normal.push('-');
        }
        normal.push_str(&part.to_ascii_lowercase());
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        let check = |text: &str| match text.parse::<WheelFilename>() {
            Ok(name) => {
                assert_eq!(name.to_string(), text);
                name.tags().join(" ")
            }
            Err(error) => error.to_string(),
        };
        let names = [
            "a-1.0-cp313-cp313-linux_x86_64.whl",
            "a-1.0-1local-cp310-abi3-pyodide_2025_0_wasm32.whl",
            "a-1.0-py2.py3-none-any.whl",
            "a-1.0-cp315-abi3.abi3t-pyemscripten_2026_5_wasm32.whl",
            "a-1.0-cp315-cp315t-pyemscripten_2026_5_wasm64.whl",
            "a-1.0-b-py3-none-any.whl",
            "a-1.0.whl",
            "a-1.0-cp313-cp313-linux_x86_64.zip",
            "../a-1.0-py3-none-any.whl",
        ];
        insta::assert_snapshot!(names.map(check).join("\n"));
    }
}
