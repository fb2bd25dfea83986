//! The crates that are used: their licences, versions and sources, by the tables of `deny.toml`. Advisories come from a
//! database that no registry serves: `cargo deny` reads it once a week.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rules() -> toml::Table {
    fs_err::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap()
}

/// Every crate of the lock file.
fn crates() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1", "--all-features"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap_or_default()
}

#[test]
fn licences_are_those_that_are_allowed() {
    let rules = rules();
    let allowed: Vec<spdx::Licensee> = rules["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|licence| spdx::Licensee::parse(licence.as_str().unwrap()).unwrap())
        .collect();
    let is_refused = |package: &&Value| {
        // `/` for `or`, as older crates write it.
        let expression = spdx::Expression::parse_mode(text(package, "license"), spdx::ParseMode::LAX);
        !expression.is_ok_and(|expression| {
            expression.evaluate(|wanted| allowed.iter().any(|licence| licence.satisfies(wanted)))
        })
    };
    let crates = crates();
    assert!(crates.len() > 100);
    let refused: Vec<String> = crates
        .iter()
        .filter(is_refused)
        .map(|package| format!("{}: {}", text(package, "name"), text(package, "license")))
        .collect();
    assert_eq!(refused, [""; 0]);
}

#[test]
fn a_crate_has_one_version_unless_a_reason_says_why() {
    let rules = rules();
    let skipped: Vec<(&str, &str)> = rules["bans"]["skip"]
        .as_array()
        .unwrap()
        .iter()
        .map(|skip| skip["crate"].as_str().unwrap().split_once('@').unwrap())
        .collect();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in crates() {
        versions
            .entry(text(&package, "name").to_owned())
            .or_default()
            .insert(text(&package, "version").to_owned());
    }
    let fits = |name: &str, version: &str, (skipped, start): (&str, &str)| {
        let rest = version.strip_prefix(start);
        name == skipped && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let mut several = versions.clone();
    for (name, known) in &mut several {
        known.retain(|version| !skipped.iter().any(|skip| fits(name, version, *skip)));
    }
    several.retain(|_, known| known.len() > 1);
    assert_eq!(several, BTreeMap::new());
    // A reason that nothing needs any more goes.
    let idle: Vec<&(&str, &str)> = skipped
        .iter()
        .filter(|skip| {
            !versions.iter().any(|(name, known)| {
                known.len() > 1 && known.iter().any(|version| fits(name, version, **skip))
            })
        })
        .collect();
    assert_eq!(idle, [&("", ""); 0]);
}

#[test]
fn crates_come_from_the_registry() {
    let foreign: Vec<Value> = crates()
        .into_iter()
        .filter(|package| text(package, "name") != env!("CARGO_PKG_NAME"))
        .filter(|package| !text(package, "source").starts_with("registry+"))
        .collect();
    assert_eq!(foreign, [Value::Null; 0]);
}
