//! What cargo and PyO3 read, and which flags of the user's are kept.

use super::*;
use crate::abi::PythonVersion;
use crate::runtime::double;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn the_configuration_has_flags_and_what_overlays_set() {
    let mut choices = CargoChoices::default();
    let plain = cargo_config(&texts(&["-C", "link-arg=a b"]), &choices);
    choices.overlay.profile = toml::from_str("lto = 'fat'\npanic = 'unwind'\ncodegen-units = 1").unwrap();
    choices.overlay.patch.insert("a".into(), "/vendor/a".into());
    let release = cargo_config(&[], &choices);
    choices.profile = Some("small".into());
    choices.overlay.patch.clear();
    let small = cargo_config(&[], &choices);
    insta::assert_snapshot!([plain, release, small].join("\n---\n"), @r#"
    [target.wasm32-unknown-emscripten]
    linker = "emcc"
    rustflags = ["-C", "link-arg=a b"]

    ---
    [patch.crates-io.a]
    path = "/vendor/a"

    [profile.release]
    codegen-units = 1
    lto = "fat"
    panic = "unwind"

    [target.wasm32-unknown-emscripten]
    linker = "emcc"
    rustflags = []

    ---
    [profile.small]
    codegen-units = 1
    lto = "fat"
    panic = "unwind"

    [target.wasm32-unknown-emscripten]
    linker = "emcc"
    rustflags = []
    "#);
}

#[test]
fn flags_stand_in_a_configuration_as_a_list_or_a_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let check = |text: &str| {
        fs_err::write(&path, text).unwrap();
        build_flags(&path).map(|flags| flags.join("|"))
    };
    assert_eq!(check("[build]\nrustflags = ['-C', 'link-arg=a b']").as_deref(), Some("-C|link-arg=a b"));
    assert_eq!(check("build.rustflags = ' -C  opt-level=1 '").as_deref(), Some("-C|opt-level=1"));
    assert_eq!(check("[target.wasm32-unknown-emscripten]\nrustflags = ['-A']"), None);
    assert_eq!(check("[build]\nrustflags = 1"), None);
    assert_eq!(check("[build"), None);
    fs_err::remove_file(&path).unwrap();
    assert_eq!(build_flags(&path), None);
}

#[test]
fn configurations_nearer_to_the_project_come_later() {
    let check = |home: &str| {
        let folders = config_folders(Path::new("/a/b"), home.into());
        folders.iter().map(|folder| folder.to_string_lossy().replace('\\', "/")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(check("/home/me/.cargo"), "/home/me/.cargo /.cargo /a/.cargo /a/b/.cargo");
    assert_eq!(check("/a/.cargo"), "/.cargo /a/.cargo /a/b/.cargo", "no folder is read twice");
}

#[test]
fn of_two_configurations_in_a_folder_cargo_reads_one() {
    let folder = tempfile::tempdir().unwrap();
    let check = || {
        let found = config_file(folder.path());
        found.map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
    };
    assert_eq!(check(), None);
    fs_err::write(folder.path().join("config.toml"), "").unwrap();
    assert_eq!(check().as_deref(), Some("config.toml"));
    fs_err::write(folder.path().join("config"), "").unwrap();
    assert_eq!(check().as_deref(), Some("config"));
}

#[test]
fn flags_of_variables_take_the_place_of_those_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let (home, root) = (folder.path().join("home"), folder.path().join("root"));
    for (folder, flag) in [(&home, "--cfg=home"), (&root.join(".cargo"), "--cfg=root")] {
        fs_err::create_dir_all(folder).unwrap();
        fs_err::write(folder.join("config.toml"), format!("build.rustflags = '{flag}'")).unwrap();
    }
    let check = |variables: &[(&str, &str)]| {
        let home = [("CARGO_HOME", home.to_str().unwrap())];
        let environment = Environment::from_iter(home.iter().chain(variables).copied());
        other_flags(&environment, &root).unwrap().join("|")
    };
    let all = [
        ("CARGO_ENCODED_RUSTFLAGS", "-A\u{1f}a b"),
        ("RUSTFLAGS", " -B  b"),
        ("CARGO_BUILD_RUSTFLAGS", "-D d"),
    ];
    assert_eq!(check(&all), "-A|a b");
    assert_eq!(check(&all[1..]), "-B|b");
    assert_eq!(check(&all[2..]), "-D|d");
    assert!(check(&[]).ends_with("--cfg=home|--cfg=root"), "{}", check(&[]));
}

#[test]
fn crates_in_folders_are_arguments_of_cargo() {
    let crates = [("a", "/v/a b"), ("a@1.2.0", "/v/old")];
    let crates = crates.map(|(name, folder)| (name.to_owned(), folder.into()));
    assert_eq!(
        patch_arguments(&crates.into()).join(" "),
        "--config patch.crates-io.a.path=\"/v/a b\" --config patch.crates-io.a-1-2-0-1-2-0.package=\"a\" \
         --config patch.crates-io.a-1-2-0-1-2-0.path=\"/v/old\""
    );
}

#[test]
fn pyo3_is_told_of_the_target_or_of_the_stable_abi() {
    let folder = tempfile::tempdir().unwrap();
    let check = |stable: Option<StableAbi>| {
        let path = write_pyo3_config(folder.path(), &double::runtime("0.29.0", "3.13"), stable).unwrap();
        let lines = fs_err::read_to_string(&path).unwrap();
        let told = lines.lines().filter(|line| line.starts_with("version") || line.starts_with("abi3"));
        format!("{}: {}", path.file_name().unwrap().display(), told.collect::<Vec<_>>().join(" "))
    };
    let floor = PythonVersion { major: 3, minor: 8 };
    assert_eq!(check(None), "pyo3-3.13.txt: version=3.13 abi3=false");
    assert_eq!(check(Some(StableAbi { floor: None })), "pyo3-3.13-abi3.txt: version=3.13 abi3=true");
    assert_eq!(check(Some(StableAbi { floor: Some(floor) })), "pyo3-3.8-abi3.txt: version=3.8 abi3=true");
}
