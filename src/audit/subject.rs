//! Files that are to be audited: wheels, and single modules.

use std::path::Path;

use anyhow::anyhow;

use super::Subject;
use crate::abi::{self, Line};
use crate::error::{Hinted, Result, hinted};
use crate::wheel::WheelContents;

/// A file that was read for the audit.
#[derive(Debug)]
pub enum OpenedFile {
    /// A wheel.
    Wheel(WheelContents),
    /// A single module: its name and its bytes.
    Module(String, Vec<u8>),
}

impl OpenedFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is neither a wheel nor a module.
    pub fn read(path: &Path) -> Result<Self> {
        let advice = "name a wheel (`.whl`) or a module (`.so`, `.wasm`)";
        // Whatever is wrong with its name or its bytes is no advice for a file that is not there.
        if !path.exists() {
            return Err(hinted(anyhow!("`{}` does not exist", path.display()), advice));
        }
        if path.extension().is_some_and(|ending| ending == "whl") {
            return WheelContents::open(path)
                .map(Self::Wheel)
                .hint("name a wheel by the name that its build gave it, whole and unencrypted");
        }
        let bytes = fs_err::read(path).map_err(|error| hinted(error, advice))?;
        // A renamed wheel is the likeliest mistake: what is wrong is its name, not its bytes.
        if bytes.starts_with(b"PK\x03\x04") {
            return Err(hinted(
                anyhow!("`{}` is a zip archive, and its name is not that of a wheel", path.display()),
                "a wheel is called `NAME-VERSION-PYTHON-ABI-PLATFORM.whl`",
            ));
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Self::Module(name.unwrap_or_default(), bytes))
    }

    /// What is audited of it.
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::Wheel(contents) => Subject::Wheel(contents),
            Self::Module(name, bytes) => Subject::Module(name, bytes),
        }
    }

    /// The lines whose releases the platform tags claim to fit.
    pub fn claimed_lines(&self) -> Vec<Line> {
        let Self::Wheel(wheel) = self else { return Vec::new() };
        wheel.filename.platform.split('.').flat_map(abi::lines_of_tag).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_neither_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs_err::write(&path, bytes).unwrap();
            if bytes.is_empty() {
                fs_err::remove_file(&path).unwrap();
            }
            match OpenedFile::read(&path) {
                Ok(OpenedFile::Module(name, bytes)) => format!("module {name} of {} bytes", bytes.len()),
                Ok(OpenedFile::Wheel(_)) => "wheel".to_owned(),
                Err(error) => {
                    let shown = crate::error::render(&error);
                    shown.replace(&*folder.path().to_string_lossy(), "FOLDER")
                }
            }
        };
        insta::assert_snapshot!(
            [check("x.so", b"\0asm"), check("x.zip", b"PK\x03\x04"), check("x.whl", b"PK\x03\x04"), check("y.whl", b"")].join("\n\n"),
            @"
        module x.so of 4 bytes

        error: `FOLDER/x.zip` is a zip archive, and its name is not that of a wheel
        hint: a wheel is called `NAME-VERSION-PYTHON-ABI-PLATFORM.whl`

        error: cannot use the wheel `FOLDER/x.whl`
          caused by: `x.whl` is not a wheel's file name: expected `NAME-VERSION-PYTHON-ABI-PLATFORM.whl`
        hint: name a wheel by the name that its build gave it, whole and unencrypted

        error: `FOLDER/y.whl` does not exist
        hint: name a wheel (`.whl`) or a module (`.so`, `.wasm`)
        "
        );
    }
}
