//! Rewrites what crates ask with `cfg`, in Rust sources and in manifests.
//!
//! A question is `NAME = "VALUE"` inside of `cfg(…)`, of the first argument of `cfg_attr(…)`, of `cfg!(…)`, or of the macros
//! that take such predicates. Strings, comments and assignments that look like one are left alone. Pure.
//! <https://doc.rust-lang.org/reference/conditional-compilation.html>

use std::ops::Range;

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

/// What takes the place of a question, by its name and value; nothing if it stays.
pub(crate) type Replace<'a> = &'a dyn Fn(&str, &str) -> Option<String>;

/// Rewrites the questions of a Rust source. Nothing if it asks none of them, or is no Rust.
pub(crate) fn rewrite_source(text: &str, replace: Replace<'_>) -> Option<String> {
    let mut questions = Vec::new();
    find_in_code(text.parse().ok()?, &mut questions);
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
    find_in_predicate(text.parse().ok()?, &mut questions);
    rewrite(text, questions, replace)
}

/// A question and its place in the text.
#[derive(Debug)]
struct Question {
    name: String,
    value: String,
    place: Range<usize>,
}

fn rewrite(text: &str, questions: Vec<Question>, replace: Replace<'_>) -> Option<String> {
    let mut rewritten = String::new();
    let mut copied = 0;
    for Question { name, value, place } in questions {
        let Some(new) = replace(&name, &value) else { continue };
        rewritten.push_str(text.get(copied..place.start)?);
        rewritten.push_str(&new);
        copied = place.end;
    }
    rewritten.push_str(text.get(copied..)?);
    (copied > 0).then_some(rewritten)
}

/// The questions of code: in its attributes and macros.
fn find_in_code(code: TokenStream, found: &mut Vec<Question>) {
    let tokens: Vec<TokenTree> = code.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                // `#[…]`, or `#![…]`.
                let is_inner =
                    matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == '!');
                if let Some(attribute) = group_at(&tokens, at + usize::from(is_inner), Delimiter::Bracket) {
                    at += 1 + usize::from(is_inner);
                    find_in_attribute(&attribute.stream().into_iter().collect::<Vec<_>>(), found);
                }
            }
            TokenTree::Ident(name) => {
                let is_macro =
                    matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == '!');
                let body = tokens.get(at + 1).filter(|_| is_macro);
                if let Some(TokenTree::Group(body)) = body
                    && find_in_macro(name, body, found)
                {
                    at += 2;
                }
            }
            TokenTree::Group(group) => find_in_code(group.stream(), found),
            _ => {}
        }
    }
}

/// The questions of a macro that takes predicates. Returns whether it is one.
fn find_in_macro(name: &Ident, body: &Group, found: &mut Vec<Question>) -> bool {
    match name.to_string().as_str() {
        // `cfg_aliases! { NAME: { PREDICATE } }` of the crate of this name: build scripts make short names with it.
        "cfg" | "cfg_aliases" => find_in_predicate(body.stream(), found),
        // `cfg_select! { PREDICATE => { CODE } }` of the standard library.
        "cfg_select" => {
            for token in body.stream() {
                match token {
                    TokenTree::Group(code) if code.delimiter() == Delimiter::Brace => {
                        find_in_code(code.stream(), found);
                    }
                    other => find_in_predicate(other.into(), found),
                }
            }
        }
        _ => return false,
    }
    true
}

/// The questions of what stands in `#[…]`.
fn find_in_attribute(attribute: &[TokenTree], found: &mut Vec<Question>) {
    let Some(TokenTree::Ident(name)) = attribute.first() else { return };
    let Some(arguments) = group_at(attribute, 1, Delimiter::Parenthesis) else { return };
    match name.to_string().as_str() {
        "cfg" => find_in_predicate(arguments.stream(), found),
        // The predicate, then attributes, which may be of these themselves.
        "cfg_attr" => {
            let tokens: Vec<TokenTree> = arguments.stream().into_iter().collect();
            let is_comma =
                |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
            let mut parts = tokens.split(is_comma);
            find_in_predicate(parts.next().unwrap_or_default().iter().cloned().collect(), found);
            parts.for_each(|attribute| find_in_attribute(attribute, found));
        }
        _ => {}
    }
}

/// The questions of a predicate, however deep in `all`, `any` and `not`.
fn find_in_predicate(predicate: TokenStream, found: &mut Vec<Question>) {
    let tokens: Vec<TokenTree> = predicate.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match (token, tokens.get(at + 1), tokens.get(at + 2)) {
            (TokenTree::Group(group), ..) => find_in_predicate(group.stream(), found),
            (TokenTree::Ident(name), Some(TokenTree::Punct(mark)), Some(TokenTree::Literal(value)))
                if mark.as_char() == '=' =>
            {
                let place = name.span().byte_range().start..value.span().byte_range().end;
                let value = value.to_string();
                if let Some(value) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                    found.push(Question { name: name.to_string(), value: value.to_owned(), place });
                }
            }
            _ => {}
        }
    }
}

fn group_at(tokens: &[TokenTree], at: usize, delimiter: Delimiter) -> Option<&Group> {
    match tokens.get(at) {
        Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group),
        _ => None,
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
