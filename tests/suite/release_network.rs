//! A release's content delivery network that answers: a double on loopback, with packages of every kind that a release
//! loads, and what a network does wrong.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cargo_pyodide::digest::Sha256Digest;
use serde_json::{Value, json};

use crate::harness::{Tool, can_build, copy_folder, fixture, folder, has, runtime, shared_cache, tool};

const RELEASE: &str = "0.29.5";

/// How the network answers for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should.
    Good,
    /// In small pieces.
    Slow,
    /// Half of it the first time; the rest to whoever asks for it.
    Broken,
    /// Not at all.
    Missing,
    /// With other bytes.
    Wrong,
}

/// A network on loopback.
pub(crate) struct Network {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Network {
    fn serve(files: BTreeMap<String, (Vec<u8>, Manner)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = requests.clone();
        let files = Arc::new(files);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (files, seen) = (files.clone(), seen.clone());
                // A client that hangs up is its own affair.
                std::thread::spawn(move || drop(answer(connection, &files, &seen)));
            }
        });
        Self { address, requests }
    }

    fn was_asked(&self, text: &str) -> bool {
        self.requests.lock().unwrap().iter().any(|request| request.contains(text))
    }
}

fn answer(
    mut connection: TcpStream,
    files: &BTreeMap<String, (Vec<u8>, Manner)>,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let lines = BufReader::new(&connection).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    seen.lock().unwrap().push(head.join("\n"));
    let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let name = path.split_once("/full/").map(|(_, name)| name).unwrap_or_default();
    let Some((bytes, manner)) = files.get(name).filter(|(_, manner)| *manner != Manner::Missing) else {
        return connection
            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let range =
        head.iter().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    let start: usize = range.and_then(|range| range.split('-').next()?.parse().ok()).unwrap_or(0);
    let status = match start {
        0 => "200 OK".to_owned(),
        _ => {
            format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{}", bytes.len() - 1, bytes.len())
        }
    };
    write!(
        connection,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nAccept-Ranges: bytes\r\nAccess-Control-Allow-Origin: *\r\n\
         Connection: close\r\n\r\n",
        bytes.len() - start
    )?;
    let rest = &bytes[start..];
    match manner {
        Manner::Broken if start == 0 => connection.write_all(&rest[..rest.len() / 2]),
        Manner::Slow => rest.chunks(rest.len() / 10 + 1).try_for_each(|piece| {
            std::thread::sleep(Duration::from_millis(20));
            connection.write_all(piece)
        }),
        Manner::Wrong => connection.write_all(&vec![b'x'; rest.len()]),
        _ => connection.write_all(rest),
    }
}

/// A package of the release.
pub(crate) struct Package {
    name: &'static str,
    file: String,
    bytes: Vec<u8>,
    kind: &'static str,
    imports: &'static [&'static str],
    depends: &'static [&'static str],
    manner: Manner,
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A part of the standard library that the release keeps apart, as a wheel.
pub(crate) fn part(
    name: &'static str,
    text: &str,
    depends: &'static [&'static str],
    manner: Manner,
) -> Package {
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n");
    let wheel = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: false\nTag: cp313-cp313-pyemscripten_2025_0_wasm32\n";
    let info = format!("{name}-1.0.0.dist-info");
    let bytes = zip(&[
        (&format!("{name}.py"), text.as_bytes()),
        (&format!("{info}/METADATA"), metadata.as_bytes()),
        (&format!("{info}/WHEEL"), wheel.as_bytes()),
        (&format!("{info}/RECORD"), b""),
    ]);
    let imports: &[&str] = match name {
        "lzma" => &["lzma", "_lzma"],
        "sqlite3" => &["sqlite3", "_sqlite3"],
        _ => &["ssl", "_ssl"],
    };
    let file = format!("{name}-1.0.0-cp313-cp313-pyemscripten_2025_0_wasm32.whl");
    Package { name, file, bytes, kind: "cpython_module", imports, depends, manner }
}

/// A wheel of a fixture, built once for all tests.
fn build(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(wheel) = built.get(name) {
        return wheel.clone();
    }
    let place = folder();
    copy_folder(&fixture(name), &place.path().join(name));
    let out = shared_cache().join(format!("wheels-of-the-network-{RELEASE}"));
    let (package, out_dir) = (format!("./{name}"), out.display().to_string());
    let arguments = ["build", &package, "-q", "--pyodide", RELEASE, "--out-dir", &out_dir];
    let printed = tool(&arguments).in_folder(place.path()).succeed();
    let wheel = out.join(Path::new(printed.stdout.trim()).file_name().unwrap());
    built.insert(name.to_owned(), wheel.clone());
    wheel
}

/// The module in a wheel.
fn module(wheel: &Path) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(fs_err::File::open(wheel).unwrap()).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    let name = names.iter().find(|name| name.ends_with(".so")).unwrap();
    let mut bytes = Vec::new();
    archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// A release whose lock file names these packages, and the network that has them.
pub(crate) fn release(place: &Path, version: &str, packages: Vec<Package>) -> (PathBuf, Network) {
    let copy = place.join("release");
    copy_folder(&runtime(version), &copy);
    let path = copy.join("pyodide-lock.json");
    let mut lock: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    let mut files = BTreeMap::new();
    for Package { name, file, bytes, kind, imports, depends, manner } in packages {
        lock["packages"][name] = json!({
            "name": name, "version": "1.0.0", "file_name": file, "install_dir": if kind == "shared_library" { "dynlib" } else { "site" },
            "sha256": Sha256Digest::of(&bytes).to_string(), "package_type": kind, "imports": imports, "depends": depends,
            "unvendored_tests": false,
        });
        files.insert(file, (bytes, manner));
    }
    fs_err::write(&path, lock.to_string()).unwrap();
    (copy, Network::serve(files))
}

const TESTS: &str = "
import importlib

import fixture_mixed
import fixture_pure


def test_native():
    assert fixture_mixed.__name__ == 'fixture_mixed'
    assert fixture_pure.add(1, 1) == 2


def test_part_that_is_seen():
    import ssl

    assert ssl.IS_THERE


def test_part_that_the_error_names():
    lzma = importlib.import_module('lzma')
    assert lzma.IS_THERE
";

const SSL: &str = "
from pyodide_js import loadedPackages

IS_THERE = loadedPackages.to_py().get('libopenssl') is not None
";

/// The packages: one that is native, a part of the standard library, and one with a shared library.
fn packages(lzma: Manner) -> Vec<Package> {
    let mixed = build("mixed");
    let library = zip(&[("libssl.so", &module(&build("pure")))]);
    vec![
        Package {
            name: "fixture-mixed",
            file: mixed.file_name().unwrap().to_str().unwrap().to_owned(),
            bytes: fs_err::read(&mixed).unwrap(),
            kind: "package",
            imports: &["fixture_mixed"],
            depends: &[],
            manner: Manner::Broken,
        },
        part("ssl", SSL, &["libopenssl"], Manner::Slow),
        part("lzma", "IS_THERE = True\n", &[], lzma),
        Package {
            name: "libopenssl",
            file: "libopenssl-1.1.1w.zip".to_owned(),
            bytes: library,
            kind: "shared_library",
            imports: &[],
            depends: &[],
            manner: Manner::Good,
        },
    ]
}

fn test(place: &Path, release: &Path, network: &Network, more: &[&str]) -> Tool {
    fs_err::create_dir_all(place.join("tests")).unwrap();
    fs_err::write(place.join("tests/test_it.py"), TESTS).unwrap();
    let wheel = build("pure");
    let arguments = [
        "test",
        wheel.to_str().unwrap(),
        "--tests",
        "tests",
        "--json",
        "--pyodide",
        release.to_str().unwrap(),
    ];
    // What an earlier run fetched would need no network.
    tool(&[&arguments[..], more].concat()).in_folder(place).env("CARGO_PYODIDE_MIRROR", &network.address)
}

fn outcomes(json: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(json).unwrap();
    let suites = document["suites"].as_array().unwrap().iter();
    let results = suites.flat_map(|suite| suite["results"].as_array().unwrap());
    let mut found: Vec<String> = results
        .map(|result| format!("{} {}", result["id"].as_str().unwrap(), result["outcome"].as_str().unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn a_network_that_answers_brings_what_tests_import_and_what_they_lack() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let (release, network) = release(place.path(), RELEASE, packages(Manner::Good));
    let printed = test(place.path(), &release, &network, &[]).run();
    assert_eq!(printed.status, Some(0), "{}\n{}", printed.stdout, printed.stderr);
    let passed = ["test_native", "test_part_that_is_seen", "test_part_that_the_error_names"];
    assert_eq!(outcomes(&printed.stdout), passed.map(|name| format!("tests/test_it.py::{name} passed")));
    assert!(printed.stderr.contains("lzma, which tests lack; 1 run again"), "{}", printed.stderr);
    if has("chromium") {
        let printed = test(place.path(), &release, &network, &["--in", "page"]).run();
        assert_eq!(printed.status, Some(0), "{}\n{}", printed.stdout, printed.stderr);
    }
}

#[test]
fn what_a_network_does_wrong_fails_the_tests_that_need_it() {
    if !can_build() || !has("node") {
        return;
    }
    for manner in [Manner::Missing, Manner::Wrong] {
        let place = folder();
        let mut packages = packages(manner);
        // Other bytes each time: what was fetched once is in the cache.
        let unique = format!("IS_THERE = '{}'\n", place.path().display());
        packages[2] = part("lzma", &unique, &[], manner);
        let (release, network) = release(place.path(), RELEASE, packages);
        let printed = test(place.path(), &release, &network, &[]).run();
        assert_eq!(printed.status, Some(1), "{manner:?}: {}\n{}", printed.stdout, printed.stderr);
        let failed: Vec<String> =
            outcomes(&printed.stdout).into_iter().filter(|line| !line.ends_with("passed")).collect();
        assert_eq!(failed, ["tests/test_it.py::test_part_that_the_error_names failed"], "{manner:?}");
        assert!(network.was_asked("/full/lzma-1.0.0-cp313"));
        let document: Value = serde_json::from_str(&printed.stdout).unwrap();
        let needs = &document["suites"][0]["conformance"]["needs"];
        assert_eq!(*needs, json!({ "packages of the release's network": 1 }));
    }
}
