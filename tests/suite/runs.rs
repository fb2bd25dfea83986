//! Scripts in a real Pyodide on Node: streams, status, folder, wheels, interruption.

use std::io::Write;
use std::process::Stdio;

use cargo_pyodide::digest::Sha256Digest;

use crate::harness::{can_build, folder, has, runtime, tool};
use crate::hostile::wheel;
use crate::index::{page, serve};

fn ready() -> bool {
    can_build() && has("node")
}

const LINES: [&str; 3] = ["0.28.3", "0.29.5", "314.0.7"];

#[test]
fn streams_and_status_are_the_scripts() {
    if !ready() {
        return;
    }
    let place = folder();
    let script = r"
import os, sys
data = sys.stdin.read()
sys.stdout.write(f'{sys.argv[1:]} {data!r} no newline')
sys.stdout.flush()
os.write(1, b'\x00\xff raw\n')
print('to stderr', file=sys.stderr)
open('written.txt', 'w').write(open('read.txt').read().upper())
print(os.environ['CHOSEN'], os.environ['SAID'], 'UNNAMED' in os.environ, __file__ == os.path.abspath('script.py'), __name__)
sys.exit(7)
";
    fs_err::write(place.path().join("script.py"), script).unwrap();
    fs_err::write(place.path().join("read.txt"), "content").unwrap();
    for line in LINES {
        runtime(line);
        let mut child = tool(&[
            "run",
            "--pyodide",
            line,
            "--env",
            "CHOSEN",
            "--env",
            "SAID=too",
            "script.py",
            "--flag",
            "a b",
        ])
        .in_folder(place.path())
        .env("CHOSEN", "by the user")
        .env("UNNAMED", "of the host")
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
        child.stdin.take().unwrap().write_all("zwölf\n".as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let expected =
            b"['--flag', 'a b'] 'zw\xc3\xb6lf\\n' no newline\x00\xff raw\nby the user too False True __main__\n";
        assert_eq!(String::from_utf8_lossy(&output.stderr), "to stderr\n", "{line}");
        assert_eq!(output.stdout, expected, "{line}");
        assert_eq!(output.status.code(), Some(7));
        assert_eq!(fs_err::read_to_string(place.path().join("written.txt")).unwrap(), "CONTENT");
        fs_err::remove_file(place.path().join("written.txt")).unwrap();
    }
}

#[test]
fn endings_are_those_of_python() {
    if !ready() {
        return;
    }
    let run = |code: &str| {
        let printed = tool(&["run", "--pyodide", "0.29.5", "-c", code]).run();
        format!("{code}\nstatus {:?}\n{}{}", printed.status, printed.stdout, printed.stderr)
    };
    let cases = [
        "raise SystemExit",
        "raise SystemExit('why')",
        "import sys; sys.exit(True)",
        "def f(): 1/0\nf()",
        "this is no Python",
    ];
    insta::assert_snapshot!(cases.map(run).join("\n"));
}

#[test]
fn node_has_none_of_the_users_variables() {
    if !ready() {
        return;
    }
    let code =
        "import js; print('TOKEN' in list(js.Object.keys(js.process.env)), 'PATH' in dir(js.process.env))";
    let said = tool(&["run", "--pyodide", "0.29.5", "--env", "OTHER=1", "-c", code])
        .env("TOKEN", "secret")
        .succeed();
    assert_eq!(said.stdout, "False False\n");
}

#[test]
fn sockets_fail_and_the_interpreter_lives() {
    if !ready() {
        return;
    }
    let code = r"
import socket

for attempt in (lambda it: it.listen(), lambda it: it.connect(('127.0.0.1', 9))):
    with socket.socket() as it:
        it.bind(('127.0.0.1', 0))
        try:
            attempt(it)
        except OSError as error:
            print(error)
";
    for line in LINES {
        let said = tool(&["run", "--pyodide", line, "-c", code]).succeed().stdout;
        assert_eq!(said, "[Errno 138] Not supported\n[Errno 23] Host is unreachable\n", "{line}");
    }
}

#[test]
fn a_script_may_come_from_stdin() {
    if !ready() {
        return;
    }
    let mut child = tool(&["run", "--pyodide", "0.29.5", "-", "x"])
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"import sys; print(sys.argv)").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "['-', 'x']\n");
}

/// The processes whose command line holds a text.
fn processes_with(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir("/proc").unwrap().flatten() {
        let Ok(line) = fs_err::read(entry.path().join("cmdline")) else { continue };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(text) {
            found.push(line);
        }
    }
    found
}

#[test]
fn an_interrupt_ends_both_processes() {
    if !ready() || !has("kill") {
        return;
    }
    for signal in ["-INT", "-TERM"] {
        let place = folder();
        let mut child =
            tool(&["run", "--pyodide", "0.29.5", "-c", "open('started', 'w').close()\nwhile True: pass"])
                .in_folder(place.path())
                .env("TMPDIR", place.path())
                .command()
                .spawn()
                .unwrap();
        let begun = std::time::Instant::now();
        while !place.path().join("started").exists() {
            assert!(begun.elapsed().as_secs() < 60, "the script does not start");
            std::thread::yield_now();
        }
        let node = place.path().display().to_string();
        assert_eq!(processes_with(&node).len(), 1, "one Node runs the script");
        std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
        assert_eq!(processes_with(&node), Vec::<String>::new());
    }
}

#[test]
fn a_script_may_await_at_its_top() {
    if !ready() {
        return;
    }
    for line in LINES {
        runtime(line);
        let run = |code: &str| tool(&["run", "--pyodide", line, "-c", code]).run();
        let awaited = run("import asyncio\nprint(await asyncio.sleep(0.01, 'slept'))\nraise SystemExit(3)");
        assert_eq!(
            (awaited.stdout.as_str(), awaited.status),
            ("slept\n", Some(3)),
            "{line}: {}",
            awaited.stderr
        );
        let failed = run("import asyncio\nawait asyncio.sleep(0)\n1 / 0");
        let last = failed.stderr.lines().last();
        assert_eq!((last, failed.status), (Some("ZeroDivisionError: division by zero"), Some(1)), "{line}");
    }
}

#[test]
fn what_a_script_requires_is_installed() {
    if !ready() {
        return;
    }
    let place = folder();
    let mut pages = Vec::new();
    let wheels = [
        ("script-one", "Requires-Dist: script-two\n"),
        ("script-two", ""),
        ("script-three", "Requires-Dist: script-two>=1\n"),
        ("script-lone", "Requires-Dist: script-absent\n"),
    ];
    for (name, requires) in wheels {
        let file = format!("{}-1.0-py3-none-any.whl", name.replace('-', "_"));
        let bytes = wheel(&file, &format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}"));
        if requires.is_empty() || name == "script-three" {
            let digest = Sha256Digest::of(&bytes).to_string();
            pages.push((format!("/simple/{name}/"), page(&[(&file, &digest)])));
            pages.push((format!("/files/{file}"), bytes));
        } else {
            fs_err::write(place.path().join(file), bytes).unwrap();
        }
    }
    let index = serve(pages);
    runtime("0.29.5");
    let run = |more: &[&str]| {
        let arguments = [&["run", "--pyodide", "0.29.5"], more].concat();
        tool(&arguments).in_folder(place.path()).env("PIP_INDEX_URL", &index)
    };
    let code = "from importlib.metadata import version as v\nprint(v('script-one'), v('script-two'), v('script-three'))";
    let with = ["--with", "script_one-1.0-py3-none-any.whl", "--with", "script-three>=1", "-c", code];
    assert_eq!(run(&with).succeed().stdout, "1.0 1.0 1.0\n");
    let cases = [
        run(&["--with", "script-absent", "-c", "print('never')"]).snapshot(),
        run(&["--with", "script-two>=2", "-c", "print('never')"]).snapshot(),
        run(&["--with", "script_lone-1.0-py3-none-any.whl", "-c", "print('all the same')"]).snapshot(),
        run(&["--with", "not a requirement", "-c", "print('never')"]).snapshot(),
    ];
    insta::assert_snapshot!(cases.join("\n\n"));
}

#[test]
fn what_is_typed_is_run() {
    if !ready() {
        return;
    }
    let typed = "1 + 1\nimport asyncio\nawait asyncio.sleep(0, 'awaited')\ndef seven():\n  return 7\n\nseven()\n1 / 0\n1 +\nraise SystemExit(4)\n";
    let shown = LINES.map(|line| {
        runtime(line);
        let mut command = tool(&["repl", "--pyodide", line]).command();
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        format!(
            "{line}: {:?}\n{}\n--- stderr\n{}",
            output.status.code(),
            text(output.stdout),
            text(output.stderr)
        )
    });
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn a_named_wheel_is_read_once() {
    if !ready() || !has("strace") {
        return;
    }
    runtime("0.29.5");
    let place = folder();
    let named = "named-1-py3-none-any.whl";
    let metadata = "Metadata-Version: 2.1\nName: named\nVersion: 1\n";
    fs_err::write(place.path().join(named), wheel(named, metadata)).unwrap();
    let call = ["run", "--offline", "--pyodide", "0.29.5", "--with", named, "-c", "print(1)"];
    let (printed, reads) = tool(&call).in_folder(place.path()).trace_reads();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    assert_eq!(reads.iter().filter(|path| path.ends_with(named)).count(), 1);
}
