//! Single files that an overlay names by their address: kept in the cache by their SHA-256.

use anyhow::anyhow;

use super::Access;
use super::client::Client;
use super::pip::settings;
use crate::cache::Kind;
use crate::error::{Result, hinted};
use crate::runtime::releases::Network;

/// The bytes at an address, which must have this SHA-256.
///
/// # Errors
/// When they cannot be had, or are others.
pub fn fetch(address: &str, sha256: &str, access: Access<'_>) -> Result<Vec<u8>> {
    let Access { ui, cache, network, .. } = access;
    if network == Network::Forbidden && !cache.has(Kind::Files, sha256) {
        return Err(hinted(
            anyhow!("`{address}` is not in the cache, and the network may not be used (`--offline`)"),
            "run once without `--offline`, or name a file that you have",
        ));
    }
    let folder = cache.get_or_make(ui, (Kind::Files, sha256), |folder| {
        ui.phase("Fetching", address);
        let spinner = ui.spinner(format!("downloading {address}"));
        let client = Client::new(&settings((ui, access.environment), access.python)?)?.for_files();
        let bytes = client.get(address, "*/*");
        drop(spinner);
        let bytes = bytes?;
        check(&bytes, sha256, address)?;
        Ok(fs_err::write(folder.join("file"), bytes)?)
    })?;
    let bytes = fs_err::read(folder.join("file"))?;
    if check(&bytes, sha256, address).is_err() {
        cache.discard(ui, Kind::Files, sha256)?;
        return Err(hinted(
            anyhow!("`{address}` was changed in the cache"),
            "run it again: it is fetched anew",
        ));
    }
    Ok(bytes)
}

/// Holds bytes against a SHA-256.
///
/// # Errors
/// When they do not have it.
pub fn check(bytes: &[u8], sha256: &str, name: &str) -> Result<()> {
    let actual = crate::digest::sha256(bytes);
    if actual == sha256 {
        return Ok(());
    }
    Err(hinted(
        anyhow!("`{name}` has the SHA-256 `{actual}`, but `{sha256}` is expected"),
        "it is another file than the one that was meant",
    ))
}
