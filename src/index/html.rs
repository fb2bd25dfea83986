//! A project's page in HTML (PEP 503), as static hosts serve it: our own sites among them.

use html5gum::{Token, Tokenizer};

use super::page::{File, Hashes, Project, Yanked};

/// How the names of wheels and sdists end.
const ENDINGS: [&str; 4] = [".whl", ".tar.gz", ".zip", ".tar.bz2"];

/// The files that a page links to. What is no link to a file is passed over.
pub(super) fn parse(text: &str) -> Project {
    let mut files: Vec<File> = Vec::new();
    let mut is_in_link = false;
    for Ok(token) in Tokenizer::new(text) {
        match token {
            Token::StartTag(tag) if *tag.name == b"a" => {
                let attribute = |name: &str| {
                    let value = tag.attributes.get(name.as_bytes())?;
                    Some(String::from_utf8_lossy(&value.value).into_owned())
                };
                let Some(url) = attribute("href") else { continue };
                files.push(File {
                    filename: String::new(),
                    url,
                    hashes: Hashes::default(),
                    yanked: attribute("data-yanked").map_or_else(Yanked::default, Yanked::Reason),
                    requires_python: attribute("data-requires-python"),
                });
                is_in_link = true;
            }
            Token::String(words) if is_in_link => {
                if let Some(file) = files.last_mut() {
                    file.filename.push_str(&String::from_utf8_lossy(&words.value));
                }
            }
            Token::EndTag(tag) if *tag.name == b"a" => is_in_link = false,
            _ => {}
        }
    }
    for file in &mut files {
        file.filename = file.filename.trim().to_owned();
    }
    // A page of names links to folders, and some hosts answer for any address that they do not know with their first page.
    files.retain(|file| ENDINGS.iter().any(|ending| file.filename.ends_with(ending)));
    Project { files }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_files() {
        let page = "<!DOCTYPE html><html><body><h1>a</h1>\n\
            <a href=\"../../wheels/a-2-py3-none-any.whl#sha256=cc\" data-requires-python=\"&gt;=3.9, &lt;4\">a-2-py3-none-any.whl</a><br>\n\
            <A HREF='a-1.tar.gz' data-yanked> a-1.tar.gz </A> <a>nothing</a> <a href='..'></a> <a href='b/'>b</a>";
        let read = parse(page);
        let shown: Vec<String> = read
            .files
            .iter()
            .map(|file| {
                format!("{} {} {:?} {}", file.filename, file.url, file.requires_python, file.is_yanked())
            })
            .collect();
        assert_eq!(
            shown,
            [
                "a-2-py3-none-any.whl ../../wheels/a-2-py3-none-any.whl#sha256=cc Some(\">=3.9, <4\") false",
                "a-1.tar.gz a-1.tar.gz None true",
            ]
        );
    }

    #[test]
    fn what_is_no_page_has_no_files() {
        assert!(parse("").files.is_empty());
        assert!(parse("\u{0}<a href").files.is_empty());
        assert!(parse("<a href='x.whl'").files.is_empty(), "a tag without an end is none");
    }
}
