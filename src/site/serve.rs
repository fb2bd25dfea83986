//! Serves a site on loopback, and nothing else: to this machine, under its own name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use percent_encoding::percent_decode_str;

use super::place;
use crate::error::{Result, hinted};
use crate::loopback::{Answer, LoopbackServer, Method, Request};
use crate::run::mime_type;
use crate::ui::Ui;

/// How long Ctrl-C may wait.
const GLANCE: Duration = Duration::from_millis(200);

/// A site that is being served.
pub struct SiteServer {
    server: LoopbackServer,
}

/// What is served.
#[derive(Debug)]
struct ServedSite {
    folder: PathBuf,
    /// What the site lists: a request for anything else leads nowhere, whatever it is called.
    files: BTreeSet<String>,
}

impl SiteServer {
    /// Listens on loopback, and answers until this is dropped; port 0 is any that is free.
    ///
    /// # Errors
    /// When the folder is no site, or the port cannot be had.
    pub fn listen(folder: &Path, port: u16) -> Result<Self> {
        let site = ServedSite { folder: folder.to_owned(), files: place::listed_files(folder)? };
        let server = LoopbackServer::start(port, move |request| site.answer(request)).map_err(|error| {
            hinted(anyhow!("cannot listen on port {port}: {error}"), "name another one with `--port`")
        })?;
        Ok(Self { server })
    }

    /// The address of the page.
    pub fn address(&self) -> String {
        self.server.address()
    }

    /// Waits until Ctrl-C.
    pub fn serve(&self, ui: &Ui) {
        while !ui.is_interrupted() {
            std::thread::sleep(GLANCE);
        }
    }
}

impl ServedSite {
    fn answer(&self, request: &Request) -> Answer {
        if ![Method::Get, Method::Head].contains(&request.method) {
            return Answer::Status(405);
        }
        match self.find(request.path()).map(|path| (fs_err::read(&path), path)) {
            Some((Ok(body), path)) => {
                let headers = &[("Cache-Control", "no-cache")];
                Answer::Content { kind: mime_type(&path), headers, body }
            }
            _ => Answer::Status(404),
        }
    }

    /// The file that an address means.
    fn find(&self, address: &str) -> Option<PathBuf> {
        let path = address.strip_prefix('/')?;
        let mut path = percent_decode_str(path).decode_utf8().ok()?.into_owned();
        if path.is_empty() || path.ends_with('/') {
            path.push_str("index.html");
        }
        self.files.contains(&path).then(|| self.folder.join(path))
    }
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
        assert_eq!(check("/simple/a/").as_deref(), Some("site/simple/a/index.html"));
        assert_eq!(check("/wheels/a-1%2Bb.whl").as_deref(), Some("site/wheels/a-1+b.whl"));
        for address in ["/../x", "/wheels/..%2Findex.html", "//index.html", "/simple", "index.html", "/%FF"] {
            assert_eq!(check(address), None, "{address}");
        }
    }
}
