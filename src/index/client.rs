//! The connection to a package index: proxies, certificates, credentials, answers.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{anyhow, bail};
use base64::Engine;
use percent_encoding::percent_decode_str;
use url::Url;

use super::limits::FetchLimits;
use super::settings::{IndexSettings, without_password};
use super::transfer::{self, Failure, Partial};
use crate::error::{Result, hinted};
use crate::redacted::Redacted;
use crate::ui::Task;

/// Whether a download that broke may be gone on with. What comes then is only known to be the same file by its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// Its digest is known.
    Allowed,
    /// It is begun anew.
    Forbidden,
}

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
    limits: FetchLimits,
    /// The servers that could not be reached.
    failed: Mutex<BTreeSet<String>>,
}

impl Client {
    /// A client for these settings.
    ///
    /// # Errors
    /// When the certificates or the proxy cannot be used.
    pub(super) fn new(settings: &IndexSettings, limits: FetchLimits) -> Result<Self> {
        let tls =
            ureq::tls::TlsConfig::builder().root_certs(root_certificates(settings.cert.as_deref())?).build();
        let mut config = ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_connect(Some(limits.connect))
            .timeout_recv_response(Some(limits.page_time))
            .timeout_per_read(Some(limits.idle))
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
            limits,
            failed: Mutex::default(),
        })
    }

    /// The index's address, without credentials.
    pub(super) fn index_url(&self) -> &Url {
        &self.index_url
    }

    /// The page at an address, if there is one.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses, or sends more than a page may hold.
    pub(super) fn page(&self, url: &Url, accept: &str) -> Result<Option<Vec<u8>>> {
        let limits = &self.limits;
        let tried = transfer::retry(limits, limits.page_time, self.tries(url), |end| {
            let called = self.request(url, accept).call();
            let Some(response) = transfer::answer(called)? else { return Ok(None) };
            let mut bytes = Vec::new();
            transfer::copy_body(response, &mut bytes, limits.page_size, end, |_| {})?;
            Ok(Some(bytes))
        });
        self.conclude(url, tried)
    }

    /// Downloads what lies at an address into a file that is made, and counts on the task.
    ///
    /// # Errors
    /// When there is nothing, or it cannot be had.
    pub(super) fn download(&self, url: &Url, target: &Path, resume: Resume, task: &dyn Task) -> Result<()> {
        let limits = &self.limits;
        let file = fs_err::OpenOptions::new().create(true).truncate(true).write(true).open(target)?;
        let mut partial = Partial::new(file, task, limits.file_size);
        let tried = transfer::retry(limits, limits.file_time, self.tries(url), |end| {
            // Compressed on the way, a file has another length and other ranges.
            let mut request =
                self.request(url, "application/octet-stream, */*").header("Accept-Encoding", "identity");
            if let Some(range) = partial.range().filter(|_| resume == Resume::Allowed) {
                request = request.header("Range", range);
            }
            match transfer::answer(request.call())? {
                Some(response) => partial.take(response, end),
                None => Err(Failure::Final(anyhow!("there is nothing (status 404)"))),
            }
        });
        self.conclude(url, tried)?;
        partial.finish()
    }

    fn request(&self, url: &Url, accept: &str) -> ureq::RequestBuilder<ureq::typestate::WithoutBody> {
        let request = self.agent.get(without_password(url).as_str()).header("Accept", accept);
        // Credentials in a file's own address are meant for it; those of the index stay with its server.
        let of_index = || self.authorization.clone().filter(|_| url.origin() == self.index_url.origin());
        match authorization(url).or_else(of_index) {
            Some(Authorization(value)) => request.header("Authorization", value),
            None => request,
        }
    }

    /// How often an address is tried: once if its server was out of reach before.
    fn tries(&self, url: &Url) -> u32 {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.contains(&url.origin().ascii_serialization()) { 1 } else { self.limits.tries }
    }

    fn conclude<T>(&self, url: &Url, tried: Result<T, Failure>) -> Result<T> {
        let shown = without_password(url);
        tried.map_err(|failure| match failure {
            Failure::Final(error) => error.context(format!("cannot get `{shown}`")),
            Failure::Passing(error, _) => {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.insert(url.origin().ascii_serialization());
                let error = error.context(format!("cannot reach `{shown}`"));
                hinted(error, "check the network and pip's configuration (`pip config list`)")
            }
        })
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
