//! Classes of packages that fail as they are: what `build` says of each, and that the remedy which it names works.

use std::path::Path;

use cargo_pyodide::digest::Sha256Digest;
use cargo_pyodide::wheel::WheelContents;

use crate::harness::{Tool, can_build, copied, folder, has, tool};
use crate::index::{pack, serve};

fn build(package: &Path, more: &[&str]) -> Tool {
    let arguments =
        [&["build", package.to_str().unwrap(), "-q", "--pyodide", "0.29.5", "--out-dir", "out"], more]
            .concat();
    let parent = package.parent().unwrap();
    tool(&arguments).in_folder(parent).hide(parent, "HERE")
}

/// Looks for cargo's target folder by its name, as build scripts that put a file beside the library do. Ours must be the
/// first of this name: the cache of the tests lies in another one.
const FINDS_TARGET: &str = r#"fn main() {
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").unwrap());
    let found = out.ancestors().find(|folder| folder.ends_with("target"));
    let found = found.expect("couldn't find target dir");
    let below = out.strip_prefix(found).unwrap();
    let target = std::env::var("TARGET").unwrap();
    assert!(below.starts_with(&target), "{} is not cargo's target folder", found.display());
}
"#;

#[test]
fn a_build_script_finds_the_target_folder_above_its_own() {
    if !can_build() {
        return;
    }
    let (_place, package) = copied("pure");
    fs_err::write(package.join("build.rs"), FINDS_TARGET).unwrap();
    build(&package, &[]).succeed();
    build(&package, &["--no-share-crates"]).succeed();
}

/// What a failed build says, without the names that differ from one time to the next.
fn refuse(build: Tool) -> String {
    let said = build.snapshot();
    let settled = said.lines().map(|line| match line.split_once("the full log is") {
        Some((before, _)) => format!("{before}the full log is `LOG`"),
        None => line.to_owned(),
    });
    settled.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_that_the_sdist_lacks_is_named_and_can_be_added() {
    if !can_build() {
        return;
    }
    let (place, package) = copied("pure");
    let source = package.join("src/lib.rs");
    let text = fs_err::read_to_string(&source).unwrap();
    let readme = "pub const ABOUT: &str = include_str!(\"../README.md\");\n\
                  pub static TABLE: &[u8] = include_bytes!(\"data/table.bin\");";
    fs_err::write(&source, format!("{text}\n{readme}\n")).unwrap();
    let archive = place.path().join("fixture_pure-1.0.0.tar.gz");
    fs_err::write(&archive, pack(&package, "fixture_pure-1.0.0")).unwrap();
    let said = refuse(build(&archive, &[]));
    let said = said.lines().filter(|line| line.contains("couldn't read") || line.starts_with("hint"));
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"));
    fs_err::write(place.path().join("table.bin"), [1, 2, 3]).unwrap();
    let overlay = "sources = [{ to = \"README.md\", text = \"about\" }, { to = \"src/data/table.bin\", from = \"table.bin\" }]";
    fs_err::write(place.path().join("o.toml"), overlay).unwrap();
    let printed = build(&archive, &["--overlay", "o.toml"]).succeed();
    let wheel = WheelContents::read(&place.path().join(printed.stdout.trim())).unwrap();
    assert!(wheel.files.keys().any(|path| path.ends_with(".so")));
    // The user's own folder gets a copy, in which another text is seen.
    fs_err::write(place.path().join("o.toml"), overlay.replace("about", "other")).unwrap();
    build(&package, &["--overlay", "o.toml"]).succeed();
    assert!(!package.join("README.md").exists());
    fs_err::write(package.join("README.md"), "its own").unwrap();
    insta::assert_snapshot!(refuse(build(&package, &["--overlay", "o.toml"])));
}

#[test]
fn a_file_that_documentation_alone_includes_may_be_missing_from_an_archive() {
    if !can_build() {
        return;
    }
    let (place, package) = copied("pure");
    change(&package, "src/lib.rs", |text| {
        let (module, rest) = text.split_once("\n\n").unwrap();
        format!("{module}\n#![doc = include_str!(\"../README.md\")]\n\n{rest}")
    });
    let archive = place.path().join("fixture_pure-1.0.0.tar.gz");
    fs_err::write(&archive, pack(&package, "fixture_pure-1.0.0")).unwrap();
    build(&archive, &[]).succeed();
    // A folder of the user's is not written to: its author sees what is missing.
    assert!(hint(build(&package, &[])).contains("includes `README.md`"));
    assert!(!package.join("README.md").exists());
}

/// The hint that a failed build ends with.
fn hint(build: Tool) -> String {
    let printed = build.run();
    assert_eq!(printed.status, Some(2), "{}", printed.stderr);
    printed.stderr.lines().filter(|line| line.starts_with("hint")).collect()
}

/// Changes a file of a package.
fn change(package: &Path, name: &str, change: impl Fn(&str) -> String) {
    let path = package.join(name);
    let text = fs_err::read_to_string(&path).unwrap();
    let changed = change(&text);
    assert_ne!(changed, text);
    fs_err::write(path, changed).unwrap();
}

#[test]
fn a_crate_that_knows_some_systems_takes_emscripten_for_one_of_them() {
    if !can_build() {
        return;
    }
    // The package's own crate: rustc notes the function that was configured out.
    let (place, package) = copied("pure");
    let gated = "#[cfg(target_os = \"linux\")]\nfn system() -> String {\n    \"a Unix\".to_owned()\n}\n";
    change(&package, "src/lib.rs", |text| {
        let calls = text.replace("std::panic::Location::caller().file().to_owned()", "system()");
        format!("{calls}\n{gated}")
    });
    let own = hint(build(&package, &[]));
    fs_err::write(place.path().join("o.toml"), "cargo.target-os = { fixture-pure = \"linux\" }").unwrap();
    build(&package, &["--overlay", "o.toml"]).succeed();
    assert!(
        fs_err::read_to_string(package.join("src/lib.rs")).unwrap().ends_with(gated),
        "the user's folder"
    );

    // A crate of a registry, whose whole module is left out: rustc says no more than that it is not there.
    let (place, package) = copied("pure");
    change(&package, "Cargo.toml", |text| format!("{text}machine-uid = \"=0.6.0\"\n"));
    change(&package, "src/lib.rs", |text| {
        let call = "machine_uid::get().unwrap_or_default()";
        text.replace("std::panic::Location::caller().file().to_owned()", call)
    });
    let others = hint(build(&package, &[]));
    insta::assert_snapshot!(format!("{own}\n{others}"));
    let lock = fs_err::read_to_string(package.join("Cargo.lock")).unwrap();
    fs_err::write(place.path().join("o.toml"), "cargo.target-os = { machine-uid = \"linux\" }").unwrap();
    build(&package, &["--overlay", "o.toml"]).succeed();
    build(&package, &["--overlay", "o.toml", "--locked"]).succeed();
    assert_eq!(fs_err::read_to_string(package.join("Cargo.lock")).unwrap(), lock);
}

#[test]
fn features_of_maturins_table_stay_on_beside_others() {
    if !can_build() {
        return;
    }
    let (_place, package) = copied("pure");
    change(&package, "pyproject.toml", |text| format!("{text}\n[tool.maturin]\nfeatures = [\"stated\"]\n"));
    change(&package, "Cargo.toml", |text| format!("{text}\n[features]\nstated = []\nnamed = []\n"));
    let both = "#[cfg(not(all(feature = \"stated\", feature = \"named\")))]\ncompile_error!(\"a feature is off\");\n";
    change(&package, "src/lib.rs", |text| format!("{text}\n{both}"));
    build(&package, &["--features", "named"]).succeed();
}

#[test]
fn a_name_that_the_module_leaves_out_is_found_before_anybody_imports_it() {
    if !can_build() || !has("node") {
        return;
    }
    let (place, package) = copied("mixed");
    let registers = "    #[cfg(not(target_arch = \"wasm32\"))]\n    module.add(\"ONLY_NATIVE\", 1)?;\n";
    change(&package, "src/lib.rs", |text| {
        text.replacen("    module.add", &format!("{registers}    module.add"), 1)
    });
    let init = "python/fixture_mixed/__init__.py";
    change(&package, init, |text| text.replacen("import greet", "import ONLY_NATIVE, greet", 1));
    let printed = build(&package, &[]).run();
    assert_eq!(printed.status, Some(1), "{}", printed.stderr);
    insta::assert_snapshot!(printed.stderr);
    // The remedy that it names, for the package's own crate.
    fs_err::write(place.path().join("o.toml"), "cargo.not-in-browser = [\"fixture-mixed\"]").unwrap();
    let printed = build(&package, &["--overlay", "o.toml"]).succeed();
    assert!(!printed.stderr.contains("ONLY_NATIVE"), "{}", printed.stderr);
    let wheel = place.path().join(printed.stdout.trim());
    let code = "import fixture_mixed; print(fixture_mixed.ONLY_NATIVE)";
    let run = tool(&["run", "--pyodide", "0.29.5", "--with", wheel.to_str().unwrap(), "-c", code]);
    assert_eq!(run.succeed().stdout, "1\n");
}

/// A registry of cargo's on loopback that has a crate in some versions. Returns the address of its index.
fn registry(name: &str, versions: &[(&str, &str)]) -> String {
    let (mut crates, mut lines) = (Vec::new(), String::new());
    for (version, source) in versions {
        let tree = folder();
        fs_err::create_dir_all(tree.path().join("src")).unwrap();
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2021\"\n");
        fs_err::write(tree.path().join("Cargo.toml"), manifest).unwrap();
        fs_err::write(tree.path().join("src/lib.rs"), source).unwrap();
        let bytes = pack(tree.path(), &format!("{name}-{version}"));
        let digest = Sha256Digest::of(&bytes).to_string();
        let line = serde_json::json!({
            "name": name, "vers": version, "deps": [], "cksum": digest, "features": {}, "yanked": false,
        });
        lines.push_str(&line.to_string());
        lines.push('\n');
        crates.push((format!("/{name}-{version}.crate"), bytes));
    }
    let download = serve(crates).replace("/simple/", "/{crate}-{version}.crate");
    let config = serde_json::json!({ "dl": download }).to_string();
    let path = format!("/index/{}/{}/{name}", &name[..2], &name[2..4]);
    let pages = vec![("/index/config.json".to_owned(), config.into_bytes()), (path, lines.into_bytes())];
    serve(pages).replace("/simple/", "/index/")
}

/// Makes a package depend on a crate that a registry on loopback has in these versions.
fn add_crate(package: &Path, name: &str, versions: &[(&str, &str)]) {
    let index = registry(name, versions);
    fs_err::create_dir_all(package.join(".cargo")).unwrap();
    let config = format!("[registries.own]\nindex = \"sparse+{index}\"\n");
    fs_err::write(package.join(".cargo/config.toml"), config).unwrap();
    change(package, "Cargo.toml", |text| {
        format!("{text}{name} = {{ version = \"1\", registry = \"own\" }}\n")
    });
}

#[test]
fn a_crate_that_does_not_compile_with_a_chosen_feature_is_compiled_without() {
    if !can_build() || !has("node") {
        return;
    }
    let source =
        "pub const SIZE: usize = 7;\n#[cfg(target_feature = \"simd128\")]\nfn fails() -> u8 { nothing() }\n";
    let (_place, package) = copied("pure");
    add_crate(&package, "vectored", &[("1.0.0", source)]);
    change(&package, "src/lib.rs", |text| {
        let text =
            text.replace("std::panic::Location::caller().file().to_owned()", "vectored::SIZE.to_string()");
        // The package itself keeps the feature.
        format!("{text}\n#[cfg(not(target_feature = \"simd128\"))]\ncompile_error!(\"without simd128\");\n")
    });
    let printed = build(&package, &["--optimize", "size"]).succeed();
    let warning = "warning: the crate `vectored 1.0.0` does not compile with `simd128`, which was chosen for the package: \
                   it is compiled without\n";
    assert!(printed.stderr.contains(warning), "{}", printed.stderr);
    // What is not the feature's fault is an error all the same.
    let (_place, package) = copied("pure");
    let source = "#[cfg(target_feature = \"simd128\")]\nfn works() {}\nfn fails() -> u8 { nothing() }\n";
    add_crate(&package, "broken", &[("1.0.0", source)]);
    let printed = build(&package, &["--optimize", "size"]).run();
    assert_eq!(printed.status, Some(2), "{}", printed.stderr);
    assert!(printed.stderr.contains("cannot find function `nothing`"), "{}", printed.stderr);
}

#[test]
fn a_version_of_a_crate_is_found_that_compiles() {
    if !can_build() {
        return;
    }
    let wide = "pub const SIZE: usize = 1 << 40;";
    let versions = [
        ("1.0.0", "pub const SIZE: usize = 7;"),
        ("1.0.1", "pub const SIZE: usize = 8;"),
        ("1.1.0", wide),
        ("1.2.0", wide),
        ("2.0.0", "pub const SIZE: usize = 9;"),
    ];
    let (place, package) = copied("pure");
    add_crate(&package, "narrow", &versions);
    change(&package, "src/lib.rs", |text| {
        text.replace("std::panic::Location::caller().file().to_owned()", "narrow::SIZE.to_string()")
    });
    let said = hint(build(&package, &[]));
    let printed = build(&package, &["--try-versions"]).succeed();
    let overlay = fs_err::read_to_string(place.path().join("out/fixture-pure.overlay.toml")).unwrap();
    insta::assert_snapshot!(format!("{said}\n{}\n{overlay}", printed.stdout));
    build(&package, &["--overlay", "out/fixture-pure.overlay.toml"]).succeed();
}
