//! The folder `recipes`, inside the program.

use include_dir::{Dir, include_dir};

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/recipes");

/// A file that recipes name.
pub(super) fn file(path: &str) -> Option<Vec<u8>> {
    SHIPPED.get_file(path).map(|file| file.contents().to_vec())
}

/// The names and texts of the TOML files in a folder of it.
pub(super) fn texts(folder: &str) -> impl Iterator<Item = (String, String)> {
    let folder = if folder.is_empty() { Some(&SHIPPED) } else { SHIPPED.get_dir(folder) };
    let files = folder.into_iter().flat_map(Dir::files);
    files.filter_map(|file| {
        let name = file.path().file_stem()?.to_str()?.to_owned();
        let is_recipe = file.path().extension()? == "toml";
        is_recipe.then(|| Some((name, file.contents_utf8()?.to_owned())))?
    })
}
