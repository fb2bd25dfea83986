//! Names that Python files take from a module, and that the module's sources compile under a `cfg` alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::project::cfg_gates::{self, Remedy};
use crate::project::manifest;
use crate::project::sources::{is_source, rust_sources};
use crate::wheel::WheelContents;
use crate::wheel::python_imports::taken_names;

/// A name that a `cfg` may leave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatedName {
    /// The name.
    pub name: String,
    /// The source, from the root of the tree.
    file: PathBuf,
    line: usize,
    /// What the `cfg` asks.
    predicate: String,
    /// The crate whose source it is.
    crate_name: String,
    /// What compiles it.
    remedy: Remedy,
}

impl fmt::Display for GatedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, file, line, predicate, .. } = self;
        write!(f, "`{name}` stands under `cfg({predicate})` in `{}:{line}`", file.display())
    }
}

/// The lines of an overlay that compile names.
pub fn overlay_lines(gated: &[&GatedName]) -> Vec<String> {
    let mut crates: BTreeMap<Remedy, BTreeSet<&str>> = BTreeMap::new();
    for GatedName { crate_name, remedy, .. } in gated {
        crates.entry(*remedy).or_default().insert(crate_name);
    }
    crates.into_iter().map(|(remedy, names)| remedy.overlay_line(names)).collect()
}

/// The names that a wheel's Python files take from its modules and that sources of a tree may leave out on this target.
pub(super) fn find(tree: &Path, wheel: &WheelContents) -> Vec<GatedName> {
    let names: BTreeSet<String> = taken_names(wheel).into_iter().map(|taken| taken.name).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let sources = rust_sources(tree, is_source);
    sources.flat_map(|path| of_source(tree, &path, &names)).collect()
}

fn of_source(tree: &Path, path: &Path, names: &BTreeSet<String>) -> Vec<GatedName> {
    let text = fs_err::read_to_string(path).unwrap_or_default();
    // Parsed only if it can hold what is looked for.
    if !text.contains("cfg") || !names.iter().any(|name| text.contains(name.as_str())) {
        return Vec::new();
    }
    let Some(name_of_crate) = manifest::crate_around(path) else { return Vec::new() };
    let mut found = Vec::new();
    for gate in cfg_gates::find(&text) {
        let Some(remedy) = Remedy::of(&gate.predicate) else { continue };
        found.extend(gate.words.iter().filter(|word| names.contains(*word)).map(|word| GatedName {
            name: word.clone(),
            file: path.strip_prefix(tree).unwrap_or(path).to_owned(),
            line: gate.line,
            predicate: gate.predicate.clone(),
            crate_name: name_of_crate.clone(),
            remedy,
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_with_the_cfg_that_leaves_it_out() {
        let tree = tempfile::tempdir().unwrap();
        let source = "#[pymodule]\nfn _x(m: &M) -> R {\n    m.add_class::<Always>()?;\n    \
                      #[cfg(not(target_arch = \"wasm32\"))]\n    m.add_class::<Options>()?;\n    \
                      #[cfg(feature = \"always\")]\n    m.add_class::<Always>()?;\n}\n";
        for (path, text) in [
            ("core/Cargo.toml", "[package]\nname = 'my-core'\n"),
            ("core/src/lib.rs", source),
            ("target/x.rs", source),
            ("py/Cargo.toml", "[package]\nname = 'my-py'\n"),
            (
                "py/src/lib.rs",
                "#[cfg(not(target_family = \"wasm\"))]\nuse my_core::Options;\n#[cfg(target_os = \"linux\")]\nfn f(o: Options) {}\n",
            ),
        ] {
            let path = tree.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let files = [("a/__init__.py", "from ._x import Always, Options"), ("a/_x.abi3.so", "")];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let filename = "a-1-py3-none-any.whl".parse().unwrap();
        let wheel = WheelContents { filename, files: files.into(), executable: Vec::new() };
        let mut found = find(tree.path(), &wheel);
        found.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        let lines = overlay_lines(&found.iter().collect::<Vec<_>>());
        let found: Vec<String> = found.iter().map(ToString::to_string).chain(lines).collect();
        insta::assert_snapshot!(found.join("\n"), @r#"
        `Options` stands under `cfg(not(target_arch = "wasm32"))` in `core/src/lib.rs:4`
        `Options` stands under `cfg(not(target_family = "wasm"))` in `py/src/lib.rs:1`
        `Options` stands under `cfg(target_os = "linux")` in `py/src/lib.rs:3`
        cargo.target-os = { my-py = "linux" }
        cargo.not-in-browser = ["my-core", "my-py"]
        "#);
    }
}
