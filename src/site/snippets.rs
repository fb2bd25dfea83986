//! How to use a site elsewhere: the snippets of `snippets.toml`, for the page and for the README of a site.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::anyhow;

use super::document::{SiteDocument, SitePackage, SiteRelease, Snippet};
use super::wheel::percent_encode;
use crate::abi::Line;
use crate::error::Result;

/// What stands for the names in double braces. `playground.js` knows the same names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnippetValues(BTreeMap<&'static str, String>);

impl SnippetValues {
    /// The values for a package on a release, at a site's address. None when the package has no wheel for it.
    pub fn of(site: &str, package: &SitePackage, release: &SiteRelease) -> Option<Self> {
        let site = format!("{}/", site.trim_end_matches('/'));
        let wheel = &package.releases.get(&release.version)?.wheel;
        let index = format!("{site}{}", release.index_url);
        let module = package.imports.first().cloned().unwrap_or_else(|| package.name.replace('-', "_"));
        let abi_year = release.abi.as_deref().and_then(|abi| abi.split('_').next()).unwrap_or_default();
        Some(Self(BTreeMap::from([
            ("loader_url", format!("{index}pyodide.mjs")),
            ("lock_url", format!("{index}{}", release.lock_file_name)),
            ("index_url", index),
            ("wheel_url", format!("{site}wheels/{}", percent_encode(wheel))),
            ("site", site),
            ("wheel", wheel.clone()),
            ("package", package.name.clone()),
            ("version", package.version.clone()),
            ("module", module),
            ("release", release.version.clone()),
            ("line", release.line.clone()),
            ("abi_year", abi_year.to_owned()),
            ("python", release.python.split('.').take(2).collect::<Vec<_>>().join(".")),
        ])))
    }

    /// A text with the values for the names in it.
    ///
    /// # Errors
    /// When it has a name that there is no value for.
    pub fn fill(&self, text: &str) -> Result<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            let after = &rest[start + 2..];
            let end = after.find("}}").ok_or_else(|| anyhow!("`{{{{` is not closed"))?;
            let name = &after[..end];
            let value = self.0.get(name).ok_or_else(|| anyhow!("`{name}` stands for nothing"))?;
            filled.push_str(&rest[..start]);
            filled.push_str(value);
            rest = &after[end + 2..];
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

impl Snippet {
    /// Whether it works with a line.
    ///
    /// # Errors
    /// When its first or last line is none.
    pub fn fits(&self, line: Line) -> Result<bool> {
        let bound = |text: &Option<String>| text.as_deref().map(str::parse::<Line>).transpose();
        let (since, until) = (bound(&self.since)?, bound(&self.until)?);
        Ok(since.is_none_or(|since| since <= line) && until.is_none_or(|until| line <= until))
    }
}

/// Stands for the address of a site that does not know its own.
const SOME_SITE: &str = "https://example.org/";

/// The README of a site: what is in it, and how to use it. `address` is the site's own, if it is known.
///
/// # Errors
/// When a snippet cannot be filled.
pub fn readme(site: &SiteDocument, address: Option<&str>) -> Result<String> {
    let mut text = format!("# {}\n\n{HEAD}", site.title);
    if address.is_none() {
        let _ = write!(
            text,
            "\n{SOME_SITE} stands for the address of this site; its page shows the same with it.\n"
        );
    }
    packages(site, &mut text);
    for snippet in &site.snippets {
        let Some((package, release)) = example(site, snippet)? else { continue };
        let Some(values) = SnippetValues::of(address.unwrap_or(SOME_SITE), package, release) else {
            continue;
        };
        let _ = write!(text, "\n## {}\n\n", snippet.title);
        if let Some(note) = &snippet.note {
            let _ = write!(text, "{}\n\n", values.fill(note)?);
        }
        let _ = write!(text, "```{}\n{}```\n", snippet.language, values.fill(&snippet.text)?);
    }
    Ok(text)
}

/// What is said of every site.
const HEAD: &str = "\
Wheels for Pyodide. Any static host can serve this folder, from any path; `index.html` is a playground.

- `wheels`: the wheels, each with its metadata beside it.
- `simple`: a package index for micropip, pip and uv.
- `pypi/all.json`: the same for JupyterLite.
- `pyodide/RELEASE`: the loader of a release, with a lock file that knows these packages.
";

fn packages(site: &SiteDocument, text: &mut String) {
    text.push_str("\n| package | version | Pyodide |\n|---|---|---|\n");
    for package in &site.packages {
        let has_wheel = |release: &&SiteRelease| package.releases.contains_key(&release.version);
        let releases = site.releases.iter().filter(has_wheel).map(|release| release.version.as_str());
        let releases = releases.collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "| {} | {} | {releases} |", package.name, package.version);
    }
}

/// The first package, and the first release that it has a wheel for and the snippet works with.
fn example<'a>(
    site: &'a SiteDocument,
    snippet: &Snippet,
) -> Result<Option<(&'a SitePackage, &'a SiteRelease)>> {
    for package in &site.packages {
        for release in site.releases.iter().filter(|release| package.releases.contains_key(&release.version))
        {
            if snippet.fits(release.line.parse()?)? {
                return Ok(Some((package, release)));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::document::samples::{package, release};
    use super::super::document::shipped_snippets;
    use super::*;

    fn site() -> SiteDocument {
        let releases =
            vec![release("314.0.7", "314", Some("2026_0")), release("0.29.5", "0.29", Some("2025_0"))];
        let packages = vec![package("a-b", &["314.0.7"]), package("c", &["314.0.7", "0.29.5"])];
        SiteDocument::new("A title", releases, packages).unwrap()
    }

    #[test]
    fn every_name_in_a_snippet_stands_for_something() {
        let site = site();
        let values = SnippetValues::of("https://a.example/b", &site.packages[0], &site.releases[0]).unwrap();
        for snippet in shipped_snippets().unwrap() {
            let text = values.fill(&snippet.text).unwrap()
                + &values.fill(&snippet.note.unwrap_or_default()).unwrap();
            assert!(!text.contains("{{"), "{}", snippet.id);
        }
        assert_eq!(values.fill("{{wheel_url}}").unwrap(), "https://a.example/b/wheels/a-b-1.0.whl");
        assert_eq!(values.fill("{{no}}").unwrap_err().to_string(), "`no` stands for nothing");
        assert_eq!(values.fill("{{no").unwrap_err().to_string(), "`{{` is not closed");
        assert_eq!(SnippetValues::of("", &site.packages[0], &site.releases[1]), None);
    }

    #[test]
    fn the_page_knows_the_same_names() {
        let site = site();
        let SnippetValues(values) = SnippetValues::of("", &site.packages[0], &site.releases[0]).unwrap();
        let script = include_str!("page/playground.js");
        let start = script.find("const snippetValues").unwrap();
        let function = &script[start..start + script[start..].find("\n};").unwrap()];
        let returned = &function[function.find("return {").unwrap()..];
        let mut names: Vec<&str> = returned
            .lines()
            .filter_map(|line| line.strip_prefix("    ")?.split([':', ',']).next())
            .filter(|name| !name.starts_with([' ', '}']))
            .collect();
        names.sort_unstable();
        assert_eq!(names, values.into_keys().collect::<Vec<_>>());
    }

    #[test]
    fn snippets_fit_lines() {
        let fit = |line: &str| {
            let line = line.parse().unwrap();
            let snippets =
                shipped_snippets().unwrap().into_iter().filter(|snippet| snippet.fits(line).unwrap());
            format!("{line}: {}", snippets.map(|snippet| snippet.id).collect::<Vec<_>>().join(" "))
        };
        insta::assert_snapshot!(["0.21", "0.24", "0.27", "0.28", "0.29", "314"].map(fit).join("\n"), @"
        0.21: page
        0.24: page micropip-wheel jupyterlite
        0.27: page micropip-wheel jupyterlite uv
        0.28: page cdn micropip micropip-wheel pyscript jupyterlite uv
        0.29: page cdn micropip micropip-wheel pyscript jupyterlite stlite uv
        314: page cdn micropip micropip-wheel pyscript jupyterlite marimo
        ");
    }

    #[test]
    fn a_readme_says_what_is_there() {
        let mut site = site();
        site.snippets.retain(|snippet| ["micropip", "uv"].contains(&snippet.id.as_str()));
        insta::assert_snapshot!(readme(&site, Some("https://a.example/b/")).unwrap(), @r#"
        # A title

        Wheels for Pyodide. Any static host can serve this folder, from any path; `index.html` is a playground.

        - `wheels`: the wheels, each with its metadata beside it.
        - `simple`: a package index for micropip, pip and uv.
        - `pypi/all.json`: the same for JupyterLite.
        - `pyodide/RELEASE`: the loader of a release, with a lock file that knows these packages.

        | package | version | Pyodide |
        |---|---|---|
        | a-b | 1.0 | 314.0.7 |
        | c | 1.0 | 314.0.7, 0.29.5 |

        ## micropip

        In any Pyodide 314 that has micropip loaded. This site is asked first, then the Python package index.

        ```python
        import micropip

        await micropip.install("a-b==1.0", index_urls=["https://a.example/b/simple", "PYPI"])

        import a-b
        ```

        ## uv

        Puts the wheel, unpacked, into the folder `packages`.

        ```sh
        uv pip install --target packages --only-binary :all: --python-version 3.14 \
          --python-platform wasm32-pyodide2025 --index https://a.example/b/simple "c==1.0"
        ```
        "#);
        site.snippets.clear();
        assert!(readme(&site, None).unwrap().contains("https://example.org/ stands for the address"));
    }
}
