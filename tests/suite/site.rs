//! `site` and `serve`: what they write and serve, in a real browser, and what they refuse.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{Tool, can_build, copy_folder, fixture, folder, has, tool, write_program};
use crate::hostile;
use crate::release_network::{self, Manner, part};
use crate::sweep::sdist;

/// Wheels of the fixture for these releases, in one folder.
pub(crate) fn build(place: &Path, releases: &str) -> PathBuf {
    let wheels = place.join("wheels");
    let package = fixture("pure");
    let out = wheels.to_str().unwrap();
    tool(&["build", package.to_str().unwrap(), "--pyodide", releases, "--out-dir", out, "--no-import", "-q"])
        .succeed();
    wheels
}

/// A server of ours, and the address of its page. It ends with the value.
pub(crate) struct Served {
    server: std::process::Child,
    address: String,
}

pub(crate) fn serve(arguments: &[&str], place: &Path) -> Served {
    // What opens addresses here is a script that writes them down.
    let bin = place.join("bin");
    fs_err::create_dir_all(&bin).unwrap();
    write_program(&bin.join("xdg-open"), "#!/bin/sh\necho \"$1\" > opened\n");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let served = tool(&[&["serve", "-q"], arguments].concat()).in_folder(place).env("PATH", path);
    let mut command = served.command();
    let mut server = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut address).unwrap();
    Served { server, address: address.trim().to_owned() }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

/// Whether a page of what was built can be used here. If not, the test is skipped, or fails when `CI` is set.
pub(crate) fn can_browse() -> bool {
    can_build() && has("chromium") && has("chromedriver")
}

/// Uses a page with one of the scripts in `tests/tools`, which fails unless the page does what is expected.
pub(crate) fn drive(script: &str, served: &Served, arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(script);
    let driven = Command::new("python3").arg(script).arg(&served.address).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&driven.stdout) + String::from_utf8_lossy(&driven.stderr);
    assert!(driven.status.success(), "{said}");
}

pub(crate) fn site(arguments: &[&str], place: &Path) -> Tool {
    tool(&[&["site", "-q"], arguments].concat()).in_folder(place).hide(place, "PLACE")
}

/// The files of a folder with their bytes.
fn read(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(
                read(&entry.path()).into_iter().map(|(path, bytes)| (format!("{name}/{path}"), bytes)),
            );
        } else {
            found.insert(name, fs_err::read(entry.path()).unwrap());
        }
    }
    found
}

#[test]
fn the_same_wheels_give_the_same_site() {
    if !can_build() {
        return;
    }
    let place = folder();
    build(place.path(), "0.27,0.29,314");
    let once = |out: &str| {
        site(&["wheels", "--pyodide", "0.27.8,0.29.5,314.0.7", "--out", out], place.path()).succeed();
        read(&place.path().join(out))
    };
    let (first, second) = (once("first"), once("second"));
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    let differing: Vec<_> = first.iter().filter(|(path, bytes)| second[*path] != **bytes).collect();
    assert!(differing.is_empty(), "{:?}", differing.iter().map(|(path, _)| path).collect::<Vec<_>>());
    // A site takes the place of an older one.
    assert_eq!(once("first"), first);
    // The releases' own files are theirs; the names of the others tell what a site is.
    let is_own = |path: &&String| !path.starts_with("pyodide/") || path.ends_with("lock.json");
    insta::assert_snapshot!(first.keys().filter(is_own).cloned().collect::<Vec<_>>().join("\n"));
    for release in ["0.27.8", "0.29.5", "314.0.7"] {
        let lock: serde_json::Value =
            serde_json::from_slice(&first[&format!("pyodide/{release}/pyodide-lock.json")]).unwrap();
        let entry = &lock["packages"]["fixture-pure"];
        let wheel = entry["file_name"].as_str().unwrap().strip_prefix("../../").unwrap();
        let digest = cargo_pyodide::digest::Sha256Digest::of(&first[wheel]).to_string();
        assert_eq!(entry["sha256"], digest.as_str());
        let address = lock["packages"]["numpy"]["file_name"].as_str().unwrap();
        assert!(address.contains(&format!("/v{release}/full/numpy-")), "{address}");
    }
    let document: serde_json::Value = serde_json::from_slice(&first["site.json"]).unwrap();
    let releases = document["packages"][0]["releases"].as_object().unwrap();
    assert_eq!(releases.len(), 3, "one package with a wheel for each release");
}

#[test]
fn a_site_works_in_a_browser() {
    if !can_browse() {
        return;
    }
    let place = folder();
    build(place.path(), "314");
    let examples =
        "[[example]]\ntitle = 'Sum'\ncode = 'import fixture_pure\\nprint(fixture_pure.__name__, 20 + 22)'\n";
    let examples = examples.replace("'import", "\"import").replace("22)'", "22)\"");
    fs_err::write(place.path().join("examples.toml"), examples).unwrap();
    site(&["wheels", "--examples", "examples.toml"], place.path()).succeed();
    let served = serve(&["site", "--open"], place.path());
    let arguments = ["--package", "fixture-pure", "--example", "Sum", "--expect", "fixture_pure 42"];
    drive("drive_playground.py", &served, &arguments);
    assert_eq!(fs_err::read_to_string(place.path().join("opened")).unwrap().trim(), served.address);
    if has("firefox-esr") {
        drive("drive_playground.py", &served, &[&arguments[..], &["--browser", "firefox"]].concat());
    }
}

#[test]
fn parts_of_python_come_with_the_packages_that_the_release_loads_them_for() {
    if !can_build() {
        return;
    }
    let place = folder();
    // The release has a package of this name, too, which says that it is loaded with `sqlite3`.
    let name = "ipython-9999-py3-none-any.whl";
    let wheel = hostile::wheel(name, "Metadata-Version: 2.1\nName: ipython\nVersion: 9999\n");
    fs_err::write(place.path().join(name), wheel).unwrap();
    let unique = format!("# {}\n", place.path().display());
    let parts = vec![part("sqlite3", &unique, &[], Manner::Good)];
    let (release, network) = release_network::release(place.path(), "0.29.5", parts);
    let release = release.display().to_string();
    let vendor = |network: &str| {
        let arguments = ["site", name, "--pyodide", &release, "--vendor"];
        let printed = tool(&arguments).in_folder(place.path()).env("CARGO_PYODIDE_MIRROR", network).succeed();
        let folder = place.path().join("site/pyodide/0.29.5");
        let lock = fs_err::read(folder.join("pyodide-lock.json")).unwrap();
        let lock: serde_json::Value = serde_json::from_slice(&lock).unwrap();
        assert_eq!(lock["packages"]["ipython"]["depends"], serde_json::json!(["sqlite3"]));
        let file = lock["packages"]["sqlite3"]["file_name"].as_str().unwrap().to_owned();
        (folder.join(&file).is_file(), printed.stderr.contains("parts of the standard library"))
    };
    // Nobody listens there.
    assert_eq!(vendor("http://127.0.0.1:9"), (false, true), "a warning, and an address");
    assert_eq!(vendor(&network.address), (true, false), "the file is in the site");
}

#[test]
fn a_sweep_becomes_a_site_that_begins_with_what_works() {
    if !can_build() {
        return;
    }
    let (place, list) = (folder(), folder());
    sdist(list.path(), "pure", &[]);
    sdist(list.path(), "bad-compile", &[]);
    let list = list.path().to_str().unwrap();
    let sweep = ["sweep", list, "--pyodide", "314.0.7", "--steps", "build,audit"];
    assert_eq!(tool(&sweep).in_folder(place.path()).run().status, Some(1));
    site(&["sweep"], place.path()).succeed();
    let files = read(&place.path().join("site"));
    let document: serde_json::Value = serde_json::from_slice(&files["site.json"]).unwrap();
    let cells = document["matrix"]["rows"].as_array().unwrap().iter().map(|row| &row["cells"]["314"]);
    for cell in cells.clone() {
        for key in ["log", "wheel"] {
            let linked =
                cell[key].as_str().is_none_or(|address| files.contains_key(&address.replace("%40", "@")));
            assert!(linked, "{cell}");
        }
    }
    let lines: Vec<String> = cells.map(ToString::to_string).collect();
    let report = String::from_utf8_lossy(&files["report.html"]);
    assert!(report.contains(".log.txt"), "the report links to logs that are in the site");
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_change_is_built_and_runs_in_the_page() {
    if !can_browse() {
        return;
    }
    let place = folder();
    let package = place.path().join("package");
    copy_folder(&fixture("pure"), &package);
    let served = serve(&["./package", "--watch", "--pyodide", "314"], place.path());
    let source = package.join("src/lib.rs");
    let source = source.to_str().unwrap();
    drive("drive_watch.py", &served, &["--file", source]);
}

#[test]
fn a_panic_names_functions_files_and_lines() {
    if !can_browse() {
        return;
    }
    let place = folder();
    let package = fixture("panics");
    let package = package.to_str().unwrap();
    let served = serve(&[package, "--debug", "--pyodide", "314"], place.path());
    let code = "import fixture_panics\nfixture_panics.panic('boom')";
    // The place is that of the sources here: debuggers look for them there.
    let text = fs_err::read_to_string(fixture("panics").join("src/lib.rs")).unwrap();
    let line = text.lines().position(|line| line.contains("panic!(\"{message}\")")).unwrap() + 1;
    let place = format!("{package}/src/lib.rs:{line}");
    let mut arguments = vec!["--code", code, "--expect-error", "Rust panic"];
    arguments.extend(
        ["boom", "fixture_panics::panic", &place, "Rust panicked in"]
            .into_iter()
            .flat_map(|text| ["--expect", text]),
    );
    drive("drive_playground.py", &served, &arguments);
}

#[test]
fn what_cannot_be_watched_is_refused() {
    if !can_build() {
        return;
    }
    let place = folder();
    build(place.path(), "314");
    site(&["wheels"], place.path()).succeed();
    let printed = tool(&["serve", "site", "--watch"]).in_folder(place.path()).snapshot();
    insta::assert_snapshot!(printed, @"
    status: 2
    --- stdout
    --- stderr
    error: `site` is a site, and nothing is built for it
    hint: name the package or the wheels that it was made of, or leave `--watch` out
    ");
}

#[test]
fn a_site_is_an_index_for_other_commands() {
    if !can_build() {
        return;
    }
    let place = folder();
    build(place.path(), "314");
    site(&["wheels", "--pyodide", "314.0.7"], place.path()).succeed();
    let mut command = tool(&["serve", "site", "-q"]).in_folder(place.path()).command();
    let mut server = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let wheel = place.path().join("asks-1.0-py3-none-any.whl");
    let mut zip = zip::ZipWriter::new(fs_err::File::create(&wheel).unwrap());
    let metadata = "Metadata-Version: 2.1\nName: asks\nVersion: 1.0\nRequires-Dist: fixture-pure>=1\n";
    for (name, text) in [("WHEEL", "Wheel-Version: 1.0\n"), ("METADATA", metadata), ("RECORD", "")] {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(format!("asks-1.0.dist-info/{name}"), options).unwrap();
        std::io::Write::write_all(&mut zip, text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    let deps = |more: &[&str]| {
        let arguments = ["deps", "asks-1.0-py3-none-any.whl", "--pyodide", "314.0.7", "-q"];
        // Nobody listens there: the site knows the package, and nobody else is asked.
        let nowhere = "http://127.0.0.1:9/simple/";
        tool(&[&arguments[..], more].concat()).in_folder(place.path()).env("PIP_INDEX_URL", nowhere)
    };
    let found = deps(&["--index", address.trim()]).run();
    let by_index = deps(&["--index", &format!("{}simple/", address.trim())]).run();
    let unknown = deps(&[]).run();
    server.kill().unwrap();
    server.wait().unwrap();
    let tree = "asks 1.0 in Pyodide 314.0.7\n└── fixture-pure>=1: 1.0.0, for Pyodide on the package index\n";
    assert_eq!((found.status, found.stdout.as_str()), (Some(0), tree), "{}", found.stderr);
    assert_eq!((by_index.status, by_index.stdout.as_str()), (Some(0), tree), "{}", by_index.stderr);
    assert_eq!(unknown.status, Some(2), "{}", unknown.stdout);
}

#[test]
fn what_cannot_be_published_is_refused() {
    if !can_build() {
        return;
    }
    let place = folder();
    let wheels = build(place.path(), "314");
    let wheel = fs_err::read_dir(&wheels).unwrap().next().unwrap().unwrap().path();
    let name = wheel.file_name().unwrap().to_str().unwrap().to_owned();
    for folder in ["empty", "twice", "mine", "broken"] {
        fs_err::create_dir(place.path().join(folder)).unwrap();
    }
    fs_err::copy(&wheel, place.path().join("twice").join(&name)).unwrap();
    fs_err::write(place.path().join("mine/notes.txt"), "mine").unwrap();
    fs_err::write(place.path().join("broken/x-1-py3-none-any.whl"), "no zip").unwrap();
    fs_err::write(place.path().join("examples.toml"), "[[example]]\npackage = 'y'\ntitle = 't'\ncode = ''\n")
        .unwrap();
    let renamed = place.path().join("renamed");
    fs_err::create_dir(&renamed).unwrap();
    fs_err::copy(&wheel, renamed.join("fixture_pure-1.0.0-cp313-cp313-pyodide_2025_0_wasm32.whl")).unwrap();
    fs_err::create_dir(place.path().join("odd")).unwrap();
    let odd = hostile::wheel("a&b-1-py3-none-any.whl", "Metadata-Version: 2.1\nName: a&b\nVersion: 1\n");
    fs_err::write(place.path().join("odd/a&b-1-py3-none-any.whl"), odd).unwrap();
    let cases: [&[&str]; 12] = [
        &[],
        &["empty"],
        &["nowhere.whl"],
        &["broken"],
        &["wheels", "twice"],
        &["wheels", "--pyodide", "0.29.5"],
        &["renamed", "--pyodide", "0.29.5"],
        &["odd", "--pyodide", "314.0.7"],
        &["wheels", "--page", "mine/notes.txt"],
        &["wheels", "--out", "mine"],
        &["wheels", "--base-url", "example.org"],
        &["wheels", "--examples", "examples.toml"],
    ];
    let printed = cases.map(|arguments| {
        format!("$ cargo pyodide site {}\n{}", arguments.join(" "), site(arguments, place.path()).snapshot())
    });
    insta::assert_snapshot!(printed.join("\n\n"));
    assert_eq!(fs_err::read_to_string(place.path().join("mine/notes.txt")).unwrap(), "mine");
    assert!(!place.path().join("site").exists(), "nothing is written");
}
