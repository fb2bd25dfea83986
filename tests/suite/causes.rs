//! Causes of failures: errors of ours name theirs, those of other programs are told from what they really said. `tests/logs`
//! has one text a cause, called by when it was said and by the cause's name.

use std::collections::BTreeSet;
use std::path::Path;

use cargo_pyodide::causes::{self, When};
use regex::Regex;
use walkdir::WalkDir;

#[test]
fn real_logs_tell_their_causes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs");
    let mut names: Vec<String> = fs_err::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut told = Vec::new();
    for name in &names {
        let text = fs_err::read_to_string(folder.join(name)).unwrap();
        let (said, cause) = name.strip_suffix(".txt").unwrap().split_once('-').unwrap();
        let when = if said == "build" { When::Build } else { When::Run };
        let found = causes::find(&text, when).unwrap_or_else(|| panic!("`{name}` tells nothing"));
        assert_eq!(found.cause.id, cause, "`{name}`: {}", found.line);
        told.push(format!("{cause} ({}): {}", found.cause.class, found.line));
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn advice_is_written_as_all_hints_are() {
    let with_full_stop: Vec<&str> = causes::all()
        .iter()
        .filter(|cause| cause.advice.as_ref().is_some_and(|advice| advice.ends_with('.')))
        .map(|cause| cause.id.as_str())
        .collect();
    assert_eq!(with_full_stop, Vec::<&str>::new(), "advice is one line without a full stop");
    assert!(causes::all().len() > 40);
}

/// The names of causes that the code gives to errors.
fn named_in_code() -> BTreeSet<String> {
    let naming = Regex::new(r#"\b(?:with_cause|name_unless_told|by_id)\(\s*"([^"]*)""#).unwrap();
    let sources =
        WalkDir::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).into_iter().map(Result::unwrap);
    let mut found = BTreeSet::new();
    for source in sources.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "rs")) {
        let text = fs_err::read_to_string(source.path()).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        found.extend(naming.captures_iter(code).map(|captures| captures[1].to_owned()));
    }
    found
}

#[test]
fn errors_name_causes_of_the_table_and_no_cause_is_without_use() {
    let named = named_in_code();
    let unknown: Vec<&String> = named.iter().filter(|id| causes::by_id(id).is_none()).collect();
    assert_eq!(unknown, Vec::<&String>::new(), "these are in no entry of facts/causes.toml");
    let unused: Vec<&str> = causes::all()
        .iter()
        .filter(|cause| !cause.has_patterns() && !named.contains(&cause.id))
        .map(|cause| cause.id.as_str())
        .collect();
    assert_eq!(unused, Vec::<&str>::new(), "nothing can tell these causes");
    insta::assert_snapshot!(named.iter().map(String::as_str).collect::<Vec<_>>().join(" "));
}
