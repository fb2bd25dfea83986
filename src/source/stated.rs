//! What an index says of a file, and the one rule for what comes: it has the digest that was stated, or its origin alone
//! vouches for it.

use std::path::Path;

use anyhow::anyhow;
use sha2::{Digest, Sha256};
use url::Url;

use crate::context::{Context, Hashes};
use crate::digest::Sha256Digest;
use crate::error::{Result, hinted};
use crate::index::Resume;
use crate::redacted::Redacted;

/// A file as an index states it.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatedFile<'a> {
    /// What it is called.
    pub(super) name: &'a str,
    /// Where it lies.
    pub(super) url: &'a Url,
    /// The SHA-256 that it must have, if it is stated.
    pub(super) sha256: Option<Sha256Digest>,
}

impl StatedFile<'_> {
    /// The key of a wheel's cache entry: its digest, or, if none is stated, its index and address.
    pub(super) fn key(&self, index: &Url) -> String {
        match self.sha256 {
            Some(digest) => format!("wheel-{digest}"),
            None => crate::digest::key(&["unstated", index.as_str(), self.url.as_str()]),
        }
    }

    /// Whether a file of the cache is this one.
    pub(super) fn is_in(&self, path: &Path) -> bool {
        match self.sha256 {
            Some(stated) => digest_of(path).is_ok_and(|actual| actual == stated),
            None => path.is_file(),
        }
    }

    /// Refuses a file without a stated digest where one is required.
    pub(super) fn check_policy(&self, context: &Context) -> Result<()> {
        if self.sha256.is_some() || context.hashes == Hashes::Optional {
            return Ok(());
        }
        Err(hinted(
            anyhow!(
                "the index states no SHA-256 for `{}`, and one is required (`--require-hashes`)",
                self.name
            ),
            "use an index that states digests, or get the file yourself and name it",
        ))
    }

    /// Downloads it and holds it against its digest. Returns the digest that it has.
    pub(super) fn download(&self, context: &Context, target: &Path) -> Result<Sha256Digest> {
        self.check_policy(context)?;
        let task = context.ui.task(format!("downloading {}", self.name));
        let resume = if self.sha256.is_some() { Resume::Allowed } else { Resume::Forbidden };
        context.index()?.download(self.url, target, resume, &*task)?;
        drop(task);
        let actual = digest_of(target)?;
        match self.sha256 {
            Some(expected) if expected != actual => Err(hinted(
                anyhow!("`{}` has the SHA-256 `{actual}`, but the index says `{expected}`", self.name),
                "something between you and the index changed the file: do not use it",
            )),
            Some(_) => Ok(actual),
            None => {
                let place = Redacted::new(self.url);
                context.ui.warn(format!(
                    "the index states no SHA-256 for `{}`: what `{place}` sent is not checked",
                    self.name
                ));
                Ok(actual)
            }
        }
    }
}

/// The SHA-256 of a file.
pub(super) fn digest_of(path: &Path) -> Result<Sha256Digest> {
    let mut hasher = Sha256::new();
    std::io::copy(&mut fs_err::File::open(path)?, &mut Hashing(&mut hasher))?;
    Ok(Sha256Digest::finish(hasher))
}

/// Writes into a digest.
struct Hashing<'a>(&'a mut Sha256);

impl std::io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::cache::Cache;
    use crate::context::Network;
    use crate::env::Environment;
    use crate::runtime::double;
    use crate::source::{Source, SourceRequest, index_wheel};
    use crate::ui::{Listener, Message, Silent, Task, Ui};

    /// Keeps warnings.
    #[derive(Debug, Default)]
    struct Warnings(Mutex<Vec<String>>);

    impl Listener for Warnings {
        fn hear(&self, message: Message<'_>) {
            if let Message::Warning(text) = message {
                self.0.lock().unwrap().push(text.to_owned());
            }
        }

        fn show_task(&self, _: &str) -> Box<dyn Task> {
            Box::new(Silent)
        }
    }

    /// An index with an sdist and a wheel of `x`, which hold this text, each with these hashes and this end of its address.
    fn serve(text: &'static str, hashes: serde_json::Value, fragment: String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/simple/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let mut request = String::new();
                BufReader::new(&connection).read_line(&mut request).unwrap();
                let file = |name: &str| serde_json::json!({ "filename": name, "url": format!("/{name}{fragment}"), "hashes": hashes });
                let files = [file("x-1.0.tar.gz"), file("x-1.0-py3-none-any.whl")];
                let page = serde_json::json!({ "files": files }).to_string();
                let body = if request.contains("/simple/x/") { &page } else { text };
                let length = body.len();
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                let _ = connection.write_all(format!("{head}{body}").as_bytes());
            }
        });
        address
    }

    /// The texts of the sdist and the wheel, or the error, and how many warnings there were.
    fn fetch(cache: &Path, index: &str, version: &str, hashes: Hashes) -> (String, usize) {
        let warnings = Arc::new(Warnings::default());
        let environment = Environment::from_iter([("PIP_INDEX_URL", index)]);
        let cache = Cache::new(cache.to_owned());
        let context = Context::new(Ui::new(warnings.clone()), environment, cache, Network::Allowed);
        let context = context.with_hashes(hashes);
        let fetched = || -> Result<String> {
            let request: SourceRequest = version.parse()?;
            let Source::Archive(sdist) = crate::source::find(&request, &context)? else {
                unreachable!("an sdist is an archive")
            };
            let runtime = double::runtime("0.29.5", "3.13");
            let found = index_wheel::find(&context, "x", &|_| true, &runtime)?;
            let index_wheel::IndexWheel::Found(wheel) = found else { unreachable!("it is on the page") };
            let wheel = index_wheel::download(&context, &wheel)?;
            Ok(fs_err::read_to_string(sdist.path)? + " " + &fs_err::read_to_string(wheel)?)
        };
        let text = fetched().unwrap_or_else(|error| format!("{error:#}"));
        let count = warnings.0.lock().unwrap().len();
        (text, count)
    }

    #[test]
    fn a_file_without_a_digest_is_warned_of_once_and_serves_its_own_index_alone() {
        let place = tempfile::tempdir().unwrap();
        let none = serde_json::json!({});
        let first = serve("one", none.clone(), String::new());
        let second = serve("two", none, String::new());
        let check = |index: &str, version: &str| fetch(place.path(), index, version, Hashes::Optional);
        assert_eq!(check(&first, "x"), ("one one".into(), 2));
        assert_eq!(check(&first, "x"), ("one one".into(), 0));
        assert_eq!(check(&first, "x==1.0"), ("one one".into(), 0));
        assert_eq!(check(&second, "x==1.0"), ("two two".into(), 2));
        assert_eq!(check(&first, "x==1.0"), ("one one".into(), 0));
        for version in ["x", "x==1.0"] {
            let (refused, _) = fetch(place.path(), &first, version, Hashes::Required);
            assert!(refused.contains("states no SHA-256 for `x-1.0.tar.gz`"), "{refused}");
        }
    }

    #[test]
    fn a_digest_behind_the_address_is_a_stated_one() {
        let place = tempfile::tempdir().unwrap();
        let digest = Sha256Digest::of(b"one");
        let none = serde_json::json!({});
        let good = serve("one", none.clone(), format!("#egg=x&sha256={}", digest.to_string().to_uppercase()));
        assert_eq!(fetch(place.path(), &good, "x", Hashes::Required), ("one one".into(), 0));
        let bad = serve("two", none.clone(), format!("#sha256={digest}"));
        let (refused, _) = fetch(place.path(), &bad, "x", Hashes::Optional);
        assert!(refused.contains(&format!("but the index says `{digest}`")), "{refused}");
        let none_such = serve("two", none, "#sha256=/home".to_owned());
        let (refused, _) = fetch(place.path(), &none_such, "x", Hashes::Optional);
        assert!(refused.contains("`/home` is not a SHA-256"), "{refused}");
    }

    #[test]
    fn an_index_that_states_another_digest_gets_another_file() {
        let place = tempfile::tempdir().unwrap();
        let stated = |text: &str| serde_json::json!({ "sha256": Sha256Digest::of(text.as_bytes()) });
        let first = serve("one", stated("one"), String::new());
        let second = serve("two", stated("two"), String::new());
        let check = |index: &str, version: &str| fetch(place.path(), index, version, Hashes::Required);
        assert_eq!(check(&first, "x==1.0"), ("one one".into(), 0));
        assert_eq!(check(&second, "x==1.0"), ("two two".into(), 0));
        assert_eq!(check(&first, "x"), ("one one".into(), 0));
    }
}
