//! Scripts in a real Pyodide on Node: streams, status, folder, wheels, interruption.

use std::io::Write;
use std::process::Stdio;

use crate::harness::{can_build, folder, has, runtime, tool};

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
