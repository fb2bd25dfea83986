//! The examples of a site, from a file of the user's.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use serde::Deserialize;

use super::document::Example;
use crate::error::{Result, hinted};
use crate::wheel::filename::normalised;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExamplesFile {
    example: Vec<ExampleEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleEntry {
    /// The package that it shows; without it, the first of the site.
    package: Option<String>,
    title: String,
    code: String,
}

/// The examples by normalised name of their package.
pub(super) fn read(path: &Path, packages: &[String]) -> Result<BTreeMap<String, Vec<Example>>> {
    let text = fs_err::read_to_string(path)?;
    parse(&text, packages).with_context(|| format!("cannot use the examples in `{}`", path.display()))
}

fn parse(text: &str, packages: &[String]) -> Result<BTreeMap<String, Vec<Example>>> {
    let advice =
        "each is a table `[[example]]` with `title`, `code` and, if there are several packages, `package`";
    let file: ExamplesFile = toml::from_str(text).map_err(|error| hinted(error, advice))?;
    let mut examples: BTreeMap<String, Vec<Example>> = BTreeMap::new();
    for entry in file.example {
        let name = entry.package.map(|name| normalised(&name)).or_else(|| packages.first().cloned());
        let name = name.filter(|name| packages.contains(name)).ok_or_else(|| {
            let error = anyhow!("the example `{}` is of a package that the site does not have", entry.title);
            hinted(error, format!("it has {}", packages.join(", ")))
        })?;
        examples.entry(name).or_default().push(Example { title: entry.title, code: entry.code });
    }
    Ok(examples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_belong_to_packages() {
        let check = |text: &str| {
            let packages = ["a-b".to_owned(), "c".to_owned()];
            match parse(text, &packages) {
                Ok(examples) => {
                    format!("{:?}", examples.iter().map(|(name, all)| (name, all.len())).collect::<Vec<_>>())
                }
                Err(error) => {
                    crate::error::render(&error).lines().map(|line| line.to_owned() + "\n").collect()
                }
            }
        };
        let one = "[[example]]\ntitle = 't'\ncode = 'x'\n";
        assert_eq!(
            check(&format!("{one}[[example]]\npackage = 'C'\ntitle = 't'\ncode = 'y'\n")),
            "[(\"a-b\", 1), (\"c\", 1)]"
        );
        assert!(check(&format!("{one}package = 'd'\n")).contains("hint: it has a-b, c"));
        assert!(check("[[example]]\ntitle = 1\n").contains("hint: each is a table"));
    }
}
