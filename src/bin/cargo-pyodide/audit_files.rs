//! What `audit` is given, as files: wheels of folders, and of the package index.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use cargo_pyodide::context::Context;
use cargo_pyodide::dependencies::index;
use cargo_pyodide::error::{Result, hinted};
use cargo_pyodide::releases::request::{RuntimeList, runtimes};
use cargo_pyodide::runtime::Runtime;
use cargo_pyodide::source::SourceRequest;

/// A file to audit.
#[derive(Debug)]
pub(crate) struct FileToAudit {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The one release to check it against, if its place says which.
    pub(crate) release: Option<Runtime>,
}

/// The files that the words of a command line mean.
///
/// # Errors
/// When a folder has no wheels, or the package index has none of a package.
pub(crate) fn find(context: &Context, words: &[PathBuf], lists: &[RuntimeList]) -> Result<Vec<FileToAudit>> {
    let mut files = Vec::new();
    for word in words {
        if word.is_dir() {
            files.extend(list_wheels(word)?);
        } else if let Some(SourceRequest::Package { name, version }) = as_package(word) {
            // Each release has its own wheel there.
            for runtime in runtimes(context, lists)? {
                let path = index::find_wheel(context, &runtime, &name, version.as_ref())?;
                files.push(FileToAudit { path, release: Some(runtime) });
            }
        } else {
            files.push(FileToAudit { path: word.clone(), release: None });
        }
    }
    Ok(files)
}

fn list_wheels(folder: &Path) -> Result<Vec<FileToAudit>> {
    let entries = fs_err::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let is_wheel = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "whl");
    let mut wheels: Vec<PathBuf> = entries.iter().map(fs_err::DirEntry::path).filter(is_wheel).collect();
    wheels.sort();
    if wheels.is_empty() {
        return Err(hinted(
            anyhow!("there are no wheels in `{}`", folder.display()),
            "`cargo pyodide build` writes some to `dist`",
        ));
    }
    Ok(wheels.into_iter().map(|path| FileToAudit { path, release: None }).collect())
}

/// A package's name, unless a file is meant.
fn as_package(word: &Path) -> Option<SourceRequest> {
    let is_file = word.exists()
        || word.extension().is_some_and(|ending| ending == "whl" || ending == "so" || ending == "wasm");
    let request = word.to_str()?.parse::<SourceRequest>().ok().filter(|_| !is_file)?;
    matches!(request, SourceRequest::Package { .. }).then_some(request)
}
