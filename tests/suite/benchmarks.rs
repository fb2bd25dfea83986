//! `bench`: what is measured is reported, and what cannot be is said. No time is asserted.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Tool, can_build, copy_folder, fixture, folder, has, tool};
use crate::testing::wheel;

/// Quick: what comes out is looked at, not how long it took.
const QUICK: [&str; 6] = ["--rounds", "2", "--values", "2", "--min-time", "1"];

const SCRIPT: &str = "
import fixture_pure

print('read')


def bench_add():
    assert fixture_pure.add(1, 2) == 3


def bench_slow():
    sum(range(20000))


def helper():
    raise AssertionError('no benchmark')


if __name__ == '__main__':
    raise AssertionError('not run as a program')
";

fn script(place: &Path, text: &str) {
    fs_err::write(place.join("bench.py"), text).unwrap();
}

fn bench(place: &Path, arguments: &[&str]) -> Tool {
    tool(&[&["bench", "-q"], &QUICK[..], arguments].concat()).in_folder(place).hide(place, "HERE")
}

fn report(tool: Tool) -> Value {
    let printed = tool.succeed();
    serde_json::from_str(&printed.stdout).unwrap()
}

/// Name, calls a value, and the number of values of each side and round.
fn outline(report: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().unwrap().clone();
    let numbers = |values: &Value| list(values).iter().all(|value| value.as_f64().unwrap() > 0.0);
    let side = |result: &Value| {
        assert!(result["median"].as_f64().unwrap() > 0.0 && result["deviation"].is_f64(), "{result}");
        assert!(list(&result["values"]).iter().all(numbers), "{result}");
        let rounds: Vec<String> =
            list(&result["values"]).iter().map(|values| list(values).len().to_string()).collect();
        let ratio = &result["package_is_times_as_fast"];
        format!("{}{}", rounds.join("+"), if ratio["median"].is_f64() { " with a ratio" } else { "" })
    };
    let one = |benchmark: &Value| {
        assert!(benchmark["loops"].as_u64().unwrap() > 0);
        let sides: Vec<String> = list(&benchmark["results"]).iter().map(side).collect();
        format!("{}: {}", benchmark["name"].as_str().unwrap(), sides.join(", "))
    };
    list(&report["benchmarks"]).iter().map(one).collect()
}

#[test]
fn functions_are_measured_beside_another_wheel_and_this_machine() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    script(place.path(), SCRIPT);
    copy_folder(&fixture("pure"), &place.path().join("pure"));
    let other = wheel("314.0.7");
    let against = other.to_str().unwrap();
    let arguments =
        ["./pure", "bench.py", "--pyodide", "314.0.7", "--json", "--against", against, "--native"];
    let document = report(bench(place.path(), &arguments));
    assert_eq!(
        outline(&document),
        [
            "bench_add: 2+2, 2+2 with a ratio, 2+2 with a ratio",
            "bench_slow: 2+2, 2+2 with a ratio, 2+2 with a ratio"
        ]
    );
    let names: Vec<&str> =
        document["sides"].as_array().unwrap().iter().map(|side| side["name"].as_str().unwrap()).collect();
    assert!(names[1].ends_with(other.file_name().unwrap().to_str().unwrap()), "{names:?}");
    assert_eq!((names[0], names[2]), (other.file_name().unwrap().to_str().unwrap(), "native"));
    assert!(document["sides"][0]["python"].as_str().unwrap().starts_with("3.14."));
    assert_eq!((&document["pyodide"], &document["place"]), (&"314.0.7".into(), &"node".into()));

    let one = bench(place.path(), &[against, "bench.py", "--pyodide", "314.0.7", "--only", "add"]).succeed();
    let lines: Vec<&str> = one.stdout.lines().collect();
    assert!(lines[0].starts_with("benchmark  median") && lines[1].starts_with("bench_add  "), "{lines:?}");
    // What the script prints is no data: once for each interpreter.
    assert_eq!((lines.len(), one.stderr.as_str()), (2, "read\nread\n"));
}

#[test]
fn the_start_up_is_measured_on_node_and_in_a_page() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let wheel = wheel("314.0.7");
    let places: &[&str] = if has("chromium") { &["node", "page"] } else { &["node"] };
    for where_it_runs in places {
        let arguments =
            [wheel.to_str().unwrap(), "--startup", "--pyodide", "314.0.7", "--json", "--in", where_it_runs];
        let document = report(bench(place.path(), &arguments));
        assert_eq!(outline(&document), ["(install): 1+1", "(import): 1+1"], "{where_it_runs}");
        assert_eq!(document["place"], *where_it_runs);
    }
}

#[test]
fn what_cannot_be_measured_is_said() {
    if !can_build() || !has("node") {
        return;
    }
    let place = folder();
    let wheel = wheel("0.29.5");
    let path = wheel.to_str().unwrap();
    let mut printed = Vec::new();
    let mut add = |name: &str, text: &str, more: &[&str]| {
        script(place.path(), text);
        let tool = bench(place.path(), &[&[path, "--pyodide", "0.29.5"], more].concat());
        let shown = tool.hide(wheel.parent().unwrap(), "WHEELS").snapshot();
        printed.push(format!("# {name}\n{shown}"));
    };
    add("no script", "", &[]);
    add("a script that is not there", "", &["absent.py"]);
    add("no benchmark", "def other(): pass\n", &["bench.py"]);
    add("no such benchmark", SCRIPT, &["bench.py", "--only", "multiply"]);
    add("a script that fails", "import nowhere\n", &["bench.py"]);
    add("a benchmark that fails", "def bench_it():\n    1 / 0\n", &["bench.py"]);
    add("a coroutine", "async def bench_it(): pass\n", &["bench.py"]);
    add("native of a wheel", SCRIPT, &["bench.py", "--native"]);
    add("a wheel that is not there", SCRIPT, &["bench.py", "--against", "absent-1-py3-none-any.whl"]);
    insta::assert_snapshot!(printed.join("\n"));
    script(place.path(), "import os\ndef bench_it(): os.abort()\n");
    let died = bench(place.path(), &[path, "--pyodide", "0.29.5", "bench.py"]).run();
    assert_eq!(died.status, Some(2), "{}", died.stderr);
    assert!(died.stderr.contains("cannot be measured"), "{}", died.stderr);
}
