//! Which package index the user's pip is configured for, and how to reach it.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use url::Url;

use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::process::Invocation;
use crate::redacted::Redacted;
use crate::ui::Ui;

/// How to reach the package index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSettings {
    /// The index's address, to which a project's name is appended.
    pub index_url: Redacted<Url>,
    /// A file of certificates to trust.
    pub cert: Option<String>,
    /// A proxy.
    pub proxy: Option<Redacted<String>>,
}

impl IndexSettings {
    /// The same way to another index, or to a site that holds one.
    ///
    /// # Errors
    /// When the address is none.
    pub fn with_address(&self, address: &Redacted<String>) -> Result<Self> {
        Ok(Self { index_url: parse(address.expose())?, ..self.clone() })
    }
}

/// What pip prints of its settings.
#[derive(serde::Deserialize)]
struct Printed {
    index_url: String,
    cert: Option<String>,
    proxy: Option<String>,
}

/// The settings if a variable names the index: `PIP_INDEX_URL`, then `UV_INDEX_URL` or `UV_DEFAULT_INDEX`.
pub(crate) fn from_variables(ui: &Ui, environment: &Environment) -> Option<Result<IndexSettings>> {
    let named = ["PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"];
    let (name, address) = named.into_iter().find_map(|name| Some((name, environment.text(name)?)))?;
    Some(parse(address).map(|index_url| {
        ui.detail(format!("the package index is `{index_url}`: {name} says so"));
        let text = |name: &str| environment.text(name).map(str::to_owned);
        let cert = text("PIP_CERT").or_else(|| text("SSL_CERT_FILE"));
        IndexSettings { index_url, cert, proxy: text("PIP_PROXY").map(Redacted::new) }
    }))
}

/// The settings that the pip of this Python would use.
///
/// # Errors
/// When pip cannot be asked.
pub(crate) fn from_pip(ui: &Ui, python: &Path) -> Result<IndexSettings> {
    // pip is asked and its files are not read: it joins several of them with variables, by rules that change.
    let printed = Invocation::new(python)
        .args(["-c", include_str!("pip_settings.py")])
        .output(ui)
        .context("pip could not be asked for its package index")
        .map_err(|error| hinted(error, "install pip for this Python, or set `PIP_INDEX_URL`"))?;
    let Printed { index_url, cert, proxy } =
        serde_json::from_str(&printed.stdout).context("pip's settings are not understood")?;
    let index_url = parse(&index_url)?;
    ui.detail(format!("the package index is `{index_url}`: pip says so"));
    Ok(IndexSettings { index_url, cert, proxy: proxy.filter(|proxy| !proxy.is_empty()).map(Redacted::new) })
}

/// An index's address, which must end in a slash for names to be joined to it.
fn parse(address: &str) -> Result<Redacted<Url>> {
    let mut url = Url::parse(address).map_err(|error| {
        // The address may hold a password, so it is not shown.
        hinted(
            anyhow!("the address of the package index is not a URL: {error}"),
            "look at `--index`, at `PIP_INDEX_URL` and at `pip config list`",
        )
    })?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(Redacted::new(url))
}

/// An address without its credentials.
pub(crate) fn without_password(url: &Url) -> Url {
    let mut shown = url.clone();
    // An address that cannot have credentials has none.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let check = |address: &str| without_password(&Url::parse(address).unwrap()).to_string();
        assert_eq!(check("https://me:secret@host/simple"), "https://host/simple");
        assert_eq!(check("https://me:s%40cret@host"), "https://host/");
        assert_eq!(check("https://host/simple@x"), "https://host/simple@x");
    }

    #[test]
    fn names_are_joined_below_the_index() {
        assert_eq!(
            parse("https://h/simple").unwrap().expose().join("x/").unwrap().as_str(),
            "https://h/simple/x/"
        );
        assert!(parse("no address").is_err());
    }
}
