//! Packages that work in Pyodide in another way than elsewhere: `facts/substitutes.toml`.

use serde::Deserialize;

use crate::abi::Line;
use crate::runtime::Runtime;

#[derive(Deserialize)]
struct File {
    substitute: Vec<Substitute>,
}

#[derive(Deserialize)]
struct Substitute {
    package: String,
    from: String,
    note: String,
    before: String,
}

/// What is to be known of a package of this normalised name inside a release.
///
/// # Panics
/// When the facts are wrong, which a test rules out.
pub fn note(package: &str, runtime: &Runtime) -> Option<String> {
    note_for(package, runtime.line())
}

fn note_for(package: &str, line: Line) -> Option<String> {
    let file: File = toml::from_str(include_str!("../../facts/substitutes.toml")).expect("the facts parse");
    let found = file.substitute.into_iter().find(|substitute| substitute.package == package)?;
    let from: Line = found.from.parse().expect("the facts name a line");
    Some(if line >= from { found.note } else { found.before })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_releases_need_something_else() {
        let check = |package: &str, line: &str| note_for(package, line.parse().unwrap());
        insta::assert_debug_snapshot!(
            [check("requests", "0.25"), check("requests", "0.26"), check("requests", "314"), check("attrs", "314")],
            @r#"
        [
            Some(
                "install `pyodide-http` and call `pyodide_http.patch_all()`",
            ),
            Some(
                "works through the browser's fetch",
            ),
            Some(
                "works through the browser's fetch",
            ),
            None,
        ]
        "#
        );
    }
}
