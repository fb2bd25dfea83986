//! What tests require: what the package states for them, and what they import.

use std::collections::BTreeSet;
use std::path::Path;

use super::staging::Staged;
use crate::project::PyProject;
use crate::runtime::Runtime;
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
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// The packages of a release, and tools for tests, that the tests import under their own names, whoever forgot to
    /// state them.
    pub(crate) fn imported_packages(&self, runtime: &Runtime) -> Vec<String> {
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
