//! What `--pyodide` means: lines, releases, ranges and folders, and the runtimes that they stand for.

use std::path::PathBuf;
use std::str::FromStr;

use super::fetch;
use crate::abi::{Line, NotARelease, ReleaseRequest};
use crate::context::Context;
use crate::error::Result;
use crate::runtime::Runtime;

/// A runtime as a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuntimeRequest {
    /// A line, a release or a range.
    Release(ReleaseRequest),
    /// The folder of an unpacked release.
    Folder(PathBuf),
}

impl FromStr for RuntimeRequest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_path = text.contains(['/', '\\']) || text == "." || text == "..";
        match text.parse() {
            Ok(request) => Ok(Self::Release(request)),
            Err(_) if is_path => Ok(Self::Folder(text.into())),
            Err(error @ NotARelease::Near { .. }) => Err(error.to_string()),
            Err(error) => Err(format!("{error}, or a folder (`./runtime`)")),
        }
    }
}

/// What one `--pyodide` says: a list, or a range, whose commas belong to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuntimeList(Vec<RuntimeRequest>);

impl FromStr for RuntimeList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // `>=0.26,<0.29` is one range and not a list of two.
        if text.starts_with(['<', '>']) {
            return text.parse().map(|request| Self(vec![request]));
        }
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl RuntimeList {
    /// The newest releases of lines.
    pub fn of_lines(lines: impl IntoIterator<Item = Line>) -> Self {
        let request = |line| RuntimeRequest::Release(ReleaseRequest::Line(line));
        Self(lines.into_iter().map(request).collect())
    }

    /// Whether a release before this line may be among them. A folder's is not looked at.
    pub fn reaches_before(&self, line: Line) -> bool {
        self.0.iter().any(|request| match request {
            RuntimeRequest::Release(request) => request.reaches_before(line),
            RuntimeRequest::Folder(_) => false,
        })
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The runtimes asked for, each once; the newest stable one if none was named.
///
/// # Errors
/// When there is no such release, or it cannot be had or read.
pub fn runtimes(context: &Context, lists: &[RuntimeList]) -> Result<Vec<Runtime>> {
    let newest = RuntimeRequest::Release(ReleaseRequest::Newest);
    let mut requests: Vec<&RuntimeRequest> = lists.iter().flat_map(|list| &list.0).collect();
    if requests.is_empty() {
        requests.push(&newest);
    }
    let mut found: Vec<Runtime> = Vec::new();
    for request in requests {
        for runtime in runtimes_of(context, request)? {
            context.ui.detail(format!("Pyodide {} is `{}`", runtime.version, runtime.folder.display()));
            // Two requests may name one release: `0.29` and `0.29.5`.
            if found.iter().all(|known| known.folder != runtime.folder) {
                found.push(runtime);
            }
        }
    }
    Ok(found)
}

/// The runtimes that one request means.
///
/// # Errors
/// When there is no such release, or it cannot be had or read.
pub fn runtimes_of(context: &Context, request: &RuntimeRequest) -> Result<Vec<Runtime>> {
    match request {
        RuntimeRequest::Folder(folder) => Ok(vec![Runtime::read(&std::path::absolute(folder)?)?]),
        RuntimeRequest::Release(request) => {
            super::resolve(request, context)?.iter().map(|version| fetch::runtime(version, context)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_ranges_and_folders_are_told_apart() {
        let check = |text: &str| match text.parse::<RuntimeList>() {
            Ok(list) => list
                .0
                .iter()
                .map(|request| match request {
                    RuntimeRequest::Release(release) => format!("release {release}"),
                    RuntimeRequest::Folder(folder) => format!("folder {}", folder.display()),
                })
                .collect::<Vec<_>>()
                .join(", "),
            Err(error) => error,
        };
        assert_eq!(check("0.29,314.0.7"), "release 0.29, release 314.0.7");
        assert_eq!(check(">=0.26, <0.29"), "release >=0.26, <0.29");
        assert_eq!(check("./runtime,all"), "folder ./runtime, release all");
        assert_eq!(check(".."), "folder ..");
        assert!(check("nope").ends_with("or a folder (`./runtime`)"));
    }

    #[test]
    fn one_wrong_entry_spoils_a_list() {
        let check = |text: &str| text.parse::<RuntimeList>().map(|list| list.0.len());
        assert_eq!(check("0.28,0.29"), Ok(2));
        assert!(check("0.28,").unwrap_err().starts_with("`` does not name a Pyodide release"));
        assert!(check("0.28,x1").unwrap_err().starts_with("`x1` does not name a Pyodide release"));
        assert_eq!(
            check("lates"),
            Err("`lates` does not name a Pyodide release: did you mean `latest`?".to_owned())
        );
    }

    #[test]
    fn old_lines_are_seen_in_what_names_them() {
        let check = |text: &str| {
            let list: RuntimeList = text.parse().unwrap();
            list.reaches_before("0.28".parse().unwrap())
        };
        assert!(["0.27", "314,0.27.8", "all", ">=0.26", ">=0.27.8, <0.28", "<0.22"].into_iter().all(check));
        assert!(
            !["0.28", "0.29,314", "newest", ">=0.28", ">0.27.99, <0.29", "./folder"].into_iter().any(check)
        );
    }

    #[test]
    fn lines_stand_for_their_newest_releases() {
        let list = RuntimeList::of_lines(["0.29", "314"].map(|line| line.parse().unwrap()));
        assert_eq!(list, "0.29,314".parse().unwrap());
        assert!(!list.is_empty() && RuntimeList::default().is_empty());
    }
}
