//! A package index that means harm.

use std::collections::BTreeMap;
use std::path::Path;

use crate::harness::{Tool, can_build, copy_folder, fixture, folder, runtime, tool};
use crate::index::{page, serve};

/// A pure wheel with this metadata.
pub(crate) fn wheel(name: &str, metadata: &str) -> Vec<u8> {
    wheel_with(name, metadata, BTreeMap::new())
}

/// A pure wheel with this metadata and more files.
pub(crate) fn wheel_with(name: &str, metadata: &str, mut files: BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    use std::io::Write;
    let dist_info = name.splitn(3, '-').take(2).collect::<Vec<_>>().join("-") + ".dist-info";
    let about = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    for (file, text) in [("METADATA", metadata), ("WHEEL", about)] {
        files.insert(format!("{dist_info}/{file}"), text.as_bytes().to_vec());
    }
    let record = format!("{dist_info}/RECORD");
    files.insert(record.clone(), cargo_pyodide::wheel::record::write(&files, &record).unwrap());
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, bytes) in files {
        archive.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(&bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// An index whose package `harm` states a SHA-256 that is no such thing.
fn index(sha256: &str) -> String {
    let name = "harm-1.0-py3-none-any.whl";
    let bytes = wheel(name, "Metadata-Version: 2.1\nName: harm\nVersion: 1.0\n");
    serve(vec![("/simple/harm/".into(), page(&[(name, sha256)])), (format!("/files/{name}"), bytes)])
}

/// The fixture `pure`, which requires `harm`, with a folder of tests.
fn package(place: &Path) {
    copy_folder(&fixture("pure"), place);
    let manifest = fs_err::read_to_string(place.join("pyproject.toml")).unwrap();
    let requiring = manifest.replace("attrs>=20 ; python_version < '3.8'", "harm");
    assert_ne!(manifest, requiring);
    fs_err::write(place.join("pyproject.toml"), requiring).unwrap();
    fs_err::create_dir_all(place.join("tests")).unwrap();
    fs_err::write(place.join("tests/test_it.py"), "def test_it():\n    pass\n").unwrap();
}

#[test]
fn no_index_removes_a_folder_of_the_user() {
    if !can_build() {
        return;
    }
    let place = folder();
    let victim = place.path().join("victim");
    fs_err::create_dir_all(victim.join("inner")).unwrap();
    fs_err::write(victim.join("inner/kept"), "").unwrap();
    let project = place.path().join("project");
    package(&project);
    let requiring = "Metadata-Version: 2.1\nName: x\nVersion: 1.0\nRequires-Dist: harm\n";
    let name = "x-1.0-py3-none-any.whl";
    fs_err::write(project.join(name), wheel(name, requiring)).unwrap();
    let release = runtime("0.29.5").display().to_string();
    let commands: [&[&str]; 5] = [
        &["deps", "."],
        &["deps", name],
        &["overlay", "init", "."],
        &["test", name, "--tests", "tests"],
        &["build", ".", "--with-deps"],
    ];
    for stated in [victim.display().to_string(), "../../../victim".to_owned(), "..".to_owned()] {
        let index = index(&stated);
        for command in commands {
            let arguments = [command, &["-q", "--pyodide", &release]].concat();
            let printed = run(tool(&arguments), &index, &project);
            assert!(victim.join("inner/kept").is_file(), "{command:?} with {stated}");
            assert!(
                printed.contains(&format!(
                    "caused by: `{stated}` is not a SHA-256: expected 64 hexadecimal digits"
                )),
                "{command:?}: {printed}"
            );
        }
    }
}

fn run(tool: Tool, index: &str, folder: &Path) -> String {
    let printed = tool.env("PIP_INDEX_URL", index).in_folder(folder).run();
    assert_eq!(printed.status, Some(2), "{}{}", printed.stdout, printed.stderr);
    printed.stderr
}

#[test]
fn what_steers_a_terminal_is_written_out() {
    if !can_build() {
        return;
    }
    let place = folder();
    let release = runtime("0.29.5").display().to_string();
    let name = "x-1.0-py3-none-any.whl";
    let fields = [
        "Name: x\u{1b}[2J\u{9b}3Jy\nVersion: 1.0",
        "Name: x\nVersion: 1.0\nRequires-Dist: \u{1b}[2J\u{9b}3Jy",
    ];
    for fields in fields {
        let metadata = format!("Metadata-Version: 2.1\n{fields}\n");
        fs_err::write(place.path().join(name), wheel(name, &metadata)).unwrap();
        for command in [&["deps", name][..], &["audit", name], &["audit", name, "--format", "sarif"]] {
            let arguments = [command, &["--offline", "--pyodide", &release]].concat();
            // As on a terminal: our own colours are there.
            let call = tool(&arguments[..]).in_folder(place.path()).env("CLICOLOR_FORCE", "1");
            let printed = call.run();
            let text = printed.stdout + &printed.stderr;
            assert!(!text.contains("\u{1b}[2J") && !text.contains('\u{9b}'), "{command:?} {text:?}");
        }
    }
    let shown =
        tool(&["deps", name, "--offline", "--pyodide", &release]).in_folder(place.path()).run().stderr;
    assert!(shown.contains("`Requires-Dist: \\u{1b}[2J\\u{9b}3Jy`"), "{shown}");
}

#[test]
fn requirements_that_explode_are_read_or_refused() {
    if !can_build() {
        return;
    }
    let place = folder();
    let name = "x-1.0-py3-none-any.whl";
    let release = runtime("0.29.5").display().to_string();
    let pairs: Vec<String> =
        (0..24).map(|number| format!("(extra == 'a{number}' and extra == 'b{number}')")).collect();
    let deep = format!("{}os_name == 'nt'{}", "(".repeat(9000), ")".repeat(9000));
    let mut printed = Vec::new();
    for marker in [pairs.join(" or "), deep.clone(), deep.repeat(3)] {
        let metadata =
            format!("Metadata-Version: 2.1\nName: x\nVersion: 1.0\nRequires-Dist: harm ; {marker}\n");
        fs_err::write(place.path().join(name), wheel(name, &metadata)).unwrap();
        let arguments = ["deps", name, "--offline", "--pyodide", &release];
        printed.push(tool(&arguments).in_folder(place.path()).hide(place.path(), "HERE").snapshot());
    }
    insta::assert_snapshot!(printed.join("\n"));
}
