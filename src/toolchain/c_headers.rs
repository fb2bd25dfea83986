//! The C library's headers as a line has them: a copy of some Emscripten's in the cache, brought to the line's layout.
//!
//! `facts/c-headers.toml` says how. The copy is then checked against the line's layouts by compiling assertions.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::c_compiler::{ADVICE, CCompiler};
use crate::abi::EmscriptenVersion;
use crate::cache::Kind;
use crate::context::Context;
use crate::env::Environment;
use crate::error::{Result, hinted, with_cause};
use crate::files::copy_folder;
use crate::process::Invocation;
use crate::ui::Ui;

/// What libc++'s headers must be told to match the runtimes' own libc++: its second ABI, in the namespace `__2`.
const CONFIG_SITE: &str = include_str!("headers/config_site.h");

/// Headers that are ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Headers {
    /// What clang takes as `--sysroot`.
    pub sysroot: PathBuf,
    /// The folder with our own `__config_site`, and the headers that go before those of libc++.
    pub config_site: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    edit: Vec<Edit>,
    libcxx: Vec<Libcxx>,
    layout: Vec<Layout>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    file: String,
    since: String,
    why: String,
    old: String,
    new: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Libcxx {
    since: String,
    llvm: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layout {
    since: String,
    values: BTreeMap<String, u64>,
}

fn facts() -> Result<Facts> {
    toml::from_str(include_str!("../../facts/c-headers.toml")).context("facts/c-headers.toml")
}

/// Some Emscripten's headers on this machine.
struct Original {
    include: PathBuf,
    version: EmscriptenVersion,
}

/// The headers for a line, from the cache or made there.
///
/// # Errors
/// When there are none to start from, or what came of them has another layout than the line.
pub(crate) fn prepare(context: &Context, compiler: &CCompiler, line: EmscriptenVersion) -> Result<Headers> {
    let original = find(&context.environment)?;
    let facts = facts()?;
    let changes: Vec<&str> = edits_of(&facts, line)?.iter().map(|edit| edit.why.as_str()).collect();
    let identity = [original.include.to_string_lossy(), original.version.to_string().into()];
    let text = include_str!("../../facts/c-headers.toml");
    let availability = availability(libcxx_of(&facts, line)?);
    let changes = changes.join(",");
    let key = crate::digest::key(&[&identity[0], &identity[1], &changes, text, CONFIG_SITE, &availability]);
    let folder = context.cache.get_or_make(&context.ui, Kind::Headers, &key, |folder| {
        copy_folder(&original.include, &folder.join("include"), |path| !path.ends_with("c++"))?;
        edit(&original, &facts, line, &folder.join("include"))?;
        let site = folder.join("config-site");
        fs_err::create_dir_all(site.join("__configuration"))?;
        fs_err::write(site.join("__config_site"), CONFIG_SITE)?;
        fs_err::write(site.join("__configuration/availability.h"), &availability)?;
        probe(compiler, line, &facts, folder).with_context(|| {
            format!("the headers of `{}` cannot be brought to Emscripten {line}", original.include.display())
        })
    })?;
    Ok(Headers { config_site: folder.join("config-site"), sysroot: folder })
}

/// The folder of Emscripten in the emsdk that `EMSDK` names.
pub(super) fn emscripten_folder(environment: &Environment) -> Option<PathBuf> {
    environment.get("EMSDK").map(|root| Path::new(root).join("upstream/emscripten"))
}

fn find(environment: &Environment) -> Result<Original> {
    let usual = ["/usr/share/emscripten", "/usr/lib/emscripten", "/opt/homebrew/opt/emscripten/libexec"];
    let places: Vec<PathBuf> =
        emscripten_folder(environment).into_iter().chain(usual.map(PathBuf::from)).collect();
    for place in &places {
        let include = place.join("cache/sysroot/include");
        let version = fs_err::read_to_string(place.join("emscripten-version.txt")).ok();
        let version = version.and_then(|text| text.trim().trim_matches('"').parse().ok());
        if let (Some(version), true) = (version, include.join("bits/alltypes.h").is_file()) {
            return Ok(Original { include, version });
        }
    }
    let looked: Vec<String> = places.iter().map(|place| format!("`{}`", place.display())).collect();
    Err(hinted(
        with_cause(
            "no-c-compiler",
            anyhow!("no headers of Emscripten to compile C with: looked in {}", looked.join(", ")),
        ),
        ADVICE,
    ))
}

/// Whether the structs of two versions' C libraries are the same, as far as this is known.
///
/// # Errors
/// When the facts cannot be read.
pub(super) fn are_laid_out_alike(one: EmscriptenVersion, other: EmscriptenVersion) -> Result<bool> {
    let facts = facts()?;
    Ok(edits_of(&facts, one)?.len() == edits_of(&facts, other)?.len())
}

/// The edits that a line has.
fn edits_of(facts: &Facts, line: EmscriptenVersion) -> Result<Vec<&Edit>> {
    let mut found = Vec::new();
    for edit in &facts.edit {
        if edit.since.parse::<EmscriptenVersion>()? <= line {
            found.push(edit);
        }
    }
    Ok(found)
}

/// The LLVM of a line's libc++.
fn libcxx_of(facts: &Facts, line: EmscriptenVersion) -> Result<u32> {
    let mut llvm = None;
    for row in &facts.libcxx {
        if row.since.parse::<EmscriptenVersion>()? <= line {
            llvm = llvm.max(Some(row.llvm));
        }
    }
    llvm.with_context(|| format!("facts/c-headers.toml knows no libc++ of Emscripten {line}"))
}

/// The newest LLVM whose headers are expected here.
const NEWEST_LLVM: u32 = 30;

/// A header that goes before libc++'s own and tells it what the line's libc++ does not have.
///
/// The headers are of the compiler's LLVM. They ask which version of the library is there, but answer that it is their own
/// wherever nobody sells a system with it.
fn availability(llvm: u32) -> String {
    let mut text = "#include_next <__configuration/availability.h>\n".to_owned();
    for newer in llvm + 1..=NEWEST_LLVM {
        let name = format!("_LIBCPP_INTRODUCED_IN_LLVM_{newer}");
        let _ = write!(text, "#undef {name}\n#define {name} 0\n");
    }
    text
}

fn edit(original: &Original, facts: &Facts, line: EmscriptenVersion, include: &Path) -> Result<()> {
    for Edit { file, since, why, old, new } in &facts.edit {
        let is_in_line = since.parse::<EmscriptenVersion>()? <= line;
        let path = include.join(file);
        let text = fs_err::read_to_string(&path)?;
        let has_new = if new.is_empty() { !text.contains(old.as_str()) } else { text.contains(new.as_str()) };
        if !is_in_line && has_new {
            return Err(hinted(
                anyhow!(
                    "the headers of Emscripten {} are too new for a line of Emscripten {line}: {why}",
                    original.version
                ),
                "install older ones (Debian: `apt-get install emscripten`), and unset `EMSDK`",
            ));
        }
        if !is_in_line || has_new {
            continue;
        }
        if !text.contains(old.as_str()) {
            bail!("`{}` of Emscripten {} is not as expected: {why}", path.display(), original.version);
        }
        fs_err::write(&path, text.replace(old.as_str(), new))?;
    }
    Ok(())
}

/// Compiles an assertion for each layout of the line.
fn probe(compiler: &CCompiler, line: EmscriptenVersion, facts: &Facts, folder: &Path) -> Result<()> {
    let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
    for layout in &facts.layout {
        if layout.since.parse::<EmscriptenVersion>()? <= line {
            expected.extend(layout.values.iter().map(|(what, value)| (what.as_str(), *value)));
        }
    }
    let mut text = "#include <sys/types.h>\n#include <time.h>\n#include <sys/time.h>\n#include <sys/stat.h>\n#include <sys/resource.h>\n#include <sys/statvfs.h>\n#include <sys/socket.h>\n#include <dirent.h>\n#include <pthread.h>\n#include <setjmp.h>\n#include <signal.h>\n#include <fcntl.h>\n".to_owned();
    for (what, value) in expected {
        let _ = writeln!(text, "_Static_assert({what} == {value}, \"{what}\");");
    }
    let source = folder.join("probe.c");
    fs_err::write(&source, text)?;
    Invocation::new(&compiler.clang)
        .args(["--target=wasm32-unknown-emscripten", "-fsyntax-only", "--sysroot"])
        .arg(folder)
        .args(["-Xclang", "-iwithsysroot/include/compat"])
        .arg(&source)
        .output(&Ui::silent())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_the_libcxx_of_its_emscripten() {
        let facts = facts().unwrap();
        let of = |version: &str| libcxx_of(&facts, version.parse().unwrap()).unwrap();
        let versions =
            ["3.1.14", "3.1.27", "3.1.32", "3.1.45", "3.1.46", "3.1.58", "4.0.9", "5.0.3", "6.0.5"];
        assert_eq!(versions.map(of), [14, 15, 15, 16, 16, 17, 19, 21, 21]);
        assert!(availability(18).starts_with(
            "#include_next <__configuration/availability.h>\n#undef _LIBCPP_INTRODUCED_IN_LLVM_19\n#define _LIBCPP_INTRODUCED_IN_LLVM_19 0\n"
        ));
    }
}
