//! `all.json`: the index of piplite, JupyterLite's installer.
//!
//! JupyterLite's own builder writes one file a version; piplite and micropip take the whole array, and so wheels for
//! several lines can stand beside each other.

use std::collections::BTreeMap;

use serde::Serialize;

use super::wheel::SiteWheel;
use crate::error::Result;

/// From the folder of `all.json` to the root of the site.
const TO_ROOT: &str = "../";

#[derive(Serialize, Default)]
struct Project {
    releases: BTreeMap<String, Vec<File>>,
}

#[derive(Serialize)]
struct File {
    comment_text: &'static str,
    digests: Digests,
    downloads: i32,
    filename: String,
    has_sig: bool,
    packagetype: &'static str,
    python_version: String,
    requires_python: Option<String>,
    size: u64,
    url: String,
    yanked: bool,
    yanked_reason: Option<String>,
}

#[derive(Serialize)]
struct Digests {
    sha256: String,
}

impl File {
    fn of(wheel: &SiteWheel) -> Self {
        Self {
            comment_text: "",
            digests: Digests { sha256: wheel.sha256.clone() },
            downloads: -1,
            filename: wheel.filename.to_string(),
            has_sig: false,
            packagetype: "bdist_wheel",
            python_version: wheel.filename.python.clone(),
            requires_python: wheel.requires_python.as_ref().map(ToString::to_string),
            size: wheel.size,
            url: wheel.address(TO_ROOT),
            yanked: false,
            yanked_reason: None,
        }
    }
}

/// The text of `pypi/all.json`. There is no time in it, so that the same wheels give the same text.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn document(wheels: &[SiteWheel]) -> Result<String> {
    let mut projects: BTreeMap<String, Project> = BTreeMap::new();
    let mut wheels: Vec<&SiteWheel> = wheels.iter().collect();
    wheels.sort_by_key(|wheel| wheel.filename.to_string());
    for wheel in wheels {
        let releases = &mut projects.entry(wheel.name()).or_default().releases;
        releases.entry(wheel.filename.version.clone()).or_default().push(File::of(wheel));
    }
    Ok(serde_json::to_string_pretty(&projects)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::super::wheel::samples::wheel;
    use super::*;

    #[test]
    fn wheels_of_a_version_stand_together() {
        let mut other = wheel("A_b-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", 'b');
        other.requires_python = None;
        let wheels = [other, wheel("a.b-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl", 'a')];
        insta::assert_snapshot!(document(&wheels).unwrap(), @r#"
        {
          "a-b": {
            "releases": {
              "1.0": [
                {
                  "comment_text": "",
                  "digests": {
                    "sha256": "bbbbbbbb"
                  },
                  "downloads": -1,
                  "filename": "A_b-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl",
                  "has_sig": false,
                  "packagetype": "bdist_wheel",
                  "python_version": "cp314",
                  "requires_python": null,
                  "size": 1000,
                  "url": "../wheels/A_b-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl",
                  "yanked": false,
                  "yanked_reason": null
                },
                {
                  "comment_text": "",
                  "digests": {
                    "sha256": "aaaaaaaa"
                  },
                  "downloads": -1,
                  "filename": "a.b-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl",
                  "has_sig": false,
                  "packagetype": "bdist_wheel",
                  "python_version": "cp313",
                  "requires_python": ">=3.9, <4",
                  "size": 1000,
                  "url": "../wheels/a.b-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl",
                  "yanked": false,
                  "yanked_reason": null
                }
              ]
            }
          }
        }
        "#);
    }
}
