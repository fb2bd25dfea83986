//! What a site is made of, and what came of making it.

use std::path::PathBuf;

use crate::runtime::Runtime;
use crate::sweep::state::State;

/// What a site is made of.
#[derive(Debug, Clone)]
pub struct SiteRequest<'a> {
    /// The wheels, in the order in which the page shows them.
    pub wheels: Vec<PathBuf>,
    /// The releases.
    pub runtimes: &'a [Runtime],
    /// The title of the page.
    pub title: String,
    /// A file of examples, in TOML.
    pub examples: Option<PathBuf>,
    /// Pages of the user's, which go beside the playground.
    pub pages: Vec<PathBuf>,
    /// The address at which the site will stand, if it is known.
    pub base_url: Option<String>,
    /// Where the releases' own packages come from.
    pub release_packages: ReleasePackages,
    /// Whether the audit may refuse a wheel.
    pub audit: AuditRule,
    /// What else runs Python beside the playground.
    pub notebooks: Notebooks,
    /// The sweep whose results the page begins with.
    pub sweep: Option<State>,
    /// Whether the page asks for news of builds.
    pub news: News,
    /// The folder of the site.
    pub out: PathBuf,
}

/// What runs Python in a site besides the playground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notebooks {
    /// Nothing.
    None,
    /// A JupyterLite, for the newest release that one is made for.
    JupyterLite,
}

/// Whether the page of a site asks its server for news of builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The site is for any host.
    Unasked,
    /// It is built anew when its sources change, and its server knows.
    Asked {
        /// The number of this build.
        build: u32,
    },
}

/// Where the packages of a release come from that the site's packages need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleasePackages {
    /// From the release's network, when a page asks for them.
    Linked,
    /// From the site: each is copied into it.
    Copied,
}

/// What is done with a wheel that the audit refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditRule {
    /// There is no site.
    Enforced,
    /// It is published.
    Ignored,
}

/// A site that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteReport {
    /// Its folder.
    pub folder: PathBuf,
    /// How many packages the page shows.
    pub packages: usize,
    /// How many wheels it has, with those that the packages require.
    pub wheels: usize,
    /// Its releases, as the page offers them.
    pub releases: Vec<String>,
    /// Its size in bytes.
    pub bytes: u64,
    /// What is wrong with it, such as requirements that cannot be had.
    pub warnings: Vec<String>,
}
