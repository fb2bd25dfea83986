//! Wheels for Pyodide on the package index (PEP 783): each command finds those that the release's micropip installs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_pyodide::digest::Sha256Digest;
use cargo_pyodide::runtime::Runtime;
use serde_json::{Value, json};

use crate::harness::{can_build, copy_folder, find, fixture, folder, has, tool};
use crate::hostile::wheel;
use crate::index::{page, sdist, serve_at};
use crate::lines::fetched;
use crate::mutants::tools;

/// Files of the index, with the Python that each asks for.
const FILES: [(&str, &str); 19] = [
    ("both_lines-1.0-cp313-cp313-pyemscripten_2025_0_wasm32.whl", ""),
    ("both_lines-1.1-cp314-cp314-pyemscripten_2026_0_wasm32.whl", ""),
    ("both_lines-2.0-cp314-cp314-manylinux_2_28_x86_64.whl", ""),
    ("stable_abi-0.9-cp312-abi3-pyemscripten_2025_0_wasm32.whl", ""),
    ("stable_abi-1.0-cp312-abi3-pyemscripten_2026_0_wasm32.whl", ""),
    ("pure_newer-1.0-cp313-cp313-pyemscripten_2025_0_wasm32.whl", ""),
    ("pure_newer-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", ""),
    ("pure_newer-1.1-py3-none-any.whl", ""),
    ("native_newer-1.0-py3-none-any.whl", ""),
    ("native_newer-1.1-cp313-cp313-pyemscripten_2025_0_wasm32.whl", ""),
    ("native_newer-1.1-cp314-cp314-pyemscripten_2026_0_wasm32.whl", ""),
    ("old_tags-1.0-cp312-cp312-pyodide_2024_0_wasm32.whl", ""),
    ("old_tags-1.1-cp313-cp313-pyodide_2025_0_wasm32.whl", ""),
    ("old_tags-1.2-cp312-cp312-emscripten_3_1_58_wasm32.whl", ""),
    ("asks_python-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", ">=3.8"),
    ("asks_python-2.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl", ">=3.90"),
    ("preview-1.0-py3-none-any.whl", ""),
    ("preview-2.0rc1-py3-none-any.whl", ""),
    ("elsewhere-1.0-cp314-cp314-win_amd64.whl", ""),
];

const REQUIREMENTS: [&str; 10] = [
    "both-lines",
    "both-lines<1.1",
    "stable-abi",
    "pure-newer",
    "pure-newer==1.0",
    "native-newer",
    "native-newer<1.1",
    "old-tags",
    "preview",
    "elsewhere",
];

/// An index with these files, and sdists of the fixture `pure` under other names.
fn index() -> String {
    serve_at(|address| {
        let mut projects: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut pages = Vec::new();
        let root = address.trim_end_matches("simple/");
        for (filename, python) in FILES {
            let mut parts = filename.split('-');
            let (name, version) = (parts.next().unwrap(), parts.next().unwrap());
            let bytes =
                wheel(filename, &format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"));
            let mut file = json!({
                "filename": filename,
                "url": format!("{root}files/{filename}"),
                "hashes": { "sha256": Sha256Digest::of(&bytes).to_string() },
            });
            if !python.is_empty() {
                file["requires-python"] = python.into();
            }
            projects.entry(name.replace('_', "-")).or_default().push(file);
            pages.push((format!("/files/{filename}"), bytes));
        }
        // Beside its wheels it has the source that a build would compile.
        let source = sdist("pure", "both_lines-1.1");
        let sha256 = Sha256Digest::of(&source).to_string();
        projects.get_mut("both-lines").unwrap().push(json!({
            "filename": "both_lines-1.1.tar.gz",
            "url": format!("{root}files/both_lines-1.1.tar.gz"),
            "hashes": { "sha256": sha256 },
        }));
        pages.push(("/files/both_lines-1.1.tar.gz".to_owned(), source));
        pages.extend(projects.into_iter().map(|(name, files)| {
            let page =
                json!({ "meta": { "api-version": "1.0" }, "name": name, "files": files, "versions": [] });
            (format!("/simple/{name}/"), page.to_string().into_bytes())
        }));
        pages
    })
}

/// A pure wheel that requires these.
fn demanding(place: &Path, requires: &[&str]) -> PathBuf {
    let lines: Vec<String> = requires.iter().map(|text| format!("Requires-Dist: {text}\n")).collect();
    let name = "demanding-1.0-py3-none-any.whl";
    let metadata = format!("Metadata-Version: 2.1\nName: demanding\nVersion: 1.0\n{}", lines.concat());
    fs_err::write(place.join(name), wheel(name, &metadata)).unwrap();
    place.join(name)
}

/// What `deps` says of each requirement: its version, or nothing where it is missing.
fn deps(runtime: &Runtime, index: &str, requirement: &str) -> Option<String> {
    let place = folder();
    let wheel = demanding(place.path(), &[requirement]);
    let arguments = ["deps", wheel.to_str().unwrap(), "-q", "--json", "--pyodide"];
    let printed = tool(&[&arguments[..], &[runtime.folder.to_str().unwrap()]].concat())
        .env("PIP_INDEX_URL", index)
        .run();
    let trees: Value = serde_json::from_str(&printed.stdout).unwrap_or_else(|_| panic!("{}", printed.stderr));
    let node = &trees["packages"][0]["requires"][0];
    let is_had = ["index", "pure"].contains(&node["origin"].as_str().unwrap());
    is_had.then(|| node["detail"].as_str().unwrap().to_owned())
}

/// What the release's own micropip installs of each requirement.
fn micropip(runtime: &Runtime, index: &str) -> BTreeMap<String, Option<String>> {
    let place = folder();
    let request = json!({
        "index": format!("{index}{{package_name}}/"),
        "requirements": REQUIREMENTS,
        "tools": tools(runtime, place.path()),
    });
    let (asked, answers) = (place.path().join("request.json"), place.path().join("answers.json"));
    fs_err::write(&asked, request.to_string()).unwrap();
    let output = Command::new(find("node").unwrap())
        .arg("--no-warnings")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/micropip.mjs"))
        .args([&runtime.folder, &asked, &answers])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&fs_err::read(answers).unwrap()).unwrap()
}

#[test]
fn requirements_come_from_where_the_releases_micropip_takes_them() {
    if !can_build() || !has("node") {
        return;
    }
    let index = index();
    let mut shown = Vec::new();
    for version in ["0.27.8", "0.29.5", "314.0.7"] {
        let runtime = Runtime::read(&fetched(version)).unwrap();
        let ours = REQUIREMENTS.map(|text| (text.to_owned(), deps(&runtime, &index, text)));
        assert_eq!(BTreeMap::from(ours.clone()), micropip(&runtime, &index), "Pyodide {version}");
        shown.push(format!("Pyodide {version}"));
        shown.extend(ours.map(|(text, found)| format!("    {text}: {}", found.as_deref().unwrap_or("none"))));
    }
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_wheel_on_the_index_is_taken_and_not_built() {
    if !can_build() || !has("node") {
        return;
    }
    let (place, index) = (folder(), index());
    let at = |arguments: &[&str]| {
        tool(arguments).in_folder(place.path()).hide(place.path(), "HERE").env("PIP_INDEX_URL", &index)
    };
    let wheel = demanding(place.path(), &["both-lines", "stable-abi"]);
    let wheel = wheel.to_str().unwrap();
    let audit =
        at(&["audit", wheel, "--online", "--pyodide", "314.0.7,0.27.8", "-q", "--format", "json"]).run();
    let audits: Value = serde_json::from_str(&audit.stdout).unwrap();
    let codes = |number: usize| {
        let found = audits["audits"][number]["findings"].as_array().unwrap().clone();
        found.into_iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((codes(0), codes(1)), (vec![], vec!["CP401".to_owned(); 2]), "{}", audit.stdout);
    at(&["site", wheel, "--pyodide", "314.0.7", "--out", "site", "-q"]).succeed();
    let lock = fs_err::read_to_string(place.path().join("site/pyodide/314.0.7/pyodide-lock.json")).unwrap();
    let lock: Value = serde_json::from_str(&lock).unwrap();
    let file = |name: &str| lock["packages"][name]["file_name"].as_str().unwrap_or_default().to_owned();
    assert!(file("both-lines").ends_with("both_lines-1.1-cp314-cp314-pyemscripten_2026_0_wasm32.whl"));
    assert!(file("stable-abi").ends_with("stable_abi-1.0-cp312-abi3-pyemscripten_2026_0_wasm32.whl"));

    // The same requirement of a package that is built: its source on the index is left alone.
    copy_folder(&fixture("pure"), &place.path().join("package"));
    let pyproject = place.path().join("package/pyproject.toml");
    let text = fs_err::read_to_string(&pyproject).unwrap();
    let requiring = text.replace("attrs>=20 ; python_version < '3.8'", "both-lines");
    assert_ne!(text, requiring);
    fs_err::write(&pyproject, requiring).unwrap();
    let build =
        at(&["build", "./package", "--with-deps", "--no-import", "--pyodide", "314.0.7", "-q"]).succeed();
    assert_eq!(build.stdout, "dist/fixture_pure-1.0.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl\n");
}

#[test]
fn what_is_there_without_a_build_is_noted() {
    if !can_build() {
        return;
    }
    let (place, index) = (folder(), index());
    let build = |release: &str| {
        let arguments = ["build", "both-lines", "--no-import", "--pyodide", release];
        let printed = tool(&arguments).in_folder(place.path()).env("PIP_INDEX_URL", &index).run();
        printed.stderr.lines().filter(|line| line.starts_with("note")).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(build("314.0.7"), @"note: the package index has a wheel of both-lines 1.1 that Pyodide 314.0.7 installs");
}

#[test]
fn a_pure_package_names_the_requirement_that_has_the_rust_and_has_it_built() {
    if !can_build() {
        return;
    }
    let place = folder();
    let package = place.path().join("package");
    fs_err::create_dir_all(&package).unwrap();
    let pyproject = "[project]\nname = 'thin'\nversion = '1.0'\ndependencies = ['fixture-pure']\n\
                     [build-system]\nrequires = ['hatchling']\nbuild-backend = 'hatchling.build'\n";
    fs_err::write(package.join("pyproject.toml"), pyproject).unwrap();
    let index = serve_at(|_| {
        let source = sdist("pure", "fixture_pure-1.0.0");
        let sha256 = Sha256Digest::of(&source).to_string();
        let name = "fixture_pure-1.0.0.tar.gz";
        vec![
            ("/simple/fixture-pure/".to_owned(), page(&[(name, &sha256)])),
            (format!("/files/{name}"), source),
        ]
    });
    let build = |more: &[&str]| {
        let arguments = [&["build", "./package", "--pyodide", "0.29.5", "--no-import", "-q"], more].concat();
        tool(&arguments)
            .in_folder(place.path())
            .hide(place.path(), "HERE")
            .env("PIP_INDEX_URL", &index)
            .snapshot()
    };
    insta::assert_snapshot!([build(&[]), build(&["--with-deps"])].join("\n"), @"
    status: 2
    --- stdout
    --- stderr
    error: `HERE/package` is pure Python: no `Cargo.toml` and no C or C++ lies in it, and its build asks for no Rust back end
    hint: the Rust is in its requirement `fixture-pure==1.0.0`: `cargo pyodide build fixture-pure==1.0.0`, or `--with-deps` with this package

    status: 0
    --- stdout
    dist/fixture_pure-1.0.0-cp313-cp313-pyodide_2025_0_wasm32.whl
    --- stderr
    ");
}
