//! Causes of failures are told from what tools really said: `tests/logs` has one text a cause, called by when it was said and
//! by the cause's name.

use std::path::Path;

use cargo_pyodide::causes::{self, When};

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
