//! Serves one session to a browser on loopback: the page, the runtime, wheels; takes its output and events.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use anyhow::anyhow;
use tiny_http::{Header, Method, Request, Response, StatusCode};

use super::message::SessionMessage;
use crate::error::Result;

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
    ("/", include_str!("page.html")),
    ("/session.mjs", include_str!("session.mjs")),
    ("/browser_session.mjs", include_str!("browser_session.mjs")),
    ("/worker.mjs", include_str!("worker.mjs")),
];

/// A server that ends when this is dropped.
pub(super) struct Server {
    /// The address of its page.
    pub(super) address: String,
    server: Arc<tiny_http::Server>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

/// Starts a server on a free port of loopback.
///
/// # Errors
/// When no port can be had.
pub(super) fn start(served: Served, messages: Sender<SessionMessage>) -> Result<Server> {
    // Loopback alone: what is served is nobody else's business. A free port, so that sessions run side by side.
    let server = tiny_http::Server::http("127.0.0.1:0")
        .map_err(|error| anyhow!("cannot listen on loopback: {error}"))?;
    let server = Arc::new(server);
    let served = Arc::new(served);
    let address = format!("http://{}/", server.server_addr());
    let listener = Arc::clone(&server);
    std::thread::spawn(move || {
        for request in listener.incoming_requests() {
            // Each on its own: a page whose script waits for an answer reads nothing else meanwhile.
            let (served, messages) = (Arc::clone(&served), messages.clone());
            // A client that hangs up early is its own affair.
            std::thread::spawn(move || answer(request, &served, &messages));
        }
    });
    Ok(Server { address, server })
}

fn answer(mut request: Request, served: &Served, messages: &Sender<SessionMessage>) -> std::io::Result<()> {
    let path = request.url().split('?').next().unwrap_or_default().to_owned();
    if *request.method() == Method::Post {
        let mut body = Vec::new();
        request.as_reader().read_to_end(&mut body)?;
        if let Some(message) = SessionMessage::of_post(&path, body) {
            let _ = messages.send(message);
        }
        // The answer comes after the message was taken: the interpreter waits for it, and cannot die before we know.
        return request.respond(with_headers(Response::from_data(Vec::new()), "text/plain"));
    }
    // The page asks for this only when the runtime is there: with such a connection open, Chromium was seen to hold
    // scripts back, so that the page never loaded.
    if path == "/alive" {
        keep_open(request, messages);
        return Ok(());
    }
    match find_content(&path, served) {
        Some((bytes, kind)) => request.respond(with_headers(Response::from_data(bytes), kind)),
        None => request.respond(Response::empty(StatusCode(404))),
    }
}

/// Keeps a connection open until the other side is gone.
fn keep_open(request: Request, messages: &Sender<SessionMessage>) {
    let mut connection = request.into_writer();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut written = connection.write_all(head.as_bytes());
    while written.is_ok() {
        std::thread::sleep(Duration::from_millis(200));
        written = connection.write_all(b"1\r\n.\r\n").and_then(|()| connection.flush());
    }
    let _ = messages.send(SessionMessage::Gone);
}

fn find_content(path: &str, served: &Served) -> Option<(Vec<u8>, &'static str)> {
    if let Some((name, text)) = OWN.iter().find(|(name, _)| *name == path) {
        return Some((text.as_bytes().to_vec(), if *name == "/" { "text/html" } else { "text/javascript" }));
    }
    if path == "/request.json" {
        return Some((served.request.clone().into_bytes(), "application/json"));
    }
    let file = if let Some(name) = path.strip_prefix("/runtime/") {
        // The page names the file: a name with a folder in it would lead out of the release.
        let is_plain = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
        let package = served.release_files.get(name).cloned();
        is_plain.then(|| package.unwrap_or_else(|| served.runtime.join(name)))?
    } else {
        served.files.get(path.strip_prefix("/files/")?)?.clone()
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

fn with_headers(
    mut response: Response<std::io::Cursor<Vec<u8>>>,
    kind: &str,
) -> Response<std::io::Cursor<Vec<u8>>> {
    let headers = [
        ("Content-Type", kind),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Embedder-Policy", "require-corp"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ];
    for (name, value) in headers {
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    response
}
