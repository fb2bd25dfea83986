//! On what the key of a build depends, and what is linked in for a release.

use super::*;
use crate::abi::ExceptionModel;
use crate::plan::WasmLd;
use crate::runtime::double;
use crate::toolchain::RustToolchain;

fn toolchain() -> Toolchain {
    let rust = RustToolchain {
        rustc: "/rust/bin/rustc".into(),
        cargo: "/rust/bin/cargo".into(),
        version: semver::Version::new(1, 91, 0),
        commit: "c0ffee".into(),
        stamp: String::new(),
        host: "x86_64-unknown-linux-gnu".into(),
        sysroot: "/rust".into(),
        sources: None,
    };
    let wasm_ld = WasmLd { program: "/llvm/wasm-ld".into(), first_arguments: Vec::new(), llvm: 21 };
    Toolchain { rust, wasm_ld, std: StandardLibrary::Prebuilt, exception_flags: Vec::new() }
}

/// A release, a toolchain and choices that differ in one thing from the usual ones.
fn check(change: impl FnOnce(&mut Runtime, &mut Toolchain, &mut CargoChoices)) -> String {
    let (mut runtime, mut toolchain) = (double::runtime("0.29.0", "3.13"), toolchain());
    let mut choices = CargoChoices::default();
    change(&mut runtime, &mut toolchain, &mut choices);
    plan_key(&runtime, &toolchain, &choices).unwrap()
}

#[test]
fn what_changes_compiled_code_past_cargo_changes_the_key() {
    let keys = [
        check(|_, _, _| {}),
        check(|_, toolchain, _| toolchain.wasm_ld.llvm = 22),
        check(|_, toolchain, _| toolchain.wasm_ld.program = "/other/wasm-ld".into()),
        check(|_, toolchain, _| toolchain.std = StandardLibrary::Built("/cache/sysroots/one".into())),
        check(|_, toolchain, _| toolchain.std = StandardLibrary::Built("/cache/sysroots/two".into())),
        check(|runtime, _, _| runtime.exceptions = ExceptionModel::JavaScript),
        check(|runtime, _, _| runtime.emscripten = "3.1.14".parse().unwrap()),
        check(|runtime, _, _| runtime.thread_error = Some(6)),
        check(|_, _, choices| choices.key = Some("a".into())),
        check(|_, _, choices| choices.c_toolchain = CToolchain::Emsdk),
    ];
    let different: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert_eq!(different.len(), keys.len(), "{keys:?}");
}

#[test]
fn what_cargo_sees_itself_or_means_nothing_leaves_the_key() {
    let usual = check(|_, _, _| {});
    let others = [
        // Another release of the line whose structs have the same layout.
        check(|runtime, _, _| runtime.version = semver::Version::new(0, 29, 5)),
        check(|runtime, _, _| runtime.emscripten = "4.0.11".parse().unwrap()),
        check(|runtime, _, _| runtime.folder = "elsewhere".into()),
        check(|_, _, choices| choices.features = vec!["--features=a".into()]),
        check(|_, _, choices| choices.profile = Some("small".into())),
        check(|runtime, _, _| runtime.thread_error = Some(ENOTSUP)),
    ];
    assert!(others.iter().all(|key| *key == usual), "{usual}: {others:?}");
}

#[test]
fn the_place_of_the_cache_is_not_in_the_key() {
    let check = |cache: &str| {
        check(|runtime, toolchain, _| {
            runtime.thread_error = Some(6);
            toolchain.std = StandardLibrary::Built(Path::new(cache).join("sysroots/one"));
        })
    };
    assert_eq!(check("/here"), check("/there"));
}

fn supplements(runtime: &Runtime) -> String {
    match supplement_plan(runtime, &toolchain()) {
        None => "none".to_owned(),
        Some(plan) => format!("{:?} {:?} {:?}", plan.wanted, plan.on_demand, plan.wide_invokes),
    }
}

#[test]
fn supplements_are_what_the_files_of_a_release_lack() {
    let check = |functions: Option<&[&str]>, thread_error: Option<i32>| {
        let version = if functions.is_some() { ("0.21.3", "3.10") } else { ("0.29.0", "3.13") };
        let mut runtime = double::runtime(version.0, version.1);
        if let Some(functions) = functions {
            runtime.symbols = double::symbols(functions);
        }
        runtime.thread_error = thread_error;
        supplements(&runtime)
    };
    let cases = [
        check(None, None),
        check(None, Some(ENOTSUP)),
        check(None, Some(6)),
        check(Some(&["llvm_eh_typeid_for", "invoke_ji"]), None),
        check(Some(&[]), Some(6)),
    ];
    insta::assert_snapshot!(cases.join("\n"), @r#"
    none
    none
    [] {"pthread_create": NoThreads} None
    [] {} Some(["invoke_ji"])
    [LandingPads] {"pthread_create": NoThreads} Some([])
    "#);
}
