//! What a Rust source compiles under a `cfg` alone: the predicate, and the words of the item or statement behind it. Pure.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    /// The line of an overlay.
    pub(crate) fn overlay_line(self, name: &str) -> String {
        match self {
            Self::System(system) => format!("cargo.target-os = {{ {name} = \"{system}\" }}"),
            Self::NotInBrowser => format!("cargo.not-in-browser = [\"{name}\"]"),
        }
    }
}

/// The gates of a Rust source; none if it is no Rust.
pub(crate) fn find(text: &str) -> Vec<Gate> {
    let mut found = Vec::new();
    if let Ok(code) = text.parse() {
        find_in(code, &mut found);
    }
    found
}

fn find_in(code: TokenStream, found: &mut Vec<Gate>) {
    let tokens: Vec<TokenTree> = code.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let is_attribute =
            group.delimiter() == Delimiter::Bracket && is_mark(tokens.get(at.wrapping_sub(1)), '#');
        match predicate(group.stream()).filter(|_| is_attribute) {
            Some(predicate) => {
                let line = group.span().start().line;
                found.push(Gate { predicate, line, words: words_of_next(&tokens[at + 1..]) });
            }
            None => find_in(group.stream(), found),
        }
    }
}

fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == mark)
}

/// The predicate of `cfg(…)`.
fn predicate(attribute: TokenStream) -> Option<String> {
    let mut tokens = attribute.into_iter();
    match (tokens.next()?, tokens.next()?) {
        (TokenTree::Ident(name), TokenTree::Group(arguments)) if name == "cfg" => {
            let text = arguments.span().source_text()?;
            Some(text.strip_prefix('(')?.strip_suffix(')')?.to_owned())
        }
        _ => None,
    }
}

/// The words of the item or statement that tokens begin with, behind further attributes.
fn words_of_next(mut tokens: &[TokenTree]) -> Vec<String> {
    while is_mark(tokens.first(), '#') {
        tokens = tokens.get(2..).unwrap_or_default();
    }
    let mut words = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            // The end of a statement, a field or a variant.
            TokenTree::Punct(mark) if mark.as_char() == ';' || mark.as_char() == ',' => break,
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                // A block is a statement of its own; the body of an item is not what is named here, but the names of a
                // `use` are.
                let is_use =
                    tokens[..at].iter().any(|token| matches!(token, TokenTree::Ident(name) if name == "use"));
                if at == 0 || is_use {
                    collect_words(body.stream(), &mut words);
                }
                break;
            }
            other => collect_words(other.clone().into(), &mut words),
        }
    }
    words
}

fn collect_words(code: TokenStream, words: &mut Vec<String>) {
    for token in code {
        match token {
            TokenTree::Ident(name) => words.push(name.to_string()),
            TokenTree::Literal(literal) => words.push(literal.to_string().trim_matches('"').to_owned()),
            TokenTree::Group(group) => collect_words(group.stream(), words),
            TokenTree::Punct(_) => {}
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
