//! Bills of materials in a wheel (PEP 770): local folders are taken out of their package addresses.
//!
//! maturin writes where each crate lay on the machine that built the wheel. A published wheel says `/source` instead,
//! as its modules do.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Whether a file of a wheel is a bill of materials.
pub(crate) fn is_one(path: &str) -> bool {
    path.split_once(".dist-info/").is_some_and(|(_, rest)| rest.starts_with("sboms/"))
}

/// The text with local folders replaced, the longest first.
pub(crate) fn hide_folders(text: &str, hidden: &[(PathBuf, &str)]) -> String {
    let mut folders: Vec<&(PathBuf, &str)> = hidden.iter().collect();
    folders.sort_by_key(|(folder, _)| std::cmp::Reverse(folder.as_os_str().len()));
    folders.into_iter().fold(text.to_owned(), |text, (folder, name)| {
        let plain = folder.display().to_string();
        text.replace(&percent_encoded(folder), name).replace(&plain, name)
    })
}

/// A path as it stands in a `file:` address.
fn percent_encoded(path: &Path) -> String {
    let mut encoded = String::new();
    for byte in path.to_string_lossy().bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~:+@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_hidden() {
        let hidden = [(PathBuf::from("/tmp/Größe und Raum"), "/source"), (PathBuf::from("/tmp"), "/home")];
        let text = r#"{"bom-ref": "path+file:///tmp/Gr%C3%B6%C3%9Fe%20und%20Raum/pure#x@1", "at": "/tmp/y"}"#;
        assert_eq!(
            hide_folders(text, &hidden),
            r#"{"bom-ref": "path+file:///source/pure#x@1", "at": "/home/y"}"#
        );
        assert!(is_one("x-1.dist-info/sboms/x.cyclonedx.json"));
        assert!(!is_one("x/sboms/y.json"));
    }
}
