//! Which package index the user's pip is configured for, and how to reach it.

use std::path::Path;

use anyhow::Context;

use crate::env::Environment;
use crate::error::{Result, hinted};
use crate::process::Invocation;
use crate::ui::Ui;

/// How to reach the package index.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct IndexSettings {
    /// The index's address, to which a project's name is appended.
    pub index_url: String,
    /// A file of certificates to trust.
    pub cert: Option<String>,
    /// A proxy.
    pub proxy: Option<String>,
}

/// Reads the settings: `PIP_INDEX_URL`, then `UV_INDEX_URL` or `UV_DEFAULT_INDEX`, then what pip itself says.
///
/// # Errors
/// When pip cannot be asked and no variable names an index.
pub fn settings((ui, environment): (Ui, &Environment), python: &Path) -> Result<IndexSettings> {
    let named = ["PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"]
        .into_iter()
        .find_map(|name| environment.text(name).map(|url| (name, url)));
    if let Some((name, url)) = named {
        ui.detail(format!("the package index is `{}`: {name} says so", without_password(url)));
        let text = |name: &str| environment.text(name).map(str::to_owned);
        let cert = text("PIP_CERT").or_else(|| text("SSL_CERT_FILE"));
        return Ok(IndexSettings { index_url: url.to_owned(), cert, proxy: text("PIP_PROXY") });
    }
    let printed = Invocation::new(python)
        .args(["-c", include_str!("pip_settings.py")])
        .output(ui)
        .context("pip could not be asked for its package index")
        .map_err(|error| hinted(error, "install pip for this Python, or set `PIP_INDEX_URL`"))?;
    let mut settings: IndexSettings =
        serde_json::from_str(&printed.stdout).context("pip's settings are not understood")?;
    settings.proxy = settings.proxy.filter(|proxy| !proxy.is_empty());
    ui.detail(format!("the package index is `{}`: pip says so", without_password(&settings.index_url)));
    Ok(settings)
}

/// An address that can be shown.
pub fn without_password(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest, rest.find(['/', '?'])?))) {
        Some((scheme, rest, end)) => match rest[..end].rsplit_once('@') {
            Some((_, host)) => format!("{scheme}://{host}{}", &rest[end..]),
            None => url.to_owned(),
        },
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(without_password("https://me:secret@host/simple"), "https://host/simple");
        assert_eq!(without_password("https://host/simple@x"), "https://host/simple@x");
    }
}
