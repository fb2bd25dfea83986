//! Packs a finished wheel, writes it, and says what it is made of.

use std::path::{Path, PathBuf};

use super::finish::{self, FinishedWheel};
use super::step_size::StepSize;
use crate::cache::{Cache, Kind};
use crate::context::Context;
use crate::digest::Sha256Digest;
use crate::error::Result;
use crate::files::{with_disk_hint, write_whole};
use crate::ui::Clock;
use crate::wheel::OpenedWheel;
use crate::wheel::compressed::gzip_size;
use crate::wheel::deflate::{Compression, KeptEntries, Packing};

/// Where a finished wheel is, and what it is made of.
#[derive(Debug, Clone, serde::Serialize)]
pub struct WheelSummary {
    /// The file.
    pub wheel: PathBuf,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its size in bytes.
    pub size: u64,
    /// The bytes of its extension modules, as they are and compressed with gzip.
    pub modules: Vec<ModuleSize>,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: Sha256Digest,
    /// How hard it is compressed.
    pub compression: Compression,
}

/// The size of one extension module.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ModuleSize {
    /// Its path in the wheel.
    pub path: String,
    /// Bytes.
    pub raw: u64,
    /// Bytes after gzip at its default level.
    pub gzip: u64,
    /// Bytes after each step that changes it, from the linker's module on.
    pub after_steps: Vec<StepSize>,
}

/// A wheel that was written.
pub(super) struct Written {
    pub(super) wheel: OpenedWheel,
    pub(super) summary: WheelSummary,
}

/// Packs a finished wheel and writes it into the folder that was asked for.
pub(super) fn write(
    context: &Context,
    finished: &FinishedWheel,
    out_dir: &Path,
    compression: Compression,
    clock: &mut Clock,
) -> Result<Written> {
    let time = finish::entry_time(&context.environment)?;
    let bytes = pack(context, finished, time, compression)?;
    clock.step("compress");
    let name = finished.contents.filename.to_string();
    let path = out_dir.join(&name);
    fs_err::create_dir_all(out_dir).map_err(|error| with_disk_hint(error.into(), out_dir))?;
    write_whole(&path, &bytes)?;
    let summary = WheelSummary {
        tags: finished.contents.filename.tags(),
        size: bytes.len() as u64,
        modules: module_sizes(finished)?,
        sha256: Sha256Digest::of(&bytes),
        compression,
        wheel: path,
    };
    let wheel = OpenedWheel::of(&std::path::absolute(&summary.wheel)?, &finished.contents)?;
    context.ui.phase("Finished", format!("{} ({:.1} kB)", summary.wheel.display(), kilobytes(summary.size)));
    clock.step("write");
    Ok(Written { wheel, summary })
}

fn pack(
    context: &Context,
    finished: &FinishedWheel,
    time: zip::DateTime,
    compression: Compression,
) -> Result<Vec<u8>> {
    let task = context.ui.task(format!("compressing {}", finished.contents.filename));
    let kept = KeptInCache(&context.cache);
    finished.contents.pack(time, Packing { compression, kept: Some(&kept), task: Some(&*task) })
}

fn module_sizes(finished: &FinishedWheel) -> Result<Vec<ModuleSize>> {
    let sizes = finished.modules.iter().map(|module| {
        let content = finished.contents.files.get(module).map(Vec::as_slice).unwrap_or_default();
        Ok(ModuleSize {
            path: module.clone(),
            raw: content.len() as u64,
            gzip: gzip_size(content)?,
            after_steps: finished.steps.get(module).cloned().unwrap_or_default(),
        })
    });
    sizes.collect()
}

/// Keeps deflated files in the cache.
struct KeptInCache<'a>(&'a Cache);

/// Smaller ones are deflated as quickly as they are found.
const WORTH_KEEPING: usize = 8 << 10;

impl KeptEntries for KeptInCache<'_> {
    fn find(&self, key: &str) -> Option<Vec<u8>> {
        self.0.find_bytes(Kind::Finished, key)
    }

    fn keep(&self, key: &str, bytes: &[u8]) {
        if bytes.len() >= WORTH_KEEPING {
            // A cache that cannot be written costs the next build some time.
            let _ = self.0.keep_bytes(Kind::Finished, key, bytes);
        }
    }
}

/// Bytes in thousands, for reading.
#[expect(clippy::cast_precision_loss, reason = "a size for reading")]
pub fn kilobytes(bytes: u64) -> f64 {
    bytes as f64 / 1000.0
}
