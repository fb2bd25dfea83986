//! What npm is asked, and where.

use std::path::Path;

use crate::harness::{folder, tool, write_program};

/// An npm that notes where it is called with what, and whose registry and releases a variable names.
const NPM: &str = "#!/bin/sh
echo \"$PWD $*\" >> \"$NPM_LOG\"
case \"$1\" in
config) echo \"http://127.0.0.1:1/$NPM_NAME/\" ;;
view) if [ -e .npmrc ]; then echo '[\"0.29.666\"]'; else echo \"[\\\"0.29.$NPM_NAME\\\"]\"; fi ;;
esac
";

#[test]
fn no_project_changes_the_list_of_releases() {
    let place = folder();
    let bin = place.path().join("bin");
    let project = place.path().join("project");
    for folder in [&bin, &project] {
        fs_err::create_dir_all(folder).unwrap();
    }
    write_program(&bin.join("npm"), NPM);
    fs_err::write(project.join(".npmrc"), "registry=http://127.0.0.1:1/evil/\n").unwrap();
    let log = place.path().join("log");
    let cache = place.path().join("cache");
    let path = std::env::join_paths([bin.as_path(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    let listed = |name: &str| {
        let call = tool(&["runtimes", "--json"]).in_folder(&project).cache(&cache);
        let printed = call.env("PATH", &path).env("NPM_LOG", &log).env("NPM_NAME", name).succeed();
        let rows: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
        rows[0]["release"].as_str().unwrap().to_owned()
    };
    assert_eq!(listed("1"), "0.29.1");
    // Another registry has another list; the first one's is still there.
    assert_eq!(listed("2"), "0.29.2");
    assert_eq!(listed("1"), "0.29.1");
    let calls = fs_err::read_to_string(&log).unwrap();
    assert_eq!(calls.matches(" view ").count(), 2, "{calls}");
    let project = project.canonicalize().unwrap();
    assert!(!calls.contains(&format!("{} ", project.display())), "{calls}");
}
