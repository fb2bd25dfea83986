//! The package index that pip is configured for: its settings, the connection to it, and its pages (PEP 691).

mod client;
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

/// The JSON form of a project's page (PEP 691).
const PROJECT: &str = "application/vnd.pypi.simple.v1+json";

/// A package index. Each page is asked for once in a run.
#[derive(Debug)]
pub struct PackageIndex {
    client: Client,
    /// The pages by name; nothing where the index does not know the project.
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
        Ok(Self { client: Client::new(settings, limits)?, pages: Mutex::default() })
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
        let bytes = self.client.page(&self.page_url(name), PROJECT)?;
        let project = bytes.map(|bytes| self.parse(&bytes).map(Arc::new)).transpose()?;
        pages.insert(name.to_owned(), project.clone());
        Ok(project)
    }

    /// A project's page if it was asked for before.
    pub(crate) fn asked_project(&self, name: &str) -> Option<Arc<Project>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned().flatten()
    }

    fn parse(&self, bytes: &[u8]) -> Result<Project> {
        serde_json::from_slice(bytes).map_err(|_| {
            hinted(
                anyhow!("the index `{}` does not answer in the JSON form (PEP 691)", self.client.index_url()),
                "configure pip for an index that does, or name a file, a folder or `git+URL@REV`",
            )
        })
    }

    /// The address of a project's page.
    fn page_url(&self, name: &str) -> Url {
        // A normalised name is a path segment as it is.
        let index = self.client.index_url();
        index.join(&format!("{name}/")).unwrap_or_else(|_| index.clone())
    }

    /// The address of a file on a project's page, which may be relative to it.
    ///
    /// # Errors
    /// When it is no address.
    pub fn file_url(&self, name: &str, file: &File) -> Result<Url> {
        resolve(&self.page_url(name), &file.url)
    }

    /// Downloads a file of the index or of any other server. The task counts its bytes.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn download(&self, url: &Url, target: &Path, resume: Resume, task: &dyn Task) -> Result<()> {
        self.client.download(url, target, resume, task)
    }
}

fn resolve(page: &Url, address: &str) -> Result<Url> {
    let mut url = page
        .join(address)
        .with_context(|| format!("`{page}` names the address `{}`", Redacted::new(address)))?;
    // Old pages put the digest there; a server must not see it.
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_relative() {
        let check =
            |address: &str| resolve(&Url::parse("http://h/simple/x/").unwrap(), address).unwrap().to_string();
        assert_eq!(check("../../files/x.tar.gz#sha256=1"), "http://h/files/x.tar.gz");
        assert_eq!(check("/files/x.tar.gz"), "http://h/files/x.tar.gz");
        assert_eq!(check("https://f/x.tar.gz"), "https://f/x.tar.gz");
    }
}
