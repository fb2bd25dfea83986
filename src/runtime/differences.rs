//! How releases differ in what their files do not say: one named question each, with where the answer comes from.

use semver::Version;

use super::Runtime;

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

    /// Whether Python imports stable extensions by the suffixes of their platform, too: from 3.15 on.
    pub(crate) fn knows_stable_suffixes_of_platform(&self) -> bool {
        self.python.minor >= 15
    }

    /// Whether micropip installs wheels from files: from its version 0.2 on.
    pub(crate) fn installs_from_files(&self) -> bool {
        // The release's own lock file says which micropip it has.
        let version = self.packages.get("micropip").and_then(|package| package.version.parse().ok());
        version.is_some_and(|version: pep440_rs::Version| version >= pep440_rs::Version::new([0, 2]))
    }
}
