//! Copies a package's tests out of its source tree, with the files around them but without the package itself: tests see
//! the installed wheel, never the tree.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::error::{Result, hinted};
use crate::overlay::values::InsidePath;
use crate::project::PyProject;
use crate::runtime::Runtime;
use crate::wheel::OpenedWheel;
use crate::wheel::requirement::Requirement;

/// Folders that no test reads.
const LEFT_OUT: [&str; 9] =
    ["target", ".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".pytest_cache"];

/// Tests that were taken out of a tree.
#[derive(Debug)]
pub struct Staged {
    /// The folder that becomes the current one: the files below it are in the archive.
    pub root: PathBuf,
    /// What pytest is given; nothing where the package's pytest table says it.
    pub paths: Vec<String>,
    /// The files, relative to the root.
    pub files: Vec<PathBuf>,
}

/// A source tree has no tests.
#[derive(Debug, thiserror::Error)]
#[error("`{}` holds no tests: no folder `tests` or `test`, and no pytest table", .tree.display())]
pub(crate) struct NoTests {
    tree: PathBuf,
}

/// Finds the tests: where the user says, where the package's pytest table says, or in a folder of the usual name.
///
/// # Errors
/// When there are none.
pub(crate) fn find(
    tree: &Path,
    pyproject: &PyProject,
    named: Option<&Path>,
    wheel: &OpenedWheel,
) -> Result<Staged> {
    let (root, paths) = match named {
        Some(named) => named_tests(tree, named)?,
        None => usual_tests(tree, pyproject).ok_or_else(|| {
            hinted(
                NoTests { tree: tree.to_owned() },
                "name them with `--tests PATH`; sdists often leave them out, the repository has them",
            )
        })?,
    };
    let mut files = Vec::new();
    let kept: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    let provided = wheel.top_level_names();
    if root.starts_with(tree) && tree.is_dir() {
        list(&root, Path::new(""), &provided, &kept, &mut files)?;
    } else {
        // Tests of the user's own: of the other files in that folder only pytest's settings matter.
        let settings = ["conftest.py", "pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini"];
        files.extend(settings.map(PathBuf::from).into_iter().filter(|name| root.join(name).is_file()));
        for path in &kept {
            if root.join(path).is_dir() {
                list(&root, path, &provided, &kept, &mut files)?;
            } else {
                files.push(path.clone());
            }
        }
    }
    files.sort();
    Ok(Staged { root, paths, files })
}

fn named_tests(tree: &Path, named: &Path) -> Result<(PathBuf, Vec<String>)> {
    let inside = tree.join(named);
    let path = if named.is_relative() && inside.exists() { inside } else { std::path::absolute(named)? };
    let metadata = fs_err::metadata(&path).map_err(|error| {
        hinted(error, format!("`--tests` takes a path inside `{}`, or any other path", tree.display()))
    })?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let root = path.parent().unwrap_or(tree).to_owned();
    if path.starts_with(tree) && metadata.is_file() && root != tree {
        // The file's folder has what belongs to it.
        let folder = root.parent().unwrap_or(tree).to_owned();
        return Ok((folder, vec![format!("{}/{}", name(&root), name(&path))]));
    }
    Ok((root, vec![name(&path)]))
}

/// The root, and what pytest is given.
fn usual_tests(tree: &Path, pyproject: &PyProject) -> Option<(PathBuf, Vec<String>)> {
    let table = pyproject.tool("pytest");
    let options =
        table.map(|table| table.get("ini_options").and_then(toml::Value::as_table).unwrap_or(table));
    let said = options.and_then(|options| match options.get("testpaths")? {
        toml::Value::String(text) => Some(text.split_whitespace().map(str::to_owned).collect()),
        toml::Value::Array(paths) => {
            Some(paths.iter().filter_map(|path| path.as_str().map(str::to_owned)).collect::<Vec<_>>())
        }
        _ => None,
    });
    let there: Vec<String> =
        said.unwrap_or_default().into_iter().filter(|path| is_inside(tree, path)).collect();
    if !there.is_empty() {
        return Some((tree.to_owned(), there));
    }
    let folder = shallowest(tree)?;
    let name = folder.file_name()?.to_string_lossy().into_owned();
    Some((folder.parent()?.to_owned(), vec![name]))
}

/// Whether a path that a package names is there and in its tree.
fn is_inside(tree: &Path, path: &str) -> bool {
    path == "."
        || path.trim_end_matches('/').parse::<InsidePath>().is_ok_and(|path| tree.join(path.0).exists())
}

/// The folder of tests that lies least deep.
fn shallowest(tree: &Path) -> Option<PathBuf> {
    let mut level = vec![tree.to_owned()];
    // Level by level: a `tests` folder near the root is the package's, a deep one is often that of vendored code.
    for _ in 0..5 {
        let mut below: Vec<PathBuf> = level
            .iter()
            .filter_map(|folder| fs_err::read_dir(folder).ok())
            .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
            .filter(|path| path.is_dir() && !is_left_out(path))
            .collect();
        below.sort();
        let is_named = |path: &&PathBuf| {
            path.file_name().is_some_and(|name| name == "tests" || name == "test" || name == "py-tests")
        };
        if let Some(found) = below.iter().filter(is_named).find(|folder| has_tests(folder, 3)) {
            return Some(found.clone());
        }
        level = below;
    }
    None
}

fn is_left_out(path: &Path) -> bool {
    path.file_name().is_some_and(|name| LEFT_OUT.iter().any(|left_out| name == *left_out))
}

/// Whether a file's name says that it holds tests.
fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".py") && (name.starts_with("test_") || name.ends_with("_test.py"))
}

fn has_tests(folder: &Path, depth: usize) -> bool {
    let Ok(entries) = fs_err::read_dir(folder) else { return false };
    let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.iter().any(|path| is_test_file(path))
        || depth > 0 && paths.iter().any(|path| path.is_dir() && has_tests(path, depth - 1))
}

/// Lists the files below a folder. A folder with a name that the wheel provides is the package itself, unless tests lie in it.
fn list(
    root: &Path,
    relative: &Path,
    provided: &BTreeSet<String>,
    kept: &[PathBuf],
    files: &mut Vec<PathBuf>,
) -> Result<()> {
    for entry in fs_err::read_dir(root.join(relative))? {
        let entry = entry?;
        let path = relative.join(entry.file_name());
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_of_tests = kept.iter().any(|kept| path.starts_with(kept) || kept.starts_with(&path));
        // A link that leads nowhere is no file.
        let Ok(kind) = fs_err::metadata(entry.path()) else { continue };
        if kind.is_dir() {
            let is_package = provided.contains(&name) && !is_of_tests;
            let leads_out = entry.file_type()?.is_symlink();
            if !is_left_out(&path) && !is_package && !leads_out {
                list(root, &path, provided, kept, files)?;
            }
        } else if is_of_tests || !name.strip_suffix(".py").is_some_and(|module| provided.contains(module)) {
            files.push(path);
        }
    }
    Ok(())
}

impl Staged {
    /// Writes the files into a zip archive.
    ///
    /// # Errors
    /// When a file cannot be read or the archive not written.
    pub fn pack(&self, archive: &Path) -> Result<()> {
        let mut zip = zip::ZipWriter::new(std::io::BufWriter::new(fs_err::File::create(archive)?));
        let options =
            // Read once, on this machine: compressing takes longer than it saves.
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for file in &self.files {
            let name = file.to_string_lossy().replace('\\', "/");
            zip.start_file(name.as_str(), options).with_context(|| format!("cannot pack `{name}`"))?;
            zip.write_all(&fs_err::read(self.root.join(file))?)?;
        }
        zip.finish()?.flush()?;
        Ok(())
    }

    /// The files of tests, as pytest is given them.
    pub fn test_files(&self) -> Vec<String> {
        let below = |file: &&PathBuf| self.paths.iter().any(|path| file.starts_with(path));
        let tests = self.files.iter().filter(|file| is_test_file(file)).filter(below);
        tests.map(|file| file.to_string_lossy().replace('\\', "/")).collect()
    }

    /// What the tests import from elsewhere, of what the package states that its tests need. Plugins of pytest are not
    /// imported, and taken.
    pub fn choose_requirements(&self, stated: Vec<String>) -> Vec<String> {
        let imported = self.imports();
        let left_out = tools("left-out");
        let mut found: Vec<String> = stated
            .into_iter()
            .filter(|text| {
                let Ok(requirement) = text.parse::<Requirement>() else { return false };
                let name = requirement.name();
                name == "pytest"
                    || name.starts_with("pytest-") && !left_out.contains(&name)
                    || imported.contains(&name.replace('-', "_"))
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// The packages of a release, and tools for tests, that the tests import under their own names, whoever forgot to
    /// state them.
    pub fn imported_packages(&self, runtime: &Runtime) -> Vec<String> {
        let imported = self.imports();
        let packages = runtime.packages.iter().filter(|(_, package)| package.file_ends_with(".whl"));
        let mut known: Vec<String> =
            packages.map(|(name, _)| name.clone()).chain(tools("imported")).collect();
        known.retain(|name| imported.contains(&name.replace('-', "_")));
        known.extend(
            read_modules_behind()
                .into_iter()
                .filter(|(module, _)| imported.contains(module))
                .map(|(_, name)| name),
        );
        known.sort();
        known.dedup();
        known
    }

    /// The top-level names that Python files below the root import.
    fn imports(&self) -> BTreeSet<String> {
        let python = self.files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "py"));
        let mut names = BTreeSet::new();
        for file in python {
            let text = fs_err::read_to_string(self.root.join(file)).unwrap_or_default();
            // A line that looks like an import is enough: a wrong guess installs one package too many.
            for line in text.lines().map(str::trim_start) {
                let code = line.split('#').next().unwrap_or(line);
                let listed = code.strip_prefix("import ").into_iter().flat_map(|rest| rest.split(','));
                let imported = listed.chain(code.strip_prefix("from "));
                let tops = imported.filter_map(|name| name.trim_start().split([' ', '.', ';']).next());
                names.extend(tops.filter(|name| !name.is_empty()).map(str::to_lowercase));
            }
        }
        names
    }
}

fn test_tools() -> toml::Table {
    include_str!("../../facts/test-tools.toml").parse().unwrap_or_default()
}

/// Modules of the standard library, and the packages that stand behind them.
fn read_modules_behind() -> Vec<(String, String)> {
    let behind = test_tools().get("behind").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    behind.into_iter().filter_map(|(module, name)| Some((module, name.as_str()?.to_owned()))).collect()
}

/// Names of packages for tests: a list of `facts/test-tools.toml`.
fn tools(list: &str) -> Vec<String> {
    let names = test_tools().get(list).and_then(toml::Value::as_array).cloned().unwrap_or_default();
    names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// The requirements that the package states for its tests: extras, dependency groups and requirement files whose names say
/// `test`.
pub(crate) fn stated_requirements(tree: &Path, pyproject: &PyProject) -> Vec<String> {
    let extras =
        pyproject.table("project").and_then(|project| project.get("optional-dependencies")?.as_table());
    let groups = [extras, pyproject.table("dependency-groups")].into_iter().flatten();
    // There is no standard name: these are the ones that packages use.
    let is_for_tests = |name: &str| name.contains("test") || name == "dev";
    let named = groups.flatten().filter(|(name, _)| is_for_tests(name));
    let listed = named.filter_map(|(_, entries)| entries.as_array()).flatten();
    let mut found: Vec<String> = listed.filter_map(|entry| entry.as_str().map(str::to_owned)).collect();
    let entries = fs_err::read_dir(tree).ok().into_iter().flatten().flatten().map(|entry| entry.path());
    let files = entries.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        name.contains("requirements") && name.ends_with(".txt")
    });
    for file in files {
        let text = fs_err::read_to_string(file).unwrap_or_default();
        found.extend(text.lines().map(|line| line.split(" #").next().unwrap_or(line).trim().to_owned()));
    }
    found
}

#[cfg(test)]
mod tests;
