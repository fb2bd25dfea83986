//! Reads Rust sources as trees of tokens: no more of the language than `cfg` and what stands behind it need. Pure.
//!
//! Comments, doc comments among them, are left out. Numbers and lifetimes are words. What has an open string or unmatched
//! brackets is no Rust. <https://doc.rust-lang.org/reference/tokens.html>

use std::ops::Range;

/// A token and its place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind<'a>,
    pub(crate) place: Range<usize>,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    /// An identifier, a keyword, a number or a lifetime.
    Word(&'a str),
    /// A character of punctuation.
    Mark(char),
    /// What stands between the quotes of a string or a character, as it is written.
    Text(&'a str),
    /// What stands between brackets, and the one that opens it.
    Group(char, Vec<Token<'a>>),
}

impl Token<'_> {
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word(word)
    }

    pub(crate) fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }

    /// The tokens in brackets of this kind.
    pub(crate) fn group(&self, open: char) -> Option<&[Self]> {
        match &self.kind {
            Kind::Group(found, tokens) if *found == open => Some(tokens),
            _ => None,
        }
    }
}

/// The tokens of a source; none if it is no Rust.
pub(crate) fn read(source: &str) -> Option<Vec<Token<'_>>> {
    let mut reader = Reader { source, at: 0 };
    let tokens = reader.tokens()?;
    // A bracket that closes nothing ends the reader early.
    (reader.at == source.len()).then_some(tokens)
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    /// The tokens up to the bracket that closes them, or to the end.
    fn tokens(&mut self) -> Option<Vec<Token<'a>>> {
        let mut tokens = Vec::new();
        loop {
            self.skip_blank()?;
            let start = self.at;
            let Some(next) = self.rest().chars().next() else { return Some(tokens) };
            let kind = match next {
                ')' | ']' | '}' => return Some(tokens),
                '(' | '[' | '{' => self.read_group(next)?,
                _ => self.read_literal().unwrap_or_else(|| self.read_word_or_mark(next)),
            };
            // A literal that has no end was not moved behind.
            if self.at == start || self.at > self.source.len() {
                return None;
            }
            tokens.push(Token { kind, place: start..self.at });
        }
    }

    /// Moves behind blanks and comments. None if a comment has no end.
    fn skip_blank(&mut self) -> Option<()> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.skip_block_comment()?;
            } else {
                return Some(());
            }
        }
    }

    /// Comments in blocks may hold others.
    fn skip_block_comment(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            let rest = self.rest();
            let mark = rest.find("/*").into_iter().chain(rest.find("*/")).min()?;
            depth = if rest[mark..].starts_with("/*") { depth + 1 } else { depth - 1 };
            self.at += mark + 2;
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn read_group(&mut self, open: char) -> Option<Kind<'a>> {
        self.at += 1;
        let tokens = self.tokens()?;
        let close = match open {
            '(' => ')',
            '[' => ']',
            _ => '}',
        };
        self.rest().starts_with(close).then_some(())?;
        self.at += 1;
        Some(Kind::Group(open, tokens))
    }

    /// A string or a character, with its prefix; nothing if the source goes on with something else.
    fn read_literal(&mut self) -> Option<Kind<'a>> {
        let rest = self.rest();
        let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
            let behind = rest.strip_prefix(prefix).unwrap_or_default();
            let is_raw = prefix.ends_with('r') && behind.trim_start_matches('#').starts_with('"');
            is_raw || (!prefix.ends_with('r') && behind.starts_with(['"', '\'']))
        })?;
        let quoted = &rest[prefix.len()..];
        let length = if prefix.ends_with('r') {
            let hashes = quoted.len() - quoted.trim_start_matches('#').len();
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 1;
            let text = quoted[start..].find(&end).map(|length| &quoted[start..start + length]);
            (text?, start + text?.len() + end.len())
        } else {
            let text = quoted_text(quoted)?;
            (text, text.len() + 2)
        };
        self.at += prefix.len() + length.1;
        Some(Kind::Text(length.0))
    }

    fn read_word_or_mark(&mut self, next: char) -> Kind<'a> {
        let is_part = |c: char| c == '_' || c.is_alphanumeric();
        let rest = self.rest();
        // `r#type` is an identifier, `'a` a lifetime; an open string is neither, and is not moved behind.
        let prefix = if rest.starts_with("r#") { 2 } else { usize::from(next == '\'') };
        let word = rest[prefix..].find(|c| !is_part(c)).unwrap_or(rest.len() - prefix);
        if word > 0 && (prefix > 0 || is_part(next)) {
            self.at += prefix + word;
            return Kind::Word(&rest[prefix..prefix + word]);
        }
        if next != '"' && next != '\'' {
            self.at += next.len_utf8();
        }
        Kind::Mark(next)
    }
}

/// What stands between the quotes that a text begins with. None if they do not end, or begin a lifetime.
fn quoted_text(quoted: &str) -> Option<&str> {
    let quote = quoted.chars().next()?;
    let mut characters = quoted.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => drop(characters.next()),
            _ if c == quote => return Some(&quoted[1..at]),
            // A character is one, or begins with a backslash: `'a` goes on as a lifetime.
            _ if quote == '\'' && !quoted[1..].starts_with('\\') && at > 1 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(tokens: &[Token<'_>]) -> String {
        let of = |token: &Token<'_>| match &token.kind {
            Kind::Word(word) => (*word).to_owned(),
            Kind::Mark(mark) => mark.to_string(),
            Kind::Text(text) => format!("<{text}>"),
            Kind::Group(open, tokens) => format!("{open} {} end", show(tokens)),
        };
        tokens.iter().map(of).collect::<Vec<_>>().join(" ")
    }

    fn check(source: &str) -> String {
        read(source).map_or_else(|| "no Rust".to_owned(), |tokens| show(&tokens))
    }

    #[test]
    fn sources_become_trees() {
        assert_eq!(
            check("fn a<'b>(x: &'b [u8]) { x.y() }"),
            "fn a < b > ( x : & b [ u8 end end { x . y (  end end"
        );
        assert_eq!(check("a // b \" (\n/* c /* d */ ' */ e /// f\n"), "a e");
        assert_eq!(
            check(r#"("a\"b", 'x', '\'', '"', b'\\', b"y", c"z")"#),
            r#"( <a\"b> , <x> , <\'> , <"> , <\\> , <y> , <z> end"#
        );
        assert_eq!(
            check("r\"a\\\" r#\"b\"c\"# br##\"d\"#\"## r#type 'static: 'é' 1_000.5e3 x"),
            "<a\\> <b\"c> <d\"#> type static : <é> 1_000 . 5e3 x"
        );
    }

    #[test]
    fn what_is_no_rust_is_none() {
        for source in ["(", ")", "(]", "\"", "r#\"", "/* a", "'", "a } b"] {
            assert_eq!(check(source), "no Rust", "{source}");
        }
        assert_eq!(check(""), "");
    }
}
