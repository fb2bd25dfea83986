//! The format of wheels: names, contents, metadata, RECORD; reading and writing them.
//!
//! A finished wheel has the runtime's extension suffix and platform tag, stripped modules, a true RECORD, sorted entries
//! and fixed times: the same inputs give the same bytes. METADATA changes only as overlays say.
//! <https://packaging.python.org/en/latest/specifications/binary-distribution-format/>

pub(crate) mod bill_of_materials;
pub(crate) mod compressed;
pub(crate) mod contents;
pub mod deflate;
pub(crate) mod directory;
pub(crate) mod edits;
pub(crate) mod extension;
pub mod filename;
pub mod metadata;
pub(crate) mod opened;
pub mod python_imports;
pub mod record;
pub(crate) mod requirement;
pub(crate) mod requirements;

pub use contents::WheelContents;
pub use filename::WheelFilename;
pub use opened::OpenedWheel;
