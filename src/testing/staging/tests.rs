//! Which tests are found in a tree, and what is taken along.

use super::*;
use crate::runtime::{LockedPackage, double};

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
        ("own/checks/__init__.py", ""),
        ("own/checks/test_a.py", ""),
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
    find(folder, Extent::Tree, &PyProject::read(folder).unwrap(), named, &wheel())
}

fn show(folder: &Path, staged: Result<Staged>) -> String {
    let shown = match staged {
        Err(error) => crate::error::render(&error),
        Ok(staged) => {
            let files: Vec<String> = staged.files.iter().map(|file| file.display().to_string()).collect();
            format!("{} | {} | {}", staged.folder.display(), staged.arguments.join(" "), files.join(" "))
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
        "py | test | README.md py/conftest.py py/test/unit/a_test.py"
    );
}

#[test]
fn a_folder_that_is_only_called_so_holds_no_tests() {
    let rust_tests = ["tests/it.rs", "python/py-tests/test_a.py"];
    assert_eq!(check(&rust_tests, None), "python | py-tests | python/py-tests/test_a.py tests/it.rs");
    insta::assert_snapshot!(check(&["tests/it.rs", "target/tests/test_a.py"], None), @"
    error: no tests were found in `TREE`: no `testpaths` of pytest, no folder called `tests`, no files called `test_*.py` or `*_test.py`
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
    assert_eq!(check(&files, None), "own | tests | own/tests/data.txt own/tests/test_a.py");
}

#[test]
fn what_a_package_holds_beside_its_modules_is_data() {
    let files = ["own/__init__.py", "own/_own.pyi", "own/table.json", "own/sub/x.py", "tests/test_a.py"];
    assert_eq!(check(&files, None), " | tests | own/_own.pyi own/table.json tests/test_a.py");
    // Not the package: Python finds the installed one first.
    let crates = ["crates/own/benches/big.json", "crates/own/gen.py", "crates/own-py/tests/test_a.py"];
    assert_eq!(check(&crates, None), format!("crates/own-py | tests | {}", sorted(&crates)));
}

fn sorted(files: &[&str]) -> String {
    let mut files: Vec<std::path::PathBuf> = files.iter().map(std::path::PathBuf::from).collect();
    files.sort();
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn tests_that_the_wheel_brings_are_the_installed_ones() {
    let files = ["src/own/__init__.py", "src/own/checks/__init__.py", "src/own/checks/test_a.py"];
    assert_eq!(
        check(&files, None),
        "src | --pyargs own.checks | src/own/checks/__init__.py src/own/checks/test_a.py"
    );
}

#[test]
fn without_a_folder_of_tests_files_of_the_usual_names_are_taken() {
    let files =
        ["docs/test_docs.py", "own/__init__.py", "own/parser_test.py", "own/deep/test_b.py", "own/data.txt"];
    let expected =
        "own | parser_test.py | docs/test_docs.py own/data.txt own/deep/test_b.py own/parser_test.py";
    assert_eq!(check(&files, None), expected);
    assert_eq!(
        check(&["test_a.py", "test_b.py", "own.py"], None),
        " | test_a.py test_b.py | test_a.py test_b.py"
    );
    let spec = "pyproject.toml=[tool.pytest.ini_options]\npython_files = ['*_spec.py']\n";
    assert_eq!(
        check(&[spec, "spec/a_spec.py", "test_a.py"], None),
        "spec | a_spec.py | pyproject.toml spec/a_spec.py test_a.py"
    );
}

#[test]
fn paths_of_the_settings_may_have_patterns() {
    let ini = "pytest.ini=[pytest]\ntestpaths = members/*/tests own.py ../x\n";
    let files = [ini, "members/a/tests/test_a.py", "members/b/tests/test_b.py", "members/c/x.py"];
    let shown = check(&files, None);
    assert!(shown.starts_with(" | members/a/tests members/b/tests | "), "{shown}");
}

/// A repository with a workspace, of which one member is the package.
fn repository() -> tempfile::TempDir {
    tree(&[
        ".git/HEAD",
        "docs/example.json",
        "rust/Cargo.toml=[workspace]\n",
        "rust/target/debug/huge",
        "rust/core/benches/data.json",
        "rust/py/pyproject.toml=[project]\n",
        "rust/py/own/__init__.py",
        "rust/py/tests/test_a.py",
        "rust/env/pyvenv.cfg",
        "rust/env/lib/x.py",
        "cache/CACHEDIR.TAG",
        "cache/x",
    ])
}

#[test]
fn a_member_of_a_workspace_has_its_repository_around_it() {
    let folder = repository();
    let member = folder.path().join("rust/py");
    let find = |extent| find(&member, extent, &PyProject::read(&member).unwrap(), None, &wheel());
    assert_eq!(
        show(folder.path(), find(Extent::Repository)),
        "rust/py | tests | docs/example.json rust/Cargo.toml rust/core/benches/data.json rust/py/pyproject.toml \
         rust/py/tests/test_a.py"
    );
    assert_eq!(show(folder.path(), find(Extent::Tree)), " | tests | pyproject.toml tests/test_a.py");
    // Tests of a wheel are those of their repository, too.
    let tests = member.join("tests");
    let named = super::find(&tests, Extent::Repository, &PyProject::default(), Some(&tests), &wheel());
    let shown = show(folder.path(), named);
    assert!(shown.starts_with("rust/py | tests | docs/example.json rust/Cargo.toml"), "{shown}");
}

#[cfg(unix)]
#[test]
fn links_inside_the_repository_are_followed() {
    let folder = repository();
    let link = |to: &str, from: &str| std::os::unix::fs::symlink(to, folder.path().join(from)).unwrap();
    link("../../../docs", "rust/py/tests/docs");
    link("..", "rust/py/tests/up");
    link("/usr", "rust/py/tests/out");
    let member = folder.path().join("rust/py");
    let found = find(&member, Extent::Repository, &PyProject::default(), None, &wheel()).unwrap();
    let tests: Vec<_> = found.files.iter().filter(|file| file.starts_with("rust/py/tests")).collect();
    assert_eq!(tests, ["rust/py/tests/docs/example.json", "rust/py/tests/test_a.py"].map(Path::new));
}

#[test]
fn a_repository_that_is_too_large_is_left_to_its_workspace() {
    let folder = repository();
    let huge = fs_err::File::create(folder.path().join("docs/film.bin")).unwrap();
    huge.into_parts().0.set_len(MOST_BYTES + 1).unwrap();
    let member = folder.path().join("rust/py");
    let found = find(&member, Extent::Repository, &PyProject::default(), None, &wheel()).unwrap();
    assert_eq!(found.root, folder.path().join("rust"));
    assert_eq!(found.folder, Path::new("py"));
}

#[test]
fn named_tests_are_a_file_with_its_folder_or_a_folder() {
    let files =
        ["tests/sub/test_a.py", "tests/sub/data.txt", "tests/test_b.py", "test_c.py", "own/__init__.py"];
    assert_eq!(
        check(&files, Some("tests/sub/test_a.py")),
        "tests | sub/test_a.py | test_c.py tests/sub/data.txt tests/sub/test_a.py tests/test_b.py"
    );
    assert_eq!(
        check(&files, Some("tests/sub")),
        "tests | sub | test_c.py tests/sub/data.txt tests/sub/test_a.py tests/test_b.py"
    );
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
    assert_eq!(shown, " | test_a.py | test_a.py");
    let gone = staged(tree_of_package.path(), Some(&elsewhere.path().join("gone"))).unwrap_err();
    assert!(crate::error::render(&gone).contains("hint: `--tests` takes a path inside `"));
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
    let text = "tests/test_a.py=import os, hypothesis.strategies as st # and, mypy\n  from dirty_equals import x\nimport Numpy as np\n\
        from backports.zstd import tarfile\nfrom zope import event\nfrom . import mypy\nfrom attrs import(define)\n";
    let (_folder, staged) = staged_with(&[text]);
    let stated = [
        "Dirty-Equals>=1",
        "hypothesis",
        "mypy",
        "pytest>=7",
        "pytest-asyncio",
        "numpy",
        "hypothesis",
        "backports-zstd>=1",
        "backports-datetime",
        "zope.event",
        "attrs",
        "not a name!",
    ];
    let chosen = staged.choose_requirements(stated.map(str::to_owned).into());
    let expected = [
        "Dirty-Equals>=1",
        "attrs",
        "backports-zstd>=1",
        "hypothesis",
        "numpy",
        "pytest-asyncio",
        "pytest>=7",
        "zope.event",
    ];
    assert_eq!(chosen, expected);
}

#[test]
fn packages_of_the_release_are_taken_if_tests_import_them() {
    let (_folder, staged) =
        staged_with(&["tests/test_a.py=import numpy\nfrom six.moves import x\nimport ssl_x\n"]);
    let mut runtime = double::runtime("0.29.0", "3.13");
    for (name, file) in [("numpy", "numpy-2.whl"), ("six", "six-1.zip"), ("pandas", "pandas-2.whl")] {
        runtime.packages.insert(name.to_owned(), double::package("1", file, &[]));
    }
    assert_eq!(staged.imported_packages(&runtime), ["numpy", "six"]);
    let image =
        LockedPackage { imports: vec!["PIL.x".into(), "pil".into()], ..double::package("1", "p.whl", &[]) };
    runtime.packages.insert("pillow".to_owned(), image);
    let (_folder, staged) = staged_with(&[
        "tests/test_a.py=import PIL, pandas, numpy.linalg\nimport lzma\n",
        "tests/pandas.py",
        "benches/bench.py=import six\n",
        "conftest.py=import zoneinfo\n",
    ]);
    let expected = ["numpy", "pillow", "tzdata"];
    assert_eq!(staged.imported_packages(&runtime), expected, "a helper of the tests is called `pandas`");
}

#[test]
fn the_archive_holds_the_files_and_the_current_folder() {
    let (folder, staged) = staged_with(&["py/tests/test_a.py=1", "py/tests/sub/b.txt=2", "README.md=3"]);
    let archive = folder.path().join("tests.zip");
    staged.pack(&archive).unwrap();
    let mut zip = zip::ZipArchive::new(fs_err::File::open(&archive).unwrap()).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names, ["README.md", "py/tests/sub/b.txt", "py/tests/test_a.py", "py/"]);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut zip.by_name("py/tests/sub/b.txt").unwrap(), &mut text).unwrap();
    assert_eq!(text, "2");
}

#[test]
fn requirements_of_tests_stand_in_extras_groups_and_files() {
    let pyproject = "pyproject.toml=[project.optional-dependencies]\ntesting = ['a']\ndocs = ['x']\n\
                     [dependency-groups]\ndev = ['b', { include-group = 'y' }]\nlint = ['z']\n";
    let folder = tree(&[pyproject, "test-requirements.txt=c>=1 # why\n# no\n", "sub/requirements.txt=w\n"]);
    let mut stated =
        crate::testing::needs::stated_requirements(folder.path(), &PyProject::read(folder.path()).unwrap());
    stated.sort();
    assert_eq!(stated, ["# no", "a", "b", "c>=1"]);
}
