//! Examples from the description of a wheel: the blocks of Python code in its README, as Markdown has them.

use std::collections::BTreeSet;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::document::Example;

/// What fences of Python code are called.
const LANGUAGES: [&str; 6] = ["python", "python3", "py", "py3", "pycon", "ipython"];
/// More than these are no help to choose from.
const MOST: usize = 12;
/// The bytes that an example may have: it goes into `site.json`, which every visitor reads.
const LONGEST: usize = 8000;

/// A block of code, and the heading above it.
struct Block {
    heading: String,
    code: String,
}

/// The examples in the text of METADATA, for a package that installs these modules. A block that imports nothing goes on
/// from the one before it. What uses none of the modules is left out.
pub(super) fn examples(metadata: &str, imports: &[String]) -> Vec<Example> {
    let metadata = metadata.replace("\r\n", "\n");
    let description = metadata.split_once("\n\n").map(|(_, description)| description).unwrap_or_default();
    let mut examples: Vec<Example> = Vec::new();
    let mut titles = BTreeSet::new();
    let mut before = String::new();
    for block in python_blocks(description) {
        let Some(code) = plain_code(&block.code) else { continue };
        let code =
            if imports_something(&code) || before.is_empty() { code } else { format!("{before}\n{code}") };
        if code.len() > LONGEST {
            continue;
        }
        if imports.iter().any(|module| names(&code, module)) {
            let title = unused_title(&titles, &block.heading);
            titles.insert(title.clone());
            examples.push(Example { title, code: code.clone() });
        }
        before = code;
    }
    examples.truncate(MOST);
    examples
}

/// The blocks that are fenced as Python.
fn python_blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let (mut heading, mut code): (String, Option<String>) = (String::new(), None);
    let mut in_heading = false;
    for event in Parser::new(markdown) {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                in_heading = true;
                heading.clear();
            }
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(words))) => {
                let language = words.split([' ', ',', '{']).next().unwrap_or_default().to_lowercase();
                code = LANGUAGES.contains(&language.as_str()).then(String::new);
            }
            Event::End(TagEnd::CodeBlock) => {
                blocks.extend(code.take().map(|code| Block { heading: heading.clone(), code }));
            }
            Event::Text(text) | Event::Code(text) => match &mut code {
                Some(code) => code.push_str(&text),
                None if in_heading => heading.push_str(&text),
                None => {}
            },
            _ => {}
        }
    }
    blocks
}

/// The code of a block, without the prompts of a session; what the session printed becomes comments. None if it is for a
/// shell or a notebook, or has nothing to run.
fn plain_code(block: &str) -> Option<String> {
    let is_session = block.lines().any(|line| line.trim_start().starts_with(">>>"));
    let mut code = String::new();
    for line in block.lines().map(str::trim_end) {
        if line.starts_with(['$', '%', '!']) {
            return None;
        }
        let typed = |prompt: &str| {
            let rest = line.trim_start().strip_prefix(prompt)?;
            (rest.is_empty() || rest.starts_with(' ')).then(|| rest.strip_prefix(' ').unwrap_or(rest))
        };
        match typed(">>>").or_else(|| typed("...")) {
            Some(typed) if is_session => code.push_str(typed),
            None if is_session && !line.trim().is_empty() => {
                code.push_str("# ");
                code.push_str(line);
            }
            _ => code.push_str(line),
        }
        code.push('\n');
    }
    let code = code.trim_matches('\n');
    let runs =
        code.lines().any(|line| !matches!(line.trim(), "" | "...") && !line.trim_start().starts_with('#'));
    runs.then(|| format!("{code}\n"))
}

fn imports_something(code: &str) -> bool {
    code.lines()
        .any(|line| line.starts_with("import ") || (line.starts_with("from ") && line.contains(" import ")))
}

/// Whether code has this name as a word of its own.
fn names(code: &str, name: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
}

/// A title that no other example has.
fn unused_title(titles: &BTreeSet<String>, heading: &str) -> String {
    let heading = if heading.trim().is_empty() { "From the README" } else { heading.trim() };
    let numbered = (2..).map(|number| format!("{heading} ({number})"));
    let mut candidates = std::iter::once(heading.to_owned()).chain(numbered);
    candidates.find(|title| !titles.contains(title)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(description: &str) -> String {
        let metadata = format!("Metadata-Version: 2.1\nName: a-b\n\n{description}");
        let examples = examples(&metadata, &["a_b".to_owned()]);
        let shown = examples.iter().map(|example| format!("== {}\n{}", example.title, example.code));
        shown.collect()
    }

    #[test]
    fn blocks_of_python_become_examples() {
        let readme = "# A `b`\n\n```sh\npip install a-b\n```\n\n```python\nimport a_b\n```\n\ntext\n\n\
            1. In a list:\n\n   ```py\n   x = a_b.f()\n   ```\n\n## Other\n\n~~~python3\nimport other\n~~~\n\n\
            ``` {.python}\na_b.no()\n```\n\n    a_b.indented()\n";
        insta::assert_snapshot!(check(readme), @"
        == A b
        import a_b
        == A b (2)
        import a_b

        x = a_b.f()
        ");
    }

    #[test]
    fn sessions_lose_their_prompts() {
        let readme = "```pycon\n>>> from a_b import f\n>>> for x in f():\n...     print(x)\n...\n1\n\n>>> f\n<f>\n```\n\
            ```python\n$ python\n>>> import a_b\n```\n```python\n!pip install a_b\n```\n```python\n...\n```\n\
            ```python\nimport a_b\n\ndef g():\n    ...\n```\n";
        insta::assert_snapshot!(check(readme), @"
        == From the README
        from a_b import f
        for x in f():
            print(x)

        # 1

        f
        # <f>
        == From the README (2)
        import a_b

        def g():
            ...
        ");
    }

    #[test]
    fn what_is_no_use_is_left_out() {
        assert_eq!(check("```python\nimport a_bc\n```\n"), "");
        assert_eq!(examples("Name: a\nVersion: 1\n", &[]), []);
        let many = "```python\nimport a_b\n```\n".repeat(20);
        assert_eq!(check(&many).matches("== ").count(), MOST);
        let long = format!("```python\nimport a_b\n{}```\n", "# x\n".repeat(LONGEST));
        assert_eq!(check(&long), "");
    }
}
