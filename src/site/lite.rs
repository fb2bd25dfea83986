//! A JupyterLite beside the playground: Pyodide and wheels are those of the site, and a notebook has its examples.
//!
//! JupyterLite is built by its own command. Which version goes with which Pyodide is in `facts/jupyterlite.toml`.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::document::{PageLink, SitePackage, SiteRelease};
use super::lite_builder::LiteBuilder;
use super::place::Staged;
use crate::abi::Line;
use crate::context::Context;
use crate::error::Result;

/// Its folder in the site.
const FOLDER: &str = "lite";
/// The notebook with the examples.
const NOTEBOOK: &str = "examples.ipynb";
/// What lists the files of a folder.
const LISTING: &str = "all.json";
/// The plugin of JupyterLite that starts Pyodide, and what it is called in the settings.
const PLUGIN: &str = "@jupyterlite/pyodide-kernel-extension:kernel";
/// The time that JupyterLite writes into its files: the same site has the same bytes.
const TIME: &str = "1980-01-01T00:00:00Z";

#[derive(Deserialize)]
struct Facts {
    kernel: Vec<Kernel>,
}

/// A version of JupyterLite.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Kernel {
    line: String,
    #[serde(rename = "jupyterlite-pyodide-kernel")]
    version: String,
    jupyterlite_core: String,
    /// The packages that it needs besides its own.
    pub(super) requires: Vec<String>,
}

fn facts() -> Result<Facts> {
    toml::from_str(include_str!("../../facts/jupyterlite.toml")).context("facts/jupyterlite.toml is wrong")
}

/// The version for a line, if there is one.
pub(super) fn kernel_for(line: Line) -> Result<Option<Kernel>> {
    let line = line.to_string();
    Ok(facts()?.kernel.into_iter().find(|kernel| kernel.line == line))
}

/// Builds JupyterLite into the site. Returns the link to its notebook.
pub(super) fn write(
    context: &Context,
    staged: &Staged,
    kernel: &Kernel,
    release: &SiteRelease,
    packages: &[SitePackage],
) -> Result<PageLink> {
    let builder = LiteBuilder::choose(context, &kernel.version, &kernel.jupyterlite_core)?;
    context.ui.phase("Writing", format!("JupyterLite for Pyodide {}, with {builder}", release.version));
    build(context, staged, &builder)?;
    let settings = format!("{FOLDER}/jupyter-lite.json");
    let text = staged.read(&settings)?;
    staged.write(&settings, configure(&text, release)?.as_bytes())?;
    let notebook = notebook(release, packages);
    staged.write(&format!("{FOLDER}/files/{NOTEBOOK}"), notebook.as_bytes())?;
    staged.write(&format!("{FOLDER}/api/contents/{LISTING}"), listing(notebook.len()).as_bytes())?;
    Ok(PageLink {
        address: format!("{FOLDER}/lab/index.html?path={NOTEBOOK}"),
        title: "JupyterLite".to_owned(),
    })
}

fn build(context: &Context, staged: &Staged, builder: &LiteBuilder) -> Result<()> {
    // It keeps notes of its own in the folder that it builds from.
    let folder = tempfile::tempdir()?;
    let task = context.ui.task("building JupyterLite");
    let command = builder.command().arg("build").arg("--lite-dir").arg(folder.path());
    let command =
        command.arg("--output-dir").arg(staged.path(FOLDER)).args(["--apps", "lab", "--apps", "repl"]);
    let built =
        command.arg("--no-sourcemaps").env("SOURCE_DATE_EPOCH", "315532800").current_dir(folder.path());
    built.output(&context.ui).context("cannot build JupyterLite")?;
    drop(task);
    Ok(())
}

/// The settings with the site's Pyodide and package index. JupyterLite's own build drops the first if it does not have
/// the files itself.
fn configure(text: &str, release: &SiteRelease) -> Result<String> {
    let mut document: Value = serde_json::from_str(text).context("cannot read JupyterLite's settings")?;
    // Newer ones list files only if this says that there are any.
    document["jupyter-config-data"]["contentsAllJsonFile"] = json!(LISTING);
    let settings = &mut document["jupyter-config-data"]["litePluginSettings"][PLUGIN];
    // An address that begins with a dot is looked up from the settings' own place. Kernels up to 0.7 cannot load a
    // module, those from 0.8 on load nothing else: as the releases that they are for.
    settings["pyodideUrl"] = json!(format!("./../{}{}", release.index_url, release.module));
    let theirs = settings["pipliteUrls"].as_array().cloned().unwrap_or_default();
    settings["pipliteUrls"] = [vec![json!("./../pypi/all.json")], theirs].concat().into();
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// A notebook with the examples of the packages that the release has.
fn notebook(release: &SiteRelease, packages: &[SitePackage]) -> String {
    let mut cells = Vec::new();
    let mut add = |kind: &str, text: &str| {
        let mut cell = json!({
            "cell_type": kind,
            "id": format!("cell-{}", cells.len()),
            "metadata": {},
            "source": text.trim().split_inclusive('\n').collect::<Vec<_>>(),
        });
        if kind == "code" {
            cell["execution_count"] = Value::Null;
            cell["outputs"] = json!([]);
        }
        cells.push(cell);
    };
    for package in packages.iter().filter(|package| package.releases.contains_key(&release.version)) {
        add("markdown", &format!("## {} {}\n\n{}", package.name, package.version, package.summary));
        for example in &package.examples {
            add("markdown", &format!("### {}", example.title));
            add("code", &example.code);
        }
        if package.examples.is_empty() {
            let imports = package.imports.iter().map(|module| format!("import {module}\n"));
            let last = package.imports.first().cloned().unwrap_or_default();
            add("code", &imports.chain([last]).collect::<String>());
        }
    }
    let python = json!({"display_name": "Python (Pyodide)", "language": "python", "name": "python"});
    let document = json!({
        "cells": cells,
        "metadata": {"kernelspec": python, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    });
    format!("{document:#}\n")
}

/// What JupyterLite's contents service asks for: a folder with the notebook. Its own build makes it with the help of a
/// Jupyter server alone.
fn listing(size: usize) -> String {
    let entry = |name: &str, kind: &str| {
        BTreeMap::from([
            ("name", json!(name)),
            ("path", json!(name)),
            ("type", json!(kind)),
            ("created", json!(TIME)),
            ("last_modified", json!(TIME)),
            ("format", Value::Null),
            ("mimetype", Value::Null),
            ("content", Value::Null),
            ("writable", json!(true)),
        ])
    };
    let mut notebook = entry(NOTEBOOK, "notebook");
    notebook.insert("size", json!(size));
    let mut folder = entry("", "directory");
    folder.insert("format", json!("json"));
    folder.insert("content", json!([notebook]));
    format!("{:#}\n", json!(folder))
}

#[cfg(test)]
mod tests {
    use super::super::document::samples::{package, release};
    use super::*;

    #[test]
    fn every_kernel_is_for_a_line() {
        for kernel in facts().unwrap().kernel {
            assert_eq!(kernel_for(kernel.line.parse().unwrap()).unwrap(), Some(kernel));
        }
        assert_eq!(kernel_for("0.21".parse().unwrap()).unwrap(), None);
    }

    #[test]
    fn the_kernel_takes_pyodide_and_wheels_from_the_site() {
        let theirs = r#"{"jupyter-config-data": {"litePluginSettings": {
            "@jupyterlite/pyodide-kernel-extension:kernel": {"pipliteUrls": ["./own.json"]}}}}"#;
        let old = SiteRelease { module: "pyodide.js".to_owned(), ..release("0.29.5", "0.29", None) };
        let check = |text: &str, release: &SiteRelease| {
            let text = configure(text, release).unwrap();
            let settings: Value = serde_json::from_str(&text).unwrap();
            settings["jupyter-config-data"]["litePluginSettings"][PLUGIN].to_string()
        };
        assert_eq!(
            [check(theirs, &release("314.0.7", "314", None)), check("{}", &old)],
            [
                r#"{"pipliteUrls":["./../pypi/all.json","./own.json"],"pyodideUrl":"./../pyodide/314.0.7/pyodide.mjs"}"#,
                r#"{"pipliteUrls":["./../pypi/all.json"],"pyodideUrl":"./../pyodide/0.29.5/pyodide.js"}"#,
            ]
        );
    }

    #[test]
    fn a_notebook_has_the_examples_of_the_release() {
        let mut plain = package("b", &["314.0.7"]);
        plain.examples.clear();
        let packages = [package("a", &["314.0.7"]), plain, package("c", &["0.29.5"])];
        let text = notebook(&release("314.0.7", "314", None), &packages);
        let document: Value = serde_json::from_str(&text).unwrap();
        let cells = document["cells"].as_array().unwrap().iter();
        let cells: Vec<String> =
            cells.map(|cell| format!("{}: {}", cell["cell_type"], cell["source"])).collect();
        insta::assert_snapshot!(cells.join("\n"), @r####"
        "markdown": ["## a 1.0\n","\n","What it is"]
        "markdown": ["### One"]
        "code": ["import a"]
        "markdown": ["## b 1.0\n","\n","What it is"]
        "code": ["import b\n","b"]
        "####);
        let listed: Value = serde_json::from_str(&listing(7)).unwrap();
        assert_eq!(
            (&listed["content"][0]["path"], &listed["content"][0]["size"]),
            (&json!(NOTEBOOK), &json!(7))
        );
    }
}
