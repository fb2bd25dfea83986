//! How a release's Python was configured, from the release's own files, without running it.
//!
//! CPython leaves the values of its Makefile and of `pyconfig.h` in a module `_sysconfigdata….py`, from which
//! `sysconfig.get_config_vars()` starts. Releases from 0.23 on keep it in `python_stdlib.zip`, older ones in
//! `pyodide.asm.data`. `get_config_vars()` adds values that it computes in the running Python and computes three of these
//! anew: `srcdir` and, from 314 on, `prefix` and `exec_prefix`. All others are as they are here, on every line.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::path::Path;

use anyhow::{Context, anyhow};

pub(crate) use super::python_literal::ConfigValue;

use super::{data_file, python_literal};
use crate::error::{Result, hinted};

/// The archive with Python's own modules: from 0.23 on.
const ARCHIVE: &str = "python_stdlib.zip";

/// What the module assigns its dictionary to.
const VARIABLE: &str = "build_time_vars";

/// How a release's Python was configured: what `sysconfig.get_config_vars()` starts from.
#[derive(Debug)]
pub struct SysConfig {
    values: BTreeMap<String, ConfigValue>,
    /// The file that the values come from, for messages.
    origin: String,
}

impl SysConfig {
    /// Reads the configuration of an unpacked release.
    ///
    /// # Errors
    /// When the release has no file that says it, or says it in a way that is not known.
    pub fn read(folder: &Path) -> Result<Self> {
        let module = find_module(folder).with_context(|| {
            format!("cannot read how the Python of the release in `{}` was configured", folder.display())
        })?;
        let values = python_literal::read_dictionary(&module.source, VARIABLE)
            .with_context(|| format!("cannot read {}", module.origin))?;
        Ok(Self { values, origin: module.origin })
    }

    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<&ConfigValue> {
        self.values.get(name)
    }

    /// The value of this name, if it is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            ConfigValue::Text(text) => Some(text),
            ConfigValue::Number(_) => None,
        }
    }

    /// The suffix of extension modules, such as `.cpython-313-wasm32-emscripten.so`.
    ///
    /// # Errors
    /// When the release does not say it.
    pub fn extension_suffix(&self) -> Result<&str> {
        self.text("EXT_SUFFIX").ok_or_else(|| anyhow!("{} has no string `EXT_SUFFIX`", self.origin))
    }
}

/// The module with the configuration.
struct ConfigModule {
    source: String,
    /// Its file and what that is in, for messages.
    origin: String,
}

fn find_module(folder: &Path) -> Result<ConfigModule> {
    // By what is there and not by the version: both forms hold the same module.
    let archive = folder.join(ARCHIVE);
    if archive.is_file() {
        let file = std::io::BufReader::new(fs_err::File::open(&archive)?);
        return find_in_archive(file, &archive.display().to_string())
            .with_context(|| format!("cannot use `{}`", archive.display()));
    }
    let data = folder.join(data_file::NAME);
    if !data.is_file() {
        let missing = anyhow!("there is neither `{ARCHIVE}` nor `{}`", data_file::NAME);
        return Err(hinted(
            missing,
            "name a release, or a folder that holds an unpacked `pyodide` npm package",
        ));
    }
    let file = data_file::read_packed(folder, |path| is_module(path, ".py"))?;
    let file = file.ok_or_else(|| anyhow!("`{}` has no `_sysconfigdata….py`", data.display()))?;
    let origin = format!("`{}` in `{}`", file.path, data.display());
    let source = String::from_utf8(file.content).with_context(|| format!("{origin} is not UTF-8"))?;
    Ok(ConfigModule { source, origin })
}

fn find_in_archive(file: impl Read + Seek, archive_name: &str) -> Result<ConfigModule> {
    let mut archive = zip::ZipArchive::new(file).context("it is not a zip file")?;
    let names: Vec<String> =
        archive.file_names().map(|name| name.map(Cow::into_owned)).collect::<Result<_, _>>()?;
    let Some(name) = names.iter().find(|name| is_module(name, ".py")) else {
        return Err(match names.iter().find(|name| is_module(name, ".pyc")) {
            Some(compiled) => hinted(
                anyhow!("it has `{compiled}` alone, which is compiled: only the source can be read"),
                "name a release by its version: the `pyodide` npm packages have the source",
            ),
            None => anyhow!("it has no `_sysconfigdata….py`"),
        });
    };
    let origin = format!("`{name}` in `{archive_name}`");
    let mut source = String::new();
    archive.by_name(name)?.read_to_string(&mut source).with_context(|| format!("cannot unpack `{name}`"))?;
    Ok(ConfigModule { source, origin })
}

/// Whether this is the module, whose full name says what it was configured for.
fn is_module(path: &str, ending: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("_sysconfigdata") && name.ends_with(ending)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A release's folder whose archive has one file.
    fn folder_with(name: &str, content: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let file = fs_err::File::create(folder.path().join(ARCHIVE)).unwrap();
        let mut archive = zip::ZipWriter::new(file);
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
        archive.finish().unwrap();
        folder
    }

    fn check(folder: &tempfile::TempDir) -> String {
        let read = || Ok(SysConfig::read(folder.path())?.extension_suffix()?.to_owned());
        let rendered = read().unwrap_or_else(|error| crate::error::render(&error));
        rendered.replace(&folder.path().display().to_string(), "FOLDER").replace('\\', "/")
    }

    #[test]
    fn reads_the_archive() {
        let folder = folder_with(
            "_sysconfigdata__emscripten_wasm32-emscripten.py",
            "build_time_vars = {'EXT_SUFFIX': '.cpython-313-wasm32-emscripten.so', 'SIZEOF_LONG': 4}",
        );
        insta::assert_snapshot!(check(&folder), @".cpython-313-wasm32-emscripten.so");
        let configuration = SysConfig::read(folder.path()).unwrap();
        assert_eq!(configuration.get("SIZEOF_LONG"), Some(&ConfigValue::Number(4)));
        assert_eq!(configuration.text("SIZEOF_LONG"), None);
        assert_eq!(configuration.get("SIZEOF_INT"), None);
    }

    #[test]
    fn says_what_is_missing() {
        insta::assert_snapshot!(check(&folder_with("_sysconfigdata_x.py", "build_time_vars = {}")), @"error: `_sysconfigdata_x.py` in `FOLDER/python_stdlib.zip` has no string `EXT_SUFFIX`");
        insta::assert_snapshot!(check(&folder_with("_sysconfigdata_x.py", "build_time_vars = {1}")), @r#"
        error: cannot read `_sysconfigdata_x.py` in `FOLDER/python_stdlib.zip`
          caused by: expected a string at byte 19, found `1`
        "#);
        insta::assert_snapshot!(check(&folder_with("_sysconfigdata_x.pyc", "")), @r#"
        error: cannot read how the Python of the release in `FOLDER` was configured
          caused by: cannot use `FOLDER/python_stdlib.zip`
          caused by: it has `_sysconfigdata_x.pyc` alone, which is compiled: only the source can be read
        hint: name a release by its version: the `pyodide` npm packages have the source
        "#);
        insta::assert_snapshot!(check(&folder_with("sysconfig.py", "")), @r#"
        error: cannot read how the Python of the release in `FOLDER` was configured
          caused by: cannot use `FOLDER/python_stdlib.zip`
          caused by: it has no `_sysconfigdata….py`
        "#);
        insta::assert_snapshot!(check(&tempfile::tempdir().unwrap()), @r#"
        error: cannot read how the Python of the release in `FOLDER` was configured
          caused by: there is neither `python_stdlib.zip` nor `pyodide.asm.data`
        hint: name a release, or a folder that holds an unpacked `pyodide` npm package
        "#);
    }
}
