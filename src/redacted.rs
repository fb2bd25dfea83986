//! Addresses whose credentials nobody sees: everything that prints an address prints it through here.

use std::fmt;

use serde::{Serialize, Serializer};

/// An address, as text or as [`url::Url`], that is shown without the credentials in it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Keeps the credentials of an address from being shown.
    pub fn new(address: T) -> Self {
        Self(address)
    }

    /// The address with its credentials, for the one who connects.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: AsRef<str>> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact_address(self.0.as_ref()))
    }
}

impl<T: AsRef<str>> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl<T: AsRef<str>> Serialize for Redacted<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is known to be an address, whatever its form. What is no proper address loses all before its last `@`.
fn redact_address(address: &str) -> String {
    // `git@host:path` names a user of ssh, without a secret.
    let is_scp = |address: &str| {
        address.split_once('@').is_some_and(|(user, rest)| !user.contains([':', '/']) && rest.contains(':'))
    };
    match address.rfind('@') {
        Some(at) if !address.contains("://") && !is_scp(address) => address[at + 1..].to_owned(),
        _ => redact(address),
    }
}

/// A text in which each address loses its credentials: `https://me:secret@host/x` becomes `https://host/x`.
pub fn redact(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut left = text;
    while let Some(at) = left.find("://") {
        let (before, rest) = left.split_at(at + 3);
        shown.push_str(before);
        let scheme =
            before.trim_end_matches("://").rsplit(|c: char| !is_of_scheme(c)).next().unwrap_or_default();
        let end = rest.find(|c: char| c.is_whitespace() || "/?#".contains(c)).unwrap_or(rest.len());
        left = match rest[..end].rfind('@') {
            // A user of ssh is no secret, and the address is no use without.
            Some(at) if scheme.ends_with("ssh") && !rest[..at].contains(':') => rest,
            Some(at) => &rest[at + 1..],
            None => rest,
        };
    }
    shown.push_str(left);
    redact_queries(&shown)
}

/// Parts of the names of parameters that hold a secret: those of signed addresses and of tokens.
const SECRET_PARAMETERS: [&str; 7] = ["sig", "token", "key", "credential", "secret", "passw", "auth"];

/// A text in which parameters of addresses lose their values if they sign the address or name its user.
fn redact_queries(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || "\"'`<>)#".contains(c);
    let mut shown = String::with_capacity(text.len());
    let mut left = text;
    while let Some(at) = left.find("://") {
        let (before, rest) = left.split_at(at);
        let (address, rest) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
        shown.push_str(before);
        match address.split_once('?') {
            Some((path, query)) => {
                let parameters: Vec<String> = query.split('&').map(redact_parameter).collect();
                shown.extend([path, "?", &parameters.join("&")]);
            }
            None => shown.push_str(address),
        }
        left = rest;
    }
    shown.push_str(left);
    shown
}

fn redact_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, _)) if SECRET_PARAMETERS.iter().any(|part| name.to_ascii_lowercase().contains(part)) => {
            format!("{name}=…")
        }
        _ => parameter.to_owned(),
    }
}

fn is_of_scheme(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+-.".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        let cases = [
            ("https://me:secret@host/simple", "https://host/simple"),
            ("https://me:s%40cret@host", "https://host"),
            ("https://me:s@cret@host?x", "https://host?x"),
            ("https://secret@host/x", "https://host/x"),
            ("https://host/simple@x", "https://host/simple@x"),
            (
                "cannot clone `git+https://me:secret@h/r.git@v1`: 'http://me:secret@h'",
                "cannot clone `git+https://h/r.git@v1`: 'http://h'",
            ),
            ("ssh://git@host/r", "ssh://git@host/r"),
            ("ssh://git:secret@host/r", "ssh://host/r"),
            ("file:///a@b", "file:///a@b"),
            ("no address: a@b", "no address: a@b"),
            ("a://b://secret@c", "a://b://c"),
            (
                "cannot get `https://h/a.whl?X-Amz-Date=1&X-Amz-Signature=abc&X-Amz-Credential=me` (403)",
                "cannot get `https://h/a.whl?X-Amz-Date=1&X-Amz-Signature=…&X-Amz-Credential=…` (403)",
            ),
            (
                "https://h/a?sv=1&sig=a%2Bb#x https://h/b?access_token=c",
                "https://h/a?sv=1&sig=…#x https://h/b?access_token=…",
            ),
            ("is it? https://h/a?key=b key=b", "is it? https://h/a?key=… key=b"),
        ];
        for (text, shown) in cases {
            assert_eq!(redact(text), shown);
        }
        let address = |text: &'static str| Redacted::new(text).to_string();
        assert_eq!(address("me:secret@proxy:80"), "proxy:80");
        assert_eq!(address("git@host:me/r"), "git@host:me/r");
        assert_eq!(address("/a/folder"), "/a/folder");
        let url = Redacted::new(url::Url::parse("https://me:secret@host/x").unwrap());
        assert_eq!(format!("{url} {url:?}"), "https://host/x \"https://host/x\"");
        assert_eq!(serde_json::to_string(&url).unwrap(), "\"https://host/x\"");
        assert_eq!(url.expose().password(), Some("secret"));
    }
}
