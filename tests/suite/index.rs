//! A package index on loopback, and the errors of getting sdists from one.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;

use cargo_pyodide::digest::Sha256Digest;

use crate::harness::{can_build, copy_folder, fixture, folder, tool};

/// Serves paths and their bodies until the process ends. Returns the address of its `/simple/`.
pub(crate) fn serve(pages: Vec<(String, Vec<u8>)>) -> String {
    serve_at(|_| pages)
}

/// The same for pages that name the address.
pub(crate) fn serve_at(make: impl FnOnce(&str) -> Vec<(String, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/simple/", listener.local_addr().unwrap());
    let pages = make(&address);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = String::new();
            BufReader::new(&connection).read_line(&mut request).unwrap();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let found = pages.iter().find(|(page, _)| page == path);
            let (status, body) = found.map_or(("404 Not Found", &b""[..]), |(_, body)| ("200 OK", body));
            let kind = if path.starts_with("/simple/") { "vnd.pypi.simple.v1+json" } else { "octet-stream" };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/{kind}\r\nContent-Length: {}\r\nConnection: \
                 close\r\n\r\n",
                body.len()
            );
            // A client that hangs up early is its own affair.
            let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body));
        }
    });
    address
}

/// A project's page with these files: name and SHA-256.
pub(crate) fn page(files: &[(&str, &str)]) -> Vec<u8> {
    let files: Vec<_> = files
        .iter()
        .map(|(name, sha256)| {
            serde_json::json!({ "filename": name, "url": format!("/files/{name}"), "hashes": { "sha256": sha256 } })
        })
        .collect();
    serde_json::json!({ "meta": { "api-version": "1.0" }, "files": files }).to_string().into_bytes()
}

/// An sdist of a fixture package.
pub(crate) fn sdist(name: &str, prefix: &str) -> Vec<u8> {
    let folder = folder();
    let tree = folder.path().join(prefix);
    copy_folder(&fixture(name), &tree);
    pack(&tree, prefix)
}

/// A folder as an archive.
pub(crate) fn pack(tree: &Path, prefix: &str) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    archive.append_dir_all(prefix, tree).unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}

fn build(source: &str, index: &str, cache: &Path) -> String {
    let port = index.split(':').nth(2).and_then(|rest| rest.split('/').next()).unwrap();
    let runtime = crate::harness::runtime("0.29.5");
    tool(&["build", source, "--pyodide", &runtime.display().to_string(), "-q"])
        .env("PIP_INDEX_URL", index)
        .cache(cache)
        .snapshot()
        .replace(&format!(":{port}"), ":PORT")
}

#[test]
fn what_the_index_does_not_have_is_said() {
    if !can_build() {
        return;
    }
    let cache = folder();
    let html = format!("<a href='../../files/lies-1.0.tar.gz#sha256={}'>html-1.0.tar.gz</a>", "0".repeat(64));
    let index = serve(vec![
        ("/simple/wheels-only/".into(), page(&[("wheels_only-1.0-py3-none-any.whl", "")])),
        ("/simple/versions/".into(), page(&[("versions-1.0.tar.gz", ""), ("versions-1.1.tar.gz", "")])),
        ("/simple/lies/".into(), page(&[("lies-1.0.tar.gz", &"0".repeat(64))])),
        ("/simple/html/".into(), html.into_bytes()),
        ("/simple/odd/".into(), b"neither JSON nor HTML".to_vec()),
        ("/files/lies-1.0.tar.gz".into(), b"something else".to_vec()),
    ]);
    let names = ["absent", "wheels-only", "versions==7", "lies", "html", "odd"];
    let printed: Vec<String> = names.iter().map(|name| build(name, &index, cache.path())).collect();
    insta::assert_snapshot!(printed.join("\n\n"));
    let left: Vec<_> = fs_err::read_dir(cache.path().join("sources"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "nothing of a refused file stays");
}

#[test]
fn an_index_out_of_reach_is_said() {
    if !can_build() {
        return;
    }
    let cache = folder();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    insta::assert_snapshot!(build("anything", &format!("http://{closed}/simple/"), cache.path()));
}

#[test]
fn an_sdist_in_the_cache_needs_no_network() {
    if !can_build() {
        return;
    }
    let archive = sdist("pure", "fixture_pure-1.0.0");
    let sha256 = Sha256Digest::of(&archive).to_string();
    let index = serve(vec![
        ("/simple/fixture-pure/".into(), page(&[("fixture_pure-1.0.0.tar.gz", &sha256)])),
        ("/files/fixture_pure-1.0.0.tar.gz".into(), archive),
    ]);
    let out = folder();
    let build = |name: &str, index: &str, more: &[&str]| {
        let arguments = [
            &["build", name, "--pyodide", "0.29.5", "-q", "--out-dir"][..],
            &[out.path().to_str().unwrap()],
            more,
        ];
        tool(&arguments.concat()).env("PIP_INDEX_URL", index).hide(out.path(), "OUT").succeed().stdout
    };
    let wheel = "OUT/fixture_pure-1.0.0-cp313-cp313-pyodide_2025_0_wasm32.whl\n";
    assert_eq!(build("Fixture.Pure", &index, &[]), wheel);
    assert_eq!(build("fixture-pure==1.0", &index, &[]), wheel);
    // Another index may mean another package by the name, but offline there is no other.
    let nowhere = "http://127.0.0.1:9/simple/";
    assert_eq!(build("fixture-pure", nowhere, &["--offline"]), wheel);
    let output = out.path().display().to_string();
    let arguments = ["build", "fixture-pure==1.0", "--pyodide", "0.29.5", "-q", "--out-dir", &output];
    let other = tool(&arguments).env("PIP_INDEX_URL", nowhere).run();
    assert!(
        other.stderr.contains("cannot reach the package index at `http://127.0.0.1:9/simple/fixture-pure/`"),
        "{}",
        other.stderr
    );
}
