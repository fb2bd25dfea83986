//! The connection to a package index: proxies, certificates, credentials, answers.

use std::io::Read;

use anyhow::{Context, anyhow, bail};
use base64::Engine;

use super::index::Project;
use super::pip::{IndexSettings, without_password};
use crate::error::{Result, hinted};

/// The largest answer that is read, in bytes.
const LARGEST: u64 = 2 << 30;

/// The JSON form of a project's page (PEP 691).
const PROJECT: &str = "application/vnd.pypi.simple.v1+json";

/// A connection to an index.
#[derive(Debug)]
pub(super) struct Client {
    agent: ureq::Agent,
    /// What is asked, in words.
    server: &'static str,
    index_url: String,
    authorization: Option<String>,
}

impl Client {
    /// A client for these settings.
    ///
    /// # Errors
    /// When the certificates or the proxy cannot be used.
    pub(super) fn new(settings: &IndexSettings) -> Result<Self> {
        let tls =
            ureq::tls::TlsConfig::builder().root_certs(root_certificates(settings.cert.as_deref())?).build();
        let mut config = ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_connect(Some(std::time::Duration::from_secs(30)))
            .timeout_recv_response(Some(std::time::Duration::from_mins(3)))
            .http_status_as_error(false)
            .user_agent(concat!("cargo-pyodide/", env!("CARGO_PKG_VERSION")));
        if let Some(proxy) = &settings.proxy {
            config =
                config.proxy(Some(ureq::Proxy::new(proxy).with_context(|| format!("the proxy `{proxy}`"))?));
        }
        let (index_url, authorization) = split_credentials(&settings.index_url);
        Ok(Self { agent: config.build().into(), server: "package index", index_url, authorization })
    }

    /// The same for files that do not lie on the index.
    pub(super) fn for_files(self) -> Self {
        Self { server: "server", ..self }
    }

    /// The address of a project's page.
    pub(super) fn page(&self, name: &str) -> String {
        format!("{}/{name}/", self.index_url.trim_end_matches('/'))
    }

    /// A project's page.
    ///
    /// # Errors
    /// When it cannot be had, or is not JSON.
    pub(super) fn project(&self, name: &str) -> Result<Project> {
        self.parse(&self.get(&self.page(name), PROJECT)?)
    }

    /// A project's page, if the index has the project.
    ///
    /// # Errors
    /// When the index cannot be asked, or does not answer with JSON.
    pub(super) fn known_project(&self, name: &str) -> Result<Option<Project>> {
        self.find(&self.page(name), PROJECT)?.map(|bytes| self.parse(&bytes)).transpose()
    }

    fn parse(&self, bytes: &[u8]) -> Result<Project> {
        serde_json::from_slice(bytes).map_err(|_| {
            hinted(
                anyhow!(
                    "the index `{}` does not answer in the JSON form (PEP 691)",
                    without_password(&self.index_url)
                ),
                "configure pip for an index that does, or name a file, a folder or `git+URL@REV`",
            )
        })
    }

    /// What lies at an address.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(super) fn get(&self, url: &str, accept: &str) -> Result<Vec<u8>> {
        self.find(url, accept)?.ok_or_else(|| {
            hinted(
                anyhow!("the {} has nothing at `{}`", self.server, without_password(url)),
                "check the package's name; a folder is written `./NAME`",
            )
        })
    }

    /// What lies at an address, if anything does.
    fn find(&self, url: &str, accept: &str) -> Result<Option<Vec<u8>>> {
        let shown = without_password(url);
        let mut request = self.agent.get(url).header("Accept", accept);
        let authority = |url: &str| url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        if let Some(authorization) = &self.authorization
            && authority(url) == authority(&self.index_url)
        {
            request = request.header("Authorization", authorization);
        }
        let server = self.server;
        let response =
            request.call().with_context(|| format!("cannot reach the {server} at `{shown}`")).map_err(
                |error| hinted(error, "check the network and pip's configuration (`pip config list`)"),
            )?;
        match response.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            status @ (401 | 403) => bail!("the {server} refuses access to `{shown}` (status {status})"),
            status => bail!("the {server} answers `{shown}` with status {status}"),
        }
        let mut bytes = Vec::new();
        let mut body = response.into_body().into_with_config().limit(LARGEST).reader();
        body.read_to_end(&mut bytes).with_context(|| format!("the connection to `{shown}` broke"))?;
        Ok(Some(bytes))
    }
}

fn root_certificates(file: Option<&str>) -> Result<ureq::tls::RootCerts> {
    let Some(file) = file else { return Ok(ureq::tls::RootCerts::PlatformVerifier) };
    let pem = fs_err::read(file)?;
    let certificates: Vec<_> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        bail!("`{file}`, which pip is told to trust, holds no certificate");
    }
    Ok(ureq::tls::RootCerts::from(certificates))
}

/// Takes `user:password@` out of an address.
fn split_credentials(url: &str) -> (String, Option<String>) {
    let Some((scheme, rest)) = url.split_once("://") else { return (url.to_owned(), None) };
    let end = rest.find('/').unwrap_or(rest.len());
    let Some((credentials, host)) = rest[..end].rsplit_once('@') else { return (url.to_owned(), None) };
    let header = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(credentials));
    (format!("{scheme}://{host}{}", &rest[end..]), Some(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_address() {
        assert_eq!(
            split_credentials("https://me:pw@h/simple"),
            ("https://h/simple".into(), Some("Basic bWU6cHc=".into()))
        );
        assert_eq!(split_credentials("https://h/simple"), ("https://h/simple".into(), None));
    }
}
