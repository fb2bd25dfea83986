//! Rewrites what crates ask with `cfg`, in Rust sources and in manifests.
//!
//! A question is `NAME = "VALUE"` inside of `cfg(…)`, of the first argument of `cfg_attr(…)`, of `cfg!(…)`, or of the macros
//! that take such predicates. Strings, comments and assignments that look like one are left alone. Pure.
//! <https://doc.rust-lang.org/reference/conditional-compilation.html>

use std::ops::Range;

use super::rust_tokens::{self, Kind, Token};

/// What takes the place of a question, by its name and value; nothing if it stays.
pub(crate) type Replace<'a> = &'a dyn Fn(&str, &str) -> Option<String>;

/// Rewrites the questions of a Rust source. Nothing if it asks none of them, or is no Rust.
pub(crate) fn rewrite_source(text: &str, replace: Replace<'_>) -> Option<String> {
    let mut questions = Vec::new();
    find_in_code(&rust_tokens::read(text)?, &mut questions);
    rewrite(text, questions, replace)
}

/// Rewrites the questions in the keys of a manifest's `[target.'cfg(…)'.dependencies]`. Nothing if it asks none of them.
pub(crate) fn rewrite_manifest(text: &str, replace: Replace<'_>) -> Option<String> {
    let mut manifest: toml::Table = text.parse().ok()?;
    let targets = manifest.get_mut("target")?.as_table_mut()?;
    let mut is_changed = false;
    for key in targets.keys().cloned().collect::<Vec<_>>() {
        let Some(new) = rewrite_predicate(&key, replace) else { continue };
        is_changed = true;
        if let Some(value) = targets.remove(&key) {
            targets.insert(new, value);
        }
    }
    is_changed.then(|| toml::to_string(&manifest).ok())?
}

/// Rewrites the questions of one predicate.
fn rewrite_predicate(text: &str, replace: Replace<'_>) -> Option<String> {
    let mut questions = Vec::new();
    find_in_predicate(&rust_tokens::read(text)?, &mut questions);
    rewrite(text, questions, replace)
}

/// A question and its place in the text.
#[derive(Debug)]
struct Question<'a> {
    name: &'a str,
    value: &'a str,
    place: Range<usize>,
}

fn rewrite(text: &str, questions: Vec<Question<'_>>, replace: Replace<'_>) -> Option<String> {
    let mut rewritten = String::new();
    let mut copied = 0;
    for Question { name, value, place } in questions {
        let Some(new) = replace(name, value) else { continue };
        rewritten.push_str(text.get(copied..place.start)?);
        rewritten.push_str(&new);
        copied = place.end;
    }
    rewritten.push_str(text.get(copied..)?);
    (copied > 0).then_some(rewritten)
}

/// The questions of code: in its attributes and macros.
fn find_in_code<'a>(code: &[Token<'a>], found: &mut Vec<Question<'a>>) {
    for (at, token) in code.iter().enumerate() {
        let Kind::Group(open, tokens) = &token.kind else { continue };
        let before = |count: usize| at.checked_sub(count).map(|at| &code[at]);
        let is_mark = |count, mark| before(count).is_some_and(|token| token.is_mark(mark));
        // `#[…]`, or `#![…]`.
        let is_attribute = *open == '[' && (is_mark(1, '#') || is_mark(1, '!') && is_mark(2, '#'));
        let called = before(2).filter(|_| is_mark(1, '!')).map(|token| &token.kind);
        match called {
            _ if is_attribute => find_in_attribute(tokens, found),
            // `cfg_aliases! { NAME: { PREDICATE } }` of the crate of this name: build scripts make short names with it.
            Some(Kind::Word("cfg" | "cfg_aliases")) => find_in_predicate(tokens, found),
            // `cfg_select! { PREDICATE => { CODE } }` of the standard library.
            Some(Kind::Word("cfg_select")) => {
                tokens.split_inclusive(|token| token.group('{').is_some()).for_each(|arm| {
                    let (code, predicate) =
                        arm.split_last().map_or((None, arm), |(last, rest)| (last.group('{'), rest));
                    find_in_predicate(predicate, found);
                    find_in_code(code.unwrap_or_default(), found);
                });
            }
            _ => find_in_code(tokens, found),
        }
    }
}

/// The questions of what stands in `#[…]`.
fn find_in_attribute<'a>(attribute: &[Token<'a>], found: &mut Vec<Question<'a>>) {
    let Some([name, arguments]) = attribute.get(..2) else { return };
    let Some(arguments) = arguments.group('(') else { return };
    if name.is_word("cfg") {
        find_in_predicate(arguments, found);
    } else if name.is_word("cfg_attr") {
        // The predicate, then attributes, which may be of these themselves.
        let mut parts = arguments.split(|token| token.is_mark(','));
        find_in_predicate(parts.next().unwrap_or_default(), found);
        parts.for_each(|attribute| find_in_attribute(attribute, found));
    }
}

/// The questions of a predicate, however deep in `all`, `any` and `not`.
fn find_in_predicate<'a>(predicate: &[Token<'a>], found: &mut Vec<Question<'a>>) {
    for (at, token) in predicate.iter().enumerate() {
        match (&token.kind, predicate.get(at + 1), predicate.get(at + 2)) {
            (Kind::Group(_, tokens), ..) => find_in_predicate(tokens, found),
            (Kind::Word(name), Some(mark), Some(Token { kind: Kind::Text(value), place }))
                if mark.is_mark('=') =>
            {
                found.push(Question { name, value, place: token.place.start..place.end });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn for_linux(name: &str, value: &str) -> Option<String> {
        (name == "target_os" && value == "linux").then(|| "YES".to_owned())
    }

    fn check(text: &str) -> String {
        rewrite_source(text, &for_linux).unwrap_or_else(|| "as it is".to_owned())
    }

    #[test]
    fn questions_are_found_wherever_cfg_asks() {
        let all = "#![cfg(target_os = \"linux\")]\n\
                   #[cfg(all(unix, not(any(target_os=\"linux\", target_os = \"macos\"))))]\nfn a() {\n    \
                   if cfg!(target_os = \"linux\") { b(\"é\") } else { cfg_if! { if #[cfg(target_os = \"linux\")] {} } }\n}\n\
                   #[cfg_attr(target_os = \"linux\", link(name = \"x\"), cfg_attr(target_os = \"linux\", inline))]\nmod m {}\n\
                   cfg_select! { all(unix, target_os = \"linux\") => { #[cfg(target_os = \"linux\")] mod x; } _ => {} }\n\
                   cfg_aliases! { system: { target_os = \"linux\" } }\n\
                   macro_rules! each { ($item:item) => { #[cfg(target_os = \"linux\")] $item } }\n";
        insta::assert_snapshot!(check(all), @r#"
        #![cfg(YES)]
        #[cfg(all(unix, not(any(YES, target_os = "macos"))))]
        fn a() {
            if cfg!(YES) { b("é") } else { cfg_if! { if #[cfg(YES)] {} } }
        }
        #[cfg_attr(YES, link(name = "x"), cfg_attr(YES, inline))]
        mod m {}
        cfg_select! { all(unix, YES) => { #[cfg(YES)] mod x; } _ => {} }
        cfg_aliases! { system: { YES } }
        macro_rules! each { ($item:item) => { #[cfg(YES)] $item } }
        "#);
    }

    #[test]
    fn what_only_looks_like_a_question_stays() {
        for text in [
            "fn a() { let target_os = \"linux\"; }",
            "// #[cfg(target_os = \"linux\")]\n/// #[cfg(target_os = \"linux\")]\nfn a() {}",
            "const A: &str = \"#[cfg(target_os = \\\"linux\\\")]\"; const B: &str = r#\"cfg!(target_os = \"linux\")\"#;",
            "#[doc(cfg(target_os = \"linux\"))] fn a() {}",
            "#[cfg_attr(docsrs, doc(cfg(target_os = \"linux\")))] fn a() {}",
            "fn a() { other!(target_os = \"linux\") }",
            "#[cfg(target_os = \"macos\")] fn a() { b(cfg != 1) }",
            "this is \" no Rust: #[cfg(target_os = \"linux\")]",
        ] {
            assert_eq!(check(text), "as it is", "{text}");
        }
    }

    #[test]
    fn manifests_ask_in_the_keys_of_targets() {
        let check = |text: &str| rewrite_manifest(text, &for_linux).unwrap_or_else(|| "as it is".to_owned());
        let manifest = "[target.'cfg(all(target_os = \"linux\", unix))'.dependencies]\nlibc = '0.2'\n\
                        [target.\"cfg(target_os = \\\"macos\\\")\".dependencies.a]\nversion = '1'\n\
                        [package]\nname = 'x'\n";
        insta::assert_snapshot!(check(manifest), @r#"
        [package]
        name = "x"

        [target."cfg(all(YES, unix))".dependencies]
        libc = "0.2"

        [target.'cfg(target_os = "macos")'.dependencies.a]
        version = "1"
        "#);
        assert_eq!(check("[target.x86_64-unknown-linux-gnu.dependencies]\nlibc = '0.2'\n"), "as it is");
        assert_eq!(check("[package]\nname = 'x'\n"), "as it is");
    }
}
