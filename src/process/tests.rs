//! How commands and statuses are told, and where programs are looked for.

use super::*;

#[test]
fn a_command_can_be_pasted_into_a_shell() {
    let plain = Invocation::new("/bin/cc").args(["-O2", "a+b=c,d:e@f%g", "x_y.c"]);
    assert_eq!(plain.copyable(), "/bin/cc -O2 a+b=c,d:e@f%g x_y.c");
    let odd = Invocation::new("/my programs/cc").args(["", "it's", "$HOME", "a\nb", "*", "~", "ä"]);
    assert_eq!(
        odd.copyable(),
        r"'/my programs/cc' '' 'it'\''s' '$HOME' 'a
b' '*' '~' 'ä'"
    );
}

#[test]
fn a_command_is_told_with_its_folder_and_variables() {
    let command = Invocation::new("ls").current_dir("a b").env("X", "1 2").env_remove("Y").env("Z", "");
    assert_eq!(command.copyable(), "cd 'a b' && X='1 2' Z='' ls");
}

#[test]
fn a_secret_is_given_and_not_shown() {
    let command = Invocation::new("ls").env("X", "1").secret("KEY", "secret").clear_environment();
    assert_eq!(command.copyable(), "env -i X=1 KEY=… ls");
    assert!(!format!("{command:?}").contains("secret"));
}

#[cfg(unix)]
fn status(raw: i32) -> ExitStatus {
    std::os::unix::process::ExitStatusExt::from_raw(raw)
}

#[cfg(unix)]
#[test]
fn a_status_is_a_number_or_a_signal() {
    assert_eq!(describe(status(3 << 8)), "exit status 3");
    assert!(describe(status(9)).starts_with("signal: 9"), "{}", describe(status(9)));
    assert_eq!([status(0), status(3 << 8), status(9)].map(exit_code), [0, 3, 101]);
}

#[cfg(unix)]
#[test]
fn a_failure_shows_the_last_lines() {
    let printed: Vec<String> = (0..50).map(|number| format!("line {number}.\n")).collect();
    let said = Invocation::new("/bin/cc").failed(status(1 << 8), &printed.concat()).to_string();
    assert!(said.starts_with("`/bin/cc` failed (exit status 1)\n    line 20.\n"), "{said}");
    assert!(said.ends_with("\n    line 49."), "{said}");
    let silent = Invocation::new("/bin/cc").failed(status(1 << 8), " \n");
    assert_eq!(silent.to_string(), "`/bin/cc` failed (exit status 1)");
}

#[test]
fn a_program_that_is_not_there_is_told_with_where_it_was_looked_for() {
    let said = |environment: &Environment, names: &[&str]| {
        crate::error::render(&find(environment, names, "install it").unwrap_err())
    };
    let path = std::env::join_paths(["nowhere/a", "nowhere/b"]).unwrap();
    let environment = Environment::from_iter([("PATH", path.to_str().unwrap())]);
    assert_eq!(
        said(&environment, &["uv", "pip"]),
        "error: `uv` or `pip` was not found: looked in nowhere/a, nowhere/b\nhint: install it"
    );
    assert_eq!(
        said(&Environment::default(), &["uv"]),
        "error: `uv` was not found: `PATH` is empty\nhint: install it"
    );
}

#[cfg(unix)]
#[test]
fn the_first_name_that_is_there_is_found() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for (name, mode) in [("two", 0o755), ("three", 0o755), ("one", 0o644)] {
        let path = folder.path().join(name);
        fs_err::write(&path, "").unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let environment = Environment::from_iter([("PATH", folder.path().to_str().unwrap())]);
    let found = find(&environment, &["one", "two", "three"], "").unwrap();
    assert_eq!(found, folder.path().join("two"), "what cannot be run is no program");
    assert_eq!(look_up(&environment, "three"), Some(folder.path().join("three")));
}

#[test]
fn lines_are_copied_as_bytes_and_told_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs_err::write(&log, "before\n").unwrap();
    let mut told = Vec::new();
    let printed = b"one\r\n\xff two \n   Building [=> ] 1/2: a\r\x1b[K  Compiling b\nlast";
    copy_lines(&printed[..], &log, &mut |line: &str| told.push(line.to_owned())).unwrap();
    assert_eq!(told, ["one", "\u{fffd} two", "   Building [=> ] 1/2: a", "  Compiling b", "last"]);
    assert_eq!(fs_err::read(&log).unwrap(), b"before\none\r\n\xff two \n  Compiling b\nlast");
}

#[test]
fn where_in_javascript_a_program_gave_up_is_left_out() {
    let frames = [
        "    at Registry.fetch (/usr/lib/node_modules/npm/lib/fetch.js:12:3)",
        "npm error     at async file:///x/y.mjs:1:2",
        "    at node:internal/main/run_main_module:33:47",
    ];
    assert!(frames.iter().all(|line| is_stack_frame(line)));
    let words = ["npm error network request to http://h failed", "  at line 3 of x.toml", "attempt 2"];
    assert!(!words.iter().any(|line| is_stack_frame(line)));
}
