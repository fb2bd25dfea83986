//! `new`: a Python package with a Rust core that builds, tests and has a pipeline.
//!
//! The package lies in `template`, as a package called `template-name`; its name is all that changes.

mod name;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use cargo_pyodide::error::{Result, hinted};
use clap::Args;
use include_dir::{Dir, include_dir};

use crate::ci::{self, Pages, Pipeline, Service, Tags, Toolchains, subject::Package, subject::Subject};
use crate::terminal::{Terminal, Verbosity};
use name::PackageName;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide new hello
  cd hello && cargo pyodide test --native

Exit codes:
  0  the package is there
  2  it could not be made";

/// Make a new Python package with a Rust core
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct NewArguments {
    /// The folder to make; its last part is the package's name
    #[arg(value_name = "NAME")]
    path: PathBuf,
}

static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/bin/cargo-pyodide/new/template");

/// The ending of files that cargo or git would take for their own in this repository.
const DISGUISE: &str = ".in";

/// Runs the command.
pub(crate) fn run(arguments: &NewArguments) -> Result<u8> {
    let path = &arguments.path;
    let last = path.file_name().and_then(|name| name.to_str());
    let last = last.ok_or_else(|| anyhow!("`{}` does not end in a package's name", path.display()))?;
    let name: PackageName = last.parse()?;
    if path.exists() {
        return Err(hinted(
            anyhow!("`{}` already exists", path.display()),
            "choose another name; for a package that is there, `cargo pyodide ci` writes a pipeline",
        ));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent)?;
    // Made under another name and moved: the package is whole or not there.
    let work = tempfile::Builder::new().prefix(".new-").tempdir_in(parent).context("cannot make a folder")?;
    let made = work.path().join(last);
    write_package(&made, &name)?;
    fs_err::rename(&made, path)?;
    let ui = Terminal::new(Verbosity::Normal).ui();
    ui.phase("Created", format!("`{}`, a Python package with a Rust core", path.display()));
    ui.phase("Next", format!("cd {} && cargo pyodide test --native", path.display()));
    Ok(0)
}

fn write_package(folder: &Path, name: &PackageName) -> Result<()> {
    write_files(&TEMPLATE, folder, name)?;
    let package = Package { folder: ".".to_owned(), lock: "Cargo.lock".to_owned(), compiles_c: false };
    let pipeline = Pipeline {
        subject: Subject::Package(package),
        releases: ci::USUAL_RELEASES.to_owned(),
        toolchains: Toolchains::Stable,
        tags: Tags::Index,
        branch: "main".to_owned(),
        shards: 1,
        pages: Pages::None,
    };
    let path = folder.join(Service::Github.usual_path());
    fs_err::create_dir_all(path.parent().unwrap_or(folder))?;
    fs_err::write(path, ci::render(Service::Github, &pipeline))?;
    Ok(())
}

fn write_files(from: &Dir<'_>, folder: &Path, name: &PackageName) -> Result<()> {
    fs_err::create_dir_all(folder)?;
    for inner in from.dirs() {
        write_files(inner, folder, name)?;
    }
    for file in from.files() {
        let path = name.put_into(&file.path().to_string_lossy());
        let path = match path.strip_suffix(DISGUISE) {
            Some("gitignore") => folder.join(".gitignore"),
            Some(undisguised) => folder.join(undisguised),
            None => folder.join(path),
        };
        let text = file.contents_utf8().with_context(|| format!("`{}` is not a text", path.display()))?;
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::write(path, name.put_into(text))?;
    }
    Ok(())
}
