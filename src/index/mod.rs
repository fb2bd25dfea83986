//! The package index that pip is configured for: its settings, the connection to it, and its pages (PEP 691).

mod client;
mod html;
pub mod limits;
pub mod page;
pub mod settings;
mod transfer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, anyhow};
use url::Url;

use crate::error::{Result, hinted, with_cause};
use crate::redacted::Redacted;
use crate::ui::Task;
use client::Client;
pub use client::Resume;
use limits::FetchLimits;
use page::{File, Project};
use settings::IndexSettings;

/// The forms of a project's page: JSON (PEP 691) rather than HTML (PEP 503).
const PROJECT: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// A package index. Each page is asked for once in a run.
#[derive(Debug)]
pub struct PackageIndex {
    client: Client,
    /// Other indexes, or sites that hold one, asked before it.
    first: Vec<Client>,
    /// The pages by name; nothing where no index knows the project.
    pages: Mutex<BTreeMap<String, Option<Arc<Project>>>>,
}

impl PackageIndex {
    /// The index of these settings. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When the certificates or the proxy cannot be used.
    pub fn open(settings: &IndexSettings) -> Result<Self> {
        Self::open_within(settings, FetchLimits::default())
    }

    /// The same with limits of its own.
    ///
    /// # Errors
    /// When the certificates or the proxy cannot be used.
    pub fn open_within(settings: &IndexSettings, limits: FetchLimits) -> Result<Self> {
        Ok(Self { client: Client::new(settings, limits)?, first: Vec::new(), pages: Mutex::default() })
    }

    /// The same, with indexes that are asked first: the first that has a project is taken at its word.
    ///
    /// # Errors
    /// When the certificates or the proxy cannot be used.
    pub fn asking_first(self, first: &[IndexSettings]) -> Result<Self> {
        let first = first.iter().map(|settings| Client::new(settings, FetchLimits::default()));
        Ok(Self { first: first.collect::<Result<_>>()?, ..self })
    }

    /// Its address, without credentials.
    pub fn url(&self) -> &Url {
        self.client.index_url()
    }

    /// A project's page.
    ///
    /// # Errors
    /// When the index cannot be asked, or does not know the project.
    pub fn project(&self, name: &str) -> Result<Arc<Project>> {
        self.find_project(name)?.ok_or_else(|| {
            hinted(
                with_cause(
                    "not-on-the-index",
                    anyhow!("the package index has nothing at `{}`", self.page_url(name)),
                ),
                "check the package's name; a folder is written `./NAME`",
            )
        })
    }

    /// A project's page, if the index has the project.
    ///
    /// # Errors
    /// When the index cannot be asked, or does not answer with JSON.
    pub fn find_project(&self, name: &str) -> Result<Option<Arc<Project>>> {
        // Locked while the page is fetched: two threads must not fetch the same one.
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = pages.get(name) {
            return Ok(known.clone());
        }
        let mut project = None;
        for client in &self.first {
            // A site has its index in a folder.
            for page in
                [page_of(client.index_url(), name), page_of(client.index_url(), &format!("simple/{name}"))]
            {
                if project.is_none() {
                    project = fetch(client, &page)?.filter(|found| !found.files.is_empty());
                }
            }
        }
        if project.is_none() {
            project = fetch(&self.client, &self.page_url(name))?;
        }
        let project = project.map(Arc::new);
        pages.insert(name.to_owned(), project.clone());
        Ok(project)
    }

    /// A project's page if it was asked for before.
    pub(crate) fn asked_project(&self, name: &str) -> Option<Arc<Project>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned().flatten()
    }

    /// The address of a project's page.
    fn page_url(&self, name: &str) -> Url {
        page_of(self.client.index_url(), name)
    }

    /// The address of a file on a project's page.
    ///
    /// # Errors
    /// When it is no address.
    pub fn file_url(&self, file: &File) -> Result<Url> {
        let mut url = Url::parse(&file.url)
            .with_context(|| format!("the index names the address `{}`", Redacted::new(&file.url)))?;
        // Old pages put the digest there; a server must not see it.
        url.set_fragment(None);
        Ok(url)
    }

    /// Downloads a file of the index or of any other server. The task counts its bytes.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn download(&self, url: &Url, target: &Path, resume: Resume, task: &dyn Task) -> Result<()> {
        // Each server is given its own credentials.
        let is_of = |client: &&Client| client.index_url().origin() == url.origin();
        self.first.iter().find(is_of).unwrap_or(&self.client).download(url, target, resume, task)
    }
}

/// The address of a project's page on an index.
fn page_of(index: &Url, name: &str) -> Url {
    // A normalised name is a path segment as it is.
    index.join(&format!("{name}/")).unwrap_or_else(|_| index.clone())
}

/// A project's page, if it is there. The addresses of its files are made absolute.
fn fetch(client: &Client, page: &Url) -> Result<Option<Project>> {
    let Some(bytes) = client.page(page, PROJECT)? else { return Ok(None) };
    let mut project = parse(client, &bytes)?;
    for file in &mut project.files {
        // One that cannot be made absolute is an error when that file is wanted.
        if let Ok(url) = page.join(&file.url) {
            file.url = url.to_string();
        }
    }
    Ok(Some(project))
}

fn parse(client: &Client, bytes: &[u8]) -> Result<Project> {
    let text = String::from_utf8_lossy(bytes);
    if text.trim_start().starts_with('<') {
        return Ok(html::parse(&text));
    }
    serde_json::from_str(&text).map_err(|_| {
        hinted(
            anyhow!(
                "the index `{}` answers neither in the JSON form (PEP 691) nor in HTML (PEP 503)",
                client.index_url()
            ),
            "configure pip for an index that does, or name a file, a folder or `git+URL@REV`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_no_fragment() {
        let check = |url: &str| {
            let file: File =
                serde_json::from_value(serde_json::json!({ "filename": "x", "url": url })).unwrap();
            let settings = IndexSettings {
                index_url: Redacted::new(Url::parse("http://h/simple/").unwrap()),
                cert: None,
                proxy: None,
            };
            let index = PackageIndex::open(&settings).unwrap();
            index.file_url(&file).map(|url| url.to_string()).map_err(|error| error.to_string())
        };
        assert_eq!(check("http://h/files/x.tar.gz#sha256=1").as_deref(), Ok("http://h/files/x.tar.gz"));
        assert_eq!(check("x.tar.gz").unwrap_err(), "the index names the address `x.tar.gz`");
    }
}
