//! A password that is planted in addresses shows up in no output.

use std::path::Path;

use crate::harness::{Tool, can_build, copy_folder, fixture, folder, has, runtime, tool};
use crate::index::{page, sdist, serve};

const PASSWORD: &str = "pl4nted";

/// All that a call prints, which does not hold the password.
fn check(tool: Tool, asked: &str) -> String {
    let printed = tool.run();
    let text = printed.stdout + &printed.stderr;
    assert!(!text.contains(PASSWORD), "{asked}:\n{text}");
    text
}

/// No file below a folder holds the password, nor has it in its name.
fn check_files(folder: &Path) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(!path.to_string_lossy().contains(PASSWORD), "{}", path.display());
        if path.is_dir() && !path.is_symlink() {
            check_files(&path);
        } else if path.is_file() {
            let bytes = fs_err::read(&path).unwrap();
            let found = bytes.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}

/// A copy of the fixture `pure` that requires what the index does not have.
fn package(place: &Path) {
    copy_folder(&fixture("pure"), place);
    let manifest = fs_err::read_to_string(place.join("pyproject.toml")).unwrap();
    let requiring = manifest.replace("attrs>=20 ; python_version < '3.8'", "absent");
    fs_err::write(place.join("pyproject.toml"), requiring).unwrap();
}

#[test]
fn a_password_shows_up_in_no_output() {
    if !can_build() || !has("git") {
        return;
    }
    let place = folder();
    package(&place.path().join("package"));
    let release = runtime("0.29.5").display().to_string();
    let archive = sdist("bad-compile", "bad_compile-1.0.0");
    let sha256 = cargo_pyodide::digest::Sha256Digest::of(&archive).to_string();
    let index = serve(vec![
        ("/simple/bad-compile/".into(), page(&[("bad_compile-1.0.0.tar.gz", &sha256)])),
        ("/files/bad_compile-1.0.0.tar.gz".into(), archive),
    ]);
    let good = index.replace("http://", &format!("http://me:{PASSWORD}@"));
    let closed = format!("http://me:{PASSWORD}@127.0.0.1:1/simple");
    let bare = format!("http://me:{PASSWORD}@127.0.0.1:1");
    let broken = format!("http://me:{PASSWORD}@127.0.0.1:port/simple");
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let call = tool(arguments).in_folder(place.path()).cache(&place.path().join("cache"));
        let call = variables.iter().fold(call, |call, (name, value)| call.env(name, value));
        check(call, &format!("{arguments:?} {variables:?}"))
    };
    for address in [&good, &closed, &bare, &broken] {
        for more in [&["-v"][..], &["--json"]] {
            let arguments = [&["deps", "./package", "--pyodide", &release], more].concat();
            run(&arguments, &[("PIP_INDEX_URL", address)]);
        }
    }
    let through = |proxy: &str| {
        let variables = [("PIP_INDEX_URL", "http://127.0.0.1:2/simple"), ("PIP_PROXY", proxy)];
        run(&["deps", "./package", "-v", "--pyodide", &release], &variables)
    };
    through(&bare);
    for wrong in
        [format!("me:{PASSWORD}@ host"), format!("http://me:{PASSWORD}@"), format!("x://me:{PASSWORD}@h")]
    {
        let text = through(&wrong);
        assert!(text.contains("hint: look at `PIP_PROXY`"), "{text}");
    }
    for source in [
        format!("git+https://me:{PASSWORD}@127.0.0.1:1/x"),
        format!("git+https://me:{PASSWORD}@127.0.0.1:1/x@v1"),
        format!("git+http://me:{PASSWORD}@127.0.0.1:1"),
        format!("https://me:{PASSWORD}@127.0.0.1:1/x.tar.gz"),
        format!("https://me:{PASSWORD}@127.0.0.1:1/x.tar.xz"),
    ] {
        for more in ["-v", "--json", "--offline"] {
            run(&["build", &source, more, "--pyodide", &release], &[]);
        }
    }
    let wheel = place.path().join("x-1.0-py3-none-any.whl");
    let address = format!("a @ https://me:{PASSWORD}@127.0.0.1:1/a.whl");
    let metadata =
        format!("Metadata-Version: 2.1\nName: x\nVersion: 1.0\nRequires-Dist: {address}\nRequires-Dist: b\n");
    fs_err::write(&wheel, crate::hostile::wheel("x-1.0-py3-none-any.whl", &metadata)).unwrap();
    for format in ["human", "json", "sarif"] {
        let arguments =
            ["audit", wheel.to_str().unwrap(), "--online", "--format", format, "--pyodide", &release];
        run(&arguments, &[("PIP_INDEX_URL", &closed)]);
    }
    fs_err::remove_file(wheel).unwrap();
    fs_err::write(place.path().join("list.txt"), "bad-compile==1.0.0\nabsent==1\n").unwrap();
    for (address, out) in [(&good, "good"), (&closed, "closed")] {
        run(&["sweep", "list.txt", "--pyodide", "0.29.5", "--out", out, "-v"], &[("PIP_INDEX_URL", address)]);
        assert!(place.path().join(out).is_dir());
    }
    check_files(place.path());
}
