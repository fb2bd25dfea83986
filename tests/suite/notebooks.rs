//! `site --jupyterlite`: what builds it, and what its notebooks import.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{can_build, folder, tool, write_program};
use crate::hostile;
use crate::lines::asked_for;
use crate::release_network::{self, Manner, part};
use crate::site::{build, can_browse, drive, serve, site};

/// The kernel's own package, in a folder of Jupyter's data.
const KERNEL: &str = "share/labextensions/@jupyterlite/pyodide-kernel-extension/package.json";

/// A `jupyter` that says it has this version of the kernel, and builds next to nothing. Returns a `PATH` that has it.
fn jupyter(place: &Path, kernel: &str) -> String {
    let package = place.join(KERNEL);
    fs_err::create_dir_all(package.parent().unwrap()).unwrap();
    fs_err::write(package, json!({ "version": kernel }).to_string()).unwrap();
    let bin = place.join("jupyter-bin");
    fs_err::create_dir_all(&bin).unwrap();
    let paths = json!({ "data": [place.join("elsewhere"), place.join("share")] });
    let script = format!(
        "#!/bin/sh\ncase \"$1 $2\" in\n'--paths --json') echo '{paths}' ;;\n'lite --version') echo 9.9 ;;\n'lite build')\n\
         while [ \"$1\" != --output-dir ]; do shift; done\nmkdir -p \"$2\"\n\
         echo '{{\"jupyter-config-data\": {{\"appName\": \"a double\"}}}}' > \"$2/jupyter-lite.json\" ;;\n*) exit 1 ;;\nesac\n"
    );
    write_program(&bin.join("jupyter"), &script);
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

/// A wheel of a name that every release has, too.
fn namesake(place: &Path) -> &'static str {
    let name = "regex-9999-py3-none-any.whl";
    let metadata = "Metadata-Version: 2.1\nName: regex\nVersion: 9999\n";
    let module = ("regex.py".to_owned(), b"WHOSE = 'of the site'\n".to_vec());
    let bytes = hostile::wheel_with(name, metadata, [module].into());
    fs_err::write(place.join(name), bytes).unwrap();
    name
}

const CODE: &str = "\
import fixture_pure, regex
print('sum is', fixture_pure.add(20, 22), regex.WHOSE)";

fn imports_what_the_site_has(place: &Path) {
    let served = serve(&["site"], place);
    drive("drive_notebook.py", &served, &["--code", CODE, "--expect", "sum is 42 of the site"]);
}

#[test]
fn a_notebook_imports_what_the_site_has() {
    if !can_browse() {
        return;
    }
    let place = folder();
    build(place.path(), "314");
    // The user's has a kernel for another line.
    let path = jupyter(place.path(), "0.7.2");
    let arguments = ["wheels", namesake(place.path()), "--pyodide", "314.0.7", "--jupyterlite", "--vendor"];
    site(&arguments, place.path()).env("PATH", path).succeed();
    imports_what_the_site_has(place.path());
}

/// A stand-in for a module that IPython cannot do without, and of which it asks for little.
const SQLITE: &str = "
PARSE_DECLTYPES, PARSE_COLNAMES = 1, 2


class Error(Exception):
    pass


DatabaseError = OperationalError = IntegrityError = Error


class Connection:
    pass


def connect(*_, **__):
    raise OperationalError('a double')


def register_converter(*_):
    pass
";

#[test]
fn a_notebook_of_an_older_line_has_the_parts_of_python_that_its_kernel_loads() {
    if !can_browse() {
        return;
    }
    let asked_for = asked_for().unwrap_or_default();
    for version in asked_for.into_iter().filter(|version| ["0.27.8", "0.29.5"].contains(version)) {
        let place = folder();
        build(place.path(), version);
        let parts = vec![
            part("sqlite3", SQLITE, &[], Manner::Good),
            part("ssl", "raise ImportError('a double')\n", &[], Manner::Good),
        ];
        let (release, network) = release_network::release(place.path(), version, parts);
        let release = release.display().to_string();
        let arguments =
            ["wheels", namesake(place.path()), "--pyodide", &release, "--jupyterlite", "--vendor"];
        site(&arguments, place.path()).env("CARGO_PYODIDE_MIRROR", &network.address).succeed();
        imports_what_the_site_has(place.path());
    }
}

#[test]
fn the_users_own_jupyter_lite_is_used_if_its_kernel_fits() {
    if !can_build() {
        return;
    }
    let place = folder();
    build(place.path(), "314");
    let path = jupyter(place.path(), "0.8.2");
    let made = tool(&["site", "wheels", "--jupyterlite"]).in_folder(place.path());
    let made = made.hide(place.path(), "PLACE").env("PATH", path).succeed();
    let said: Vec<&str> = made.stderr.lines().filter(|line| line.contains("JupyterLite")).collect();
    assert_eq!(
        said,
        ["     Writing JupyterLite for Pyodide 314.0.7, with your `PLACE/jupyter-bin/jupyter lite` (9.9)"],
        "{}",
        made.stderr
    );
    let lite = place.path().join("site/lite");
    let settings = fs_err::read(lite.join("jupyter-lite.json")).unwrap();
    let settings: Value = serde_json::from_slice(&settings).unwrap();
    let data = &settings["jupyter-config-data"];
    let kernel = &data["litePluginSettings"]["@jupyterlite/pyodide-kernel-extension:kernel"];
    assert_eq!(data["appName"], "a double");
    assert_eq!(kernel["pyodideUrl"], "./../pyodide/314.0.7/pyodide.mjs");
    assert!(lite.join("files/examples.ipynb").is_file());
}
