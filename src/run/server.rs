//! Serves one session to a browser on loopback: the page, the runtime, wheels; takes its output and events.
//!
//! Everything lies below a path that only the session's own page knows: other processes and other pages of this machine
//! neither read the request nor send events or output.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

use anyhow::Context as _;

use super::message::SessionMessage;
use crate::error::Result;
use crate::loopback::{Answer, LoopbackServer, Method, Request, secret};

/// The bytes that a message of the page may have. The page sends long output in pieces; an event holds one test's failure.
const LONGEST_MESSAGE: u64 = 64 << 20;

/// What is served.
#[derive(Debug)]
pub(super) struct Served {
    /// The request of the session.
    pub(super) request: String,
    /// The release's folder.
    pub(super) runtime: PathBuf,
    /// Files of the release's packages, by the names that its lock file gives them.
    pub(super) release_files: BTreeMap<String, PathBuf>,
    /// Files by name.
    pub(super) files: BTreeMap<String, PathBuf>,
}

/// The scripts and the page.
const OWN: [(&str, &str); 4] = [
    ("", include_str!("page.html")),
    ("session.mjs", include_str!("session.mjs")),
    ("browser_session.mjs", include_str!("browser_session.mjs")),
    ("worker.mjs", include_str!("worker.mjs")),
];

/// One session on its server.
struct ServedSession {
    served: Served,
    /// What every path begins with: `/`, the secret, `/`.
    prefix: String,
    messages: SyncSender<SessionMessage>,
}

/// A server that ends when this is dropped.
pub(super) struct Server {
    /// The address of its page.
    pub(super) address: String,
    _server: LoopbackServer,
}

/// Starts a server on a free port of loopback, so that sessions run side by side.
///
/// # Errors
/// When no port can be had.
pub(super) fn start(served: Served, messages: SyncSender<SessionMessage>) -> Result<Server> {
    let secret = secret()?;
    let session = ServedSession { served, prefix: format!("/{secret}/"), messages };
    let server = LoopbackServer::start(0, move |request| session.answer(request))
        .context("cannot listen on loopback")?;
    Ok(Server { address: format!("{}{secret}/", server.address()), _server: server })
}

impl ServedSession {
    fn answer(&self, request: &mut Request) -> Answer {
        let Some(path) = request.path().strip_prefix(&self.prefix).map(str::to_owned) else {
            return Answer::Status(404);
        };
        match request.method {
            Method::Post => self.take(request, &path),
            Method::Get => self.give(&path),
            Method::Head | Method::Other => Answer::Status(405),
        }
    }

    /// Takes a message of the page.
    fn take(&self, request: &mut Request, path: &str) -> Answer {
        let Ok(Some(body)) = request.read_body(LONGEST_MESSAGE) else { return Answer::Status(413) };
        let Some(message) = SessionMessage::of_post(path, body) else { return Answer::Status(400) };
        let _ = self.messages.send(message);
        // The answer comes after the message was taken: the interpreter waits for it, and cannot die before we know.
        content("text/plain", Vec::new())
    }

    fn give(&self, path: &str) -> Answer {
        // The page asks for this only when the runtime is there: with such a connection open, Chromium was seen to hold
        // scripts back, so that the page never loaded.
        if path == "alive" {
            let messages = self.messages.clone();
            return Answer::Beats(Box::new(move || drop(messages.send(SessionMessage::Gone))));
        }
        find_content(path, &self.served).map_or(Answer::Status(404), |(bytes, kind)| content(kind, bytes))
    }
}

fn content(kind: &'static str, body: Vec<u8>) -> Answer {
    const HEADERS: &[(&str, &str)] = &[
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Embedder-Policy", "require-corp"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
        // What the page asks of other hosts does not name its own address.
        ("Referrer-Policy", "no-referrer"),
    ];
    Answer::Content { kind, headers: HEADERS, body }
}

fn find_content(path: &str, served: &Served) -> Option<(Vec<u8>, &'static str)> {
    if let Some((name, text)) = OWN.iter().find(|(name, _)| *name == path) {
        return Some((
            text.as_bytes().to_vec(),
            if name.is_empty() { "text/html" } else { "text/javascript" },
        ));
    }
    if path == "request.json" {
        return Some((served.request.clone().into_bytes(), "application/json"));
    }
    let file = if let Some(name) = path.strip_prefix("runtime/") {
        // The page names the file: a name with a folder in it would lead out of the release.
        let is_plain = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
        let package = served.release_files.get(name).cloned();
        is_plain.then(|| package.unwrap_or_else(|| served.runtime.join(name)))?
    } else {
        served.files.get(path.strip_prefix("files/")?)?.clone()
    };
    Some((fs_err::read(&file).ok()?, mime_type(&file)))
}

/// The MIME type of a file by its ending: WebAssembly compiles while it streams only under its own.
pub(crate) fn mime_type(path: &Path) -> &'static str {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("wasm") => "application/wasm",
        Some("js" | "mjs") => "text/javascript",
        Some("json") => "application/json",
        Some("html") => "text/html",
        Some("css") => "text/css",
        Some("svg") => "image/svg+xml",
        Some("py" | "md" | "txt" | "metadata") => "text/plain; charset=utf-8",
        Some("whl" | "zip") => "application/zip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::sync::mpsc::{Receiver, sync_channel};

    use super::*;

    fn start_session() -> (Server, Receiver<SessionMessage>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("pyodide.mjs"), "runtime").unwrap();
        fs_err::write(folder.path().join("a.whl"), "wheel").unwrap();
        let files = [("a.whl".to_owned(), folder.path().join("a.whl"))].into();
        let served = Served {
            request: "{\"secret\":1}".into(),
            runtime: folder.path().to_owned(),
            release_files: BTreeMap::new(),
            files,
        };
        let (sender, messages) = sync_channel(1);
        (super::start(served, sender).unwrap(), messages, folder)
    }

    fn ask(authority: &str, method: &str, path: &str, body: &str) -> String {
        let mut connection = std::net::TcpStream::connect(authority).unwrap();
        let length = body.len();
        write!(
            connection,
            "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, content) = answer.split_once("\r\n\r\n").unwrap();
        format!("{} {content}", head.split(' ').nth(1).unwrap())
    }

    #[test]
    fn only_who_knows_the_path_reads_the_request_or_sends_events() {
        let (server, messages, _folder) = start_session();
        let (authority, secret) = server.address.strip_prefix("http://").unwrap().split_once('/').unwrap();
        for path in ["/", "/request.json", "/runtime/pyodide.mjs", "//request.json", "/x/request.json"] {
            assert_eq!(ask(authority, "GET", path, ""), "404 ", "{path}");
        }
        for path in ["/event", "/stdout", "/x/event"] {
            assert_eq!(ask(authority, "POST", path, r#"{"event":"done","status":0}"#), "404 ", "{path}");
        }
        assert!(messages.try_recv().is_err(), "a stranger's event was taken");
        let own =
            |method: &str, name: &str, body: &str| ask(authority, method, &format!("/{secret}{name}"), body);
        assert_eq!(own("GET", "request.json", ""), "200 {\"secret\":1}");
        assert_eq!(own("GET", "runtime/pyodide.mjs", ""), "200 runtime");
        assert_eq!(own("GET", "files/a.whl", ""), "200 wheel");
        for name in ["files/b.whl", "runtime/../a.whl", "runtime/.x", "runtime/"] {
            assert_eq!(own("GET", name, ""), "404 ", "{name}");
        }
        assert_eq!(own("PUT", "event", "{}"), "405 ");
        assert_eq!(own("POST", "event", "no JSON"), "400 ");
        assert_eq!(own("POST", "elsewhere", "{}"), "400 ");
        assert_eq!(own("POST", "event", r#"{"event":"done"}"#), "200 ");
        assert!(matches!(messages.try_recv(), Ok(SessionMessage::Event(event)) if event["event"] == "done"));
    }
}
