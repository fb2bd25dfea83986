//! The connection to a package index: proxies, certificates, credentials, answers.

use std::io::Read;

use anyhow::{Context as _, anyhow, bail};
use base64::Engine;
use percent_encoding::percent_decode_str;
use url::Url;

use super::settings::{IndexSettings, without_password};
use crate::error::{Result, hinted, with_cause};
use crate::redacted::Redacted;

/// The largest answer that is read, in bytes.
const LARGEST: u64 = 2 << 30;

/// The value of the header that holds the credentials.
#[derive(Clone, PartialEq, Eq)]
struct Authorization(String);

impl std::fmt::Debug for Authorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authorization")
    }
}

/// A connection to an index, which also fetches the files that it names.
#[derive(Debug)]
pub(super) struct Client {
    agent: ureq::Agent,
    /// The index's address, without credentials.
    index_url: Url,
    authorization: Option<Authorization>,
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
            // No limit for the whole answer: a large wheel over a slow line is no failure.
            .timeout_connect(Some(std::time::Duration::from_secs(30)))
            .timeout_recv_response(Some(std::time::Duration::from_mins(3)))
            // A status is an answer: 404 says that there is no such project.
            .http_status_as_error(false)
            .user_agent(concat!("cargo-pyodide/", env!("CARGO_PKG_VERSION")));
        if let Some(proxy) = &settings.proxy {
            config = config.proxy(Some(open_proxy(proxy)?));
        }
        let index_url = without_password(settings.index_url.expose());
        Ok(Self {
            agent: config.build().into(),
            index_url,
            authorization: authorization(settings.index_url.expose()),
        })
    }

    /// The index's address, without credentials.
    pub(super) fn index_url(&self) -> &Url {
        &self.index_url
    }

    /// What lies at an address, if anything does.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub(super) fn find(&self, url: &Url, accept: &str) -> Result<Option<Vec<u8>>> {
        let shown = without_password(url);
        let mut request = self.agent.get(shown.as_str()).header("Accept", accept);
        // Credentials in a file's own address are meant for it; those of the index stay with its server.
        let of_index = || self.authorization.clone().filter(|_| url.origin() == self.index_url.origin());
        if let Some(Authorization(value)) = authorization(url).or_else(of_index) {
            request = request.header("Authorization", value);
        }
        let response = request
            .call()
            .with_context(|| format!("cannot reach the package index at `{shown}`"))
            .map_err(|error| {
                let error = with_cause("network", error);
                hinted(error, "check the network and pip's configuration (`pip config list`)")
            })?;
        match response.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            status @ (401 | 403) => bail!("the server refuses access to `{shown}` (status {status})"),
            status => bail!("the server answers `{shown}` with status {status}"),
        }
        let mut bytes = Vec::new();
        // A limit, since a server that never stops sending would fill the memory.
        let mut body = response.into_body().into_with_config().limit(LARGEST).reader();
        body.read_to_end(&mut bytes).with_context(|| format!("the connection to `{shown}` broke"))?;
        Ok(Some(bytes))
    }

    /// What lies at an address.
    ///
    /// # Errors
    /// When there is nothing, or it cannot be had.
    pub(super) fn get(&self, url: &Url, accept: &str) -> Result<Vec<u8>> {
        self.find(url, accept)?
            .ok_or_else(|| anyhow!("there is nothing at `{}` (status 404)", without_password(url)))
    }
}

/// The proxy of the settings. What is wrong with it is told without its address, which may hold a password.
fn open_proxy(proxy: &Redacted<String>) -> Result<ureq::Proxy> {
    ureq::Proxy::new(proxy.expose()).map_err(|_| {
        hinted(
            anyhow!("the proxy `{proxy}` cannot be used: its address is not understood"),
            "look at `PIP_PROXY` and at `pip config list`: `http://USER:PASSWORD@HOST:PORT`",
        )
    })
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

/// The header for the credentials of an address, in which special characters are percent-encoded.
fn authorization(url: &Url) -> Option<Authorization> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let credentials =
        [&decode(url.username())[..], b":", &decode(url.password().unwrap_or_default())].concat();
    Some(Authorization(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(credentials))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_become_a_header() {
        let check =
            |address: &str| authorization(&Url::parse(address).unwrap()).map(|authorization| authorization.0);
        assert_eq!(check("https://me:pw@h/simple").as_deref(), Some("Basic bWU6cHc="));
        // `me:p@w`
        assert_eq!(check("https://me:p%40w@h/simple").as_deref(), Some("Basic bWU6cEB3"));
        assert_eq!(check("https://h/simple"), None);
    }
}
