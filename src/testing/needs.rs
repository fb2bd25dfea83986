//! What tests require: what the package states for them, and what they import.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::TestResult;
use super::staging::Staged;
use crate::project::PyProject;
use crate::runtime::Runtime;
use crate::wheel::python_imports::Import;
use crate::wheel::requirement::Requirement;

impl Staged {
    /// What the tests import from elsewhere, of what the package states that its tests need. Plugins of pytest are not
    /// imported, and taken.
    pub(crate) fn choose_requirements(&self, stated: Vec<String>) -> Vec<String> {
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
                    // `backports-zstd` is imported as `backports.zstd`.
                    || name.contains('-') && imported.contains(&name.replace('-', "."))
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// The packages of a release, and tools for tests, that the tests import, whoever forgot to state them. Parts of the
    /// standard library that the release keeps apart are such packages.
    pub(crate) fn imported_packages(&self, runtime: &Runtime) -> Vec<String> {
        // A helper beside the tests may be called like a package.
        let own: BTreeSet<String> = self.python_files().filter_map(|file| own_name(file)).collect();
        let imported = self.imports().into_iter().filter(|module| !module.contains('.'));
        let imported: BTreeSet<String> = imported.filter(|module| !own.contains(module)).collect();
        let found = imported.iter().filter_map(|module| package_of(module, runtime));
        let found: BTreeSet<String> = found.collect();
        found.into_iter().collect()
    }

    /// The Python files of the tests, and the `conftest.py` files above them.
    fn python_files(&self) -> impl Iterator<Item = &PathBuf> {
        let is_above = |file: &Path| {
            file.ends_with("conftest.py")
                && file.parent().is_some_and(|folder| self.tests.iter().any(|path| path.starts_with(folder)))
        };
        let is_of_tests = move |file: &Path| self.tests.iter().any(|path| file.starts_with(path));
        self.files.iter().filter(move |file| {
            file.extension().is_some_and(|ending| ending == "py") && (is_of_tests(file) || is_above(file))
        })
    }

    /// What the Python files of the tests import: top-level names, and names with the one below, `backports.zstd`.
    fn imports(&self) -> BTreeSet<String> {
        let texts = self.python_files().map(|file| fs_err::read_to_string(self.root.join(file)));
        texts.flat_map(|text| imported_names(&text.unwrap_or_default())).collect()
    }
}

/// What lines that look like imports name, in lower case: a wrong guess installs one package too many.
fn imported_names(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in text.lines().map(str::trim_start) {
        let statement = line.split(['#', ';']).next().unwrap_or(line).to_lowercase();
        // A relative one is of the tests' own.
        for Import { module, names: below, .. } in
            Import::of_statement(&statement).into_iter().filter(|import| import.level == 0)
        {
            let dotted = below.iter().map(|name| format!("{module}.{name}")).chain([module.clone()]);
            for name in dotted {
                let mut parts = name.splitn(3, '.');
                let top = parts.next().unwrap_or_default();
                names.extend(parts.next().map(|below| format!("{top}.{below}")));
                names.insert(top.to_owned());
            }
        }
    }
    names
}

/// The name under which other files beside a file import it.
fn own_name(file: &Path) -> Option<String> {
    Some(file.file_stem()?.to_string_lossy().to_lowercase())
}

/// The package that a module comes from: of the release, a tool for tests, or what stands behind a module of the standard
/// library.
fn package_of(module: &str, runtime: &Runtime) -> Option<String> {
    let is_called_so = |name: &str| name.replace('-', "_") == module;
    let packages = || runtime.packages.iter().filter(|(_, package)| package.file_name.is_some());
    // 0.21's lock file does not say what packages bring: then the name must do.
    let of_release = packages()
        .find(|(name, package)| package.provides(module) || package.imports.is_empty() && is_called_so(name));
    let tool = || tools("imported").into_iter().find(|name| is_called_so(name));
    let behind = || read_table("behind").into_iter().find(|(known, _)| known == module).map(|(_, name)| name);
    of_release.map(|(name, _)| name.clone()).or_else(tool).or_else(behind)
}

/// What failures say that the tests lack, by the packages that have it: the places of the results in their list.
pub(super) fn find_lacking(results: &[TestResult], runtime: &Runtime) -> BTreeMap<String, Vec<usize>> {
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let said = read_table("said");
    for (place, result) in results.iter().enumerate().filter(|(_, result)| result.outcome.is_failure()) {
        let modules = result.message.split("No module named '").skip(1);
        let modules = modules.filter_map(|rest| rest.split(['\'', '.']).next());
        let missing = modules.filter_map(|module| package_of(module, runtime));
        let told = said.iter().filter(|(words, _)| result.message.contains(words.as_str()));
        let packages: BTreeSet<String> = missing.chain(told.map(|(_, name)| name.clone())).collect();
        for package in packages {
            found.entry(package).or_default().push(place);
        }
    }
    found
}

fn test_tools() -> toml::Table {
    include_str!("../../facts/test-tools.toml").parse().unwrap_or_default()
}

/// A table of `facts/test-tools.toml` whose values name packages.
fn read_table(name: &str) -> Vec<(String, String)> {
    let table = test_tools().get(name).and_then(toml::Value::as_table).cloned().unwrap_or_default();
    table.into_iter().filter_map(|(key, package)| Some((key, package.as_str()?.to_owned()))).collect()
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
mod tests {
    use super::*;
    use crate::runtime::{LockedPackage, double};
    use crate::testing::TestOutcome;

    #[test]
    fn failures_say_which_packages_are_missing() {
        let mut runtime = double::runtime("0.29.0", "3.13");
        let imports = ["ssl", "_ssl"].map(str::to_owned).to_vec();
        let package = LockedPackage { imports, ..double::package("1.0.0", "ssl-1.0.0.zip", &["openssl"]) };
        runtime.packages.insert("ssl".to_owned(), package);
        let result = |outcome, message: &str| TestResult {
            id: String::new(),
            outcome,
            seconds: 0.0,
            message: message.to_owned(),
        };
        let failed = |message| result(TestOutcome::Failed, message);
        let results = [
            failed("ModuleNotFoundError: No module named '_ssl'"),
            failed("AssertionError"),
            result(TestOutcome::Skipped, "No module named 'ssl'"),
            result(TestOutcome::Error, "ImportError\nE   ModuleNotFoundError: No module named 'ssl.x'"),
            failed("ZoneInfoNotFoundError: 'No time zone found with key Europe/Vienna'"),
            failed("ModuleNotFoundError: No module named 'nobody_knows'"),
        ];
        let expected = [("ssl", vec![0, 3]), ("tzdata", vec![4])];
        assert_eq!(
            find_lacking(&results, &runtime),
            expected.map(|(name, places)| (name.to_owned(), places)).into()
        );
    }
}
