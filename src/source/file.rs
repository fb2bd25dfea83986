//! Single files that an overlay names by their address: kept in the cache by their SHA-256.

use anyhow::{Context as _, anyhow};
use url::Url;

use super::stated::digest_of;
use crate::cache::Kind;
use crate::context::{Context, Network};
use crate::digest::Sha256Digest;
use crate::error::{Result, hinted, with_cause};
use crate::index::Resume;

/// The bytes at an address, which must have this SHA-256.
///
/// # Errors
/// When they cannot be had, or are others.
pub(crate) fn fetch(address: &str, sha256: Sha256Digest, context: &Context) -> Result<Vec<u8>> {
    let Context { ui, cache, .. } = context;
    let key = &sha256.to_string();
    if context.network == Network::Forbidden && !cache.has(Kind::Files, key) {
        return Err(hinted(
            anyhow!("`{address}` is not in the cache, and the network may not be used (`--offline`)"),
            "run once without `--offline`, or name a file that you have",
        ));
    }
    if context.has_failed(address) && !cache.has(Kind::Files, key) {
        let error = anyhow!("`{address}` could not be fetched earlier in this run");
        return Err(with_cause("network", error));
    }
    let folder = cache.get_or_make(ui, Kind::Files, key, |folder| {
        ui.phase("Fetching", address);
        let url = Url::parse(address).with_context(|| format!("the address `{address}`"))?;
        let task = ui.task(format!("downloading {address}"));
        let fetched = context.index()?.download(&url, &folder.join("file"), Resume::Allowed, &*task);
        fetched.inspect_err(|_| context.note_failure(address))?;
        drop(task);
        check_digest(digest_of(&folder.join("file"))?, sha256, address)
    })?;
    let bytes = fs_err::read(folder.join("file"))?;
    if check(&bytes, sha256, address).is_err() {
        cache.discard(ui, Kind::Files, key)?;
        return Err(hinted(
            anyhow!("`{address}` was changed in the cache"),
            "run the command again: the file is fetched anew",
        ));
    }
    Ok(bytes)
}

/// Checks bytes against a SHA-256.
///
/// # Errors
/// When they do not have it.
pub(crate) fn check(bytes: &[u8], sha256: Sha256Digest, name: &str) -> Result<()> {
    check_digest(Sha256Digest::of(bytes), sha256, name)
}

fn check_digest(actual: Sha256Digest, sha256: Sha256Digest, name: &str) -> Result<()> {
    if actual == sha256 {
        return Ok(());
    }
    Err(hinted(
        anyhow!("`{name}` has the SHA-256 `{actual}`, but `{sha256}` is expected"),
        "this is not the file that was meant",
    ))
}
