//! Writes a release's lock file anew: its own entries kept, ours in the place of theirs or added.
//!
//! A lock file of our own must look like the release's: loaders up to 0.27 hold its `info.version` against their own,
//! 0.21 does not start without the release's entries, and the fields of an entry differ from line to line. So the
//! release's own file is the pattern, and what it has not, ours has not.
//!
//! <https://pyodide.org/en/stable/development/building-packages.html>

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, anyhow};
use serde_json::Value;

use super::lock_document::{Json, Object};
use super::wheel::SiteWheel;
use crate::abi::Line;
use crate::error::{Result, hinted};
use crate::wheel::filename::normalised;

/// From the folder of a release to the root of the site.
const TO_ROOT: &str = "../../";

/// Where the files of the release's own packages are.
#[derive(Debug, Clone, Default)]
pub struct ReleaseFiles {
    /// The address of the folder on the release's network, with a slash at its end.
    pub network: String,
    /// The files that lie beside the lock file: they are looked up there.
    pub beside: BTreeSet<String>,
}

/// The name of a line's lock file.
pub fn file_name(line: Line) -> &'static str {
    match "0.24".parse() {
        Ok(first) if line < first => "repodata.json",
        _ => "pyodide-lock.json",
    }
}

/// Writes a lock file from the release's own text. The same values give the same text. Requirements that it has no entry
/// for are left out: a loader refuses a name that it does not know.
///
/// # Errors
/// When the release's lock file cannot be read, or two wheels are of the same name.
pub fn write(release: &str, files: &ReleaseFiles, wheels: &[SiteWheel]) -> Result<String> {
    let tried = "cannot read the lock file of the release";
    let mut document: Object = serde_json::from_str(release).context(tried)?;
    let Some(Json::Object(packages)) = document.get_mut("packages") else {
        return Err(anyhow!("it has no object `packages`").context(tried));
    };
    let fields = Fields::of(packages);
    let wheels = in_order(wheels)?;
    let keys = Keys::of(packages, &wheels);
    for entry in entries_mut(packages) {
        adjust(entry, files, &keys);
    }
    for (name, wheel) in wheels {
        let key = keys.get(&name);
        packages.set(&key, Json::Object(fields.entry(&key, wheel, &keys.of_depends(wheel))));
    }
    Ok(serde_json::to_string(&document)?)
}

fn entries_mut(packages: &mut Object) -> impl Iterator<Item = &mut Object> {
    packages.0.iter_mut().filter_map(|(_, entry)| match entry {
        Json::Object(entry) => Some(entry),
        _ => None,
    })
}

/// The wheels by name.
fn in_order(wheels: &[SiteWheel]) -> Result<BTreeMap<String, &SiteWheel>> {
    let mut named = BTreeMap::new();
    for wheel in wheels {
        if let Some(other) = named.insert(wheel.name(), wheel) {
            let error = anyhow!(
                "`{}` and `{}` are of one name, and a lock file has one wheel of each",
                other.filename,
                wheel.filename
            );
            return Err(hinted(error, "leave one of them out"));
        }
    }
    Ok(named)
}

/// The keys of a lock file by normalised name. Up to 0.24 a few are not normalised, and loaders want them as they are.
struct Keys(BTreeMap<String, String>);

impl Keys {
    fn of(packages: &Object, wheels: &BTreeMap<String, &SiteWheel>) -> Self {
        let ours = wheels.keys().map(|name| (name.clone(), name.clone()));
        let theirs = packages.0.iter().map(|(key, _)| (normalised(key), key.clone()));
        Self(ours.chain(theirs).collect())
    }

    /// The key of a name, or the name as a new key would be.
    fn get(&self, name: &str) -> String {
        let name = normalised(name);
        self.0.get(&name).cloned().unwrap_or(name)
    }

    /// The keys of what a wheel requires, as far as the lock file has them.
    fn of_depends(&self, wheel: &SiteWheel) -> Vec<String> {
        let keys: BTreeSet<&String> =
            wheel.depends.iter().filter_map(|name| self.0.get(&normalised(name))).collect();
        keys.into_iter().cloned().collect()
    }
}

/// Writes where the file of a package of the release is, and what it depends on by key: releases from 0.25 on have
/// names there that are not normalised.
fn adjust(entry: &mut Object, files: &ReleaseFiles, keys: &Keys) {
    let text = |entry: &Object, key: &str| Some(entry.get(key)?.as_text()?.to_owned());
    if let Some(file) = text(entry, "file_name")
        && !files.beside.contains(&file)
        && !file.contains("://")
    {
        entry.set("file_name", Json::text(format!("{}{file}", files.network)));
    }
    if let Some(Json::Array(depends)) = entry.get("depends") {
        let depends: Vec<String> =
            depends.iter().filter_map(Json::as_text).map(|name| keys.get(name)).collect();
        entry.set("depends", Json::texts(&depends));
    }
}

/// The fields of an entry, in the order of the release.
struct Fields(Vec<String>);

impl Fields {
    /// What no entry can do without, on any release.
    const NEEDED: [&str; 7] = ["name", "version", "file_name", "install_dir", "sha256", "imports", "depends"];

    /// The fields that each package of a release has, and `package_type` if any has it: 0.23 gives it to most.
    fn of(packages: &Object) -> Self {
        let entries: Vec<&Object> = packages
            .0
            .iter()
            .filter_map(|(_, entry)| if let Json::Object(entry) = entry { Some(entry) } else { None })
            .collect();
        let is_wanted =
            |field: &str| field == "package_type" || entries.iter().all(|entry| entry.get(field).is_some());
        let pattern = entries.iter().rev().max_by_key(|entry| entry.0.len());
        let mut fields: Vec<String> = pattern
            .iter()
            .flat_map(|entry| &entry.0)
            .map(|(field, _)| field.clone())
            .filter(|field| is_wanted(field))
            .collect();
        for needed in Self::NEEDED {
            if !fields.iter().any(|field| field == needed) {
                fields.push(needed.to_owned());
            }
        }
        Self(fields)
    }

    fn entry(&self, name: &str, wheel: &SiteWheel, depends: &[String]) -> Object {
        let value = |field: &str| {
            Some(match field {
                "name" => Json::text(name),
                "version" => Json::text(&wheel.filename.version),
                "file_name" => Json::text(wheel.address(TO_ROOT)),
                "install_dir" => Json::text("site"),
                "sha256" => Json::text(&wheel.sha256),
                "imports" => Json::texts(&wheel.imports),
                "depends" => Json::texts(depends),
                "package_type" => Json::text("package"),
                "unvendored_tests" | "shared_library" => Json::Scalar(Value::Bool(false)),
                "tool" => Json::Object(Object::default()),
                // No release has another today; a loader takes what is absent as not said.
                _ => return None,
            })
        };
        Object(self.0.iter().filter_map(|field| Some((field.clone(), value(field)?))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::wheel::samples::wheel;
    use super::*;

    const OLD: &str = r#"{"info": {"version": "0.21.3", "arch": "wasm32"}, "packages": {
        "distutils": {"name": "distutils", "version": "1.0.0", "file_name": "distutils.tar", "install_dir": "lib",
            "sha256": "11", "depends": [], "imports": ["distutils"]},
        "ruamel.yaml": {"name": "ruamel.yaml", "version": "0.17", "file_name": "https://a.example/r.whl",
            "install_dir": "site", "sha256": "00", "depends": ["Regex"], "imports": []},
        "regex": {"name": "regex", "version": "2022.6.2", "file_name": "regex.whl", "install_dir": "site",
            "sha256": "22", "depends": [], "imports": ["regex"], "unvendored_tests": true}}}"#;
    const NEW: &str = r#"{"info": {"python": "3.14.2", "abi_version": "2026_0"}, "packages": {
        "a-b": {"depends": ["prompt_toolkit", "Cartopy"], "file_name": "a_b.whl", "imports": ["a_b"],
            "install_dir": "site", "name": "A_B", "package_type": "package", "sha256": "33", "tool": {},
            "unvendored_tests": false, "version": "1.0"},
        "six": {"depends": [], "file_name": "six.whl", "imports": ["six"], "install_dir": "site", "name": "six",
            "package_type": "package", "sha256": "44", "tool": {}, "unvendored_tests": false, "version": "1.16"}},
        "tool": {"z": 1, "a": 2}}"#;

    fn check(release: &str, wheels: &[SiteWheel]) -> String {
        let files = ReleaseFiles {
            network: "https://cdn.example/full/".to_owned(),
            beside: BTreeSet::from(["distutils.tar".to_owned()]),
        };
        match write(release, &files, wheels) {
            Ok(text) => {
                assert_eq!(write(release, &files, wheels).unwrap(), text);
                text.replace("},\"", "},\n\"")
            }
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn old_releases_get_their_fields() {
        let mut ours = wheel("Regex-2.0-cp310-cp310-emscripten_3_1_14_wasm32.whl", 'a');
        ours.depends = vec!["not_there".to_owned(), "Distutils".to_owned(), "ruamel-yaml".to_owned()];
        insta::assert_snapshot!(check(OLD, &[ours, wheel("Own-1.0+x-py3-none-any.whl", 'b')]), @r#"
        {"info":{"version":"0.21.3","arch":"wasm32"},
        "packages":{"distutils":{"name":"distutils","version":"1.0.0","file_name":"distutils.tar","install_dir":"lib","sha256":"11","depends":[],"imports":["distutils"]},
        "ruamel.yaml":{"name":"ruamel.yaml","version":"0.17","file_name":"https://a.example/r.whl","install_dir":"site","sha256":"00","depends":["regex"],"imports":[]},
        "regex":{"name":"regex","version":"2.0","file_name":"../../wheels/Regex-2.0-cp310-cp310-emscripten_3_1_14_wasm32.whl","install_dir":"site","sha256":"aaaaaaaa","depends":["distutils","ruamel.yaml"],"imports":["regex"]},
        "own":{"name":"own","version":"1.0+x","file_name":"../../wheels/Own-1.0+x-py3-none-any.whl","install_dir":"site","sha256":"bbbbbbbb","depends":[],"imports":["own"]}}}
        "#);
    }

    #[test]
    fn new_releases_get_theirs() {
        let mut ours = wheel("a.b-2.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", 'a');
        ours.depends = vec!["zebra".to_owned(), "Zebra".to_owned(), "six".to_owned()];
        insta::assert_snapshot!(check(NEW, &[wheel("zebra-1-py3-none-any.whl", 'z'), ours]), @r#"
        {"info":{"python":"3.14.2","abi_version":"2026_0"},
        "packages":{"a-b":{"depends":["six","zebra"],"file_name":"../../wheels/a.b-2.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl","imports":["a.b"],"install_dir":"site","name":"a-b","package_type":"package","sha256":"aaaaaaaa","tool":{},
        "unvendored_tests":false,"version":"2.0"},
        "six":{"depends":[],"file_name":"https://cdn.example/full/six.whl","imports":["six"],"install_dir":"site","name":"six","package_type":"package","sha256":"44","tool":{},
        "unvendored_tests":false,"version":"1.16"},
        "zebra":{"depends":[],"file_name":"../../wheels/zebra-1-py3-none-any.whl","imports":["zebra"],"install_dir":"site","name":"zebra","package_type":"package","sha256":"zzzzzzzz","tool":{},
        "unvendored_tests":false,"version":"1"}},
        "tool":{"z":1,"a":2}}
        "#);
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let twice = [wheel("a-1-py3-none-any.whl", 'a'), wheel("A-2-py3-none-any.whl", 'b')];
        let texts = [check(NEW, &twice), check("[]", &[]), check("{}", &[]), check("{\"packages\": 1}", &[])];
        insta::assert_snapshot!(texts.join("\n"), @"
        `a-1-py3-none-any.whl` and `A-2-py3-none-any.whl` are of one name, and a lock file has one wheel of each
        cannot read the lock file of the release: invalid type: sequence, expected an object at line 1 column 0
        cannot read the lock file of the release: it has no object `packages`
        cannot read the lock file of the release: it has no object `packages`
        ");
    }

    #[test]
    fn names_follow_the_line() {
        let name = |line: &str| file_name(line.parse().unwrap());
        assert_eq!(
            ["0.21", "0.23", "0.24", "314"].map(name),
            ["repodata.json", "repodata.json", "pyodide-lock.json", "pyodide-lock.json"]
        );
    }
}
