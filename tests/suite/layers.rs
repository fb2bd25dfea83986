//! The source tree keeps its own rules: layers, sizes, names, no traces of a machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
}

fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    let relative = |path: &PathBuf| path.strip_prefix(&root).unwrap().display().to_string();
    found.iter().map(|path| (relative(path), fs_err::read_to_string(path).unwrap())).collect()
}

/// Every module, the uppermost first: each uses only those below it. The executable stands above them all.
const LAYERS: [&str; 37] = [
    "fuzzing",
    "site",
    "sweep",
    "bench",
    "testing",
    "run",
    "building",
    "backend",
    "dependencies",
    "releases",
    "driver",
    "toolchain",
    "source",
    "project",
    "plan",
    "overlay",
    "context",
    "index",
    "host_python",
    "audit",
    "runtime",
    "cache",
    "process",
    "wheel",
    "files",
    "env",
    "wasm",
    "abi",
    "ui",
    "loopback",
    "causes",
    "document",
    "error",
    "digest",
    "nearest",
    "plain_name",
    "redacted",
];

/// The modules of the library: the parts of a module's path, and its text without tests and comments.
fn modules() -> BTreeMap<Vec<String>, String> {
    let library = all().into_iter().filter(|(path, _)| !path.starts_with("bin/") && path != "lib.rs");
    library
        .map(|(path, text)| {
            let path = path.trim_end_matches(".rs").trim_end_matches("/mod").split('/').map(str::to_owned);
            let text = without_tests(&text);
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            (path.collect(), code.collect::<Vec<_>>().join("\n"))
        })
        .collect()
}

/// A file's text up to its tests, which stand at its end.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\n").next().unwrap()
}

/// Splits at the commas that are in no braces.
fn split_list(list: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for letter in list.chars() {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        match letter {
            ',' if depth == 0 => parts.push(String::new()),
            _ => parts.last_mut().unwrap().push(letter),
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// The paths of a `use`: `a::{b, c::d}` are `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    match tree.split_once('{') {
        None => vec![tree.to_owned()],
        Some((start, rest)) => {
            let inside = split_list(rest.trim_end().trim_end_matches('}'));
            inside.iter().flat_map(|part| expand(part)).map(|path| format!("{start}{path}")).collect()
        }
    }
}

/// What a module gives on from modules of its own: name → path.
fn reexports(module: &[String], text: &str) -> BTreeMap<String, Vec<String>> {
    let uses = text.split("pub use ").skip(1).filter_map(|rest| rest.split_once(';'));
    let paths = uses.flat_map(|(tree, _)| expand(tree));
    paths
        .filter_map(|path| {
            let (path, name) =
                path.rsplit_once("::").map(|(path, name)| (path.to_owned(), name.to_owned()))?;
            let own = path.split("::").map(str::to_owned);
            let name = name.rsplit(" as ").next().unwrap().to_owned();
            Some((name, module.iter().cloned().chain(own).collect()))
        })
        .collect()
}

/// Which modules use which: from the paths in their texts that begin with `crate` or `super`.
fn uses(modules: &BTreeMap<Vec<String>, String>) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let given: BTreeMap<_, _> =
        modules.iter().map(|(module, text)| (module.clone(), reexports(module, text))).collect();
    let find = |from: &[String], path: &str| -> Option<Vec<String>> {
        let mut words = path.split("::").peekable();
        let mut at = if words.next_if_eq(&"crate").is_some() { Vec::new() } else { from.to_vec() };
        while words.next_if_eq(&"super").is_some() {
            at.pop();
        }
        for word in words {
            let below: Vec<String> = at.iter().cloned().chain([word.to_owned()]).collect();
            match given.get(&at).and_then(|names| names.get(word)) {
                _ if modules.contains_key(&below) => at = below,
                Some(origin) if modules.contains_key(origin) => return Some(origin.clone()),
                _ => break,
            }
        }
        modules.contains_key(&at).then_some(at)
    };
    let path_letters = |c: char| c.is_alphanumeric() || "_:{}, \n".contains(c);
    let used = modules.iter().map(|(module, text)| {
        let mut found = BTreeSet::new();
        let marks = ["crate::", "super::"].into_iter().flat_map(|mark| text.match_indices(mark));
        for (at, _) in marks {
            let rest = &text[at..];
            let is_use = text[..at].ends_with("use ");
            let end =
                if is_use { rest.find(';') } else { rest.find(|c| !path_letters(c) || " {},\n".contains(c)) };
            let paths = expand(&rest[..end.unwrap_or(rest.len())].replace('\n', " "));
            found.extend(
                paths.iter().filter(|path| !path.contains('*')).filter_map(|path| find(module, path)),
            );
        }
        // A parent calls its children by their names alone.
        let children =
            modules.keys().filter(|child| child.len() == module.len() + 1 && child.starts_with(module));
        found
            .extend(children.filter(|child| text.contains(&format!("{}::", child.last().unwrap()))).cloned());
        found.remove(module);
        (module.clone(), found)
    });
    used.collect()
}

#[test]
fn every_module_has_its_place_and_uses_only_those_below_it() {
    let modules = modules();
    let tops: BTreeSet<&str> = modules.keys().map(|path| path[0].as_str()).collect();
    assert_eq!(tops, BTreeSet::from(LAYERS), "LAYERS lists every module");
    let place = |path: &[String]| LAYERS.iter().position(|layer| path[0] == *layer).unwrap();
    let mut wrong = Vec::new();
    for (module, used) in uses(&modules) {
        let above = used.iter().filter(|other| place(other) < place(&module));
        wrong.extend(above.map(|other| format!("{} uses {}", module.join("/"), other.join("/"))));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut left = uses(&modules());
    // What uses nothing that is left is on no circle.
    loop {
        let free: Vec<Vec<String>> =
            left.iter().filter(|(_, used)| used.is_empty()).map(|(module, _)| module.clone()).collect();
        if free.is_empty() {
            break;
        }
        left.retain(|module, _| !free.contains(module));
        for used in left.values_mut() {
            used.retain(|other| !free.contains(other));
        }
    }
    let circles: Vec<String> = left.keys().map(|module| module.join("/")).collect();
    assert_eq!(circles, Vec::<String>::new());
}

#[test]
fn no_function_takes_a_tuple_apart() {
    let mut wrong = Vec::new();
    for (path, text) in all() {
        for (at, _) in text.match_indices("fn ") {
            let head = text[at..].split(['{', ';']).next().unwrap();
            // `(a, b): (A, B)` among the parameters; `Fn(A, B) -> C` is a type.
            let has_pattern = head.match_indices("): (").any(|(end, _)| {
                let start = head[..end].rfind('(').unwrap_or_default();
                head[start + 1..end].contains(',') && !head[start + 1..end].contains(':')
            });
            if has_pattern {
                wrong.push(format!("{path}: {}", head.lines().next().unwrap().trim()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn files_and_functions_are_short() {
    let mut long = Vec::new();
    for (path, text) in all() {
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > 450 {
            long.push(format!("{path}: {} lines", lines.len()));
        }
        let lines: Vec<&str> = without_tests(&text).lines().collect();
        let mut start = None;
        for (number, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = line.trim_start().trim_start_matches("pub(super) ").trim_start_matches("pub(crate) ");
            if start.is_none() && head.trim_start_matches("pub ").starts_with("fn ") && !line.ends_with('}') {
                start = Some((number, indent));
            }
            if let Some((first, depth)) = start
                && indent == depth
                && line.trim() == "}"
            {
                if number - first > 60 {
                    long.push(format!("{path}:{}: a function of {} lines", first + 1, number - first));
                }
                start = None;
            }
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn modules_say_what_they_are_for() {
    let silent: Vec<String> =
        all().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert_eq!(silent, Vec::<String>::new());
    let vague = ["utils", "common", "helpers", "misc", "types"];
    let named: Vec<String> = all()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| vague.iter().any(|name| path.contains(name)))
        .collect();
    assert_eq!(named, Vec::<String>::new());
}

#[test]
fn no_registry_and_no_unfinished_mark_is_named() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    let hosts = ["pyp!i.org", "pythonhos!ted", "crates!.io", "npm!js."].map(|host| host.replace('!', ""));
    let marks = ["TO!DO", "FIX!ME", "unimpl!emented!"].map(|mark| mark.replace('!', ""));
    for (path, text) in all() {
        wrong.extend(
            hosts
                .iter()
                .chain(&marks)
                .filter(|word| text.contains(*word))
                .map(|word| format!("src/{path}: {word}")),
        );
    }
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile"] {
        let text = fs_err::read_to_string(root.join(name)).unwrap();
        wrong.extend(
            hosts
                .iter()
                .chain(&marks)
                .filter(|word| text.contains(*word))
                .map(|word| format!("{name}: {word}")),
        );
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn documentation_lists_every_variable_and_command() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let variables = fs_err::read_to_string(root.join("docs/environment.md")).unwrap();
    let reference = fs_err::read_to_string(root.join("docs/reference.md")).unwrap();
    let mut missing = Vec::new();
    for (_, text) in all() {
        for (at, _) in text.match_indices("\"CARGO_PYODIDE_") {
            let name: String =
                text[at + 1..].chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
            if !variables.contains(&name) {
                missing.push(name);
            }
        }
    }
    for command in [
        "build", "audit", "run", "test", "bench", "sweep", "ci", "deps", "recipes", "overlay", "site",
        "serve", "runtimes", "setup", "doctor", "clean",
    ] {
        if !reference.contains(&format!("## cargo pyodide {command}\n")) {
            missing.push(command.to_owned());
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}
