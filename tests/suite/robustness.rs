//! A cache that several processes use at once, that is killed, damaged, or on a full disk.

use std::path::Path;
use std::process::Command;

use crate::harness::{can_build, copy_folder, fixture, folder, runtime, shared_cache, tool};

#[test]
fn a_damaged_runtime_is_fetched_again() {
    if !can_build() {
        return;
    }
    let cache = folder();
    copy_folder(&runtime("0.29.5"), &cache.path().join("runtimes/0.29.5"));
    let damaged = cache.path().join("runtimes/0.29.5/pyodide-lock.json");
    fs_err::write(&damaged, "{}").unwrap();
    let printed = tool(&["run", "--pyodide", "0.29.5", "-c", "print(1)"]).cache(cache.path()).succeed();
    assert_eq!(printed.stdout, "1\n");
    assert_eq!(
        printed.stderr,
        "warning: the runtime in the cache is damaged and is fetched again: `CACHE/runtimes/0.29.5/pyodide-lock.json` was changed\n   Preparing Pyodide 0.29.5\n"
    );
    fs_err::remove_file(&damaged).unwrap();
    let offline =
        tool(&["run", "--offline", "--pyodide", "0.29.5", "-c", "print(1)"]).cache(cache.path()).snapshot();
    insta::assert_snapshot!(offline);
}

#[test]
fn a_runtime_folder_that_contradicts_itself_is_refused() {
    if !can_build() {
        return;
    }
    let place = folder();
    let copy = place.path().join("runtime");
    copy_folder(&runtime("0.29.5"), &copy);
    let run = || {
        tool(&["run", "--pyodide", copy.to_str().unwrap(), "-c", ""]).hide(place.path(), "FOLDER").snapshot()
    };
    let cases: [(&str, &str, Option<&str>); 4] = [
        ("package.json", "\"name\": \"pyodide\"", Some("\"name\": \"python\"")),
        ("pyodide-lock.json", "emscripten_4_0_9", Some("wasi_0_2")),
        ("pyodide.asm.js", "wasmImports", Some("otherThing")),
        ("pyodide.asm.wasm", "", None),
    ];
    let mut printed = Vec::new();
    for (name, old, new) in cases {
        let path = copy.join(name);
        let before = fs_err::read(&path).unwrap();
        match new {
            Some(new) => fs_err::write(&path, String::from_utf8_lossy(&before).replace(old, new)).unwrap(),
            None => fs_err::write(&path, &before[..before.len() / 2]).unwrap(),
        }
        printed.push(run());
        fs_err::write(&path, before).unwrap();
    }
    insta::assert_snapshot!(printed.join("\n\n"));
}

/// A cache of its own with the shared one's runtimes and sysroots, but no environments and no builds.
fn warm_cache() -> tempfile::TempDir {
    tool(&["setup", "--pyodide", "0.29.5"]).succeed();
    let cache = folder();
    for kind in ["runtimes", "sysroots"] {
        let from = shared_cache().join(kind);
        if from.is_dir() {
            copy_folder(&from, &cache.path().join(kind));
        }
    }
    cache
}

#[test]
fn two_processes_build_at_once() {
    if !can_build() {
        return;
    }
    let cache = warm_cache();
    let place = folder();
    copy_folder(&fixture("pure"), &place.path().join("pure"));
    let children: Vec<_> = ["one", "two"]
        .map(|out| {
            tool(&["build", "./pure", "-q", "--pyodide", "0.29.5", "--out-dir", out])
                .in_folder(place.path())
                .cache(cache.path())
                .command()
                .spawn()
                .unwrap()
        })
        .into();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let wheel = |out: &str| {
        fs_err::read(place.path().join(out).join("fixture_pure-1.0.0-cp313-cp313-pyodide_2025_0_wasm32.whl"))
            .unwrap()
    };
    assert!(wheel("one") == wheel("two"));
}

#[test]
fn a_killed_build_leaves_a_cache_that_works() {
    if !can_build() {
        return;
    }
    let cache = warm_cache();
    let place = folder();
    copy_folder(&fixture("pure"), &place.path().join("pure"));
    let build = || {
        tool(&["build", "./pure", "-q", "--pyodide", "0.29.5"]).in_folder(place.path()).cache(cache.path())
    };
    for milliseconds in [50, 300, 1000, 2500, 6000] {
        use std::os::unix::process::CommandExt;
        let mut child = build().command().process_group(0).spawn().unwrap();
        let begun = std::time::Instant::now();
        while begun.elapsed().as_millis() < milliseconds && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let group = format!("-{}", child.id());
        Command::new("kill").args(["-KILL", "--", &group]).status().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(build().succeed().stdout, "dist/fixture_pure-1.0.0-cp313-cp313-pyodide_2025_0_wasm32.whl\n");
    let left: Vec<_> = fs_err::read_dir(place.path().join("dist"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// A file system of one megabyte, for as long as the value lives.
pub(crate) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    pub(crate) fn mount() -> Option<Self> {
        let place = folder();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(place.path()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(place))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing_behind() {
    if !can_build() {
        return;
    }
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: this user cannot mount a small file system");
        return;
    };
    let path = disk.path();
    let printed = tool(&["setup", "--pyodide", "0.29.5", "-q"]).cache(path).run();
    assert_eq!(printed.status, Some(2), "{}", printed.stderr);
    let hint = printed.stderr.lines().last().unwrap_or_default();
    assert_eq!(
        hint, "hint: the disk of `CACHE` is full: `cargo pyodide clean` frees the cache",
        "{}",
        printed.stderr
    );
    assert!(!path.join("runtimes/0.29.5").exists(), "no half runtime stays");
}

#[test]
fn a_wheel_whose_record_lies_is_refused() {
    if !can_build() {
        return;
    }
    let place = folder();
    let name = "x-1.0-py3-none-any.whl";
    let files = [
        ("x.py", "print(1)"),
        ("x-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n"),
        ("x-1.0.dist-info/RECORD", "x.py,sha256=AAAA,8\n"),
    ];
    let mut archive = zip::ZipWriter::new(fs_err::File::create(place.path().join(name)).unwrap());
    for (path, text) in files {
        use std::io::Write;
        archive.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
    let run = |wheel: &str| {
        tool(&["run", "--pyodide", "0.29.5", "--with", wheel, "-c", "import x"])
            .in_folder(place.path())
            .snapshot()
    };
    fs_err::write(place.path().join("y-1.0-cp312-cp312-linux_x86_64.whl"), "").unwrap();
    insta::assert_snapshot!(
        [run(name), run("y-1.0-cp312-cp312-linux_x86_64.whl"), run("z.whl")].join("\n\n")
    );
}
