//! `news.json`: what the page of a site that is watched asks for, to know of builds.

use std::time::Duration;

use serde::Serialize;

use super::document::NewsSource;

/// The address, from the root of the site. No file has it: the server answers.
pub(super) const ADDRESS: &str = "news.json";

impl NewsSource {
    /// Where the page of this build asks.
    pub(super) fn of(build: u32) -> Self {
        Self { address: ADDRESS.to_owned(), build }
    }
}

/// The last that is known of builds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BuildNews {
    /// The number of the build that is served: the page takes one with another number than its own.
    pub number: u32,
    /// How it stands.
    #[serde(flatten)]
    pub state: BuildState,
}

/// How the newest build stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum BuildState {
    /// It is under way.
    Building,
    /// What is served is of the newest files.
    Built {
        /// How long the build took.
        seconds: f64,
    },
    /// It failed, and what is served is older.
    Failed {
        /// The error, as the terminal shows it.
        message: String,
    },
}

impl BuildState {
    /// A build that succeeded after this time.
    pub fn built(took: Duration) -> Self {
        Self::Built { seconds: took.as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_what_the_page_reads() {
        let check = |state| serde_json::to_string(&BuildNews { number: 2, state }).unwrap();
        assert_eq!(check(BuildState::Building), r#"{"number":2,"state":"building"}"#);
        let built = check(BuildState::built(Duration::from_millis(1500)));
        assert_eq!(built, r#"{"number":2,"state":"built","seconds":1.5}"#);
        let failed = check(BuildState::Failed { message: "error: a\n".into() });
        assert_eq!(failed, r#"{"number":2,"state":"failed","message":"error: a\n"}"#);
    }
}
