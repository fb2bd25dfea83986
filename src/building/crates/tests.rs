//! What cargo is told by the request, overlays, recipes and the graph.

use std::collections::BTreeMap;

use super::*;
use crate::overlay::changes::CargoChanges;
use crate::project::graph::Crate;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn overlays(features: &[&str], crate_rustflags: &[(&str, &str)]) -> Changes {
    let flags = crate_rustflags.iter().map(|(name, flag)| ((*name).to_owned(), texts(&[flag])));
    let cargo = CargoChanges {
        features: texts(features),
        crate_rustflags: flags.collect::<BTreeMap<_, _>>(),
        ..CargoChanges::default()
    };
    Changes { cargo, ..Changes::default() }
}

fn recipe(text: &str) -> CrateRecipe {
    CrateRecipe::read(&format!("about = ''\n{text}")).unwrap()
}

fn graph(crates: &[(&str, &str, &[&str])]) -> Graph {
    let crates = crates.iter().map(|(name, version, features)| Crate {
        name: (*name).to_owned(),
        version: version.parse().unwrap(),
        features: texts(features),
        source: None,
        manifest: "Cargo.toml".into(),
        dependencies: Vec::new(),
        elsewhere: Vec::new(),
        is_linked: true,
    });
    Graph { crates: crates.collect(), ..Graph::default() }
}

const RECIPE: &str = "crate = 'a'\n[[rule]]\nversions = '<2'\nfeatures = ['x', 'y']\nrustflags = ['-A', '-B']\nwhy = 'one'\n\
                      [[rule]]\nversions = '^1.5'\nupdate = true\nwhy = 'two'";

#[test]
fn features_of_overlays_and_of_the_user_are_joined() {
    let check = |of_overlays: &[&str], of_user: &[&str]| {
        let request = CargoRequest { features: texts(of_user), ..CargoRequest::default() };
        choices(&request, &overlays(of_overlays, &[]), &[], &[]).features.join(" ")
    };
    assert_eq!(check(&["a", "b"], &["c"]), "--features=a,b,c");
    assert_eq!(check(&[], &["c"]), "--features=c");
    assert_eq!(check(&[], &[]), "");
}

#[test]
fn default_features_are_off_if_the_user_or_an_overlay_says_so() {
    let check = |user: bool, overlay: bool| {
        let request = CargoRequest { no_default_features: user, ..CargoRequest::default() };
        let mut changes = overlays(&["a"], &[]);
        changes.cargo.no_default_features = overlay;
        choices(&request, &changes, &[], &[]).features.join(" ")
    };
    assert_eq!(check(true, false), "--no-default-features --features=a");
    assert_eq!(check(false, true), "--no-default-features --features=a");
    assert_eq!(check(false, false), "--features=a");
}

#[test]
fn flags_of_single_crates_come_after_the_shipped_recipes_and_make_a_key() {
    let shipped = [recipe(RECIPE)];
    let made = choices(&CargoRequest::default(), &overlays(&[], &[("a", "-C"), ("b", "-D")]), &[], &shipped);
    let crates: Vec<String> = made
        .crates
        .iter()
        .map(|recipe| format!("{} {}", recipe.name, recipe.rules[0].rustflags.join(" ")))
        .collect();
    assert_eq!(crates, ["a -A -B", "a -C", "b -D"]);
    assert!(made.key.is_some());
    let plain = choices(&CargoRequest::default(), &overlays(&["a"], &[]), &[], &shipped);
    assert_eq!((plain.key, plain.crates.len()), (None, 1), "a recipe that may not match makes no key");
}

#[test]
fn features_of_the_back_end_are_named_again_with_others() {
    let of_back_end = ["python".to_owned()];
    let check = |named: &[&str]| {
        choices(&CargoRequest::default(), &overlays(named, &[]), &of_back_end, &[]).features.join(" ")
    };
    assert_eq!(check(&["a"]), "--features=python,a");
    assert_eq!(check(&[]), "");
}

#[test]
fn rules_match_by_name_version_and_one_of_their_features() {
    let recipes = [recipe(RECIPE)];
    let check = |crates: &[(&str, &str, &[&str])]| {
        let graph = graph(crates);
        let matched = match_rules(&graph, &recipes);
        let texts =
            matched.iter().map(|one| format!("{}@{} {}", one.used.name, one.used.version, one.rule.why));
        texts.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(check(&[("a", "1.0.0", &["y"])]), "a@1.0.0 one");
    assert_eq!(check(&[("a", "1.0.0", &["z"])]), "");
    assert_eq!(check(&[("a", "1.6.0", &["x", "y"])]), "a@1.6.0 one, a@1.6.0 two");
    assert_eq!(
        check(&[("a", "1.6.0-rc.1", &[])]),
        "a@1.6.0-rc.1 two",
        "a pre-release is taken for its release"
    );
    assert_eq!(check(&[("b", "1.6.0", &["x"]), ("a", "2.0.0", &["x"])]), "");
    assert_eq!(check(&[("a", "1.6.0", &[]), ("a", "1.7.0", &[])]), "a@1.6.0 two, a@1.7.0 two");
}

#[test]
fn a_rule_for_features_fits_where_they_are_off() {
    let recipes = [recipe("crate = 'a'\n[[rule]]\nversions = '*'\nwith-features = ['x']\nwhy = 'one'")];
    let check = |features: &[&str]| {
        let graph = graph(&[("a", "1.0.0", features)]);
        match_rules(&graph, &recipes).iter().map(MatchedRule::line).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(check(&["y"]), "the recipe for the crate `a 1.0.0`, which one: with its features `x`");
    assert_eq!(check(&["x", "y"]), "");
}

#[test]
fn the_key_follows_the_rules_that_matched_and_the_key_before() {
    let graph = graph(&[("a", "1.0.0", &["x"]), ("a", "1.1.0", &["x"])]);
    let recipes = [recipe(RECIPE)];
    let matched = match_rules(&graph, &recipes);
    let key =
        |before: &str, rules: &[MatchedRule<'_>]| key_with_rules(Some(before.to_owned()), rules).unwrap();
    assert_eq!(key_with_rules(None, &[]), None);
    assert_eq!(key("k", &[]), "k");
    let keys = [
        key_with_rules(None, &matched[..1]).unwrap(),
        key("k", &matched[..1]),
        key("l", &matched[..1]),
        key("k", &matched[1..]),
        key("k", &matched),
    ];
    let different: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert_eq!(different.len(), keys.len(), "{keys:?}");
}

#[test]
fn a_rule_says_what_it_changes_and_what_its_owner_should_do() {
    let graph = graph(&[("a", "1.6.0", &["x"]), ("b", "3.0.0", &["d"])]);
    let other = "crate = 'b'\n[[rule]]\nversions = '*'\nwithout-features = ['d', 'e']\nnot-in-browser = true\nwhy = 'three'";
    let recipes = [recipe(RECIPE), recipe(other)];
    let matched = match_rules(&graph, &recipes);
    let lines: Vec<String> = matched.iter().map(MatchedRule::line).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    the recipe for the crate `a 1.6.0`, which one: rustflags `-A -B`
    the recipe for the crate `a 1.6.0`, which two: `cargo update`
    the recipe for the crate `b 3.0.0`, which three: without its features `d`, `e`, `cargo.not-in-browser`
    ");
    assert_eq!(matched[1].advice(), "the crate `a 1.6.0` two: run `cargo update a`");
    let updates: Vec<Option<String>> =
        matched.iter().map(|one| one.update().map(|update| update.to_string())).collect();
    assert_eq!(updates, [None, Some("a@1.6.0".to_owned()), None]);
}

#[test]
fn what_a_lock_file_names_in_vain_is_read() {
    let said =
        "error: failed to select a version for the requirement `a-b = \"^1\"` (locked to 1.0.12)\ncandidates";
    assert_eq!(missing_of_lock(said), Some(("a-b", "1.0.12")));
    let unlocked = "error: failed to select a version for the requirement `a = \"^9\"`\ncandidates";
    assert_eq!(missing_of_lock(unlocked), None);
}

#[test]
fn no_recipe_is_taken_where_none_is_wanted() {
    let check = |recipes| crate_recipes(&OverlayRequest { recipes, ..OverlayRequest::default() }).unwrap();
    assert!(check(Recipes::Ignored).is_empty());
    assert!(check(Recipes::Applied).iter().any(|recipe| recipe.name == "tokio"));
}
