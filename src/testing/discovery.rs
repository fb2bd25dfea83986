//! Where a package's tests are: where the user says, where pytest's settings say, in a folder of the usual name, or in
//! files of the usual names.

use std::path::{Path, PathBuf};

use super::pytest_settings::{PytestSettings, matches};
use crate::error::{Result, hinted};
use crate::overlay::values::InsidePath;
use crate::wheel::OpenedWheel;

/// Folders that no test reads, and that hold no tests of the package.
pub(super) const LEFT_OUT: [&str; 9] =
    ["target", ".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".pytest_cache"];

/// Folders whose files are called like tests and are none, or are not run with the others.
const NO_TESTS: [&str; 6] = ["doc", "docs", "examples", "benches", "benchmarks", "fuzz"];

/// How deep folders of tests are looked for. A `tests` folder near the root is the package's, a deep one is often that of
/// vendored code.
const DEEPEST: usize = 5;

/// Where tests are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tests {
    /// The folder that becomes the current one.
    pub(super) folder: PathBuf,
    /// What pytest is given.
    pub(super) arguments: Vec<String>,
    /// The files and folders of the tests, relative to that folder.
    pub(super) paths: Vec<PathBuf>,
}

impl Tests {
    fn at(folder: &Path, paths: Vec<String>) -> Self {
        Self { folder: folder.to_owned(), paths: paths.iter().map(PathBuf::from).collect(), arguments: paths }
    }
}

/// A source tree has no tests.
#[derive(Debug, thiserror::Error)]
#[error(
    "no tests were found in `{}`: no `testpaths` of pytest, no folder called `tests`, no files called `test_*.py` or \
     `*_test.py`", .tree.display()
)]
pub struct NoTests {
    tree: PathBuf,
}

/// Finds the tests.
///
/// # Errors
/// When there are none.
pub(super) fn find(
    tree: &Path,
    settings: &PytestSettings,
    named: Option<&Path>,
    wheel: &OpenedWheel,
) -> Result<Tests> {
    if let Some(named) = named {
        return find_named(tree, named);
    }
    let found = find_stated(tree, settings).or_else(|| find_usual(tree, settings, wheel));
    found.ok_or_else(|| {
        hinted(
            NoTests { tree: tree.to_owned() },
            "name them with `--tests PATH`; sdists often leave them out, the repository has them",
        )
    })
}

fn find_named(tree: &Path, named: &Path) -> Result<Tests> {
    let inside = tree.join(named);
    let path = if named.is_relative() && inside.exists() { inside } else { std::path::absolute(named)? };
    let metadata = fs_err::metadata(&path).map_err(|error| {
        hinted(error, format!("`--tests` takes a path inside `{}`, or any other path", tree.display()))
    })?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().unwrap_or(tree);
    if path.starts_with(tree) && metadata.is_file() && folder != tree {
        // The file's folder has what belongs to it.
        let above = folder.parent().unwrap_or(tree);
        return Ok(Tests::at(above, vec![format!("{}/{}", name(folder), name(&path))]));
    }
    Ok(Tests::at(folder, vec![name(&path)]))
}

/// The paths of pytest's settings that are there.
fn find_stated(tree: &Path, settings: &PytestSettings) -> Option<Tests> {
    let there: Vec<String> = settings.paths.iter().flat_map(|path| expand(tree, path)).collect();
    (!there.is_empty()).then(|| Tests::at(tree, there))
}

/// The paths in a tree that a path with patterns means.
fn expand(tree: &Path, path: &str) -> Vec<String> {
    if path == "." {
        return vec![path.to_owned()];
    }
    let Ok(InsidePath(path)) = path.trim_end_matches('/').parse() else { return Vec::new() };
    let mut found = vec![String::new()];
    for part in path.split('/') {
        let step = |above: String| {
            let mut names = if part.contains(['*', '?']) {
                let entries = fs_err::read_dir(tree.join(&above)).into_iter().flatten().flatten();
                let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
                names.filter(|name| matches(part, name)).collect()
            } else {
                vec![part.to_owned()]
            };
            names.sort();
            names
                .into_iter()
                .map(move |name| format!("{above}{}{name}", if above.is_empty() { "" } else { "/" }))
        };
        found = found.into_iter().flat_map(step).collect();
    }
    found.retain(|path| tree.join(path).exists());
    found
}

/// The folder of tests that lies least deep; without one, the files of tests that lie least deep.
fn find_usual(tree: &Path, settings: &PytestSettings, wheel: &OpenedWheel) -> Option<Tests> {
    let levels = list_levels(tree);
    let all = || levels.iter().flatten();
    let named = all().find(|folder| is_named_tests(folder) && has_tests(folder, settings, 3));
    if let Some(folder) = named {
        let name = folder.file_name()?.to_string_lossy().into_owned();
        return inside_package(folder, settings, wheel)
            .or_else(|| Some(Tests::at(folder.parent()?, vec![name])));
    }
    let of_tests = |folder: &Path| {
        let mut names: Vec<String> = list(folder)
            .iter()
            .filter(|path| path.is_file() && settings.is_test_file(path))
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect();
        names.sort();
        names
    };
    let folders = std::iter::once(tree).chain(all().map(PathBuf::as_path));
    folders.filter(|folder| !is_called(folder, &NO_TESTS)).find_map(|folder| {
        let names = of_tests(folder);
        let tests = (!names.is_empty()).then(|| Tests::at(folder, names))?;
        Some(inside_package(folder, settings, wheel).unwrap_or(tests))
    })
}

/// The folders below a tree, level by level.
fn list_levels(tree: &Path) -> Vec<Vec<PathBuf>> {
    let mut levels: Vec<Vec<PathBuf>> = Vec::new();
    let mut level = vec![tree.to_owned()];
    for _ in 0..DEEPEST {
        let below = level.iter().flat_map(|folder| list(folder));
        level = below.filter(|path| path.is_dir() && !is_called(path, &LEFT_OUT)).collect();
        level.sort();
        levels.push(level.clone());
    }
    levels
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

pub(super) fn is_called(path: &Path, names: &[&str]) -> bool {
    path.file_name().is_some_and(|own| names.iter().any(|name| own == *name))
}

/// Whether a folder is called `tests`, `py-tests`, `unit_tests` and the like.
fn is_named_tests(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.split(['-', '_']).any(|word| ["test", "tests", "pytests"].contains(&word))
}

fn has_tests(folder: &Path, settings: &PytestSettings, depth: usize) -> bool {
    let paths = list(folder);
    paths.iter().any(|path| settings.is_test_file(path) && path.is_file())
        || depth > 0 && paths.iter().any(|path| path.is_dir() && has_tests(path, settings, depth - 1))
}

/// Tests in the package itself that the wheel brings along: pytest takes the installed ones, by their module.
fn inside_package(folder: &Path, settings: &PytestSettings, wheel: &OpenedWheel) -> Option<Tests> {
    let source = folder.ancestors().find(|folder| !folder.join("__init__.py").is_file())?;
    let relative = |path: &Path| Some(path.strip_prefix(source).ok()?.to_string_lossy().replace('\\', "/"));
    let module = relative(folder).filter(|path| !path.is_empty())?;
    let mut files = walkdir::WalkDir::new(folder).max_depth(DEEPEST).into_iter().flatten();
    let is_installed = files.any(|file| {
        settings.is_test_file(file.path()) && relative(file.path()).is_some_and(|path| wheel.has(&path))
    });
    is_installed.then(|| Tests {
        folder: source.to_owned(),
        arguments: vec!["--pyargs".to_owned(), module.replace('/', ".")],
        paths: vec![PathBuf::from(module)],
    })
}
