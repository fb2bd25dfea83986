//! Serves a site on loopback, and nothing else: to this machine, under its own name.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use percent_encoding::percent_decode_str;
use tiny_http::{Method, Request, Response, StatusCode};

use super::news::{self, BuildNews};
use super::place;
use crate::error::{Result, hinted};
use crate::run::mime_type;
use crate::ui::Ui;

/// How long Ctrl-C may wait.
const GLANCE: Duration = Duration::from_millis(200);

/// A site that is being served.
pub struct SiteServer {
    server: tiny_http::Server,
    hosts: Arc<[String; 2]>,
    site: Mutex<Arc<ServedSite>>,
    news: Arc<Mutex<Option<BuildNews>>>,
}

/// What is served.
#[derive(Debug)]
struct ServedSite {
    folder: PathBuf,
    /// What the site lists: a request for anything else leads nowhere, whatever it is called.
    files: BTreeSet<String>,
}

impl SiteServer {
    /// Listens on loopback; port 0 is any that is free.
    ///
    /// # Errors
    /// When the folder is no site, or the port cannot be had.
    pub fn listen(folder: &Path, port: u16) -> Result<Self> {
        let site = Mutex::new(Arc::new(ServedSite::of(folder)?));
        let server = tiny_http::Server::http(("127.0.0.1", port)).map_err(|error| {
            hinted(anyhow!("cannot listen on port {port}: {error}"), "name another one with `--port`")
        })?;
        let port = server.server_addr().to_ip().map_or(port, |address| address.port());
        let hosts = Arc::new([format!("127.0.0.1:{port}"), format!("localhost:{port}")]);
        Ok(Self { server, hosts, site, news: Arc::default() })
    }

    /// The address of the page.
    pub fn address(&self) -> String {
        format!("http://{}/", self.hosts[0])
    }

    /// Serves another site from now on.
    ///
    /// # Errors
    /// When the folder is no site.
    pub fn show(&self, folder: &Path) -> Result<()> {
        let site = Arc::new(ServedSite::of(folder)?);
        *self.site.lock().unwrap_or_else(PoisonError::into_inner) = site;
        Ok(())
    }

    /// Gives news of builds to pages that ask.
    pub fn tell(&self, news: BuildNews) {
        *self.news.lock().unwrap_or_else(PoisonError::into_inner) = Some(news);
    }

    /// Answers until Ctrl-C.
    ///
    /// # Errors
    /// When no more requests can be taken.
    pub fn serve(&self, ui: &Ui) -> Result<()> {
        while !ui.is_interrupted() {
            if let Some(request) = self.server.recv_timeout(GLANCE)? {
                let site = Arc::clone(&self.site.lock().unwrap_or_else(PoisonError::into_inner));
                let (hosts, news) = (Arc::clone(&self.hosts), Arc::clone(&self.news));
                // A browser asks for several files at once. One that hangs up early is its own affair.
                std::thread::spawn(move || answer(request, &hosts, &site, &news));
            }
        }
        Ok(())
    }
}

fn answer(
    request: Request,
    hosts: &[String; 2],
    site: &ServedSite,
    news: &Mutex<Option<BuildNews>>,
) -> std::io::Result<()> {
    // A page of another site can make a browser ask here under a name of its own, but not change this header.
    let host = request.headers().iter().find(|header| header.field.equiv("Host"));
    if !host.is_some_and(|host| hosts.iter().any(|own| own == host.value.as_str())) {
        return request.respond(Response::empty(StatusCode(403)));
    }
    if ![Method::Get, Method::Head].contains(request.method()) {
        return request.respond(Response::empty(StatusCode(405)));
    }
    if request.url().strip_prefix('/') == Some(news::ADDRESS) {
        let known = news.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return send(request, &serde_json::to_vec(&known)?, "application/json");
        }
    }
    match site.find(request.url()).map(|path| (fs_err::read(&path), path)) {
        Some((Ok(bytes), path)) => send(request, &bytes, mime_type(&path)),
        _ => request.respond(Response::empty(StatusCode(404))),
    }
}

impl ServedSite {
    fn of(folder: &Path) -> Result<Self> {
        Ok(Self { folder: folder.to_owned(), files: place::listed_files(folder)? })
    }

    /// The file that an address means.
    fn find(&self, address: &str) -> Option<PathBuf> {
        let path = address.split('?').next()?.strip_prefix('/')?;
        let mut path = percent_decode_str(path).decode_utf8().ok()?.into_owned();
        if path.is_empty() || path.ends_with('/') {
            path.push_str("index.html");
        }
        self.files.contains(&path).then(|| self.folder.join(path))
    }
}

/// Answers, and has the other side hang up: the server gives a thread to each connection, and may leave one that comes
/// in a burst without, until another ends.
fn send(request: Request, bytes: &[u8], kind: &str) -> std::io::Result<()> {
    let is_head = *request.method() == Method::Head;
    let mut connection = request.into_writer();
    write!(
        connection,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\n\
         Connection: close\r\n\r\n",
        bytes.len()
    )?;
    if !is_head {
        connection.write_all(bytes)?;
    }
    connection.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_site_are_found() {
        let files = ["index.html", "simple/a/index.html", "wheels/a-1+b.whl"].map(str::to_owned).into();
        let site = ServedSite { folder: "site".into(), files };
        let check = |address: &str| site.find(address).map(|path| path.display().to_string());
        assert_eq!(check("/").as_deref(), Some("site/index.html"));
        assert_eq!(check("/simple/a/?x").as_deref(), Some("site/simple/a/index.html"));
        assert_eq!(check("/wheels/a-1%2Bb.whl").as_deref(), Some("site/wheels/a-1+b.whl"));
        for address in ["/../x", "/wheels/..%2Findex.html", "//index.html", "/simple", "index.html", "/%FF"] {
            assert_eq!(check(address), None, "{address}");
        }
    }
}
