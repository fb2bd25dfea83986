//! Which tests are found in a tree, and what is taken along.

use super::*;
use crate::runtime::double;

/// A tree of files; a text follows a `=`.
fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let (path, text) = file.split_once('=').unwrap_or((file, ""));
        let path = folder.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    folder
}

/// A wheel that provides the package `own` and the module `_own`.
fn wheel() -> OpenedWheel {
    let metadata = "Metadata-Version: 2.1\nName: own\nVersion: 1\n";
    let files = [
        ("own/__init__.py", ""),
        ("_own.so", ""),
        ("own-1.dist-info/WHEEL", ""),
        ("own-1.dist-info/METADATA", metadata),
    ];
    let contents = crate::wheel::WheelContents {
        filename: "own-1-py3-none-any.whl".parse().unwrap(),
        files: files.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).collect(),
        executable: Vec::new(),
    };
    OpenedWheel::of(Path::new("own-1-py3-none-any.whl"), &contents).unwrap()
}

fn staged(folder: &Path, named: Option<&Path>) -> Result<Staged> {
    find(folder, &PyProject::read(folder).unwrap(), named, &wheel())
}

fn show(folder: &Path, staged: Result<Staged>) -> String {
    let shown = match staged {
        Err(error) => crate::error::render(&error),
        Ok(staged) => {
            let root = staged.root.strip_prefix(folder).unwrap_or(&staged.root);
            let files: Vec<String> = staged.files.iter().map(|file| file.display().to_string()).collect();
            format!("{} | {} | {}", root.display(), staged.paths.join(" "), files.join(" "))
        }
    };
    shown.replace(&*folder.to_string_lossy(), "TREE").replace('\\', "/")
}

fn check(files: &[&str], named: Option<&str>) -> String {
    let folder = tree(files);
    show(folder.path(), staged(folder.path(), named.map(Path::new)))
}

#[test]
fn the_folder_of_tests_that_lies_least_deep_is_taken_with_all_beside_it() {
    assert_eq!(
        check(&["a/tests/test_a.py", "tests/test_b.py", "tests/data.json", "conftest.py"], None),
        " | tests | a/tests/test_a.py conftest.py tests/data.json tests/test_b.py"
    );
    assert_eq!(
        check(&["py/test/unit/a_test.py", "py/conftest.py", "README.md"], None),
        "py | test | conftest.py test/unit/a_test.py"
    );
}

#[test]
fn a_folder_that_is_only_called_so_holds_no_tests() {
    let rust_tests = ["tests/it.rs", "python/py-tests/test_a.py"];
    assert_eq!(check(&rust_tests, None), "python | py-tests | py-tests/test_a.py");
    insta::assert_snapshot!(check(&["tests/it.rs", "target/tests/test_a.py"], None), @"
    error: `TREE` holds no tests: no folder `tests` or `test`, and no pytest table
    hint: name them with `--tests PATH`; sdists often leave them out, the repository has them
    ");
}

#[test]
fn the_pytest_table_says_where_tests_are_if_they_are_there() {
    let check = |table: &str| {
        let pyproject = format!("pyproject.toml={table}");
        let shown = check(&[&pyproject, "one/test_a.py", "two/test_b.py", "tests/test_c.py"], None);
        shown.split(" | ").take(2).collect::<Vec<_>>().join("|")
    };
    assert_eq!(check("[tool.pytest.ini_options]\ntestpaths = ['two', 'gone', 'one']"), "|two one");
    assert_eq!(check("[tool.pytest.ini_options]\ntestpaths = 'two one'"), "|two one");
    assert_eq!(check("[tool.pytest]\ntestpaths = ['two']"), "|two");
    assert_eq!(check("[tool.pytest.ini_options]\ntestpaths = ['gone']"), "|tests");
    assert_eq!(check("[tool.pytest.ini_options]\nminversion = '7'"), "|tests");
}

#[test]
fn the_package_itself_is_hidden_from_its_tests() {
    let files =
        ["own/__init__.py", "own/sub/a.py", "_own.py", "own.md", "tests/own/test_a.py", "tests/_own.py"];
    assert_eq!(check(&files, None), " | tests | own.md tests/_own.py tests/own/test_a.py");
}

#[test]
fn tests_inside_the_package_come_without_the_rest_of_it() {
    let files = ["own/__init__.py", "own/tests/test_a.py", "own/tests/data.txt"];
    assert_eq!(check(&files, None), "own | tests | __init__.py tests/data.txt tests/test_a.py");
}

#[test]
fn named_tests_are_a_file_with_its_folder_or_a_folder() {
    let files =
        ["tests/sub/test_a.py", "tests/sub/data.txt", "tests/test_b.py", "test_c.py", "own/__init__.py"];
    assert_eq!(
        check(&files, Some("tests/sub/test_a.py")),
        "tests | sub/test_a.py | sub/data.txt sub/test_a.py test_b.py"
    );
    assert_eq!(check(&files, Some("tests/sub")), "tests | sub | sub/data.txt sub/test_a.py test_b.py");
    assert_eq!(
        check(&files, Some("test_c.py")),
        " | test_c.py | test_c.py tests/sub/data.txt tests/sub/test_a.py tests/test_b.py"
    );
}

#[test]
fn of_tests_elsewhere_only_the_settings_beside_them_are_taken() {
    let (tree_of_package, elsewhere) =
        (tree(&["own/__init__.py"]), tree(&["mine/test_a.py", "conftest.py", "b.py"]));
    let named = elsewhere.path().join("mine");
    let shown = show(elsewhere.path(), staged(tree_of_package.path(), Some(&named)));
    assert_eq!(shown, " | mine | conftest.py mine/test_a.py");
    let file = elsewhere.path().join("mine/test_a.py");
    let shown = show(elsewhere.path(), staged(tree_of_package.path(), Some(&file)));
    assert_eq!(shown, "mine | test_a.py | test_a.py");
    let gone = staged(tree_of_package.path(), Some(&elsewhere.path().join("gone"))).unwrap_err();
    assert!(crate::error::render(&gone).contains("hint: `--tests` takes a path in `"));
}

#[cfg(unix)]
#[test]
fn links_to_folders_and_to_nowhere_are_left_out() {
    let folder = tree(&["tests/test_a.py", "real.txt"]);
    let link = |to: &str, from: &str| std::os::unix::fs::symlink(to, folder.path().join(from)).unwrap();
    link("/", "tests/out");
    link("gone", "tests/broken");
    link("../real.txt", "tests/linked.txt");
    let shown = show(folder.path(), staged(folder.path(), None));
    assert_eq!(shown, " | tests | real.txt tests/linked.txt tests/test_a.py");
}

fn staged_with(files: &[&str]) -> (tempfile::TempDir, Staged) {
    let folder = tree(files);
    let staged = staged(folder.path(), None).unwrap();
    (folder, staged)
}

#[test]
fn files_of_tests_are_those_that_pytest_would_collect() {
    let (_folder, staged) = staged_with(&[
        "tests/test_b.py",
        "tests/sub/a_test.py",
        "tests/conftest.py",
        "tests/test.py",
        "test_x.py",
    ]);
    assert_eq!(staged.test_files(), ["tests/sub/a_test.py", "tests/test_b.py"]);
}

#[test]
fn of_what_the_package_states_its_tests_get_what_they_import() {
    let text = "tests/test_a.py=import os, hypothesis.strategies as st # and, mypy\n  from dirty_equals import x\nimport Numpy as np\n";
    let (_folder, staged) = staged_with(&[text]);
    let stated = [
        "Dirty-Equals>=1",
        "hypothesis",
        "mypy",
        "pytest>=7",
        "pytest-asyncio",
        "numpy",
        "hypothesis",
        "not a name!",
    ];
    let chosen = staged.choose_requirements(stated.map(str::to_owned).into());
    assert_eq!(chosen, ["Dirty-Equals>=1", "hypothesis", "numpy", "pytest-asyncio", "pytest>=7"]);
}

#[test]
fn packages_of_the_release_are_taken_if_tests_import_them() {
    let (_folder, staged) =
        staged_with(&["tests/test_a.py=import numpy\nfrom six.moves import x\nimport ssl_x\n"]);
    let mut runtime = double::runtime("0.29.0", "3.13");
    for (name, file) in [("numpy", "numpy-2.whl"), ("six", "six-1.zip"), ("pandas", "pandas-2.whl")] {
        runtime.packages.insert(name.to_owned(), double::package("1", file, &[]));
    }
    assert_eq!(staged.imported_packages(&runtime), ["numpy"], "only wheels can be installed");
}

#[test]
fn the_archive_holds_the_files_below_the_root() {
    let (folder, staged) = staged_with(&["py/tests/test_a.py=1", "py/tests/sub/b.txt=2", "README.md=3"]);
    let archive = folder.path().join("tests.zip");
    staged.pack(&archive).unwrap();
    let mut zip = zip::ZipArchive::new(fs_err::File::open(&archive).unwrap()).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names, ["tests/sub/b.txt", "tests/test_a.py"]);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut zip.by_name("tests/sub/b.txt").unwrap(), &mut text).unwrap();
    assert_eq!(text, "2");
}

#[test]
fn requirements_of_tests_stand_in_extras_groups_and_files() {
    let pyproject = "pyproject.toml=[project.optional-dependencies]\ntesting = ['a']\ndocs = ['x']\n\
                     [dependency-groups]\ndev = ['b', { include-group = 'y' }]\nlint = ['z']\n";
    let folder = tree(&[pyproject, "test-requirements.txt=c>=1 # why\n# no\n", "sub/requirements.txt=w\n"]);
    let mut stated = stated_requirements(folder.path(), &PyProject::read(folder.path()).unwrap());
    stated.sort();
    assert_eq!(stated, ["# no", "a", "b", "c>=1"]);
}
