//! `recipes`: what the tool ships for packages and crates of others.

use anyhow::anyhow;
use cargo_pyodide::error::{Result, hinted};
use cargo_pyodide::overlay::{Section, recipes};
use cargo_pyodide::wheel::filename::normalised;
use clap::{Args, Subcommand};

use crate::options::VerbosityOptions;
use crate::terminal::Terminal;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide recipes                 what there is
  cargo pyodide recipes show NAME       a recipe, with its reasons and the patches that it names

A recipe is an overlay that the tool ships. It is applied to the package of its name, with a line on stderr;
`build --no-recipes` turns all of them off.

Exit codes:
  0  done
  2  there is no such recipe";

/// List the recipes that the tool ships
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RecipesArguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print a recipe
    Show {
        /// The package or crate
        name: String,
    },
}

/// Runs the command.
pub(crate) fn run(arguments: &RecipesArguments) -> Result<u8> {
    let terminal = arguments.verbosity.terminal();
    match &arguments.action {
        None => list(&terminal)?,
        Some(Action::Show { name }) => show(&terminal, name)?,
    }
    Ok(0)
}

fn list(terminal: &Terminal) -> Result<()> {
    let mut rows = vec![["recipe", "versions", "variants", "about"].map(str::to_owned)];
    for recipe in recipes::packages()? {
        let Some(head) = recipe.overlay.head else { continue };
        let variants: Vec<&str> = recipe.overlay.variants.keys().map(String::as_str).collect();
        rows.push([recipe.name, head.versions.0.to_string(), variants.join(", "), head.about]);
    }
    for crates in recipes::crates()? {
        rows.push([
            format!("crate {}", crates.recipe.name),
            String::new(),
            String::new(),
            crates.recipe.about,
        ]);
    }
    Ok(terminal.table(&rows)?)
}

fn show(terminal: &Terminal, name: &str) -> Result<()> {
    let mut known = Vec::new();
    for recipe in recipes::packages()? {
        if recipe.name == normalised(name) {
            terminal.document(recipe.text.trim_end())?;
            let overlay = &recipe.overlay;
            let whens = overlay.when.iter().map(|when| &when.section);
            let variants = overlay.variants.values().map(|variant| &variant.section);
            let sections = std::iter::once(&overlay.base).chain(whens).chain(variants);
            let mut patches: Vec<_> = sections.flat_map(|section: &Section| &section.patches).collect();
            patches.dedup();
            for path in patches {
                let text = String::from_utf8(overlay.place.read(path)?)?;
                terminal.document(&format!("\n# {path}\n{}", text.trim_end()))?;
            }
            return Ok(());
        }
        known.push(recipe.name);
    }
    for crates in recipes::crates()? {
        if crates.recipe.name == name {
            return Ok(terminal.document(crates.text.trim_end())?);
        }
        known.push(crates.recipe.name);
    }
    Err(hinted(
        anyhow!("there is no recipe for `{name}`"),
        format!("there are recipes for `{}`", known.join("`, `")),
    ))
}
