//! How releases differ in what their files do not say: one named question each, with where the answer comes from.

use semver::Version;

use super::Runtime;
use crate::wheel::WheelFilename;

/// The first release that starts on Node without npm packages beside it: before, `pyodide.asm.js` imports `ws`,
/// `node-fetch` and `base-64` at once.
const NEEDS_NO_NPM_PACKAGES: Version = Version::new(0, 24, 0);

/// The first release whose `setStdout` and its siblings take bytes: <https://pyodide.org/en/stable/usage/streams.html>.
const SETS_STREAMS_BYTE_BY_BYTE: Version = Version::new(0, 25, 0);

/// The first release whose event loop waits by switching stacks without being told to, where the engine can.
const SWITCHES_STACKS: Version = Version::new(0, 28, 0);

/// The first release in which a file that was unlinked while it is open still has a status.
const KEEPS_UNLINKED_FILES: Version = Version::new(0, 28, 0);

/// Whether a release needs npm packages beside it to start on Node.
pub(crate) fn needs_npm_packages(version: &Version) -> bool {
    *version < NEEDS_NO_NPM_PACKAGES
}

impl Runtime {
    /// Whether its streams can be set byte for byte.
    pub(crate) fn sets_streams_byte_by_byte(&self) -> bool {
        self.version >= SETS_STREAMS_BYTE_BY_BYTE
    }

    /// Whether its event loop waits by switching stacks.
    pub(crate) fn switches_stacks(&self) -> bool {
        self.version >= SWITCHES_STACKS
    }

    /// Whether a file that was unlinked while it is open has a status, for which pytest's capture asks.
    pub(crate) fn keeps_unlinked_files(&self) -> bool {
        self.version >= KEEPS_UNLINKED_FILES
    }

    /// Whether Python calls a module's entry through JavaScript (`_PyImport_InitFunc_TrampolineCall`), which does not mind
    /// parameters that can be made out of nothing: up to 3.12, in CPython's own sources.
    pub(crate) fn calls_entries_through_javascript(&self) -> bool {
        self.python.minor <= 12
    }

    /// Whether Python asks a module for `PyModExport_NAME` before it asks for `PyInit_NAME` (PEP 793): from 3.15 on.
    pub(crate) fn asks_for_export_hooks(&self) -> bool {
        self.python.minor >= 15
    }

    /// Whether Python imports stable extensions by the suffixes of their platform, too: from 3.15 on.
    pub(crate) fn knows_stable_suffixes_of_platform(&self) -> bool {
        self.python.minor >= 15
    }

    /// Whether micropip finds a native wheel of this name on a package index: before its version 0.7.2 it overlooks names
    /// without `emscripten`. <https://github.com/pyodide/micropip/pull/159>
    pub(crate) fn finds_native_on_index(&self, wheel: &WheelFilename) -> bool {
        let version = self.packages.get("micropip").and_then(|package| package.version.parse().ok());
        let reads_all = |version: pep440_rs::Version| version >= pep440_rs::Version::new([0, 7, 2]);
        wheel.platform.contains("emscripten") || version.is_some_and(reads_all)
    }

    /// Whether micropip installs wheels from files: from its version 0.2 on.
    pub(crate) fn installs_from_files(&self) -> bool {
        // The release's own lock file says which micropip it has.
        let version = self.packages.get("micropip").and_then(|package| package.version.parse().ok());
        version.is_some_and(|version: pep440_rs::Version| version >= pep440_rs::Version::new([0, 2]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::double;

    /// The releases of which a question is answered with yes.
    fn check(asked: impl Fn(&Runtime) -> bool) -> String {
        let releases = [
            ("0.21.3", "3.10"),
            ("0.23.4", "3.11"),
            ("0.24.0", "3.11"),
            ("0.25.0", "3.11"),
            ("0.27.7", "3.12"),
            ("0.28.0", "3.13"),
            ("314.0.0", "3.14"),
            ("315.0.0", "3.15"),
        ];
        let runtimes = releases.map(|(version, python)| double::runtime(version, python));
        let yes = runtimes.iter().filter(|runtime| asked(runtime)).map(|runtime| runtime.version.to_string());
        yes.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_difference_begins_or_ends_with_a_release() {
        assert_eq!(check(|runtime| needs_npm_packages(&runtime.version)), "0.21.3 0.23.4");
        assert_eq!(check(Runtime::sets_streams_byte_by_byte), "0.25.0 0.27.7 0.28.0 314.0.0 315.0.0");
        assert_eq!(check(Runtime::switches_stacks), "0.28.0 314.0.0 315.0.0");
        assert_eq!(check(Runtime::keeps_unlinked_files), "0.28.0 314.0.0 315.0.0");
        assert_eq!(check(Runtime::calls_entries_through_javascript), "0.21.3 0.23.4 0.24.0 0.25.0 0.27.7");
        assert_eq!(check(Runtime::asks_for_export_hooks), "315.0.0");
        assert_eq!(check(Runtime::knows_stable_suffixes_of_platform), "315.0.0");
    }

    #[test]
    fn micropip_decides_whether_wheels_install_from_files() {
        let check = |version: Option<&str>| {
            let mut runtime = double::runtime("0.23.4", "3.11");
            let packages = version.map(|version| ("micropip".to_owned(), double::package(version, "", &[])));
            runtime.packages.extend(packages);
            runtime.installs_from_files()
        };
        assert_eq!([None, Some("0.1"), Some("0.2.0"), Some("0.10")].map(check), [false, false, true, true]);
    }
}
