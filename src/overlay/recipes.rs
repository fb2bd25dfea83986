//! The recipes that the tool ships: overlays for packages of others, in the folder `recipes`.
//!
//! A recipe is an overlay with a head that says for which package and versions it is: `NAME.toml`, and `NAME-VERSIONS.toml`
//! where older versions need other changes. A version that none was made for is built without, with a warning.

use anyhow::anyhow;
use pep440_rs::Version;

use super::document::{Head, Overlay, Place};
use super::{crates, read, shipped};
use crate::error::Result;

/// A recipe for a package.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Which package and versions it is for.
    pub head: Head,
    /// Its text.
    pub text: String,
    /// What it says.
    pub overlay: Overlay,
}

/// A recipe for a crate in the graph of any package.
#[derive(Debug, Clone)]
pub struct ShippedCrateRecipe {
    /// The text.
    pub text: String,
    /// What it says.
    pub recipe: crates::CrateRecipe,
}

/// All recipes for packages, by the names of their files.
///
/// # Errors
/// When one of them is wrong: a mistake of the tool's, which a test rules out.
pub fn packages() -> Result<Vec<Recipe>> {
    let mut recipes = Vec::new();
    for (name, text) in shipped::texts("") {
        let overlay = read::overlay(&text, &format!("the recipe `{name}`"), Place::Shipped)?;
        let head = overlay.head.clone().ok_or_else(|| anyhow!("the recipe `{name}` has no `[recipe]`"))?;
        recipes.push((name, Recipe { head, text, overlay }));
    }
    recipes.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(recipes.into_iter().map(|(_, recipe)| recipe).collect())
}

/// All recipes for crates, by name.
///
/// # Errors
/// When one of them is wrong: a mistake of the tool's, which a test rules out.
pub fn crates() -> Result<Vec<ShippedCrateRecipe>> {
    let mut recipes = Vec::new();
    for (_, text) in shipped::texts("crates") {
        recipes.push(ShippedCrateRecipe { recipe: crates::CrateRecipe::read(&text)?, text });
    }
    recipes.sort_by(|one, other| one.recipe.name.cmp(&other.recipe.name));
    Ok(recipes)
}

/// What the tool has for a package.
#[derive(Debug)]
pub enum Match {
    /// No recipe.
    None,
    /// A recipe that was made for this version.
    Fits(Box<Overlay>),
    /// A recipe that was made for others, and which.
    OtherVersions(String),
}

/// The recipe for a package of this normalised name and version.
///
/// # Errors
/// When a shipped recipe is wrong.
pub fn find(package: &str, version: Option<&Version>) -> Result<Match> {
    let mut others = Vec::new();
    for Recipe { head, overlay, .. } in
        packages()?.into_iter().filter(|recipe| recipe.head.package == package)
    {
        // An unknown version is another version: a recipe that does not fit can break a build that works.
        if version.is_some_and(|version| head.versions.0.contains(version)) {
            return Ok(Match::Fits(Box::new(overlay)));
        }
        others.push(head.versions.0.to_string());
    }
    Ok(if others.is_empty() { Match::None } else { Match::OtherVersions(others.join(" and ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_recipes_are_right() {
        let packages = packages().unwrap();
        assert!(!packages.is_empty());
        for (file, text) in shipped::texts("") {
            let head = read::overlay(&text, &file, Place::Shipped).unwrap().head.unwrap();
            assert_eq!(head.package, crate::wheel::filename::normalised(&head.package));
            let versions = file.strip_prefix(&head.package).unwrap();
            assert!(versions.is_empty() || versions.starts_with('-'), "{file}");
        }
        for recipe in packages {
            for section in recipe.overlay.sections() {
                for path in &section.patches {
                    assert!(
                        shipped::file(&path.0).is_some(),
                        "{}: `{path}` is not shipped",
                        recipe.head.package
                    );
                }
            }
            assert!(recipe.text.contains("https://"), "{} has no link", recipe.head.package);
        }
        for recipe in crates().unwrap() {
            assert!(recipe.text.contains("https://"), "{} has no link", recipe.recipe.name);
            for rule in &recipe.recipe.rules {
                rule.read_patches().unwrap();
            }
        }
    }

    /// What would let a recipe go: the change as a diff for upstream, or the version that has it.
    #[test]
    fn every_recipe_has_a_draft_for_upstream() {
        let names = packages().unwrap().into_iter().map(|recipe| recipe.head.package);
        for name in names.chain(crates().unwrap().into_iter().map(|recipe| recipe.recipe.name)) {
            let draft = shipped::file(&format!("upstream/{name}.md"));
            let draft = draft.unwrap_or_else(|| panic!("recipes/upstream/{name}.md is missing"));
            let draft = String::from_utf8(draft).unwrap();
            let is_diff =
                draft.contains("```diff\n--- a/") && draft.contains("\n+++ b/") && draft.contains("\n@@ -");
            assert!(
                is_diff || draft.contains("Upstream has it since "),
                "{name}: neither a diff nor a version"
            );
            assert!(draft.contains("https://"), "{name} has no link");
            let reason = draft.split("\n\n").nth(1).unwrap();
            assert!(reason.lines().count() <= 2, "{name}: more than two lines of reason");
        }
    }
}
