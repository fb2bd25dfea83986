//! Turns wheels into a folder that any static host can serve: a package index, lock files, a playground.
//!
//! What stands here is pure: values in, text out. `page` holds the playground's own files, which are copied as they
//! are, and which read the site's [`document`].

pub mod all_json;
pub mod document;
pub mod index;
pub mod lock;
mod lock_document;
pub mod snippets;
pub mod wheel;
