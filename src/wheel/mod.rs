//! The format of wheels: names, contents, metadata, RECORD; reading and writing them.
//!
//! A finished wheel has the runtime's extension suffix and platform tag, stripped modules, a true RECORD, sorted entries
//! and fixed times: the same inputs give the same bytes. METADATA changes only as overlays say.
//! <https://packaging.python.org/en/latest/specifications/binary-distribution-format/>

pub mod bill_of_materials;
pub mod compressed;
pub mod contents;
pub mod deflate;
pub mod directory;
pub mod edits;
pub mod extension;
pub mod filename;
pub mod metadata;
pub mod opened;
pub mod record;
pub mod requirement;
pub mod requirements;

pub use contents::WheelContents;
pub use filename::WheelFilename;
pub use opened::OpenedWheel;
