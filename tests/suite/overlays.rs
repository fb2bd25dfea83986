//! Overlays and recipes: what each key does to a real build, what is refused and where, and what requirements come to.

use std::path::{Path, PathBuf};

use cargo_pyodide::digest::Sha256Digest;
use cargo_pyodide::wheel::WheelContents;

use crate::harness::{Tool, can_build, copied, copy_folder, fixture, folder, has, tool};
use crate::index::{pack, page, sdist, serve};
use crate::lines::vocabulary;

fn build(package: &Path, more: &[&str]) -> Tool {
    let arguments = [&["build", package.to_str().unwrap(), "--pyodide", "0.29.5", "--out-dir", "out"], more];
    let parent = package.parent().unwrap();
    tool(&arguments.concat()).in_folder(parent).hide(parent, "HERE")
}

fn wheel(package: &Path, stdout: &str) -> (PathBuf, WheelContents) {
    let path = package.parent().unwrap().join(stdout.trim());
    let contents = WheelContents::read(&path).unwrap();
    (path, contents)
}

/// The lines of METADATA that say what is required.
fn requirements(wheel: &WheelContents) -> String {
    let path = format!("{}/METADATA", wheel.dist_info().unwrap());
    let text = String::from_utf8_lossy(&wheel.files[&path]).into_owned();
    let wanted = |line: &&str| line.starts_with("Requires-Dist") || line.starts_with("Provides-Extra");
    text.lines().filter(wanted).collect::<Vec<_>>().join("\n")
}

fn python(wheels: &[&Path], pyodide: &str, code: &str) -> String {
    let with = wheels.iter().flat_map(|wheel| ["--with", wheel.to_str().unwrap()]);
    let arguments: Vec<&str> =
        ["run", "--pyodide", pyodide].into_iter().chain(with).chain(["-c", code]).collect();
    tool(&arguments).succeed().stdout
}

/// Builds a fixture's archive, whose old lock is brought up to date, which a user's own folder is not; and runs code with the
/// wheel. Returns which changes were told, and what the code printed.
fn build_and_run(archive: &Path, more: &[&str], code: &str) -> (Vec<String>, String) {
    let printed = build(archive, more).run();
    assert_eq!(printed.status, Some(0), "{}", printed.stderr);
    let (path, _) = wheel(archive, &printed.stdout);
    let applied = printed.stderr.lines().filter(|line| line.contains("Applying")).map(str::to_owned);
    (applied.collect(), python(&[&path], "0.29.5", code))
}

/// A fixture as an archive in a folder of its own.
fn archived(name: &str) -> (tempfile::TempDir, PathBuf) {
    let place = folder();
    let release = format!("fixture_{name}-1.0.0");
    let archive = place.path().join(format!("{release}.tar.gz"));
    fs_err::write(&archive, sdist(name, &release)).unwrap();
    (place, archive)
}

/// Every file of a folder with its bytes.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.push((path.clone(), fs_err::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

const OVERLAY: &str = r#"
patches = ["seen.patch"]
files = [
  { from = "words.txt", to = "fixture_words/words.txt" },
]

[dependencies]
optional = { http = ["requests"] }
remove = ["psutil"]
replace = { attrs = "attrs>=20" }
add = ["idna; python_version >= '3.8'"]

[cargo]
no-default-features = true
features = ["loud"]
update = ["itoa@1.0.14"]
rustflags = ["--cfg", "overlay_flag"]
crate-rustflags = { inner = ["--cfg", "inner_flag"] }
profile = { debug-assertions = true, codegen-units = 2 }
env = { OVERLAY_VARIABLE = "set" }

[[when]]
pyodide = "<0.20"
dependencies.remove = ["regex"]

[[when]]
pyodide = ">=0.29"
version = "==1.*"
dependencies.add = ["six"]
"#;

const PATCH: &str = "--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1,3 +1,3 @@\n-        see(false, \"patch\");\n+        see(true, \"patch\");\n         seen\n     }\n";

#[test]
fn each_key_reaches_the_wheel_and_nothing_the_users_folder() {
    if !can_build() || !has("node") {
        return;
    }
    let (place, package) = copied("changeable");
    let beside = place.path().join("beside");
    fs_err::create_dir_all(&beside).unwrap();
    fs_err::write(beside.join("overlay.toml"), OVERLAY).unwrap();
    fs_err::write(beside.join("seen.patch"), PATCH).unwrap();
    fs_err::write(beside.join("words.txt"), "one\ntwo\n").unwrap();
    let before = contents(&package);

    let changed = build(&package, &["--overlay", "beside/overlay.toml"]).run();
    assert_eq!(changed.status, Some(0), "{}", changed.stderr);
    assert_eq!(contents(&package), before, "the user's folder is as it was");
    let (path, wheel_changed) = wheel(&package, &changed.stdout);
    let code = "import fixture_changeable as f; print(*f.changes(), sep='\\n')\n\
        import fixture_words, os; print(open(os.path.join(list(fixture_words.__path__)[0], 'words.txt')).read())";
    let seen = python(&[&path], "0.29.5", code);
    let bill = wheel_changed.files.iter().find(|(path, _)| path.ends_with(".json")).unwrap().1;
    let bill: serde_json::Value = serde_json::from_slice(bill).unwrap();
    let crates = bill["components"].as_array().unwrap();
    let itoa = crates.iter().find(|package| package["name"] == "itoa").unwrap();
    insta::assert_snapshot!(format!(
        "{}\n\n{}\n\nitoa {}\n\n{seen}",
        changed.stderr,
        requirements(&wheel_changed),
        itoa["version"].as_str().unwrap()
    ));

    let plain = build(&package, &["-q"]).succeed();
    let (path, wheel_plain) = wheel(&package, &plain.stdout);
    let seen = python(&[&path], "0.29.5", "import fixture_changeable as f; print(f.changes())");
    assert_eq!(seen, "['seven is 7', 'feature quiet']\n");
    assert!(!requirements(&wheel_plain).contains("idna"));
}

#[test]
fn a_crate_beside_the_overlay_takes_anothers_place() {
    if !can_build() || !has("node") {
        return;
    }
    let (place, package) = copied("changeable");
    let fake = place.path().join("itoa");
    fs_err::create_dir_all(fake.join("src")).unwrap();
    let manifest = "[package]\nname = \"itoa\"\nversion = \"1.0.10\"\nedition = \"2021\"\n";
    fs_err::write(fake.join("Cargo.toml"), manifest).unwrap();
    let code = "pub struct Buffer;\nimpl Buffer {\n    pub fn new() -> Self { Self }\n    \
        pub fn format(&mut self, _: i32) -> &str { \"patched\" }\n}\n";
    fs_err::write(fake.join("src/lib.rs"), code).unwrap();
    fs_err::write(place.path().join("o.toml"), "[cargo]\npatch = { itoa = \"itoa\" }\n").unwrap();
    let printed = build(&package, &["-q", "--overlay", "o.toml"]).succeed();
    let (path, wheel) = wheel(&package, &printed.stdout);
    let seen = python(&[&path], "0.29.5", "import fixture_changeable as f; print(f.changes()[0])");
    assert_eq!(seen, "seven is patched\n");
    let here = place.path().to_str().unwrap().as_bytes();
    for (path, bytes) in &wheel.files {
        assert!(
            !bytes.windows(here.len()).any(|window| window == here),
            "`{path}` names the overlay's folder"
        );
    }
}

#[test]
fn a_package_without_an_overlay_is_the_same_bytes_whether_recipes_are_on() {
    if !can_build() {
        return;
    }
    let (_place, package) = copied("pure");
    let bytes = |more: &[&str]| {
        let printed = build(&package, &[&["-q"], more].concat()).succeed();
        fs_err::read(wheel(&package, &printed.stdout).0).unwrap()
    };
    assert!(bytes(&[]) == bytes(&["--no-recipes"]));
}

#[test]
fn the_packages_own_table_has_the_last_word() {
    if !can_build() {
        return;
    }
    let (place, package) = copied("changeable");
    let pyproject = package.join("pyproject.toml");
    let text = fs_err::read_to_string(&pyproject).unwrap();
    let own = "\n[tool.cargo-pyodide.dependencies]\nreplace = { attrs = \"attrs>=3\" }\n";
    fs_err::write(&pyproject, format!("{text}{own}")).unwrap();
    for number in 1..=2 {
        let overlay = format!("[dependencies]\nreplace = {{ attrs = \"attrs>={number}\" }}\n");
        fs_err::write(place.path().join(format!("{number}.toml")), overlay).unwrap();
    }
    let printed = build(&package, &["--overlay", "1.toml", "--overlay", "2.toml"]).run();
    let (_, wheel) = wheel(&package, &printed.stdout);
    insta::assert_snapshot!(format!("{}\n{}", printed.stderr, requirements(&wheel)));
}

#[test]
fn what_is_wrong_is_refused_with_its_place() {
    if !can_build() {
        return;
    }
    let (place, package) = copied("changeable");
    let zeros = "0".repeat(64);
    let cases: [(&str, String); 19] = [
        ("unknown key", "[dependancies]\n".into()),
        ("unknown key in a table", "[cargo]\nfeatures = []\nrustflag = []\n".into()),
        ("nothing like it", "zzz = 1\n".into()),
        ("unknown key in a condition", "[[when]]\npyodide = \">=0.26\"\npatch = []\n".into()),
        ("not TOML", "[cargo\n".into()),
        ("requirement", "[dependencies]\nadd = [\"a b c\"]\n".into()),
        ("extra", "[dependencies]\noptional = { \"no extra!\" = [\"regex\"] }\n".into()),
        ("condition", "[[when]]\npyodide = \"newer\"\n".into()),
        ("no condition", "[[when]]\npatches = []\n".into()),
        ("not a list", "when = 1\n".into()),
        ("update", "[cargo]\nupdate = [\"a@one\"]\n".into()),
        ("outside", "patches = [\"../x.patch\"]\n".into()),
        ("no digest", "files = [{ from = \"https://example.org/x\", to = \"x\" }]\n".into()),
        ("digest", format!("files = [{{ from = \"o.toml\", to = \"x\", sha256 = \"{zeros}\" }}]\n")),
        ("no file", "files = [{ from = \"absent.txt\", to = \"x\" }]\n".into()),
        ("no patch", "patches = [\"absent.patch\"]\n".into()),
        ("patch", "patches = [\"bad.patch\"]\n".into()),
        ("update that does not resolve", "[cargo]\nupdate = [\"itoa@9.9.9\"]\n".into()),
        ("not required", "[dependencies]\nremove = [\"nothing\"]\n".into()),
    ];
    fs_err::write(place.path().join("bad.patch"), PATCH.replace("false", "maybe")).unwrap();
    let mut printed = Vec::new();
    for (name, text) in cases {
        fs_err::write(place.path().join("o.toml"), text).unwrap();
        let said = build(&package, &["-q", "--overlay", "o.toml"]).snapshot();
        printed.push(format!("# {name}\n{said}"));
    }
    printed.push(format!("# no variant\n{}", build(&package, &["-q", "--variant", "big"]).snapshot()));
    printed
        .push(format!("# no such file\n{}", build(&package, &["-q", "--overlay", "absent.toml"]).snapshot()));
    let pyproject = package.join("pyproject.toml");
    let text = fs_err::read_to_string(&pyproject).unwrap();
    fs_err::write(&pyproject, format!("{text}\n[tool.cargo-pyodide.test]\nrequire = []\n")).unwrap();
    printed.push(format!("# own table\n{}", build(&package, &["-q"]).snapshot()));
    assert!(!place.path().join("out").exists(), "no wheel was written");
    // cargo names its registry: `… NAME index`.
    let nameless = |line: &str| match line.strip_suffix(" index").and_then(|head| head.rsplit_once(' ')) {
        Some((head, _)) => format!("{head} REGISTRY index"),
        None => line.to_owned(),
    };
    let printed = printed.join("\n").lines().map(nameless).collect::<Vec<_>>().join("\n");
    // The build's folder is named by the path of the source, which is another each time.
    let mut parts = printed.split("builds/changeable-");
    let first = parts.next().unwrap_or_default().to_owned();
    let settled = parts.fold(first, |text, part| format!("{text}builds/changeable-KEY{}", &part[16..]));
    insta::assert_snapshot!(settled);
}

#[test]
fn recipes_are_listed_and_shown() {
    let cases: [&[&str]; 4] = [
        &["recipes"],
        &["recipes", "show", "tiktoken"],
        &["recipes", "show", "tokio"],
        &["recipes", "show", "absent"],
    ];
    insta::assert_snapshot!(cases.map(|arguments| tool(arguments).snapshot()).join("\n"));
}

#[test]
fn a_vocabulary_inside_the_wheel_is_found_without_any_setting() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let file = vocabulary("cl100k_base");
    let variant = format!("cl100k_base={}", file.display());
    let printed = tool(&["build", "tiktoken==0.14.0", "--pyodide", "314.0.7", "--variant", &variant])
        .in_folder(place.path())
        .succeed();
    let path = place.path().join(printed.stdout.trim());
    let wheel = WheelContents::read(&path).unwrap();
    assert_eq!(
        requirements(&wheel),
        "Requires-Dist: regex\nRequires-Dist: requests; extra == \"requests\"\nProvides-Extra: blobfile\n\
         Requires-Dist: blobfile>=3; extra == \"blobfile\"\nProvides-Extra: requests"
    );
    // `regex` is part of the release, on its content delivery network: a double stands in for it.
    let double = place.path().join("regex.py");
    fs_err::write(double, "from re import *").unwrap();
    let code = "import sys, os, importlib.util; sys.path.insert(0, os.getcwd())\n\
        assert importlib.util.find_spec('requests') is None\n\
        assert not [name for name in os.environ if 'CACHE_DIR' in name and 'PYODIDE' not in name]\n\
        import tiktoken; e = tiktoken.get_encoding('cl100k_base')\n\
        print(e.encode('hello world'), e.decode(e.encode('hello world')))";
    let seen = tool(&["run", "--pyodide", "314.0.7", "--with", path.to_str().unwrap(), "-c", code])
        .in_folder(place.path())
        .succeed();
    assert_eq!(seen.stdout, "[15339, 1917] hello world\n");
}

#[test]
fn an_asynchronous_runtime_compiles_and_works_on_one_thread() {
    if !can_build() || !has("node") {
        return;
    }
    let (place, archive) = archived("async");
    fs_err::write(place.path().join("newest.toml"), "[cargo]\nupdate = [\"tokio@1.54\"]\n").unwrap();
    let code = "import fixture_async as f; print(f.tasks())\n\
        try: f.workers()\n\
        except OSError as error: print(type(error).__name__)";
    let mut said = Vec::new();
    for more in [&[][..], &["--overlay", "newest.toml"]] {
        let (applied, printed) = build_and_run(&archive, more, code);
        assert_eq!(printed.lines().next(), Some("10"));
        said.extend(applied);
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_client_of_http_compiles_and_its_requests_fail_with_an_error() {
    if !can_build() || !has("node") {
        return;
    }
    let (place, archive) = archived("network");
    fs_err::write(place.path().join("newest.toml"), "[cargo]\nupdate = [\"tokio@1.54\"]\n").unwrap();
    let code = "import fixture_network as f\n\
        for call in f.connect, f.fetch:\n\
        \x20   try: call()\n\
        \x20   except OSError as error: print('unreachable' in str(error))";
    let mut said = Vec::new();
    for more in [&[][..], &["--overlay", "newest.toml"]] {
        let (applied, printed) = build_and_run(&archive, more, code);
        assert_eq!(printed, "True\nTrue\n");
        said.extend(applied);
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn constructors_of_old_crates_run() {
    if !can_build() || !has("node") {
        return;
    }
    let (_place, archive) = archived("constructors");
    let code = "import fixture_constructors as f; print(f.started(), f.Pair().second())";
    let (said, printed) = build_and_run(&archive, &[], code);
    insta::assert_snapshot!(said.join("\n"));
    assert_eq!(printed, "42 2\n");
}

/// An archive with one file beside `pyproject.toml`.
fn small_sdist(prefix: &str, backend: &str, file: &str) -> Vec<u8> {
    let pyproject = format!("[build-system]\nrequires = [\"{backend}\"]\nbuild-backend = \"{backend}\"\n");
    sdist_of(prefix, &[("pyproject.toml", &pyproject), (file, "")])
}

/// An archive of a program in Rust.
fn program_sdist(prefix: &str) -> Vec<u8> {
    let pyproject = "[build-system]\nrequires = [\"maturin\"]\nbuild-backend = \"maturin\"\n\
        [tool.maturin]\nbindings = \"bin\"\n";
    sdist_of(prefix, &[("pyproject.toml", pyproject), ("src/main.rs", "")])
}

/// An archive with these files.
fn sdist_of(prefix: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let tree = folder();
    for (name, text) in files {
        let path = tree.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    pack(tree.path(), prefix)
}

/// A pure wheel with requirements.
fn pure_wheel(name: &str, requires: &[&str]) -> Vec<u8> {
    let info = format!("{name}-1.0.dist-info");
    let requires: Vec<String> = requires.iter().map(|text| format!("Requires-Dist: {text}\n")).collect();
    let requires = requires.concat();
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let files = [
        (format!("{name}.py"), String::new()),
        (
            format!("{info}/METADATA"),
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}"),
        ),
        (format!("{info}/WHEEL"), "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".into()),
        (format!("{info}/RECORD"), String::new()),
    ];
    for (path, text) in files {
        archive.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut archive, text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// An index that has a package of each kind.
fn index() -> String {
    let files = [
        (
            "some_pure-1.0-py3-none-any.whl",
            pure_wheel("some_pure", &["fixture-pure", "idna", "some-pure; os_name == 'nt'"]),
        ),
        ("fixture_pure-1.0.0.tar.gz", sdist("pure", "fixture_pure-1.0.0")),
        ("some_c-2.0.tar.gz", small_sdist("some_c-2.0", "setuptools.build_meta", "src/speed.c")),
        ("some_source-3.0.tar.gz", small_sdist("some_source-3.0", "hatchling.build", "some_source.py")),
        ("some_program-4.0.tar.gz", program_sdist("some_program-4.0")),
    ];
    let mut pages: Vec<(String, Vec<u8>)> = files
        .iter()
        .map(|(name, bytes)| {
            let project = name.split('-').next().unwrap().replace('_', "-");
            (format!("/simple/{project}/"), page(&[(name, &Sha256Digest::of(bytes).to_string())]))
        })
        .collect();
    pages.push(("/simple/only-wheels/".into(), page(&[("only_wheels-1.0-cp313-cp313-win32.whl", "")])));
    pages.extend(files.into_iter().map(|(name, bytes)| (format!("/files/{name}"), bytes)));
    serve(pages)
}

/// A package that requires one of each kind.
fn demanding(place: &Path) -> PathBuf {
    let package = place.join("stable");
    copy_folder(&fixture("stable"), &package);
    let pyproject = package.join("pyproject.toml");
    let text = fs_err::read_to_string(&pyproject).unwrap();
    let required = "dependencies = [\"regex\", \"requests\", \"some-pure\", \"some-c\", \"some-source\", \
        \"some-program\", \"only-wheels\", \"unknown-to-all\", \"never; sys_platform == 'win32'\"]\n";
    fs_err::write(&pyproject, text.replacen("[project]\n", &format!("[project]\n{required}"), 1)).unwrap();
    package
}

#[test]
fn requirements_are_followed_as_the_release_sees_them() {
    if !can_build() {
        return;
    }
    let place = folder();
    let package = demanding(place.path());
    let (index, cache) = (index(), folder());
    let runtime = crate::harness::runtime("0.29.5");
    let deps = |more: &[&str]| {
        let arguments =
            [&["deps", package.to_str().unwrap(), "-q", "--pyodide", runtime.to_str().unwrap()], more];
        let tool = tool(&arguments.concat()).cache(cache.path()).hide(place.path(), "HERE");
        tool.in_folder(place.path()).env("PIP_INDEX_URL", &index).snapshot()
    };
    fs_err::write(place.path().join("o.toml"), "dependencies.remove = ['some-c', 'some-pure']\n").unwrap();
    insta::assert_snapshot!([deps(&[]), deps(&["--overlay", "o.toml"]), deps(&["--offline"])].join("\n"));
}

#[test]
fn what_has_a_rust_core_is_built_with_it() {
    if !can_build() {
        return;
    }
    let place = folder();
    let package = demanding(place.path());
    let printed = build(&package, &["-q", "--with-deps"]).env("PIP_INDEX_URL", index()).run();
    insta::assert_snapshot!(format!("{:?}\n{}{}", printed.status, printed.stdout, printed.stderr));
}

#[test]
fn an_overlay_begins_with_what_is_known() {
    if !can_build() {
        return;
    }
    let place = folder();
    let package = demanding(place.path());
    let index = index();
    let printed = tool(&["overlay", "init", package.to_str().unwrap(), "-q", "--pyodide", "0.29.5"])
        .env("PIP_INDEX_URL", index)
        .succeed();
    let overlay = place.path().join("o.toml");
    fs_err::write(&overlay, &printed.stdout).unwrap();
    build(&package, &["-q", "--overlay", "o.toml"]).succeed();
    insta::assert_snapshot!(printed.stdout);
}
