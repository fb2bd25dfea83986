//! Extension modules in a wheel: which files are, what they are called, how they are called on the target.

use crate::wasm::Module;

/// The name of an extension module's file, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExtensionName<'a> {
    /// The folder with a slash at its end, or nothing.
    folder: &'a str,
    /// The module's own name: what stands behind `PyInit_`.
    pub module: &'a str,
    /// What follows, with its dot: `.cpython-311-x86_64-linux-gnu.so`.
    pub suffix: &'a str,
}

/// Takes a path apart if it is named like an extension module.
pub(crate) fn parse(path: &str) -> Option<ExtensionName<'_>> {
    let (folder, file) =
        path.rsplit_once('/').map_or(("", path), |(folder, file)| (&path[..=folder.len()], file));
    let dot = file.find('.')?;
    let (module, suffix) = file.split_at(dot);
    let is_extension = suffix.ends_with(".so") || suffix.ends_with(".pyd") || suffix.ends_with(".dylib");
    (is_extension && !module.is_empty()).then_some(ExtensionName { folder, module, suffix })
}

impl ExtensionName<'_> {
    /// Whether it says that it uses the stable ABI only.
    pub(crate) fn is_abi3(&self) -> bool {
        self.suffix.starts_with(".abi3.") || self.suffix.starts_with(".abi3t.")
    }

    /// The path on the target: the stable ABI's suffix stays, every other becomes the runtime's.
    pub(crate) fn on_target(&self, runtime_suffix: &str) -> String {
        // Every line imports `.abi3.so`, whatever is in it; the host's platform in the name would hide the module.
        let suffix = if self.is_abi3() { ".abi3.so" } else { runtime_suffix };
        format!("{}{}{suffix}", self.folder, self.module)
    }

    /// The function that every Python calls to make the module.
    pub(crate) fn entry(&self) -> String {
        format!("PyInit_{}", self.module)
    }

    /// The function that Python asks for first from 3.15 on (PEP 793), and the only one of modules for `abi3t`.
    pub(crate) fn export_hook(&self) -> String {
        format!("PyModExport_{}", self.module)
    }
}

/// Whether Python calls a function of this name to make a module. Names of modules beyond ASCII are punycode behind a `U`
/// (PEP 489).
pub(crate) fn is_entry(function: &str) -> bool {
    ["PyInit_", "PyInitU_", "PyModExport_", "PyModExportU_"].iter().any(|start| function.starts_with(start))
}

/// Whether a module exports a function that Python calls to make one.
pub(crate) fn has_entry(module: &Module) -> bool {
    module.exports.iter().any(|export| is_entry(&export.name))
}

/// Whether a file is a library that Python opens through cffi or another module needs: nothing in it makes a module. Its
/// name is the one by which it is opened, and belongs to no Python.
pub(crate) fn is_library(path: &str, bytes: &[u8]) -> bool {
    parse(path).is_some_and(|name| name.suffix == ".so")
        && Module::read(bytes).is_ok_and(|module| !has_entry(&module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_become_the_targets() {
        let check = |path: &str| {
            parse(path).map(|name| {
                format!("{} {}", name.on_target(".cpython-313-wasm32-emscripten.so"), name.entry())
            })
        };
        insta::assert_debug_snapshot!([
            "a/b.cpython-311-x86_64-linux-gnu.so",
            "_core.abi3.so",
            "_core.abi3t.so",
            "_core.cpython-314t-x86_64-linux-gnu.so",
            "a/_core.pyd",
            "a/_core.cp311-win_amd64.pyd",
            "a/lib.so.1",
            "a/core.py",
            ".so",
        ].map(check), @r#"
        [
            Some(
                "a/b.cpython-313-wasm32-emscripten.so PyInit_b",
            ),
            Some(
                "_core.abi3.so PyInit__core",
            ),
            Some(
                "_core.abi3.so PyInit__core",
            ),
            Some(
                "_core.cpython-313-wasm32-emscripten.so PyInit__core",
            ),
            Some(
                "a/_core.cpython-313-wasm32-emscripten.so PyInit__core",
            ),
            Some(
                "a/_core.cpython-313-wasm32-emscripten.so PyInit__core",
            ),
            None,
            None,
            None,
        ]
        "#);
    }
}
