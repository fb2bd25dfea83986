//! Turns wheels into a folder that any static host can serve: a package index, lock files, a playground.
//!
//! Most of it is pure: values in, text out. [`write()`] puts the texts together with wheels and the files of releases.
//! `page` holds the playground's own files, which are copied as they are, and which read the site's [`document`].

pub mod all_json;
pub mod document;
mod examples;
pub mod index;
mod lite;
mod lite_builder;
pub mod lock;
mod lock_document;
mod news;
mod place;
mod published;
mod readme;
pub mod request;
mod required;
mod serve;
pub mod snippets;
mod swept;
mod watch;
pub mod wheel;
mod write;

pub use news::{BuildNews, BuildState};
pub use place::is_site;
pub use published::claimed_lines;
pub use request::{AuditRule, News, Notebooks, ReleasePackages, SiteReport, SiteRequest};
pub use serve::SiteServer;
pub use swept::swept_wheels;
pub use watch::Watch;
pub use write::{write, write_waiting};
