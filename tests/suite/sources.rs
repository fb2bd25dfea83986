//! Sources that are refused, each with what to do.

use std::path::Path;

use tar::EntryType::{Char, Fifo, Regular, Symlink};

use crate::harness::{can_build, copied, copy_folder, find, fixture, folder, has, runtime, tool};
use crate::index::pack;

fn build(source: &Path) -> String {
    let runtime = runtime("0.29.5");
    let parent = source.parent().unwrap();
    tool(&["build", &source.display().to_string(), "-q", "--pyodide", &runtime.display().to_string()])
        .hide(parent, "FOLDER")
        .in_folder(parent)
        .snapshot()
}

fn tar_gz(path: &Path, fill: impl FnOnce(&mut tar::Builder<flate2::write::GzEncoder<fs_err::File>>)) {
    let file = fs_err::File::create(path).unwrap();
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
    fill(&mut archive);
    archive.into_inner().unwrap().finish().unwrap();
}

/// A tar header for a name that honest writers refuse.
fn header(name: &str, kind: tar::EntryType, link: Option<&str>) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    if let Some(link) = link {
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    }
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

#[test]
fn archives_that_no_honest_sdist_is_are_refused() {
    if !can_build() {
        return;
    }
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let hostile = [
        ("parent.tar.gz", header("x/../../evil", Regular, None)),
        ("absolute.tar.gz", header("/tmp/evil", Regular, None)),
        ("link.tar.gz", header("x/link", Symlink, Some("../../etc/passwd"))),
        ("device.tar.gz", header("x/device", Char, None)),
        ("pipe.tar.gz", header("x/pipe", Fifo, None)),
    ];
    for (name, header) in &hostile {
        tar_gz(&at(name), |archive| archive.append(header, &b""[..]).unwrap());
    }
    fs_err::write(at("text.tar.gz"), "not an archive").unwrap();
    fs_err::write(at("empty.zip"), "").unwrap();
    tar_gz(&at("whole.tar.gz"), |archive| {
        archive.append_path_with_name(fixture("pure/Cargo.lock"), "pure-1.0/Cargo.lock").unwrap();
    });
    let whole = fs_err::read(at("whole.tar.gz")).unwrap();
    fs_err::write(at("truncated.tar.gz"), &whole[..whole.len() / 2]).unwrap();
    tar_gz(&at("nothing.tar.gz"), |archive| archive.append_dir_all("a", fixture("pure/src")).unwrap());
    let mut zip = zip::ZipWriter::new(fs_err::File::create(at("parent.zip")).unwrap());
    zip.start_file("../evil", zip::write::SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap();

    let names = hostile.iter().map(|(name, _)| *name).chain([
        "text.tar.gz",
        "empty.zip",
        "truncated.tar.gz",
        "nothing.tar.gz",
        "parent.zip",
        "absent.tar.gz",
    ]);
    let printed: Vec<String> =
        names.map(|name| format!("{name}\n{}", without_keys(&build(&at(name))))).collect();
    insta::assert_snapshot!(printed.join("\n\n"));
    assert!(!Path::new("/tmp/evil").exists());
}

#[test]
fn folders_that_are_no_such_package_are_refused() {
    if !can_build() {
        return;
    }
    let folder = folder();
    let cases = ["no-rust", "bad-rust-version", "bad-compile", "bad-optional", "bad-import"];
    for name in cases {
        copy_folder(&fixture(name), &folder.path().join(name));
    }
    fs_err::create_dir_all(folder.path().join("empty")).unwrap();
    copy_folder(&fixture("pure/src"), &folder.path().join("crate/src"));
    fs_err::copy(fixture("pure/Cargo.toml"), folder.path().join("crate/Cargo.toml")).unwrap();
    let printed: Vec<String> = cases
        .iter()
        .chain(&["empty", "crate", "absent"])
        .map(|name| format!("{name}\n{}", settled(&build(&folder.path().join(name)))))
        .collect();
    insta::assert_snapshot!(printed.join("\n\n"));
    assert!(!folder.path().join("dist").exists(), "no wheel was written");
}

/// Takes out the keys of build folders.
fn without_keys(printed: &str) -> String {
    let lines = printed.lines().map(|line| {
        line.split("/builds/").collect::<Vec<_>>().iter().enumerate().fold(
            String::new(),
            |text, (index, part)| match (index, part.find('/')) {
                (0, _) => (*part).to_owned(),
                (_, Some(end)) => format!("{text}/builds/KEY{}", &part[end..]),
                (_, None) => format!("{text}/builds/KEY"),
            },
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Takes out what differs between machines: keys, compilers' own words and places.
fn settled(printed: &str) -> String {
    let printed = without_keys(printed);
    let lines = printed.lines().filter_map(|line| {
        let line = match (line.find("-cp3"), line.find(".whl`")) {
            (Some(at), Some(end)) => format!("{}-HOST{}", &line[..at], &line[end..]),
            _ => line.to_owned(),
        };
        let is_ours =
            ["error[", "nobody_has", "AfterFork", "full log"].iter().any(|word| line.contains(word));
        (is_ours || !line.starts_with("    ")).then_some(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_git_repository_is_built_at_a_revision() {
    if !can_build() || !has("git") {
        return;
    }
    let folder = folder();
    let repository = folder.path().join("repository");
    copy_folder(&fixture("pure"), &repository);
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git")
            .current_dir(&repository)
            .args(["-c", "user.name=x", "-c", "user.email=x@example.org"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "first"]);
    git(&["tag", "v1"]);
    fs_err::write(repository.join("pyproject.toml"), "broken").unwrap();
    git(&["commit", "-qam", "second"]);
    let url = format!("git+file://{}", repository.display());
    let build = |source: &str| {
        tool(&["build", source, "-q", "--pyodide", "0.29.5"])
            .in_folder(folder.path())
            .hide(folder.path(), "FOLDER")
            .hide(&find("git").unwrap(), "GIT")
    };
    assert_eq!(
        build(&format!("{url}@v1")).succeed().stdout,
        "dist/fixture_pure-1.0.0-cp313-cp313-pyodide_2025_0_wasm32.whl\n"
    );
    let absent = build(&format!("{url}@v2")).run();
    assert_eq!(absent.status, Some(2));
    insta::assert_snapshot!(
        absent.stderr.lines().filter(|line| !line.starts_with("    ")).collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn what_only_tests_of_a_crate_beside_need_may_be_missing() {
    if !can_build() {
        return;
    }
    let (place, package) = copied("changeable");
    let manifest = package.join("inner/Cargo.toml");
    let inner = fs_err::read_to_string(&manifest).unwrap();
    fs_err::write(&manifest, inner + "\n[dev-dependencies]\nmissing = { path = \"missing\" }\n").unwrap();
    let source = place.path().join("changeable-1.0.0.tar.gz");
    fs_err::write(&source, pack(&package, "changeable-1.0.0")).unwrap();
    let build = tool(&["build", "./changeable-1.0.0.tar.gz", "--pyodide", "0.29.5", "-q", "--no-import"]);
    let printed = build.in_folder(place.path()).run();
    assert_eq!(printed.status, Some(0), "{}", printed.stderr);
}
