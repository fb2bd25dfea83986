//! Python's headers as a release has them, for extensions that are written in C.
//!
//! CPython's headers differ by minor version alone, but for `pyconfig.h`, which says what the machine is like: that one is
//! made of what the release's own `sysconfig` says. The others come from a CPython of the host with the same minor version.
//! C code that keeps to the stable ABI is served by those of another minor version, which refuse all else.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{anyhow, bail};
use regex::Regex;

use crate::abi::PythonVersion;
use crate::cache::Kind;
use crate::context::Context;
use crate::error::{Result, hinted};
use crate::files::copy_folder;
use crate::process::{Invocation, look_up};
use crate::project::Core;
use crate::runtime::Runtime;
use crate::runtime::sysconfig::{ConfigValue, SysConfig};

/// Changes when headers are made in another way.
const RECIPE: &str = "2";

/// The oldest minor version of Python whose headers are looked for to serve the stable ABI.
const OLDEST: u32 = 8;

/// The folder with `Python.h` for a release, from the cache or made there. `named` is the folder that the user names.
///
/// Beside Rust, C is mostly glue for the stable ABI: there, headers of another minor version will do.
///
/// # Errors
/// When no CPython that will do has headers here, or the release cannot be asked.
pub(crate) fn prepare(
    context: &Context,
    runtime: &Runtime,
    named: Option<&Path>,
    core: Core,
) -> Result<PathBuf> {
    let exact = donor(context, runtime.python, named);
    let donor = match (exact, core) {
        (Err(error), Core::Rust) if named.is_none() => other_donor(context, runtime.python).ok_or(error)?,
        (exact, _) => exact?,
    };
    let origin = donor.to_string_lossy();
    let release = runtime.version.to_string();
    let patch_level = fs_err::read_to_string(donor.join("patchlevel.h"))?;
    let key = crate::digest::key(&["python", &origin, &patch_level, &release, RECIPE]);
    context.cache.get_or_make(&context.ui, Kind::Headers, &key, |folder| {
        context.ui.phase("Preparing", format!("Python {} headers for Pyodide {release}", runtime.python));
        let configured = SysConfig::read(&runtime.folder)?;
        copy_folder(&donor, folder, |_| true)?;
        let pyconfig = pyconfig(&original_pyconfig(&donor)?, |name| configured.get(name).cloned());
        fs_err::write(folder.join("pyconfig.h"), pyconfig)?;
        match version(&donor) {
            Some(other) if other != runtime.python => guard(folder, other, runtime.python),
            _ => Ok(()),
        }
    })
}

/// A folder with headers of this Python.
fn donor(context: &Context, wanted: PythonVersion, named: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = named {
        return match version(folder) {
            Some(found) if found == wanted => Ok(std::path::absolute(folder)?),
            Some(found) => Err(hinted(
                anyhow!(
                    "`{}` has the headers of Python {found}, but Python {wanted} is wanted",
                    folder.display()
                ),
                "name those of the Python that the Pyodide release has, or another release",
            )),
            None => bail!("`{}` has no headers of Python: there is no `patchlevel.h`", folder.display()),
        };
    }
    let python = &context.python()?.program;
    let own = include_folder(context, python);
    let own = own.filter(|folder| version(folder) == Some(wanted));
    own.or_else(|| headers_of(context, wanted)).ok_or_else(|| {
        hinted(
            anyhow!(
                "an extension in C needs the headers of Python {wanted}, and no Python of this machine has them: asked \
                 `{}` and looked for `python{wanted}`",
                python.display()
            ),
            format!(
                "install Python {wanted} with its headers (`uv python install {wanted}`, or Debian's `python{wanted}-dev`), \
                 or name a folder that has them with `--headers`"
            ),
        )
    })
}

/// A folder with headers of another Python: the nearest older one, else the one that runs the back end.
fn other_donor(context: &Context, wanted: PythonVersion) -> Option<PathBuf> {
    let mut older = (OLDEST..wanted.minor).rev();
    older.find_map(|minor| headers_of(context, PythonVersion { minor, ..wanted })).or_else(|| {
        include_folder(context, &context.python().ok()?.program).filter(|folder| version(folder).is_some())
    })
}

/// The headers of a Python that is called by its version, or that uv or pyenv keeps.
fn headers_of(context: &Context, wanted: PythonVersion) -> Option<PathBuf> {
    let its =
        |python: PathBuf| include_folder(context, &python).filter(|folder| version(folder) == Some(wanted));
    let beside = look_up(&context.environment, &format!("python{wanted}")).and_then(its);
    beside.or_else(|| managed(context, wanted).and_then(its))
}

/// Has `Python.h` of another minor version refuse what is not the stable ABI, or a newer one than it knows.
fn guard(folder: &Path, has: PythonVersion, wanted: PythonVersion) -> Result<()> {
    let path = folder.join("Python.h");
    let original = fs_err::read_to_string(&path)?;
    let most = has.major << 24 | has.minor << 16 | 0xffff;
    let text = format!(
        "#if !defined(Py_LIMITED_API) || Py_LIMITED_API + 0 > {most:#x}\n\
         #error \"these are the headers of Python {has}, which serve its stable ABI alone: \
         this needs those of Python {wanted}, with `--headers`\"\n#endif\n{original}"
    );
    Ok(fs_err::write(path, text)?)
}

/// A Python that uv or pyenv keeps.
fn managed(context: &Context, wanted: PythonVersion) -> Option<PathBuf> {
    let ask = |program: &str, arguments: &[&str]| {
        let program = look_up(&context.environment, program)?;
        let printed = Invocation::new(program).args(arguments).output(&context.ui).ok()?.stdout;
        Some(PathBuf::from(printed.trim()))
    };
    let version = wanted.to_string();
    let from_pyenv = || Some(ask("pyenv", &["prefix", &version])?.join("bin/python"));
    ask("uv", &["python", "find", &version]).or_else(from_pyenv).filter(|python| python.is_file())
}

fn include_folder(context: &Context, python: &Path) -> Option<PathBuf> {
    let question = "import sysconfig; print(sysconfig.get_path('include'))";
    let printed = Invocation::new(python).args(["-c", question]).output(&context.ui).ok()?.stdout;
    Some(PathBuf::from(printed.trim())).filter(|folder| folder.join("Python.h").is_file())
}

/// The version that `patchlevel.h` states.
fn version(folder: &Path) -> Option<PythonVersion> {
    let text = fs_err::read_to_string(folder.join("patchlevel.h")).ok()?;
    let number = |name: &str| {
        let line = text.lines().find(|line| line.starts_with("#define") && line.contains(name))?;
        line.split_whitespace().last()?.parse::<u8>().ok()
    };
    format!("{}.{}", number("PY_MAJOR_VERSION")?, number("PY_MINOR_VERSION")?).parse().ok()
}

/// The text of `pyconfig.h`; Debian keeps it apart, by processor.
fn original_pyconfig(donor: &Path) -> Result<String> {
    let text = fs_err::read_to_string(donor.join("pyconfig.h"))?;
    if text.contains("SIZEOF_LONG ") {
        return Ok(text);
    }
    let (parent, name) = (donor.parent().unwrap_or(donor), donor.file_name().unwrap_or_default());
    let folders = fs_err::read_dir(parent)?.flatten().map(|entry| entry.path().join(name).join("pyconfig.h"));
    let path = folders.into_iter().find(|path| path.is_file());
    let path = path.ok_or_else(|| {
        anyhow!("`{}` defines no sizes of this machine's types", donor.join("pyconfig.h").display())
    })?;
    Ok(fs_err::read_to_string(path)?)
}

/// `pyconfig.h` with the values of another machine. `sysconfig` has a 0 for what is undefined.
fn pyconfig(original: &str, configured: impl Fn(&str) -> Option<ConfigValue>) -> String {
    static DEFINITION: OnceLock<Option<Regex>> = OnceLock::new();
    let pattern = DEFINITION.get_or_init(|| Regex::new(r"^(?:/\* )?#(?:define|undef) ([A-Z]\w+)").ok());
    let mut text = String::with_capacity(original.len());
    for line in original.lines() {
        let name = pattern.as_ref().and_then(|pattern| Some(pattern.captures(line)?.get(1)?.as_str()));
        let written = match name.map(|name| (name, configured(name))) {
            None => line.to_owned(),
            Some((name, Some(ConfigValue::Number(number)))) if number != 0 => {
                format!("#define {name} {number}")
            }
            Some((name, Some(ConfigValue::Text(value)))) => format!("#define {name} {value}"),
            Some((name, _)) => format!("/* #undef {name} */"),
        };
        text.push_str(&written);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_another_python_serve_the_stable_abi_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("Python.h"), "int x;\n").unwrap();
        let version = |text: &str| text.parse::<PythonVersion>().unwrap();
        guard(folder.path(), version("3.13"), version("3.14")).unwrap();
        let text = fs_err::read_to_string(folder.path().join("Python.h")).unwrap();
        insta::assert_snapshot!(text, @r#"
        #if !defined(Py_LIMITED_API) || Py_LIMITED_API + 0 > 0x30dffff
        #error "these are the headers of Python 3.13, which serve its stable ABI alone: this needs those of Python 3.14, with `--headers`"
        #endif
        int x;
        "#);
    }

    #[test]
    fn the_machine_is_another_one() {
        let original = "#ifndef Py_PYCONFIG_H\n#define SIZEOF_LONG 8\n/* #undef HAVE_A */\n#define HAVE_FORK 1\n\
                        #define HAVE_B 1\n#define TEXT \"x\"\n#  define WORDS_BIGENDIAN 1\n#define _GNU_SOURCE 1\n#endif";
        let configured = |name: &str| match name {
            "SIZEOF_LONG" => Some(ConfigValue::Number(4)),
            "HAVE_A" => Some(ConfigValue::Number(1)),
            "HAVE_FORK" => Some(ConfigValue::Number(0)),
            "TEXT" => Some(ConfigValue::Text("\"y\"".to_owned())),
            _ => None,
        };
        insta::assert_snapshot!(pyconfig(original, configured), @r#"
        #ifndef Py_PYCONFIG_H
        #define SIZEOF_LONG 4
        #define HAVE_A 1
        /* #undef HAVE_FORK */
        /* #undef HAVE_B */
        #define TEXT "y"
        #  define WORDS_BIGENDIAN 1
        #define _GNU_SOURCE 1
        #endif
        "#);
    }
}
