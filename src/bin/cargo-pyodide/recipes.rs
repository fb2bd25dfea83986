//! `recipes`: what the tool ships for packages and crates of others.

use anyhow::anyhow;
use cargo_pyodide::error::{Result, hinted};
use cargo_pyodide::overlay::recipes::{self, Recipe};
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
        let head = recipe.head;
        let variants: Vec<&str> = recipe.overlay.variants.keys().map(String::as_str).collect();
        rows.push([head.package, head.versions.0.to_string(), variants.join(", "), head.about]);
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
    let packages = recipes::packages()?;
    let crates = recipes::crates()?;
    let texts: Vec<String> = packages
        .iter()
        .filter(|recipe| recipe.head.package == normalised(name))
        .map(text_with_patches)
        .collect::<Result<_>>()?;
    if !texts.is_empty() {
        return Ok(terminal.document(&texts.join("\n\n"))?);
    }
    if let Some(found) = crates.iter().find(|crates| crates.recipe.name == name) {
        return Ok(terminal.document(found.text.trim_end())?);
    }
    let names = packages.iter().map(|recipe| recipe.head.package.as_str());
    let mut known: Vec<&str> = names.chain(crates.iter().map(|crates| crates.recipe.name.as_str())).collect();
    known.dedup();
    Err(hinted(
        anyhow!("there is no recipe for `{name}`"),
        format!("there are recipes for `{}`", known.join("`, `")),
    ))
}

/// A recipe, and the patches that it names.
fn text_with_patches(recipe: &Recipe) -> Result<String> {
    let overlay = &recipe.overlay;
    let mut patches: Vec<_> = overlay.sections().flat_map(|section| &section.patches).collect();
    patches.dedup();
    let mut parts = vec![recipe.text.trim_end().to_owned()];
    for path in patches {
        let patch = String::from_utf8(overlay.place.read(path)?)?;
        parts.push(format!("# {path}\n{}", patch.trim_end()));
    }
    Ok(parts.join("\n\n"))
}
