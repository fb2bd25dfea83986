//! `audit` on the command line: what it prints, its formats, bad input, and wheels that others made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_pyodide::wheel::{WheelContents, record};

use crate::harness::{Tool, can_build, find, folder, has, runtime, tool};
use crate::index::{page, serve};

/// A wheel with these files, right in all else.
fn wheel(place: &Path, filename: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let filename = filename.parse().unwrap();
    let mut wheel = WheelContents { filename, files: BTreeMap::new(), executable: Vec::new() };
    let name = wheel.filename.clone();
    let dist_info = format!("{}-{}.dist-info", name.name, name.version);
    let tags: Vec<String> = name.tags().iter().map(|tag| format!("Tag: {tag}\n")).collect();
    let head = format!("Wheel-Version: 1.0\nRoot-Is-Purelib: {}\n{}", name.is_pure(), tags.concat());
    wheel.files.insert(format!("{dist_info}/WHEEL"), head.into_bytes());
    let metadata = format!("Metadata-Version: 2.1\nName: {}\nVersion: {}\n", name.name, name.version);
    wheel.files.insert(format!("{dist_info}/METADATA"), metadata.into_bytes());
    for (path, bytes) in files {
        wheel.files.insert((*path).to_owned(), bytes.to_vec());
    }
    let path = format!("{dist_info}/RECORD");
    if !wheel.files.contains_key(&path) {
        let text = record::write(&wheel.files, &path).unwrap();
        wheel.files.insert(path, text);
    }
    wheel.write(place, zip::DateTime::default()).unwrap()
}

/// A module that needs what no release has.
fn module() -> Vec<u8> {
    wat::parse_str(
        r#"(module (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
          (import "env" "no_such_function" (func $absent))
          (import "env" "pthread_create" (func (param i32 i32 i32 i32) (result i32)))
          (import "env" "PyDict_New" (func (result i64)))
          (import "wbg" "__wbg_now_0123" (func))
          (func (export "PyInit_other") (result i32) i32.const 0)
          (func (export "helper") (result v128) v128.const i32x4 0 0 0 0))"#,
    )
    .unwrap()
}

const NAME: &str = "bad-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl";
const PATH: &str = "bad.cpython-313-wasm32-emscripten.so";

fn audit(arguments: &[&str]) -> Tool {
    // The runtime is fetched before, so that the output says nothing of it.
    let folder = runtime("0.29.5");
    let tool = tool(&[&["audit"], arguments, &["--pyodide", folder.to_str().unwrap()]].concat());
    tool.hide(&folder, "RUNTIME")
}

#[test]
fn findings_are_shown_in_every_format() {
    if !can_build() {
        return;
    }
    let place = folder();
    let metadata = b"Metadata-Version: 2.1\nName: bad\nVersion: 1.0\nRequires-Python: >=3.14\nRequires-Dist: numpy>=99\nRequires-Dist: elsewhere; sys_platform == 'emscripten'\nRequires-Dist: absent; sys_platform == 'linux'\n";
    wheel(place.path(), NAME, &[(PATH, &module()), ("bad-1.0.dist-info/METADATA", metadata)]);
    insta::assert_snapshot!("human", audit(&[NAME]).in_folder(place.path()).snapshot());
    let json = audit(&[NAME, "--format", "json", "--allow", "CP101,threads"]).in_folder(place.path()).run();
    insta::assert_snapshot!("json", json.stdout);
    let sarif = audit(&[NAME, "--format", "sarif", "-q"]).in_folder(place.path()).run();
    let mut document: serde_json::Value = serde_json::from_str(&sarif.stdout).unwrap();
    let rules = document["runs"][0]["tool"]["driver"]["rules"].take();
    assert_eq!(rules.as_array().unwrap().len(), cargo_pyodide::audit::catalogue::entries().len());
    document["runs"][0]["tool"]["driver"]["semanticVersion"] = "VERSION".into();
    insta::assert_snapshot!("sarif", serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn severities_can_be_changed() {
    if !can_build() {
        return;
    }
    let place = folder();
    let text = r#"(module (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
        (import "env" "dlopen" (func (param i32 i32) (result i32)))
        (func (export "PyInit_bad") (result i32) i32.const 0))"#;
    wheel(place.path(), NAME, &[(PATH, &wat::parse_str(text).unwrap())]);
    let status = |more: &[&str]| audit(&[&[NAME, "-q"], more].concat()).in_folder(place.path()).run().status;
    assert_eq!(status(&[]), Some(0));
    assert_eq!(status(&["--deny", "warnings"]), Some(1));
    assert_eq!(status(&["--deny", "CP504"]), Some(1));
    assert_eq!(status(&["--deny", "cp501"]), Some(0));
    assert_eq!(status(&["--deny", "dynamic-loading", "--allow", "dynamic-loading"]), Some(0));
    assert_eq!(status(&["--deny", "CP999"]), Some(2));
}

#[test]
fn a_finding_is_explained() {
    insta::assert_snapshot!(tool(&["audit", "--explain", "cp101"]).snapshot());
    insta::assert_snapshot!("explain_unknown", tool(&["audit", "--explain", "CP999"]).snapshot());
    let all = tool(&["audit", "--explain", "all"]).succeed().stdout;
    assert_eq!(all, cargo_pyodide::audit::catalogue::document());
}

#[test]
fn lies_in_a_wheel_are_found() {
    if !can_build() {
        return;
    }
    let place = folder();
    let pure = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: cp313-cp313-linux_x86_64\n";
    let record = "bad.py,sha256=AAAA,1\ngone.py,,\nbad-1.0.dist-info/WHEEL,,\nnot three columns\n";
    let files: [(&str, &[u8]); 5] = [
        ("bad.so", b"\x7fELF\x02"),
        ("bad.py", b"1"),
        ("bad-1.0.dist-info/WHEEL", pure.as_bytes()),
        ("bad-1.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: good\nVersion: 2.0\n"),
        ("bad-1.0.dist-info/RECORD", record.as_bytes()),
    ];
    wheel(place.path(), NAME, &files);
    insta::assert_snapshot!(audit(&[NAME]).in_folder(place.path()).snapshot());
}

#[test]
fn shared_libraries_and_wheels_beside_count() {
    if !can_build() {
        return;
    }
    let place = folder();
    let user = |library: &str| {
        let length = library.len();
        let text = format!(
            r#"(module (@custom "dylink.0" (before first) "\01\04\00\00\00\00\02\{:02x}\01\{length:02x}{library}")
            (import "env" "from_library" (func (param i32)))
            (import "GOT.mem" "data_of_library" (global (mut i32)))
            (func (export "PyInit_bad") (result i32) i32.const 0))"#,
            length + 2
        );
        wat::parse_str(text).unwrap()
    };
    let library = wat::parse_str(
        r#"(module (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
        (global (export "data_of_library") i32 (i32.const 0))
        (func (export "from_library") (param i32)))"#,
    )
    .unwrap();
    let absent = place.path().join("absent");
    wheel(&absent, NAME, &[(PATH, &user("libhere.so"))]);
    insta::assert_snapshot!("library_absent", audit(&[NAME, "-q"]).in_folder(&absent).snapshot());
    let inside = place.path().join("inside");
    wheel(&inside, NAME, &[(PATH, &user("libhere.so")), ("bad.libs/libhere.so", &library)]);
    insta::assert_snapshot!("library_inside", audit(&[NAME]).in_folder(&inside).snapshot());
    let beside = "mate-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl";
    wheel(&absent, beside, &[("libhere.so", &library)]);
    let printed = audit(&[NAME, "--with", beside, "-q"]).in_folder(&absent).run();
    assert_eq!((printed.status, printed.stdout.as_str()), (Some(0), ""), "{}", printed.stderr);
}

/// Replaces each of some bytes in a file; both forms are of one length.
fn patch(path: &Path, from: &[u8], to: &[u8]) {
    let mut bytes = fs_err::read(path).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    fs_err::write(path, bytes).unwrap();
}

#[test]
fn what_is_no_wheel_is_refused() {
    if !can_build() {
        return;
    }
    let place = folder();
    let at = |name: &str| place.path().join(name);
    let called = |name: &str| format!("{name}-1.0-py3-none-any.whl");
    let mut names = vec!["absent-1.0-py3-none-any.whl".to_owned(), "x.whl".to_owned()];
    fs_err::write(at("x.whl"), b"PK").unwrap();
    let text = called("text");
    fs_err::write(at(&text), b"this is no zip file").unwrap();
    let cut = called("cut");
    let whole = fs_err::read(wheel(place.path(), &cut, &[])).unwrap();
    fs_err::write(at(&cut), &whole[..whole.len() / 2]).unwrap();
    let twice = called("twice");
    wheel(place.path(), &twice, &[("one.py", b"1"), ("two.py", b"2")]);
    patch(&at(&twice), b"two.py", b"one.py");
    let latin = called("latin");
    wheel(place.path(), &latin, &[("grün.py", b"1")]);
    patch(&at(&latin), "grün".as_bytes(), b"gr\xff\xfen");
    let outside = called("outside");
    wheel(place.path(), &outside, &[("aa/bb.py", b"1")]);
    patch(&at(&outside), b"aa/bb.py", b"../bb.py");
    let locked = called("locked");
    wheel(place.path(), &locked, &[("secret.py", b"1")]);
    // The flag for encryption stands in the entry's head and in the directory.
    patch(&at(&locked), b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00\x01\x00");
    patch(&at(&locked), b"\x14\x00\x00\x00\x08\x00", b"\x14\x00\x01\x00\x08\x00");
    let bomb = called("bomb");
    wheel(place.path(), &bomb, &[("zeros.py", &vec![0; 64 << 20])]);
    let renamed = "renamed.zip".to_owned();
    fs_err::write(at(&renamed), &whole).unwrap();
    names.extend([text, cut, twice, latin, outside, locked, bomb, renamed]);
    let printed = names.iter().map(|name| audit(&[name]).in_folder(place.path()).snapshot());
    insta::assert_snapshot!(printed.collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_is_no_module_is_found_out() {
    if !can_build() {
        return;
    }
    let place = folder();
    let whole = module();
    let head = &whole[..8];
    let million = [head, &[0, 1, 0].repeat(1_000_000)].concat();
    let modules: [(&str, Vec<u8>); 6] = [
        ("empty.so", Vec::new()),
        ("native.so", b"\x7fELF\x02\x01\x01".to_vec()),
        ("text.so", b"print(1)".to_vec()),
        ("long.so", [head, b"\x01\xff\xff\xff\xff\x0f"].concat()),
        ("many.so", [head, b"\x02\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x0f"].concat()),
        ("sections.so", million),
    ];
    let mut printed = Vec::new();
    for (name, bytes) in modules {
        fs_err::write(place.path().join(name), bytes).unwrap();
        printed.push(audit(&[name, "-q"]).in_folder(place.path()).snapshot());
    }
    insta::assert_snapshot!(printed.join("\n"));
    // Cut at any byte it is an error of the module, in the library as on the command line.
    let runtime = cargo_pyodide::runtime::Runtime::read(&runtime("0.29.5")).unwrap();
    for length in 0..whole.len() {
        let subject = cargo_pyodide::audit::Subject::Module("bad.so", &whole[..length]);
        let findings =
            cargo_pyodide::audit::audit(subject, &runtime, &cargo_pyodide::audit::AuditContext::default());
        assert!(
            findings.iter().any(|finding| finding.severity == cargo_pyodide::audit::Severity::Error),
            "{length}"
        );
    }
}

#[test]
fn sizes_are_shown() {
    let place = folder();
    let text = r#"(module (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
        (func $_ZN10rayon_core8registry3new17h0123456789abcdefE (export "PyInit_bad") (result i32) i32.const 0)
        (func $_ZN4core3ptr42drop_in_place$LT$alloc..string..String$GT$17h0123456789abcdefE)
        (func $memcpy))"#;
    wheel(place.path(), NAME, &[(PATH, &wat::parse_str(text).unwrap())]);
    insta::assert_snapshot!(tool(&["audit", NAME, "--size"]).in_folder(place.path()).snapshot());
    // What panics say, and exports that nobody asks for.
    let text = r#"(module (@custom "dylink.0" (before first) "\01\04\20\02\00\00")
        (import "env" "__memory_base" (global i32)) (import "env" "__table_base" (global i32))
        (import "env" "memory" (memory 0))
        (func (export "PyInit_bad") (export "helper") (result i32) i32.const 0)
        (func (export "__wasm_apply_data_relocs")
            (i32.store (i32.add (global.get 0) (i32.const 16)) (i32.add (global.get 0) (i32.const 0))))
        (data (global.get 0) "src/lib.rs\00\00\00\00\00\00\00\00\00\00\0a\00\00\00\07\00\00\00\03\00\00\00"))"#;
    wheel(place.path(), NAME, &[(PATH, &wat::parse_str(text).unwrap())]);
    let shown = tool(&["audit", NAME, "--size", "-q"]).in_folder(place.path()).succeed().stdout;
    let told =
        |start: &str| shown.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    assert_eq!(told("lines and file names").split_whitespace().nth(4), Some("26"), "{shown}");
    assert!(
        told("1 panic locations").ends_with("share") && !told("1 exports that nobody").is_empty(),
        "{shown}"
    );
    let json = tool(&["audit", NAME, "--size", "--format", "json"]).in_folder(place.path()).succeed().stdout;
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    let module = &document["modules"][0];
    let sum: u64 =
        module["sections"].as_array().unwrap().iter().map(|part| part["bytes"].as_u64().unwrap()).sum();
    let raw = module["raw"].as_u64().unwrap();
    assert!(sum < raw && raw - sum < 64, "what is no section's content is its head: {sum} of {raw}");
}

/// Wheels on the package index that others made: name and version, Python, tag of the ABI, platform.
const PEERS: [[&str; 4]; 10] = [
    ["css-inline==0.24.0", "3.13", "abi3", "pyemscripten_2025_0_wasm32"],
    ["css-inline==0.24.0", "3.14", "abi3", "pyemscripten_2026_0_wasm32"],
    ["minijinja==3.0.5", "3.13", "abi3", "pyemscripten_2025_0_wasm32"],
    ["minijinja==3.0.5", "3.14", "abi3", "pyemscripten_2026_0_wasm32"],
    ["pydantic-core==2.50.4", "3.14", "cp314", "pyemscripten_2026_0_wasm32"],
    ["rustworkx==0.18.1", "3.14", "abi3", "pyemscripten_2026_0_wasm32"],
    ["arro3-core==0.9.1", "3.13", "cp313", "pyemscripten_2025_0_wasm32"],
    ["arro3-core==0.9.1", "3.14", "cp314", "pyemscripten_2026_0_wasm32"],
    ["cramjam==2.14.0", "3.13", "cp313", "pyemscripten_2025_0_wasm32"],
    ["cramjam==2.14.0", "3.14", "cp314", "pyemscripten_2026_0_wasm32"],
];

fn peers() -> Vec<PathBuf> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
    for [requirement, python, abi, platform] in PEERS {
        let (name, version) = requirement.split_once("==").unwrap();
        let start = format!("{}-{version}-", name.replace('-', "_"));
        let known = fs_err::read_dir(&place).into_iter().flatten().any(|entry| {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            name.starts_with(&start) && name.ends_with(&format!("{platform}.whl"))
        });
        if known {
            continue;
        }
        let output = Command::new(find("python3").unwrap())
            .args([
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--only-binary=:all:",
                "-q",
                "--implementation",
                "cp",
            ])
            .args(["--python-version", python, "--abi", abi, "--platform", platform, requirement, "-d"])
            .arg(&place)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut found: Vec<PathBuf> =
        fs_err::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn wheels_that_others_made_are_judged_as_they_run() {
    if !can_build() || !has("node") {
        return;
    }
    let mut table = Vec::new();
    for wheel in peers() {
        let own = if wheel.to_string_lossy().contains("_2025_0_") { "0.29.5" } else { "314.0.7" };
        for line in ["0.27.8", "0.29.5", "314.0.7"] {
            let path = wheel.to_str().unwrap();
            let printed = tool(&["audit", path, "--pyodide", line, "--format", "json", "-q"]).run();
            let document: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
            let findings = document["audits"][0]["findings"].as_array().unwrap();
            let codes = |severity: &str| {
                let of = findings.iter().filter(|finding| finding["severity"] == severity);
                let codes: BTreeSet<&str> = of.map(|finding| finding["code"].as_str().unwrap()).collect();
                codes.into_iter().collect::<Vec<_>>().join(" ")
            };
            if line == own {
                assert_eq!((codes("error"), printed.status), (String::new(), Some(0)), "{path}");
            } else {
                assert_eq!(printed.status, Some(1), "{path} on {line}");
            }
            let name = wheel.file_name().unwrap().to_string_lossy();
            table.push(format!(
                "{name} on {line}: errors [{}] warnings [{}]",
                codes("error"),
                codes("warning")
            ));
        }
    }
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn folders_and_names_stand_for_their_wheels() {
    if !can_build() {
        return;
    }
    let place = folder();
    let name = "named-1.0-py3-none-any.whl";
    let bytes = crate::hostile::wheel(name, "Metadata-Version: 2.1\nName: named\nVersion: 1.0\n");
    let digest = cargo_pyodide::digest::Sha256Digest::of(&bytes).to_string();
    let index = serve(vec![
        ("/simple/named/".into(), page(&[(name, &digest)])),
        (format!("/files/{name}"), bytes.clone()),
    ]);
    for folder in ["wheels", "empty"] {
        fs_err::create_dir_all(place.path().join(folder)).unwrap();
    }
    fs_err::write(place.path().join("wheels").join(name), bytes).unwrap();
    wheel(&place.path().join("wheels"), NAME, &[(PATH, &module())]);
    let at = |arguments: &[&str]| audit(arguments).in_folder(place.path()).env("PIP_INDEX_URL", &index);
    let of_folder = at(&["wheels", "--format", "json"]).run();
    let document: serde_json::Value = serde_json::from_str(&of_folder.stdout).unwrap();
    assert_eq!(document["audits"].as_array().unwrap().len(), 2, "{}", of_folder.stdout);
    let of_index = at(&["named==1.0", "--format", "json"]).succeed();
    let document: serde_json::Value = serde_json::from_str(&of_index.stdout).unwrap();
    assert_eq!(document["audits"].as_array().unwrap().len(), 1, "{}", of_index.stdout);
    let cases = ["empty", "named==2.0", "unnamed"].map(|word| at(&[word]).snapshot());
    insta::assert_snapshot!(cases.join("\n\n"));
}
