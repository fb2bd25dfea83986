//! What a Rust source compiles under a `cfg` alone: the predicate, and the words of the item or statement behind it. Pure.

use super::rust_tokens::{self, Kind, Token};

/// A `#[cfg(…)]` in front of an item or a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gate {
    /// The predicate, as it is written.
    pub predicate: String,
    /// Its line, counted from 1.
    pub line: usize,
    /// The names and strings of what it is in front of, without the body of an item.
    pub words: Vec<String>,
}

/// What an overlay does for a crate that leaves something out on this target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Remedy {
    /// It takes Emscripten for this system.
    System(&'static str),
    /// It does not take Emscripten for a browser.
    NotInBrowser,
}

/// The systems that Emscripten is most like, the likest first.
const SYSTEMS: [&str; 8] =
    ["linux", "android", "freebsd", "netbsd", "openbsd", "dragonfly", "macos", "illumos"];

impl Remedy {
    /// The remedy for what a predicate asks; none if it asks neither for a Unix nor for WebAssembly.
    pub(crate) fn of(predicate: &str) -> Option<Self> {
        let plain: String = predicate.split_whitespace().collect();
        let asks = |question: &str, value: &str| plain.contains(&format!("{question}=\"{value}\""));
        if let Some(system) = SYSTEMS.into_iter().find(|system| asks("target_os", system)) {
            return Some(Self::System(system));
        }
        (asks("target_arch", "wasm32") || asks("target_family", "wasm")).then_some(Self::NotInBrowser)
    }

    /// The line of an overlay for crates of these names.
    pub(crate) fn overlay_line<'a>(self, names: impl IntoIterator<Item = &'a str>) -> String {
        let names = names.into_iter();
        match self {
            Self::System(system) => {
                let systems: Vec<String> = names.map(|name| format!("{name} = \"{system}\"")).collect();
                format!("cargo.target-os = {{ {} }}", systems.join(", "))
            }
            Self::NotInBrowser => {
                let quoted: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
                format!("cargo.not-in-browser = [{}]", quoted.join(", "))
            }
        }
    }
}

/// The gates of a Rust source; none if it is no Rust.
pub(crate) fn find(text: &str) -> Vec<Gate> {
    let mut found = Vec::new();
    find_in(text, &rust_tokens::read(text).unwrap_or_default(), &mut found);
    found
}

fn find_in(text: &str, code: &[Token<'_>], found: &mut Vec<Gate>) {
    for (at, token) in code.iter().enumerate() {
        let Kind::Group(open, tokens) = &token.kind else { continue };
        let is_attribute = *open == '[' && at > 0 && code[at - 1].is_mark('#');
        match predicate(text, tokens).filter(|_| is_attribute) {
            Some(predicate) => {
                let line = text[..token.place.start].matches('\n').count() + 1;
                found.push(Gate { predicate, line, words: words_of_next(&code[at + 1..]) });
            }
            None => find_in(text, tokens, found),
        }
    }
}

/// The predicate of `cfg(…)`.
fn predicate(text: &str, attribute: &[Token<'_>]) -> Option<String> {
    let [name, arguments] = attribute.get(..2)? else { return None };
    arguments.group('(').filter(|_| name.is_word("cfg"))?;
    Some(text[arguments.place.start + 1..arguments.place.end - 1].to_owned())
}

/// The words of the item or statement that tokens begin with, behind further attributes.
fn words_of_next(mut tokens: &[Token<'_>]) -> Vec<String> {
    while tokens.first().is_some_and(|first| first.is_mark('#')) {
        tokens = tokens.get(2..).unwrap_or_default();
    }
    let mut words = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        // The end of a statement, a field or a variant.
        if token.is_mark(';') || token.is_mark(',') {
            break;
        }
        if let Some(body) = token.group('{') {
            // A block is a statement of its own; the body of an item is not what is named here, but the names of a `use`
            // are.
            if at == 0 || tokens[..at].iter().any(|token| token.is_word("use")) {
                collect_words(body, &mut words);
            }
            break;
        }
        collect_words(std::slice::from_ref(token), &mut words);
    }
    words
}

fn collect_words(code: &[Token<'_>], words: &mut Vec<String>) {
    for token in code {
        match &token.kind {
            Kind::Word(word) | Kind::Text(word) => words.push((*word).to_owned()),
            Kind::Group(_, tokens) => collect_words(tokens, words),
            Kind::Mark(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_and_statements_behind_a_cfg_are_found() {
        let text = "#[cfg(unix)]\n#[path = \"a.rs\"]\npub mod imp;\n\
                    #[cfg(any(target_os = \"linux\"))]\nfn home(a: u8) -> Home { inner() }\n\
                    #[cfg(windows)] use a::{b, c as d};\n\
                    fn module(m: &M) {\n    #[cfg(not(target_arch = \"wasm32\"))]\n    m.add_class::<Options>()?;\n    \
                    #[cfg(x)]\n    { m.add(\"Other\", 1)?; }\n}\n\
                    impl A { #[cfg(y)] fn new() {} fn old() {} }\n#[derive(Debug)] struct S { #[cfg(z)] field: u8, rest: u8 }\n";
        let shown: Vec<String> = find(text)
            .iter()
            .map(|gate| format!("{}: {} | {}", gate.line, gate.predicate, gate.words.join(" ")))
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        1: unix | pub mod imp
        4: any(target_os = "linux") | fn home a u8 Home
        6: windows | use a b c as d
        8: not(target_arch = "wasm32") | m add_class Options
        10: x | m add Other 1
        13: y | fn new
        14: z | field u8
        "#);
        assert_eq!(find("\" no Rust"), []);
    }
}
