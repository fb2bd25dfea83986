//! `site.json`: what the playground reads of a site. `page/playground.js` has the same in its own words.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// The form of this document; the page refuses another.
const FORMAT: u32 = 1;

/// A site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteDocument {
    format: u32,
    /// The title of its page.
    pub title: String,
    /// Its Pyodide releases, in the order in which they are offered.
    pub releases: Vec<SiteRelease>,
    /// Its packages, one a name and version.
    pub packages: Vec<SitePackage>,
    /// How to use them elsewhere.
    pub snippets: Vec<Snippet>,
    /// What came of a sweep, if the site shows one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matrix: Option<Matrix>,
    /// Pages beside the playground.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<PageLink>,
    /// Where its server has news of builds, if it is built again and again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub news: Option<NewsSource>,
}

/// A page beside the playground.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PageLink {
    /// Its address, from the root of the site.
    pub address: String,
    /// What it calls itself.
    pub title: String,
}

/// Where a page learns of newer builds of its site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewsSource {
    /// The address, from the root of the site.
    pub address: String,
    /// The number of the build that the site came of.
    pub build: u32,
}

/// A Pyodide release of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteRelease {
    /// The release.
    pub version: String,
    /// Its line.
    pub line: String,
    /// Its Python, with all that belongs to the version.
    pub python: String,
    /// Its folder, from the root of the site, with a slash at its end.
    #[serde(rename = "indexURL")]
    pub index_url: String,
    /// The file that loads it: `pyodide.js`, or `pyodide.mjs` from 314 on.
    pub module: String,
    /// The name of its lock file.
    #[serde(rename = "lockFileName")]
    pub lock_file_name: String,
    /// The ABI version that it states, `2026_0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abi: Option<String>,
    /// The bytes that its loader fetches before Python starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download: Option<u64>,
}

/// A package of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SitePackage {
    /// Its name, normalised: lock files know it by that one.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is, in a line.
    pub summary: String,
    /// Its top-level modules.
    pub imports: Vec<String>,
    /// Its wheel for each release that it has one for.
    pub releases: BTreeMap<String, PackageWheel>,
    /// Code to begin with.
    pub examples: Vec<Example>,
}

/// A wheel for a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageWheel {
    /// Its file name, in `wheels`.
    pub wheel: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// A piece of code that shows a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// What it shows.
    pub title: String,
    /// The code.
    pub code: String,
}

/// What works where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// The lines, in their order.
    pub lines: Vec<String>,
    /// The packages, in their order.
    pub rows: Vec<MatrixRow>,
    /// The address of the sweep's own report, from the root of the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
}

/// What came of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatrixRow {
    /// `name==version`.
    pub package: String,
    /// Its normalised name.
    pub name: String,
    /// What came of it on each line.
    pub cells: BTreeMap<String, MatrixCell>,
}

/// What came of a package on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatrixCell {
    /// `ok`, `failed` or `waiting`.
    pub status: String,
    /// The same in a few words: `ok 132/132`.
    pub words: String,
    /// The address of the wheel, from the root of the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wheel: Option<String>,
    /// The address of the log, from the root of the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The release to try it on, if the site has the wheel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
}

impl SiteDocument {
    /// A site without a matrix, with the snippets that the tool knows.
    ///
    /// # Errors
    /// When the snippets cannot be read.
    pub fn new(title: &str, releases: Vec<SiteRelease>, packages: Vec<SitePackage>) -> Result<Self> {
        let snippets = shipped_snippets()?;
        Ok(Self {
            format: FORMAT,
            title: title.to_owned(),
            releases,
            packages,
            snippets,
            matrix: None,
            pages: Vec::new(),
            news: None,
        })
    }

    /// The text of `site.json`.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// How to use a package somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snippet {
    /// Its name in the page.
    pub id: String,
    /// Where it is used.
    pub title: String,
    /// The language of the text.
    pub language: String,
    /// The first line that it works with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The last line that it works with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// What else is to be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The text, with names in double braces.
    pub text: String,
}

#[derive(Deserialize)]
struct SnippetsFile {
    snippet: Vec<Snippet>,
}

/// The snippets that the tool knows, in their order.
///
/// # Errors
/// When their file is wrong: a fault of ours, which a test finds.
pub(super) fn shipped_snippets() -> Result<Vec<Snippet>> {
    let file: SnippetsFile =
        toml::from_str(include_str!("snippets.toml")).context("snippets.toml is wrong")?;
    Ok(file.snippet)
}

#[cfg(test)]
pub(super) mod samples {
    use super::*;

    /// A release of a site.
    pub(in crate::site) fn release(version: &str, line: &str, abi: Option<&str>) -> SiteRelease {
        SiteRelease {
            version: version.to_owned(),
            line: line.to_owned(),
            python: "3.14.2".to_owned(),
            index_url: format!("pyodide/{version}/"),
            module: "pyodide.mjs".to_owned(),
            lock_file_name: "pyodide-lock.json".to_owned(),
            abi: abi.map(str::to_owned),
            download: Some(12_000_000),
        }
    }

    /// A package of a site with a wheel for these releases.
    pub(in crate::site) fn package(name: &str, releases: &[&str]) -> SitePackage {
        let wheel = PackageWheel { wheel: format!("{name}-1.0.whl"), size: 1000, sha256: "aa".to_owned() };
        SitePackage {
            name: name.to_owned(),
            version: "1.0".to_owned(),
            summary: "What it is".to_owned(),
            imports: vec![name.to_owned()],
            releases: releases.iter().map(|release| ((*release).to_owned(), wheel.clone())).collect(),
            examples: vec![Example { title: "One".to_owned(), code: format!("import {name}\n") }],
        }
    }

    #[test]
    fn a_site_is_what_the_page_reads() {
        let releases = vec![release("314.0.7", "314", Some("2026_0")), release("0.24.1", "0.24", None)];
        let mut site = SiteDocument::new("A title", releases, vec![package("a", &["314.0.7"])]).unwrap();
        site.snippets.truncate(1);
        let cell = MatrixCell {
            status: "ok".to_owned(),
            words: "ok 1/1".to_owned(),
            wheel: None,
            log: Some("logs/a".to_owned()),
            release: None,
        };
        let row = MatrixRow {
            package: "a==1.0".to_owned(),
            name: "a".to_owned(),
            cells: BTreeMap::from([("314".to_owned(), cell)]),
        };
        site.matrix = Some(Matrix { lines: vec!["314".to_owned()], rows: vec![row], report: None });
        // A line an object, for reading.
        let text = serde_json::to_string(&site).unwrap().replace("},", "},\n");
        insta::assert_snapshot!(text, @r##"
        {"format":1,"title":"A title","releases":[{"version":"314.0.7","line":"314","python":"3.14.2","indexURL":"pyodide/314.0.7/","module":"pyodide.mjs","lockFileName":"pyodide-lock.json","abi":"2026_0","download":12000000},
        {"version":"0.24.1","line":"0.24","python":"3.14.2","indexURL":"pyodide/0.24.1/","module":"pyodide.mjs","lockFileName":"pyodide-lock.json","download":12000000}],"packages":[{"name":"a","version":"1.0","summary":"What it is","imports":["a"],"releases":{"314.0.7":{"wheel":"a-1.0.whl","size":1000,"sha256":"aa"}},
        "examples":[{"title":"One","code":"import a\n"}]}],"snippets":[{"id":"page","title":"Web page","language":"html","note":"Everything comes from this site: Pyodide {{release}},
         and {{package}} from its lock file.","text":"<!doctype html>\n<meta charset=\"utf-8\">\n<pre id=\"output\">Loading…</pre>\n<script type=\"module\">\n  import { loadPyodide } from \"{{loader_url}}\";\n\n  const pyodide = await loadPyodide({ indexURL: \"{{index_url}}\" });\n  await pyodide.loadPackage(\"{{package}}\");\n  document.querySelector(\"#output\").textContent = pyodide.runPython(`\n    import {{module}}\n    repr({{module}})\n  `);\n</script>\n"}],"matrix":{"lines":["314"],"rows":[{"package":"a==1.0","name":"a","cells":{"314":{"status":"ok","words":"ok 1/1","log":"logs/a"}}}]}}
        "##);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&site.text().unwrap()).unwrap()["format"], 1);
    }
}
