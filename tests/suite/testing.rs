//! `test` and `run --in`: a package's own tests in Pyodide on Node and in browsers, and what is said if they cannot be run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::harness::{
    Tool, can_build, copied, copy_folder, find, fixture, folder, has, runtime, shared_cache, tool,
};

/// A wheel of the fixture `pure` for a release, built once for all tests.
pub(crate) fn wheel(version: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(wheel) = built.get(version) {
        return wheel.clone();
    }
    let (_place, package) = package();
    let out = shared_cache().join(format!("wheels-{version}"));
    let arguments = ["build", "-q", "--pyodide", version, "--out-dir", out.to_str().unwrap()];
    let printed = tool(&[&arguments[..], &[package.to_str().unwrap()]].concat()).succeed();
    let wheel = out.join(Path::new(printed.stdout.trim()).file_name().unwrap());
    built.insert(version.to_owned(), wheel.clone());
    wheel
}

/// A copy of the fixture `pure` in a folder of its own.
fn package() -> (tempfile::TempDir, PathBuf) {
    let place = folder();
    let package = place.path().join("pure");
    copy_folder(&fixture("pure"), &package);
    (place, package)
}

/// The same with these tests.
fn package_with_tests(text: &str) -> (tempfile::TempDir, PathBuf) {
    let (place, package) = package();
    fs_err::create_dir_all(package.join("tests")).unwrap();
    fs_err::write(package.join("tests/test_all.py"), text).unwrap();
    (place, package)
}

/// A folder with one file of tests.
fn tests(text: &str) -> tempfile::TempDir {
    let place = folder();
    fs_err::create_dir_all(place.path().join("tests")).unwrap();
    fs_err::write(place.path().join("tests/test_it.py"), text).unwrap();
    place
}

fn test(place: &Path, version: &str, more: &[&str]) -> Tool {
    let wheel = wheel(version);
    let arguments = ["test", wheel.to_str().unwrap(), "--tests", "tests", "--pyodide", version];
    tool(&[&arguments[..], more].concat())
        .in_folder(place)
        .hide(place, "HERE")
        .hide(wheel.parent().unwrap(), "WHEELS")
}

/// Name, outcome and the first line of the message of each result.
fn outcomes(json: &str) -> Vec<String> {
    let document: serde_json::Value = serde_json::from_str(json).unwrap();
    crate::schemas::check("test", &document);
    let one = |result: &serde_json::Value| {
        let text = |key: &str| result[key].as_str().unwrap().lines().next().unwrap_or_default().to_owned();
        format!("{} {}: {}", text("id"), text("outcome"), text("message"))
    };
    let results = |suite: &serde_json::Value| {
        let head =
            format!("# {} in {}", suite["pyodide"].as_str().unwrap(), suite["place"].as_str().unwrap());
        let results = suite["results"].as_array().unwrap().iter().map(one);
        std::iter::once(head).chain(results).collect::<Vec<_>>()
    };
    document["suites"].as_array().unwrap().iter().flat_map(results).collect()
}

/// What plugins bring that are not installed: a fixture, a mark, a setting, where a package makes errors of warnings.
#[test]
fn plugins_that_are_left_out_are_not_missed() {
    if !can_build() || !has("node") {
        return;
    }
    let place = tests(
        "import pytest\nimport zoneinfo\n\n\n@pytest.mark.benchmark(group='x')\ndef test_speed(benchmark):\n    \
         assert benchmark(sum, [1, 2]) == 3\n    assert benchmark.pedantic(sum, args=([3],), rounds=5) == 3\n\n\n\
         def test_zone():\n    assert zoneinfo.ZoneInfo('Europe/Vienna').key == 'Europe/Vienna'\n",
    );
    let settings = "[tool.pytest.ini_options]\ntimeout = 30\nfilterwarnings = ['error']\n";
    fs_err::write(place.path().join("pyproject.toml"), settings).unwrap();
    let printed = test(place.path(), "314.0.7", &["--json", "-q"]).succeed();
    assert_eq!(
        outcomes(&printed.stdout),
        [
            "# 314.0.7 in node",
            "tests/test_it.py::test_speed passed: ",
            "tests/test_it.py::test_zone passed: "
        ]
    );
}

const EVERY_KIND: &str = "
import os
import sys

import fixture_pure
import pytest


def test_passes():
    assert fixture_pure.add(1, 2) == 3
    assert sys.platform == 'emscripten'


def test_fails():
    assert fixture_pure.add(1, 2) == 4


def test_kills():
    os.abort()


def test_hangs():
    while True:
        pass


@pytest.mark.skip(reason='no need')
def test_is_skipped():
    pass


@pytest.mark.xfail(reason='known')
def test_fails_as_expected():
    assert False


@pytest.fixture
def broken():
    raise ValueError('no set-up')


def test_has_no_set_up(broken):
    pass


@pytest.mark.parametrize('number', [1, 2])
def test_is_last(number):
    assert number
";

#[test]
fn each_test_counts_once_whatever_it_does() {
    if !can_build() || !has("node") {
        return;
    }
    let place = tests(EVERY_KIND);
    // Less than the interpreter takes to start: that does not count.
    let more = ["--json", "--timeout", "4", "--junit", "junit.xml"];
    let printed = test(place.path(), "0.29.5", &more).run();
    assert_eq!(printed.status, Some(1), "{}", printed.stderr);
    let junit = fs_err::read_to_string(place.path().join("junit.xml")).unwrap();
    let head: Vec<&str> = junit.lines().filter(|line| line.contains("<testsuite ")).collect();
    assert!(head[0].contains("tests=\"9\"") && head[0].contains("failures=\"1\""), "{}", head[0]);
    insta::assert_snapshot!(outcomes(&printed.stdout).join("\n"));
    let named: Vec<&str> = printed.stderr.lines().filter(|line| line.starts_with("  died: ")).collect();
    assert_eq!(
        named,
        [
            "  died: tests/test_it.py::test_kills: the interpreter ended while it ran: unreachable",
            "  died: tests/test_it.py::test_hangs: the interpreter ended while it ran: nothing happened for 4 s",
        ]
    );
}

/// A test that ends pytest, and one whose message is no text for JSON.
const ODD_ENDS: &str = "
def test_first():
    pass


def test_interrupts():
    raise KeyboardInterrupt


def test_is_no_text():
    raise ValueError('\\udc80')


def test_last():
    pass
";

#[test]
fn tests_that_end_pytest_or_say_what_is_no_text_cost_no_others() {
    if !can_build() || !has("node") {
        return;
    }
    let place = tests(ODD_ENDS);
    let more = ["-q", "--json", "--", "--tb=no", "--no-summary"];
    let printed = test(place.path(), "0.29.5", &more).run();
    assert_eq!(printed.status, Some(1), "{}", printed.stderr);
    insta::assert_snapshot!(outcomes(&printed.stdout).join("\n"), @r"
    # 0.29.5 in node
    tests/test_it.py::test_first passed: 
    tests/test_it.py::test_interrupts failed: it stopped pytest (its status is 2)
    tests/test_it.py::test_is_no_text failed: ValueError: \udc80
    tests/test_it.py::test_last passed:
    ");
}

/// What a package can reach through Node: the host's folders, and its own.
const REACHING_OUT: &str = "
import os
import js, pyodide_js
from pyodide.ffi import to_js

def look(root, name):
    system = pyodide_js.FS
    system.mkdirTree(name)
    system.mount(system.filesystems.NODEFS, to_js({'root': root}, dict_converter=js.Object.fromEntries), name)
    return os.listdir(name)

def test_the_host():
    try:
        seen = look(PLACE, '/host')
    except BaseException as error:
        seen = str(error)
    assert 'secret.txt' not in seen

def test_the_environment():
    assert 'TOKEN' not in list(js.Object.keys(js.process.env))

def test_its_own_files():
    assert 'test_it.py' in os.listdir('tests')
";

#[test]
fn a_package_reaches_nothing_of_the_host_through_node() {
    if !can_build() || !has("node") {
        return;
    }
    let host = folder();
    fs_err::write(host.path().join("secret.txt"), "").unwrap();
    let place = tests(&REACHING_OUT.replace("PLACE", &format!("{:?}", host.path())));
    for version in ["0.27.8", "314.0.7"] {
        let printed = test(place.path(), version, &["-q", "--json"]).env("TOKEN", "secret").run();
        assert_eq!(printed.status, Some(0), "{version}: {}\n{}", printed.stdout, printed.stderr);
    }
}

#[test]
fn the_same_in_a_page_and_a_worker() {
    if !can_build() || !has("chromium") {
        return;
    }
    let place = tests(EVERY_KIND);
    let more = ["-q", "--json", "--timeout", "12", "--in", "page", "--in", "worker"];
    let printed = test(place.path(), "314.0.7", &more).run();
    assert_eq!(printed.status, Some(1), "{}", printed.stderr);
    insta::assert_snapshot!(outcomes(&printed.stdout).join("\n"));
    assert_eq!(left_behind("chromium"), Vec::<String>::new());
}

/// Processes of browsers that were started with a profile of ours.
fn left_behind(browser: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir("/proc").unwrap().flatten() {
        let line = fs_err::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(browser) && line.contains("cargo-pyodide-") && line.contains("profile") {
            found.push(line);
        }
    }
    found
}

#[test]
fn scripts_run_in_chromium() {
    if can_build() && has("chromium") {
        insta::assert_snapshot!(run_in("chromium"));
    }
}

#[test]
fn scripts_and_tests_run_in_firefox() {
    if !can_build() || !has("firefox-esr") {
        return;
    }
    insta::assert_snapshot!(run_in("firefox-esr"));
    let place = tests("import fixture_pure\ndef test_sum(): assert fixture_pure.add(1, 1) == 2\n");
    let more = ["-q", "--json", "--in", "page", "--in", "worker"];
    let tested = test(place.path(), "314.0.7", &more).env("CHROME", find("firefox-esr").unwrap()).succeed();
    insta::assert_snapshot!("firefox_tests", outcomes(&tested.stdout).join("\n"));
    assert_eq!(left_behind("firefox"), Vec::<String>::new());
}

/// Leaves proxies of JavaScript to be collected while the page sends what is written.
const PROXIES: &str = "import sys\nfrom js import Array\n\
    for number in range(3000):\n    Array.of([number])\n    print(number, file=sys.stderr)";

#[test]
fn objects_that_are_collected_amid_a_write_do_not_end_the_interpreter() {
    if !can_build() || !has("firefox-esr") {
        return;
    }
    let run = tool(&["run", "--in", "page", "--pyodide", "314.0.7", "-c", PROXIES])
        .env("CHROME", find("firefox-esr").unwrap())
        .succeed();
    assert_eq!(run.stderr.lines().last(), Some("2999"));
}

/// What a script prints in the pages and workers of a browser, and how it ends.
fn run_in(browser: &str) -> String {
    let code = "import sys, fixture_pure\nprint(fixture_pure.add(2, 3), sys.argv[1:])\n\
        print('aside', file=sys.stderr)\nsys.exit(3)";
    let mut printed = Vec::new();
    for (version, place) in [("0.21.3", "page"), ("0.27.8", "worker"), ("314.0.7", "page")] {
        let wheel = wheel(version);
        let arguments =
            ["run", "--in", place, "--pyodide", version, "--with", wheel.to_str().unwrap(), "-c", code, "x"];
        let run = tool(&arguments).env("CHROME", find(browser).unwrap()).run();
        let last = run.stderr.lines().last().unwrap_or_default().to_owned();
        printed.push(format!("{version} {place} {:?}\n{}{last}", run.status, run.stdout));
    }
    printed.join("\n")
}

#[test]
fn a_source_brings_its_tests_and_its_excuses() {
    if !can_build() || !has("node") {
        return;
    }
    let text = "import threading, fixture_pure\n\
        def test_data(): assert open('data.txt').read() == 'beside'\n\
        def test_add(): assert fixture_pure.add(1, 1) == 2\n\
        def test_threads(): threading.Thread(target=print).start()\n";
    let (place, package) = package_with_tests(text);
    // A module of the package's name beside the tests: it must not be imported.
    fs_err::write(package.join("fixture_pure.py"), "raise ImportError('the source tree')").unwrap();
    fs_err::write(package.join("tests/__init__.py"), "").unwrap();
    fs_err::write(package.join("data.txt"), "beside").unwrap();
    let pyproject = package.join("pyproject.toml");
    let before = fs_err::read_to_string(&pyproject).unwrap();
    let own = "\n[tool.cargo-pyodide.test]\ndeselect = { \"tests/test_all.py::test_threads\" = \"needs threads\" }\n\
        [tool.pytest.ini_options]\naddopts = \"--no-such-option\"\n";
    fs_err::write(&pyproject, format!("{before}{own}")).unwrap();
    let printed = tool(&["test", "./pure", "-q", "--json", "--pyodide", "0.27.8", "--forked-each"])
        .in_folder(place.path())
        .run();
    assert_eq!(printed.status, Some(0), "{}", printed.stderr);
    insta::assert_snapshot!(outcomes(&printed.stdout).join("\n"));
}

/// Tests of a workspace's member, which read files of another member, of the repository, and beside themselves.
const OF_A_MEMBER: &str = "
import pathlib

import fixture_workspace

HERE = pathlib.Path(__file__).parent


def test_module():
    assert fixture_workspace.file().endswith('.rs')


def test_of_another_member():
    assert (HERE / '../../../core/benches/data.json').read_text() == '[1]'


def test_of_the_repository():
    assert pathlib.Path('../../docs/example.txt').read_text() == 'example'


def test_beside():
    assert (HERE / 'data/beside.txt').read_text() == 'beside'


def test_the_source_tree_is_not_there():
    assert not pathlib.Path('fixture_workspace.py').exists()
    assert not pathlib.Path('../../target').exists()
";

/// A repository with a workspace, whose Python member has tests.
fn workspace() -> tempfile::TempDir {
    let place = folder();
    let root = place.path().join("repository");
    copy_folder(&fixture("workspace"), &root);
    let files = [
        ("core/benches/data.json", "[1]"),
        ("docs/example.txt", "example"),
        ("target/huge.bin", "a build"),
        ("bindings/python/fixture_workspace.py", "raise ImportError('the source tree')"),
        ("bindings/python/tests/test_all.py", OF_A_MEMBER),
        ("bindings/python/tests/data/beside.txt", "beside"),
    ];
    for (path, text) in files {
        let path = root.join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    place
}

#[test]
fn tests_of_a_member_see_its_whole_repository() {
    if !can_build() || !has("node") {
        return;
    }
    let place = workspace();
    let run = |named: &str, more: &[&str]| {
        let arguments = ["test", named, "-q", "--json", "--pyodide", "0.29.5"];
        let printed = tool(&[&arguments[..], more].concat()).in_folder(place.path()).run();
        assert_eq!(printed.status, Some(0), "{}\n{}", printed.stdout, printed.stderr);
        let document: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
        let native = document["native"]["results"].as_array().cloned().unwrap_or_default();
        let passed = native.iter().filter(|result| result["outcome"] == "passed").count();
        (outcomes(&printed.stdout), passed)
    };
    let (folder, native) = run("./repository/bindings/python", &["--native"]);
    assert_eq!(native, 5, "the same tests pass on this machine");
    // The module in the tree would win over the wheel's in an sdist of it.
    fs_err::remove_file(place.path().join("repository/bindings/python/fixture_workspace.py")).unwrap();
    let pyproject = "[build-system]\nrequires = ['maturin>=1.9,<2']\nbuild-backend = 'maturin'\n\
        [project]\nname = 'fixture-workspace'\nversion = '1.0.0'\n\
        [tool.maturin]\nmanifest-path = 'bindings/python/Cargo.toml'\n";
    fs_err::write(place.path().join("repository/pyproject.toml"), pyproject).unwrap();
    let file = fs_err::File::create(place.path().join("fixture_workspace-1.0.0.tar.gz")).unwrap();
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
    fs_err::remove_dir_all(place.path().join("repository/target")).unwrap();
    archive.append_dir_all("fixture_workspace-1.0.0", place.path().join("repository")).unwrap();
    archive.into_inner().unwrap().finish().unwrap();
    let (sdist, _) = run("./fixture_workspace-1.0.0.tar.gz", &[]);
    assert_eq!(folder, sdist);
    insta::assert_snapshot!(folder.join("\n"));
}

#[test]
fn this_machine_is_compared() {
    if !can_build() || !has("node") {
        return;
    }
    let text = "import sys, fixture_pure\n\
        def test_same(): assert fixture_pure.add(1, 1) == 2\n\
        def test_here_only(): assert sys.platform != 'emscripten'\n";
    let (place, _) = package_with_tests(text);
    let printed = tool(&["test", "./pure", "--native", "--pyodide", "0.29.5"]).in_folder(place.path()).run();
    assert_eq!(printed.status, Some(1), "{}", printed.stderr);
    let compared = printed.stderr.lines().skip_while(|line| !line.contains("Compared"));
    insta::assert_snapshot!(compared.collect::<Vec<_>>().join("\n"));
}

#[test]
fn this_machine_tests_the_same_copy() {
    if !can_build() || !has("node") {
        return;
    }
    let package = |text: &str| {
        let test = "import fixture_pure, pytest\n\n\ndef test_text():\n    \
            with pytest.raises(ValueError, match='TEXT'):\n        fixture_pure.add(2**62, 2**62)\n";
        let (place, package) = package_with_tests(&test.replace("TEXT", text));
        let source = package.join("src/lib.rs");
        let changed = fs_err::read_to_string(&source).unwrap().replace("too large", text);
        fs_err::write(&source, changed).unwrap();
        place
    };
    // Both are older than what is compiled of either.
    let places = ["too large", "too small"].map(package);
    for place in &places {
        tool(&["test", "./pure", "--native", "-q", "--pyodide", "0.29.5"]).in_folder(place.path()).succeed();
    }
}

#[test]
fn this_machine_has_what_the_package_requires() {
    if !can_build() || !has("node") {
        return;
    }
    let (place, package) = copied("mixed");
    let pyproject = fs_err::read_to_string(package.join("pyproject.toml")).unwrap();
    let pyproject = pyproject.replacen("version =", "dependencies = [\"attrs\"]\nversion =", 1);
    fs_err::write(package.join("pyproject.toml"), pyproject).unwrap();
    let init = package.join("python/fixture_mixed/__init__.py");
    fs_err::write(&init, fs_err::read_to_string(&init).unwrap() + "\nimport attr\n").unwrap();
    fs_err::create_dir(package.join("tests")).unwrap();
    let text = "import fixture_mixed\n\n\ndef test_it():\n    assert fixture_mixed.attr\n";
    fs_err::write(package.join("tests/test_all.py"), text).unwrap();
    let arguments = ["test", "./mixed", "--native", "-q", "--json", "--pyodide", "0.29.5"];
    let printed = tool(&arguments).in_folder(place.path()).succeed();
    let document: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(document["native"]["results"][0]["outcome"], "passed", "{}", printed.stderr);
}

#[test]
fn this_machine_has_what_the_release_lacks() {
    if !can_build() || !has("node") {
        return;
    }
    let text = "import fixture_pure, psutil\n\n\ndef test_it():\n    assert psutil.pids and fixture_pure\n";
    let (place, package) = package_with_tests(text);
    let pyproject = fs_err::read_to_string(package.join("pyproject.toml")).unwrap();
    let pyproject = format!("{pyproject}\n[project.optional-dependencies]\nmonitor = [\"psutil\"]\n");
    fs_err::write(package.join("pyproject.toml"), pyproject).unwrap();
    let arguments = ["test", "./pure", "--native", "-q", "--json", "--pyodide", "0.29.5"];
    let printed = tool(&arguments).in_folder(place.path()).run();
    assert_eq!(printed.status, Some(1), "{}", printed.stderr);
    let document: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(document["native"]["results"][0]["outcome"], "passed", "{}", printed.stderr);
    assert_eq!(document["suites"][0]["results"][0]["outcome"], "error", "{}", printed.stderr);
}

#[test]
fn what_cannot_be_run_is_said() {
    if !can_build() || !has("node") {
        return;
    }
    let place = tests("def test_syntax(:\n");
    let mut printed = Vec::new();
    let mut add = |name: &str, tool: Tool| printed.push(format!("# {name}\n{}", tool.snapshot()));
    let quiet = |more: &[&str]| test(place.path(), "0.29.5", &[&["-q"], more].concat());
    let bare = |arguments: &[&str]| tool(arguments).in_folder(place.path()).hide(place.path(), "HERE");

    let wheel = wheel("0.29.5");
    let wheels = wheel.parent().unwrap();
    let here = |tool: Tool| tool.hide(wheels, "WHEELS");
    let path = wheel.to_str().unwrap();
    add("no tests named", here(bare(&["test", path, "-q", "--pyodide", "0.29.5"])));
    add("no such tests", here(bare(&["test", path, "-q", "--pyodide", "0.29.5", "--tests", "absent"])));
    add("another release", here(bare(&["test", path, "-q", "--pyodide", "314.0.7", "--tests", "tests"])));
    let twin = place.path().join(wheel.file_name().unwrap());
    fs_err::copy(&wheel, &twin).unwrap();
    add("two wheels of one package", quiet(&["--with", twin.to_str().unwrap()]));
    add("a requirement that is nowhere", quiet(&["--requires", "no-such-package-anywhere-at-all"]));
    add("native of a wheel", quiet(&["--native"]));
    add("no browser", quiet(&["--in", "page"]).env("CHROME", "/nowhere/chromium"));
    let package = place.path().join("pure");
    copy_folder(&fixture("pure"), &package);
    let runtime = runtime("0.29.5");
    add(
        "a package without tests",
        bare(&["test", "./pure", "-q", "--pyodide", "0.29.5"]).hide(&runtime, "RUNTIME"),
    );
    let printed = printed.join("\n");
    insta::assert_snapshot!(printed);

    let syntax = quiet(&["--json"]).run();
    assert_eq!(syntax.status, Some(1), "{}", syntax.stderr);
    let said = outcomes(&syntax.stdout);
    assert!(said[1].starts_with("tests/test_it.py error:"), "{}", said.join("\n"));
    fs_err::write(place.path().join("tests/test_it.py"), "").unwrap();
    let none = quiet(&["--json"]).run();
    assert_eq!(none.status, Some(5), "{}", none.stderr);
    assert_eq!(outcomes(&none.stdout), ["# 0.29.5 in node"]);
}
