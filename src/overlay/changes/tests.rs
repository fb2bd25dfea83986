//! How overlays are put together, and what of them makes cargo's own fingerprint too small.

use super::super::read;
use super::*;

fn overlay(text: &str) -> Overlay {
    read::overlay(text, "`x.toml`", Place::Folder("nowhere".into())).unwrap()
}

fn join(texts: &[&str], variants: &[&str]) -> Result<Changes> {
    let overlays: Vec<Overlay> = texts.iter().map(|text| overlay(text)).collect();
    let variants: Vec<VariantChoice> = variants.iter().map(|text| text.parse().unwrap()).collect();
    let (version, pyodide) = ("1.5".parse().unwrap(), semver::Version::new(0, 28, 1));
    Changes::of(&overlays, Target { version: Some(&version), pyodide: &pyodide }, &variants)
}

fn check(texts: &[&str]) -> Changes {
    join(texts, &[]).unwrap()
}

fn refuse(texts: &[&str], variants: &[&str]) -> String {
    crate::error::render(&join(texts, variants).unwrap_err())
}

#[test]
fn a_section_applies_where_all_its_conditions_are_met() {
    let applies = |conditions: &str, version: Option<&str>, pyodide: &str| {
        let read = overlay(&format!("[[when]]\n{conditions}\ncargo.features = ['a']"));
        let (version, pyodide) = (version.map(|text| text.parse().unwrap()), pyodide.parse().unwrap());
        let changes = Changes::of(&[read], Target { version: version.as_ref(), pyodide: &pyodide }, &[]);
        !changes.unwrap().cargo.features.is_empty()
    };
    let both = "pyodide = '>=0.28'\nversion = '<2'";
    assert!(applies(both, Some("1.9"), "0.28.0"));
    assert!(!applies(both, Some("2.0"), "0.28.0"));
    assert!(!applies(both, Some("1.9"), "0.27.7"));
    assert!(applies("pyodide = '>=0.28, <314'", None, "0.29.4"));
    assert!(!applies("pyodide = '>=0.28, <314'", None, "314.0.0"));
    assert!(!applies("version = '<2'", None, "0.28.0"), "a version that is not known meets no condition");
}

#[test]
fn lists_grow_in_the_order_of_overlays() {
    let first = "patches = []\n[cargo]\nfeatures = ['a']\nrustflags = ['-A']\nnot-in-browser = ['x']\n\
                 crate-rustflags = { c = ['1'] }\n[[when]]\npyodide = '>=0.1'\ncargo.features = ['b']\n\
                 [test]\nargs = ['-x']\ndeselect = { t = 'old' }\nrequires = ['p']";
    let second = "[cargo]\nfeatures = ['c']\nrustflags = ['-B']\nnot-in-browser = ['y']\n\
                  crate-rustflags = { c = ['2'], d = ['3'] }\n\
                  [test]\nargs = ['-y']\ndeselect = { t = 'new', u = 'too' }\nrequires = ['q']";
    let changes = check(&[first, second]);
    assert_eq!(changes.cargo.features, ["a", "b", "c"]);
    assert_eq!(changes.cargo.rustflags, ["-A", "-B"]);
    assert_eq!(changes.cargo.not_in_browser, ["x", "y"]);
    assert_eq!(format!("{:?}", changes.cargo.crate_rustflags), r#"{"c": ["1", "2"], "d": ["3"]}"#);
    assert_eq!(changes.test.args, ["-x", "-y"]);
    assert_eq!(changes.test.requires.iter().map(|one| &one.text[..]).collect::<Vec<_>>(), ["p", "q"]);
    assert_eq!(format!("{:?}", changes.test.deselect), r#"{"t": "new", "u": "too"}"#);
}

#[test]
fn of_single_values_the_later_one_wins_and_silence_changes_nothing() {
    let first = "[cargo]\nno-default-features = true\nenv = { A = '1', B = '1' }\n\
                 profile = { lto = 'fat', opt-level = 's' }";
    let second = "[cargo]\nenv = { B = '2' }\nprofile = { lto = 'thin' }";
    let changes = check(&[first, second]).cargo;
    assert!(changes.no_default_features);
    assert_eq!(format!("{:?}", changes.env), r#"{"A": "1", "B": "2"}"#);
    assert_eq!(changes.profile.table().to_string(), "lto = \"thin\"\nopt-level = \"s\"\n");
    assert!(!check(&[first, "cargo.no-default-features = false"]).cargo.no_default_features);
}

#[test]
fn a_crate_is_updated_once_as_the_last_overlay_says() {
    let changes = check(&["cargo.update = ['a@1.0.0', 'b']", "cargo.update = ['c', 'a@1.2']"]);
    let updates: Vec<String> = changes.cargo.updates.iter().map(ToString::to_string).collect();
    assert_eq!(updates, ["b", "c", "a@1.2"]);
    assert!(changes.edit_the_tree());
    assert!(!check(&["cargo.features = ['a']"]).edit_the_tree());
}

#[test]
fn a_variant_is_taken_by_name_after_the_rest_of_its_overlay() {
    let text = "cargo.features = ['a']\n[variant.small]\nabout = 'less'\ncargo.features = ['s']\n\
                [variant.large]\ncargo.features = ['l']";
    assert_eq!(check(&[text]).cargo.features, ["a"]);
    let chosen = join(&[text, "cargo.features = ['z']"], &["large", "small"]).unwrap();
    assert_eq!(chosen.cargo.features, ["a", "l", "s", "z"]);
    assert_eq!(
        chosen.applied[0].changes,
        ["features `a`", "variant `large`", "features `l`", "variant `small`", "features `s`"]
    );
}

#[test]
fn a_variant_that_no_overlay_has_is_refused_with_those_that_there_are() {
    let text = "[variant.small]\n[variant.large]";
    insta::assert_snapshot!(
        [refuse(&[text], &["small", "tiny"]), refuse(&["cargo.features = ['a']"], &["tiny"])].join("\n\n"),
        @"
    error: no overlay has a variant `tiny`
    hint: the variants are `large`, `small`

    error: no overlay has a variant `tiny`
    hint: nothing that applies to this package has variants
    "
    );
}

#[test]
fn a_file_of_the_users_takes_the_place_of_the_first_that_a_variant_adds() {
    let text = "files = [{ from = 'a', to = 'a' }]\n\
                [variant.data]\nfiles = [{ from = 'b', to = 'b' }, { from = 'c', to = 'c' }]\n[variant.none]";
    let chosen = join(&[text], &["data=mine"]).unwrap();
    let from = |file: &AddedFile| match &file.from {
        FileOrigin::Beside(_, path) => format!("{} from {path}", file.to),
        FileOrigin::Named(path) => format!("{} from the user's {}", file.to, path.display()),
        FileOrigin::Address(address) => format!("{} from {address}", file.to),
    };
    let files: Vec<String> = chosen.files.iter().map(from).collect();
    assert_eq!(files, ["a from a", "b from the user's mine", "c from c"]);
    let said = refuse(&[text], &["none=mine"]);
    assert!(said.contains("the variant `none` takes no file, but `mine` was given"), "{said}");
}

#[test]
fn requirements_are_moved_before_they_are_dropped_replaced_and_added() {
    let text = "[dependencies]\nadd = ['Four>=4']\nreplace = { three = 'trois' }\nremove = ['two']\n\
                optional = { more = ['One'] }";
    let edits = check(&[text]).dependencies;
    let changes: Vec<String> = edits.iter().map(|edit| format!("{:?}", edit.change)).collect();
    insta::assert_snapshot!(changes.join("\n"), @r#"
    Optional { extra: "more", name: "one" }
    Remove { name: "two" }
    Replace { name: "three", with: "trois" }
    Add { requirement: "Four>=4" }
    "#);
}

#[test]
fn a_shipped_recipe_may_name_a_requirement_that_is_gone() {
    let text = "dependencies.remove = ['a']";
    let recipe = format!("{text}\n[recipe]\npackage = 'x'\nversions = '<2'\nabout = ''");
    let edits = check(&[text, &recipe]).dependencies;
    let strictness: Vec<Strictness> = edits.iter().map(|edit| edit.strictness).collect();
    assert_eq!(strictness, [Strictness::Strict, Strictness::Lenient]);
}

#[test]
fn an_overlay_that_changes_nothing_here_is_not_told() {
    let changes = check(&["[[when]]\npyodide = '<0.1'\ncargo.features = ['a']", "cargo.env = { A = '1' }"]);
    assert_eq!(changes.applied.len(), 1);
    assert_eq!(changes.applied[0].changes, ["A=1"]);
}

#[test]
fn a_crate_without_a_manifest_beside_the_overlay_is_refused() {
    let said = refuse(&["cargo.patch = { a = 'vendor/a' }"], &[]);
    assert!(
        said.contains("the crate `a` should come from `vendor/a`, but there is no `Cargo.toml`"),
        "{said}"
    );
}

#[test]
fn patches_and_patched_crates_are_read_beside_the_overlay() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::create_dir(folder.path().join("a")).unwrap();
    fs_err::write(folder.path().join("a/Cargo.toml"), "").unwrap();
    fs_err::write(folder.path().join("x.patch"), "--- a\n+++ b\n").unwrap();
    let text = "patches = ['x.patch']\ncargo.patch = { a = 'a' }";
    let read = read::overlay(text, "`x.toml`", Place::Folder(folder.path().to_owned())).unwrap();
    let pyodide = semver::Version::new(0, 28, 1);
    let changes = Changes::of(&[read], Target { version: None, pyodide: &pyodide }, &[]).unwrap();
    assert_eq!(changes.patches, [("x.patch".to_owned(), "--- a\n+++ b\n".to_owned())]);
    assert_eq!(changes.cargo.patch["a"], folder.path().join("a"));
}

#[test]
fn a_diff_of_python_and_prose_compiles_nothing_anew() {
    let diff = |paths: &[&str]| {
        let files = paths.iter().map(|path| format!("--- a/x\n+++ {path}\n@@ -1 +1 @@\n-a\n+b\n"));
        files.collect::<String>()
    };
    assert!(patches_python_only(&diff(&["b/x.py", "b/x.pyi", "b/README.md"])));
    assert!(!patches_python_only(&diff(&["b/x.py", "b/src/lib.rs"])));
    assert!(!patches_python_only(&diff(&["b/Cargo.toml"])));
    assert!(!patches_python_only(&diff(&["/dev/null"])), "what goes may have been compiled");
}

#[test]
fn the_key_follows_what_cargo_does_not_notice_and_nothing_else() {
    let patch = |path: &str, line: &str| {
        let text = format!("--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-a\n+{line}\n");
        Changes { patches: vec![("x.patch".into(), text)], ..Changes::default() }
    };
    let none = [
        check(&[]),
        check(&["[cargo]\nfeatures = ['a']\nrustflags = ['-A']\nupdate = ['x']\nprofile = { lto = true }"]),
        check(&["dependencies.add = ['a']"]),
        check(&["test.args = ['-x']"]),
        patch("x.py", "b"),
    ];
    assert_eq!(none.map(|changes| changes.key()), [None, None, None, None, None]);
    let keyed = [
        patch("x.rs", "b"),
        patch("x.rs", "c"),
        check(&["cargo.env = { A = '1' }"]),
        check(&["cargo.env = { A = '2' }"]),
        check(&["cargo.crate-rustflags = { a = ['-A', '-B'] }"]),
        check(&["cargo.crate-rustflags = { a = ['-A -B'] }"]),
        check(&["cargo.crate-rustflags = { b = ['-A', '-B'] }"]),
    ];
    let keys: std::collections::BTreeSet<String> =
        keyed.iter().map(|changes| changes.key().unwrap()).collect();
    assert_eq!(keys.len(), keyed.len());
    let renamed = Changes {
        patches: vec![("y.patch".into(), patch("x.rs", "b").patches[0].1.clone())],
        ..Changes::default()
    };
    assert_eq!(renamed.key(), keyed[0].key(), "what a patch is called changes nothing");
}

#[test]
fn a_variant_is_a_name_and_perhaps_a_file() {
    let check = |text: &str| match text.parse::<VariantChoice>() {
        Ok(choice) => format!("{} {:?}", choice.name, choice.file),
        Err(error) => error,
    };
    assert_eq!(check("small"), "small None");
    assert_eq!(check("data=a=b"), r#"data Some("a=b")"#);
    let refused = ["", "=file", "data="].map(check);
    assert!(refused.iter().all(|said| said.ends_with("is no variant: expected `NAME` or `NAME=FILE`")));
}
