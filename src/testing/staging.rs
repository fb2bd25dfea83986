//! Copies a package's tests out of its source tree, with the sdist or repository around them but without the package
//! itself: tests see the installed wheel, never the tree.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::discovery::{self, LEFT_OUT, Tests, is_called};
use super::pytest_settings::PytestSettings;
use super::repository::{Extent, is_made, roots_around};
use crate::error::Result;
use crate::project::PyProject;
use crate::wheel::OpenedWheel;

/// How much of a repository is staged: what is larger is taken without the folders around the workspace or project. An
/// interpreter holds all files in its memory.
const MOST_FILES: usize = 20_000;
const MOST_BYTES: u64 = 128 << 20;

/// Tests that were taken out of a tree.
#[derive(Debug)]
pub(crate) struct Staged {
    /// The folder below which the files are.
    pub(crate) root: PathBuf,
    /// The folder that becomes the current one, relative to the root.
    pub(crate) folder: PathBuf,
    /// What pytest is given.
    pub(crate) arguments: Vec<String>,
    /// The files, relative to the root.
    pub(crate) files: Vec<PathBuf>,
    /// Those of the tests, relative to the root: files, and folders with all below them.
    pub(super) tests: Vec<PathBuf>,
    settings: PytestSettings,
}

/// Finds the tests and the files that they may read.
///
/// # Errors
/// When there are no tests, or a folder cannot be read.
pub(crate) fn find(
    tree: &Path,
    extent: Extent,
    pyproject: &PyProject,
    named: Option<&Path>,
    wheel: &OpenedWheel,
) -> Result<Staged> {
    let settings = PytestSettings::read(tree, pyproject);
    let found = discovery::find(tree, &settings, named, wheel)?;
    let is_inside = found.folder.starts_with(tree);
    let mut roots = match extent {
        Extent::Tree if is_inside => Vec::new(),
        _ => roots_around(&found.folder),
    };
    if is_inside {
        // At least the tree: a project inside it is a part of it.
        roots.retain(|root| !root.starts_with(tree));
        roots.push(tree.to_owned());
    }
    let stage = |root: &Path, limits| list_files(root, &found, &settings, wheel, limits);
    let mut staged = None;
    for (number, root) in roots.iter().enumerate() {
        // The project itself is taken as large as it is.
        let limits = if number + 1 == roots.len() { Limits::NONE } else { Limits::REPOSITORY };
        staged = stage(root, limits)?.map(|files| (root.clone(), files));
        if staged.is_some() {
            break;
        }
    }
    let (root, mut files) = match staged {
        Some(staged) => staged,
        None => (found.folder.clone(), list_alone(&found, &settings, wheel)?),
    };
    files.sort();
    let folder = found.folder.strip_prefix(&root).unwrap_or(Path::new("")).to_owned();
    let tests = found.paths.iter().map(|path| join(&folder, path)).collect();
    Ok(Staged { root, folder, arguments: found.arguments, files, tests, settings })
}

/// A path below a folder, where `.` is the folder itself.
fn join(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path).components().filter(|part| *part != std::path::Component::CurDir).collect()
}

/// How much may be taken.
#[derive(Debug, Clone, Copy)]
struct Limits {
    files: usize,
    bytes: u64,
}

impl Limits {
    const NONE: Limits = Limits { files: usize::MAX, bytes: u64::MAX };
    const REPOSITORY: Limits = Limits { files: MOST_FILES, bytes: MOST_BYTES };
}

/// The files below a root; none if they are more than the limits allow.
fn list_files(
    root: &Path,
    found: &Tests,
    settings: &PytestSettings,
    wheel: &OpenedWheel,
    limits: Limits,
) -> Result<Option<Vec<PathBuf>>> {
    let folder = found.folder.strip_prefix(root).unwrap_or(Path::new(""));
    let tests = found.paths.iter().map(|path| join(folder, path)).collect();
    let mut walk = Walk::new(root, tests, settings, wheel, limits);
    walk.folder(Path::new(""), Importable::Kept)?;
    Ok(walk.is_within_limits().then_some(walk.files))
}

/// Tests of the user's own in a folder that belongs to no project: of the other files there only pytest's settings matter.
fn list_alone(found: &Tests, settings: &PytestSettings, wheel: &OpenedWheel) -> Result<Vec<PathBuf>> {
    let names = ["conftest.py", "pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini"];
    let beside = names.map(PathBuf::from).into_iter().filter(|name| found.folder.join(name).is_file());
    let mut walk = Walk::new(&found.folder, found.paths.clone(), settings, wheel, Limits::NONE);
    walk.files.extend(beside);
    for path in &found.paths {
        if found.folder.join(path).is_dir() {
            walk.folder(path, Importable::Kept)?;
        } else {
            walk.files.push(path.clone());
        }
    }
    Ok(walk.files)
}

/// Whether files that Python imports are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Importable {
    /// They are.
    Kept,
    /// They are those of the package, of which tests see the installed ones.
    Hidden,
}

struct Walk<'a> {
    root: &'a Path,
    /// The tests, relative to the root.
    tests: Vec<PathBuf>,
    settings: &'a PytestSettings,
    wheel: &'a OpenedWheel,
    /// The names that the wheel provides.
    provided: BTreeSet<String>,
    limits: Limits,
    files: Vec<PathBuf>,
    bytes: u64,
}

impl<'a> Walk<'a> {
    fn new(
        root: &'a Path,
        tests: Vec<PathBuf>,
        settings: &'a PytestSettings,
        wheel: &'a OpenedWheel,
        limits: Limits,
    ) -> Self {
        let provided = wheel.top_level_names();
        Self { root, tests, settings, wheel, provided, limits, files: Vec::new(), bytes: 0 }
    }

    fn is_within_limits(&self) -> bool {
        self.files.len() <= self.limits.files && self.bytes <= self.limits.bytes
    }

    /// Takes the files below a folder.
    fn folder(&mut self, relative: &Path, importable: Importable) -> Result<()> {
        let mut entries: Vec<_> = fs_err::read_dir(self.root.join(relative))?.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs_err::DirEntry::file_name);
        for entry in entries {
            if !self.is_within_limits() {
                return Ok(());
            }
            let path = relative.join(entry.file_name());
            // A link that leads nowhere is no file.
            let Ok(metadata) = fs_err::metadata(entry.path()) else { continue };
            if metadata.is_dir() {
                let is_followed = !entry.file_type()?.is_symlink() || self.stays_inside(&entry.path());
                if is_followed && !is_called(&path, &LEFT_OUT) && !is_made(&entry.path()) {
                    let hides = self.is_package(&path) && !self.is_of_tests(&path);
                    self.folder(&path, if hides { Importable::Hidden } else { importable })?;
                }
            } else if metadata.is_file() && !self.is_hidden(&path, importable) {
                self.bytes += metadata.len();
                self.files.push(path);
            }
        }
        Ok(())
    }

    /// Whether a link leads to a folder below the root, and not to one that it lies in.
    fn stays_inside(&self, link: &Path) -> bool {
        let (Ok(target), Ok(root)) = (fs_err::canonicalize(link), fs_err::canonicalize(self.root)) else {
            return false;
        };
        let from = link.parent().and_then(|folder| fs_err::canonicalize(folder).ok());
        target.starts_with(root) && from.is_some_and(|from| !from.starts_with(target))
    }

    fn is_of_tests(&self, path: &Path) -> bool {
        self.tests.iter().any(|tests| path.starts_with(tests))
    }

    /// Whether Python would import the package from this folder, if it found it. Without an `__init__.py` that is so only
    /// for a package that has none itself: an installed one comes first.
    fn is_package(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_regular = |name: &str| self.wheel.has(&format!("{name}/__init__.py"));
        self.provided.contains(&*name)
            && (self.root.join(path).join("__init__.py").is_file() || !is_regular(&name))
    }

    /// Whether a file is a module of the package.
    fn is_hidden(&self, path: &Path, importable: Importable) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_module = [".py", ".pyc", ".so", ".pyd"].iter().any(|ending| name.ends_with(ending));
        let is_pytests = name == "conftest.py" || self.settings.is_test_file(path);
        if !is_module || is_pytests || self.is_of_tests(path) {
            return false;
        }
        // The package's module beside the tests, or `_own.cpython-313-x86_64-linux-gnu.so` of a build in place.
        importable == Importable::Hidden
            || name.split('.').next().is_some_and(|stem| self.provided.contains(stem))
    }
}

impl Staged {
    /// Writes the files into a zip archive.
    ///
    /// # Errors
    /// When a file cannot be read or the archive not written.
    pub(crate) fn pack(&self, archive: &Path) -> Result<()> {
        let mut zip = zip::ZipWriter::new(std::io::BufWriter::new(fs_err::File::create(archive)?));
        let options =
            // Read once, on this machine: compressing takes longer than it saves.
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for file in &self.files {
            let name = file.to_string_lossy().replace('\\', "/");
            zip.start_file(name.as_str(), options).with_context(|| format!("cannot pack `{name}`"))?;
            zip.write_all(&fs_err::read(self.root.join(file))?)?;
        }
        // The current folder is there even if no file lies in it.
        if !self.folder.as_os_str().is_empty() {
            zip.add_directory(self.folder.to_string_lossy().replace('\\', "/"), options)?;
        }
        zip.finish()?.flush()?;
        Ok(())
    }

    /// The files of tests, as pytest is given them.
    pub(crate) fn test_files(&self) -> Vec<String> {
        let files = self.files.iter().filter(|file| self.settings.is_test_file(file));
        let of_tests = files.filter(|file| self.tests.iter().any(|path| file.starts_with(path)));
        let relative = of_tests.filter_map(|file| file.strip_prefix(&self.folder).ok());
        relative.map(|file| file.to_string_lossy().replace('\\', "/")).collect()
    }
}

#[cfg(test)]
mod tests;
