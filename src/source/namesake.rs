//! Names that may mean two packages: one of the package index, and a project in a folder beside.

use std::path::Path;

use anyhow::anyhow;

use super::request::SourceRequest;
use crate::error::{Result, hinted};
use crate::project::is_project_or_crate;
use crate::wheel::filename::normalised;

/// Refuses a bare name that is also a folder with a project in `here`: the index may have a stranger's package of that
/// name, and building it runs its code.
///
/// # Errors
/// When the name may mean both.
pub fn refuse_namesake(request: &SourceRequest, here: &Path) -> Result<()> {
    let SourceRequest::Package { name, version: None } = request else { return Ok(()) };
    let Some(folder) = find_namesake(name, here) else { return Ok(()) };
    Err(hinted(
        anyhow!(
            "`{name}` may mean the project in the folder `./{folder}` or the package of that name on the package index"
        ),
        format!("write `./{folder}` for the folder, `{name}==VERSION` for the package on the index"),
    ))
}

/// The folder of a project whose name is, as names of packages are compared, the same.
fn find_namesake(name: &str, here: &Path) -> Option<String> {
    // A folder that cannot be listed holds nothing that the user sees.
    let entries = fs_err::read_dir(here).ok()?.flatten();
    let same = entries.filter_map(|entry| {
        let folder = entry.file_name().into_string().ok()?;
        (normalised(&folder) == name && is_project_or_crate(&entry.path())).then_some(folder)
    });
    same.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_that_is_a_project_beside_is_refused() {
        let here = tempfile::tempdir().unwrap();
        for (folder, file) in [("Two_Words", "setup.py"), ("notes", "README")] {
            fs_err::create_dir_all(here.path().join(folder)).unwrap();
            fs_err::write(here.path().join(folder).join(file), "").unwrap();
        }
        let check = |text: &str| match refuse_namesake(&text.parse().unwrap(), here.path()) {
            Ok(()) => format!("{text}: taken"),
            Err(error) => crate::error::render(&error),
        };
        let typed = ["two-words", "two-words==1.0", "./Two_Words", "notes", "git+https://h/two-words"];
        insta::assert_snapshot!(typed.map(check).join("\n"), @"
        error: `two-words` may mean the project in the folder `./Two_Words` or the package of that name on the package index
        hint: write `./Two_Words` for the folder, `two-words==VERSION` for the package on the index
        two-words==1.0: taken
        ./Two_Words: taken
        notes: taken
        git+https://h/two-words: taken
        ");
    }
}
