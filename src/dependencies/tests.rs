//! Where requirements come from in a release, without a network.

use super::report::DependencyTree;
use super::*;
use crate::cache::Cache;
use crate::env::Environment;
use crate::runtime::double;
use crate::ui::Ui;

/// The text of a METADATA.
fn metadata(name: &str, version: &str, requires: &[&str]) -> String {
    let requires: Vec<String> = requires.iter().map(|text| format!("Requires-Dist: {text}\n")).collect();
    format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{}", requires.concat())
}

fn wheel(text: &str) -> OpenedWheel {
    let Metadata { name, version, .. } = &text.parse().unwrap();
    let files = [("WHEEL", String::new()), ("METADATA", text.to_owned())];
    let files = files.map(|(file, text)| (format!("{name}-{version}.dist-info/{file}"), text.into_bytes()));
    let contents = WheelContents {
        filename: format!("{name}-{version}-py3-none-any.whl").parse().unwrap(),
        files: files.into_iter().collect(),
        executable: Vec::new(),
    };
    OpenedWheel::of(std::path::Path::new("x.whl"), &contents).unwrap()
}

fn release() -> Runtime {
    let mut runtime = double::runtime("0.29.0", "3.13");
    let packages = [
        ("numpy", double::package("2.1.0", "numpy-2.1.0-cp313-cp313-x.whl", &[])),
        ("pandas", double::package("2.2.0", "pandas-2.2.0-cp313-cp313-x.whl", &["numpy", "six"])),
        ("six", double::package("1.16", "six-1.16-py2.py3-none-any.whl", &[])),
        ("requests", double::package("2.32", "requests-2.32-py3-none-any.whl", &[])),
    ];
    runtime.packages = packages.map(|(name, package)| (name.to_owned(), package)).into();
    runtime
}

fn tree(requires: &[&str], at_hand: &[String]) -> Vec<Node> {
    let cache = Cache::new("nowhere".into());
    let context = Context::new(Ui::silent(), Environment::default(), cache, Network::Forbidden);
    let runtime = release();
    let wheels: Vec<OpenedWheel> = at_hand.iter().map(|text| wheel(text)).collect();
    let mut resolver = Resolver::new(&context, &runtime, &wheels).unwrap();
    resolver.tree(&metadata("own", "1.0", requires).parse().unwrap()).unwrap()
}

fn show(node: &Node, depth: usize, lines: &mut Vec<String>) {
    let origin = match &node.origin {
        Origin::AtHand(version) => format!("at hand {version}"),
        Origin::Release(version) => format!("release {version}"),
        Origin::Index(file, _) => format!("pure {}", file.version),
        Origin::Missing(missing) => missing.to_string(),
    };
    let again = if node.is_repeated { ", again" } else { "" };
    lines.push(format!("{}{}: {origin}{again}", "  ".repeat(depth), node.requirement));
    for below in &node.requires {
        show(below, depth + 1, lines);
    }
}

fn check(requires: &[&str], at_hand: &[String]) -> String {
    let mut lines = Vec::new();
    for node in tree(requires, at_hand) {
        show(&node, 0, &mut lines);
    }
    lines.join("\n")
}

#[test]
fn a_wheel_at_hand_comes_before_the_release() {
    let own = metadata("numpy", "9.0", &[]);
    assert_eq!(check(&["numpy"], &[]), "numpy: release 2.1.0");
    assert_eq!(check(&["NumPy>=2"], std::slice::from_ref(&own)), "numpy>=2: at hand 9.0");
    assert_eq!(check(&["numpy<3"], &[own]), "numpy<3: missing: the given wheel is of version 9.0");
}

#[test]
fn a_version_that_the_release_does_not_have_is_looked_for_elsewhere() {
    let not_asked = "not in the release; the package index was not asked (`--offline`)";
    assert_eq!(check(&["numpy>=3", "other"], &[]), format!("numpy>=3: {not_asked}\nother: {not_asked}"));
}

#[test]
fn what_is_passed_over_is_not_taken_from_the_release() {
    let cache = Cache::new("nowhere".into());
    let context = Context::new(Ui::silent(), Environment::default(), cache, Network::Forbidden);
    let runtime = release();
    let resolver = Resolver::new(&context, &runtime, &[]).unwrap();
    let package = metadata("own", "1.0", &["six", "requests"]).parse().unwrap();
    let tree = resolver.passing_over(["six".to_owned()].into()).tree(&package).unwrap();
    assert!(matches!(&tree[0].origin, Origin::Missing(Missing::NotAsked)), "{:?}", tree[0].origin);
    assert_eq!(tree[1].origin, Origin::Release("2.32".into()));
}

#[test]
fn plugins_of_the_release_stay_only_beside_its_own_pytest() {
    let mut runtime = release();
    for (name, version) in [("pytest", "7.2.2"), ("pytest-benchmark", "4.0.0")] {
        let file = format!("{}-{version}-py3-none-any.whl", name.replace('-', "_"));
        runtime.packages.insert(name.to_owned(), double::package(version, &file, &[]));
    }
    let of_index = |name: &str, file: &str| Node {
        requirement: name.to_owned(),
        name: name.to_owned(),
        origin: Origin::Index(Box::new(IndexFile::double(file)), "x.whl".into()),
        requires: Vec::new(),
        is_repeated: false,
    };
    let outgrown = |pytest: &str| {
        let pytest = of_index("pytest", &format!("pytest-{pytest}-py3-none-any.whl"));
        let plugin = of_index("pytest-benchmark", "pytest_benchmark-4.0.0-py3-none-any.whl");
        let unknown = of_index("pytest-randomly", "pytest_randomly-5.1.0-py3-none-any.whl");
        let node = Node { requires: vec![pytest], ..plugin };
        wheels::outgrown_plugins(&runtime, &[node, unknown])
    };
    assert!(outgrown("7.2.2").is_empty());
    assert_eq!(outgrown("9.2.0"), ["pytest-benchmark".to_owned()].into());
}

#[test]
fn markers_are_those_of_the_release() {
    let requires = [
        "numpy; sys_platform == 'emscripten'",
        "six; platform_machine == 'wasm32' and python_version >= '3.13'",
        "pandas; sys_platform == 'linux'",
        "requests; extra == 'web'",
    ];
    assert_eq!(check(&requires, &[]), "numpy: release 2.1.0\nsix: release 1.16");
}

#[test]
fn what_a_requirement_requires_is_listed_once() {
    insta::assert_snapshot!(check(&["pandas", "six", "pandas"], &[]), @"
    pandas: release 2.2.0
      numpy: release 2.1.0
      six: release 1.16
    six: release 1.16, again
    pandas: release 2.2.0, again
    ");
}

#[test]
fn extras_are_followed_and_count_as_something_else() {
    let other = metadata("other", "1.0", &["six", "requests; extra == 'web'"]);
    insta::assert_snapshot!(check(&["other", "other[web]"], &[other]), @"
    other: at hand 1.0
      six: release 1.16
    other[web]: at hand 1.0
      six: release 1.16, again
      requests: release 2.32
    ");
}

#[test]
fn packages_that_require_each_other_come_to_an_end() {
    let pair = [metadata("a", "1", &["b"]), metadata("b", "1", &["a", "own"])];
    let said = check(&["a"], &pair);
    assert!(
        said.starts_with("a: at hand 1\n  b: at hand 1\n    a: at hand 1, again\n    own: not in"),
        "{said}"
    );
}

#[test]
fn the_tree_is_a_document() {
    let other = metadata("other", "1.0", &["numpy", "gone"]);
    let (runtime, package) = (release(), metadata("own", "1.0", &[]).parse().unwrap());
    let requires = tree(&["other", "requests"], &[other]);
    let document = serde_json::to_string_pretty(&DependencyTree::new(&runtime, &package, &requires)).unwrap();
    insta::assert_snapshot!(document, @r#"
    {
      "package": "own",
      "version": "1.0",
      "pyodide": "0.29.0",
      "requires": [
        {
          "requirement": "other",
          "name": "other",
          "origin": "at hand",
          "detail": "1.0",
          "note": null,
          "requires": [
            {
              "requirement": "numpy",
              "name": "numpy",
              "origin": "release",
              "detail": "2.1.0",
              "note": null,
              "requires": []
            },
            {
              "requirement": "gone",
              "name": "gone",
              "origin": "missing",
              "detail": "not in the release; the package index was not asked (`--offline`)",
              "note": null,
              "requires": []
            }
          ]
        },
        {
          "requirement": "requests",
          "name": "requests",
          "origin": "release",
          "detail": "2.32",
          "note": "works through the browser's fetch",
          "requires": []
        }
      ]
    }
    "#);
}
