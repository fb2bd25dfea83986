//! Serves a site on loopback, and nothing else: to this machine, under its own name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use percent_encoding::percent_decode_str;

use super::news::{self, BuildNews};
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
    shown: Arc<Mutex<Shown>>,
}

/// What pages get now.
#[derive(Debug)]
struct Shown {
    site: Arc<ServedSite>,
    news: Option<BuildNews>,
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
        let shown = Arc::new(Mutex::new(Shown { site: Arc::new(ServedSite::of(folder)?), news: None }));
        let asked = Arc::clone(&shown);
        let server =
            LoopbackServer::start(port, move |request| answer(request, &asked)).map_err(|error| {
                hinted(anyhow!("cannot listen on port {port}: {error}"), "name another one with `--port`")
            })?;
        Ok(Self { server, shown })
    }

    /// Serves another site from now on.
    ///
    /// # Errors
    /// When the folder is no site.
    pub fn show(&self, folder: &Path) -> Result<()> {
        let site = Arc::new(ServedSite::of(folder)?);
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).site = site;
        Ok(())
    }

    /// Gives news of builds to pages that ask.
    pub fn tell(&self, news: BuildNews) {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).news = Some(news);
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

fn answer(request: &Request, shown: &Mutex<Shown>) -> Answer {
    if ![Method::Get, Method::Head].contains(&request.method) {
        return Answer::Status(405);
    }
    let headers = &[("Cache-Control", "no-cache")];
    let (site, news) = {
        let shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&shown.site), shown.news.clone())
    };
    if let Some(body) = news.and_then(|news| serde_json::to_vec(&news).ok())
        && request.path().strip_prefix('/') == Some(news::ADDRESS)
    {
        return Answer::Content { kind: "application/json", headers, body };
    }
    match site.find(request.path()).map(|path| (fs_err::read(&path), path)) {
        Some((Ok(body), path)) => Answer::Content { kind: mime_type(&path), headers, body },
        _ => Answer::Status(404),
    }
}

impl ServedSite {
    fn of(folder: &Path) -> Result<Self> {
        Ok(Self { folder: fs_err::canonicalize(folder)?, files: place::listed_files(folder)? })
    }

    /// The file that an address means.
    fn find(&self, address: &str) -> Option<PathBuf> {
        let path = address.strip_prefix('/')?;
        let mut path = percent_decode_str(path).decode_utf8().ok()?.into_owned();
        if path.is_empty() || path.ends_with('/') {
            path.push_str("index.html");
        }
        // A link in a site that was downloaded may lead out of it.
        let file = self.files.contains(&path).then(|| self.folder.join(path).canonicalize().ok())?;
        file.filter(|file| file.starts_with(&self.folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_site_are_found() {
        let place = tempfile::tempdir().unwrap();
        let folder = fs_err::canonicalize(place.path()).unwrap();
        let files = ["index.html", "simple/a/index.html", "wheels/a-1+b.whl"].map(str::to_owned);
        for file in &files {
            fs_err::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
            fs_err::write(folder.join(file), "").unwrap();
        }
        let site = ServedSite { folder: folder.clone(), files: files.into() };
        let check = |address: &str| {
            let found = site.find(address)?;
            Some(found.strip_prefix(&folder).unwrap().display().to_string())
        };
        assert_eq!(check("/").as_deref(), Some("index.html"));
        assert_eq!(check("/simple/a/").as_deref(), Some("simple/a/index.html"));
        assert_eq!(check("/wheels/a-1%2Bb.whl").as_deref(), Some("wheels/a-1+b.whl"));
        for address in ["/../x", "/wheels/..%2Findex.html", "//index.html", "/simple", "index.html", "/%FF"] {
            assert_eq!(check(address), None, "{address}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn nothing_outside_of_a_site_is_given_whatever_it_lists() {
        let place = tempfile::tempdir().unwrap();
        let (secret, folder) = (place.path().join("secret.txt"), place.path().join("site"));
        fs_err::write(&secret, "").unwrap();
        fs_err::create_dir(&folder).unwrap();
        fs_err::write(folder.join("site.json"), "{}").unwrap();
        fs_err::os::unix::fs::symlink(&secret, folder.join("link.txt")).unwrap();
        let list = format!("site.json\nlink.txt\n../secret.txt\n{}\n", secret.display());
        fs_err::write(folder.join("site-files.txt"), list).unwrap();
        let site = ServedSite::of(&folder).unwrap();
        assert!(site.find("/site.json").is_some());
        let absolute = format!("/{}", secret.display());
        for address in ["/link.txt", "/../secret.txt", "/..%2Fsecret.txt", &absolute] {
            assert_eq!(site.find(address), None, "{address}");
        }
    }
}
