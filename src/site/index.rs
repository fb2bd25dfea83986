//! A package index as plain files: the HTML form of PEP 503, with hashes, `requires-python` and metadata (PEP 658).
//!
//! HTML and not JSON, since static hosts say `text/html; charset=utf-8`, which micropip takes from Pyodide 0.27 on.
//! Relative links work from 0.28 on: micropip up to 0.9, of Pyodide 0.27, resolves them against the root of the host
//! and not against the page. For 0.24 to 0.27 links must be absolute.
//!
//! <https://packaging.python.org/en/latest/specifications/simple-repository-api/>

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::wheel::{SiteWheel, percent_encode};

/// From the page of a project to the root of the site.
const TO_ROOT: &str = "../../";

/// How links to wheels are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Links {
    /// From the page that has them.
    Relative,
    /// With the address of the site before them.
    Absolute(String),
}

impl Links {
    fn root(&self) -> String {
        match self {
            Self::Relative => TO_ROOT.to_owned(),
            Self::Absolute(site) => format!("{}/", site.trim_end_matches('/')),
        }
    }
}

/// The pages of an index by their path in the site: `simple/index.html` and one a project.
pub fn pages(wheels: &[SiteWheel], links: &Links) -> BTreeMap<String, String> {
    let mut projects: BTreeMap<String, Vec<&SiteWheel>> = BTreeMap::new();
    for wheel in wheels {
        projects.entry(wheel.name()).or_default().push(wheel);
    }
    let names = projects.keys().map(String::as_str).collect();
    let mut pages = BTreeMap::from([("simple/index.html".to_owned(), root(&names))]);
    for (name, wheels) in projects {
        pages.insert(format!("simple/{name}/index.html"), project(&name, wheels, links));
    }
    pages
}

fn root(names: &BTreeSet<&str>) -> String {
    let mut body = String::new();
    for name in names {
        let _ = writeln!(body, "<a href=\"{}/\">{}</a><br>", percent_encode(name), escape(name));
    }
    page("Package index", &body)
}

fn project(name: &str, mut wheels: Vec<&SiteWheel>, links: &Links) -> String {
    wheels.sort_by_key(|wheel| wheel.filename.to_string());
    let mut body = format!("<h1>{}</h1>\n", escape(name));
    for wheel in wheels {
        let address = format!("{}#sha256={}", wheel.address(&links.root()), wheel.sha256);
        let _ = write!(body, "<a href=\"{}\"", escape(&address));
        if let Some(python) = &wheel.requires_python {
            let _ = write!(body, " data-requires-python=\"{}\"", escape(&python.to_string()));
        }
        let _ = writeln!(
            body,
            " data-core-metadata=\"sha256={}\">{}</a><br>",
            escape(&wheel.metadata_sha256),
            escape(&wheel.filename.to_string())
        );
    }
    page(&format!("Links for {name}"), &body)
}

fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"pypi:repository-version\" content=\"1.1\">\n<title>{title}</title>\n</head>\n<body>\n{body}\
         </body>\n</html>\n"
    )
}

/// Text as HTML takes it, between tags and inside double quotes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::wheel::samples::wheel;
    use super::*;

    fn check(wheels: &[SiteWheel], links: &Links) -> String {
        let pages = pages(wheels, links);
        pages.iter().map(|(path, text)| format!("{path}\n{text}")).collect::<Vec<_>>().concat()
    }

    #[test]
    fn each_project_has_a_page() {
        let mut silent = wheel("B_c-1.0+local-cp314-cp314-pyemscripten_2026_0_wasm32.whl", 'a');
        silent.requires_python = None;
        let wheels = [
            silent,
            wheel("b.C-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl", 'b'),
            wheel("a-2-py3-none-any.whl", 'c'),
        ];
        insta::assert_snapshot!(check(&wheels, &Links::Relative), @r#"
        simple/a/index.html
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="pypi:repository-version" content="1.1">
        <title>Links for a</title>
        </head>
        <body>
        <h1>a</h1>
        <a href="../../wheels/a-2-py3-none-any.whl#sha256=cccccccc" data-requires-python="&gt;=3.9, &lt;4" data-core-metadata="sha256=CCCCCCCC">a-2-py3-none-any.whl</a><br>
        </body>
        </html>
        simple/b-c/index.html
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="pypi:repository-version" content="1.1">
        <title>Links for b-c</title>
        </head>
        <body>
        <h1>b-c</h1>
        <a href="../../wheels/B_c-1.0+local-cp314-cp314-pyemscripten_2026_0_wasm32.whl#sha256=aaaaaaaa" data-core-metadata="sha256=AAAAAAAA">B_c-1.0+local-cp314-cp314-pyemscripten_2026_0_wasm32.whl</a><br>
        <a href="../../wheels/b.C-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl#sha256=bbbbbbbb" data-requires-python="&gt;=3.9, &lt;4" data-core-metadata="sha256=BBBBBBBB">b.C-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl</a><br>
        </body>
        </html>
        simple/index.html
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="pypi:repository-version" content="1.1">
        <title>Package index</title>
        </head>
        <body>
        <a href="a/">a</a><br>
        <a href="b-c/">b-c</a><br>
        </body>
        </html>
        "#);
    }

    #[test]
    fn what_is_odd_is_escaped() {
        let odd = wheel("<i>&\"'-1-py3-none-any.whl", 'd');
        insta::assert_snapshot!(check(&[odd], &Links::Absolute("https://a.example/b?c=1&d=2/".to_owned())), @r#"
        simple/<i>&"'/index.html
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="pypi:repository-version" content="1.1">
        <title>Links for &lt;i&gt;&amp;&quot;&#39;</title>
        </head>
        <body>
        <h1>&lt;i&gt;&amp;&quot;&#39;</h1>
        <a href="https://a.example/b?c=1&amp;d=2/wheels/%3Ci%3E%26%22%27-1-py3-none-any.whl#sha256=dddddddd" data-requires-python="&gt;=3.9, &lt;4" data-core-metadata="sha256=DDDDDDDD">&lt;i&gt;&amp;&quot;&#39;-1-py3-none-any.whl</a><br>
        </body>
        </html>
        simple/index.html
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="pypi:repository-version" content="1.1">
        <title>Package index</title>
        </head>
        <body>
        <a href="%3Ci%3E%26%22%27/">&lt;i&gt;&amp;&quot;&#39;</a><br>
        </body>
        </html>
        "#);
    }
}
