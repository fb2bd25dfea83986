//! Files that a crate's documentation includes, and that the source tree lacks.
//!
//! `#![doc = include_str!("../README.md")]` stops the compiler if the file is not there, on every platform; an sdist that was
//! made of one package of a repository often lacks it.

use std::path::{Path, PathBuf};

use super::rust_tokens::{self, Kind, Token};
use super::sources::{is_source, rust_sources};
use crate::files;

/// The missing files, below the tree. Files that code includes are none of them: there the content matters.
pub(crate) fn missing(tree: &Path) -> Vec<PathBuf> {
    let sources = rust_sources(tree, is_source);
    let mut found: Vec<PathBuf> = sources.flat_map(|path| of_source(&path)).collect();
    found.retain(|path| path.starts_with(tree) && !path.exists());
    found.sort();
    found.dedup();
    found
}

fn of_source(source: &Path) -> Vec<PathBuf> {
    let text = fs_err::read_to_string(source).unwrap_or_default();
    // Parsed only if it can hold what is looked for.
    if !text.contains("include_str!") {
        return Vec::new();
    }
    let mut included = Vec::new();
    find(&rust_tokens::read(&text).unwrap_or_default(), false, &mut included);
    let folder = source.parent().unwrap_or(source);
    included.into_iter().map(|path| files::normalize(&folder.join(path))).collect()
}

/// The paths in `doc = include_str!("PATH")` of attributes.
fn find<'a>(code: &[Token<'a>], in_attribute: bool, found: &mut Vec<&'a str>) {
    for (at, token) in code.iter().enumerate() {
        let Kind::Group(open, tokens) = &token.kind else { continue };
        let before = &code[..at];
        let is_attribute = *open == '['
            && match before {
                [.., hash] if hash.is_mark('#') => true,
                [.., hash, bang] => hash.is_mark('#') && bang.is_mark('!'),
                _ => false,
            };
        match &tokens[..] {
            [Token { kind: Kind::Text(path), .. }] if in_attribute && is_doc(before) => found.push(path),
            _ => find(tokens, in_attribute || is_attribute, found),
        }
    }
}

/// Whether tokens end in `doc = include_str!`.
fn is_doc(before: &[Token<'_>]) -> bool {
    let [.., name, equals, called, bang] = before else { return false };
    name.is_word("doc") && equals.is_mark('=') && called.is_word("include_str") && bang.is_mark('!')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_documentation_alone_includes_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        let lib = "#![doc = include_str!(\"../README.md\")]\n\
            #![cfg_attr(docsrs, doc = include_str!(\"../features.md\"))]\n\
            #[doc = include_str!(\"there.md\")]\nstruct A;\n\
            #[doc = include_str!(\"../../../outside.md\")]\nstruct B;\n\
            // #![doc = include_str!(\"comment.md\")]\n\
            fn f() { let doc = include_str!(\"code.md\"); let a = [doc = include_str!(\"list.md\")]; }\n\
            mod m { #![doc = include_str!(\"docs/m.md\")] }\n";
        for (path, text) in [
            ("package/src/lib.rs", lib),
            ("package/src/other.rs", "#![doc = include_str!(\"../README.md\")]"),
            ("package/src/no_rust.rs", "#![doc = include_str!(\"x.md\")"),
            ("package/src/there.md", ""),
            ("package/target/a.rs", "#![doc = include_str!(\"y.md\")]"),
        ] {
            fs_err::create_dir_all(tree.join(path).parent().unwrap()).unwrap();
            fs_err::write(tree.join(path), text).unwrap();
        }
        let found = missing(&tree);
        let found: Vec<&Path> = found.iter().map(|path| path.strip_prefix(&tree).unwrap()).collect();
        let expected = ["package/README.md", "package/features.md", "package/src/docs/m.md"].map(Path::new);
        assert_eq!(found, expected);
    }
}
