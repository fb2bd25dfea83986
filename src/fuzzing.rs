//! The readers of what others wrote, each as a function of bytes: for the targets in `fuzz`, and for nobody else.
//!
//! A reader gives a value or an error. It never panics, and takes no more time and memory than its limits say.

use std::path::Path;

use crate::driver;
use crate::index::page::Project;
use crate::overlay;
use crate::runtime;
use crate::source::archive;
use crate::source::limits::UnpackLimits;
use crate::wheel::metadata::Metadata;
use crate::wheel::requirement::Requirement;

/// What an archive may unpack to here: a fuzzer makes thousands of them a second.
const LIMITS: UnpackLimits = UnpackLimits {
    size: 1 << 20,
    ratio: 200,
    ratio_from: 1 << 20,
    entries: 1000,
    depth: 64,
    name: 1024,
    header: 1 << 16,
};

/// Any bytes as an sdist, unpacked into a folder; nothing may lie beside that folder afterwards.
///
/// # Panics
/// When something was written outside.
pub fn sdist(bytes: &[u8], place: &Path) {
    let folder = place.join("unpacked");
    for name in ["sdist.tar.gz", "sdist.zip"] {
        let archive = place.join(name);
        if fs_err::write(&archive, bytes).is_err() || fs_err::create_dir(&folder).is_err() {
            return;
        }
        drop(archive::unpack(&archive, &folder, LIMITS));
        drop(fs_err::remove_dir_all(&folder));
        drop(fs_err::remove_file(&archive));
        let left = fs_err::read_dir(place).map_or(0, Iterator::count);
        assert_eq!(left, 0, "it wrote outside of its folder");
    }
}

/// Any text as METADATA and as a requirement.
pub fn metadata(text: &str) {
    drop(text.parse::<Metadata>());
    if let Ok(requirement) = text.parse::<Requirement>() {
        drop((requirement.name(), requirement.to_string(), requirement.extras().len()));
    }
}

/// Any text as a lock file.
pub fn lock_file(text: &str) {
    drop(runtime::lock_file::parse(text));
}

/// Any text as the script of a release, `pyodide.asm.js`.
pub fn script(text: &str) {
    drop(runtime::javascript::parse(text));
}

/// Any bytes as a project's page on the index.
pub fn index_page(bytes: &[u8]) {
    let Ok(project) = serde_json::from_slice::<Project>(bytes) else { return };
    for file in &project.files {
        drop((file.yanked_reason(), file.plain_name(), file.stated_digest()));
    }
}

/// Any text as an overlay, and as a `pyproject.toml` with one.
pub fn overlay(text: &str) {
    overlay::read_any(text);
}

/// Any text as the response file of a link, a word each, and these as arguments of a linker and of a compiler.
pub fn link_arguments(text: &str) {
    driver::read_any(text);
}
