//! Cells that any machine can do by itself: what `sweep plan --cells` prints and `sweep cell` takes, each a line of JSON
//! without a path of the machine that planned it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};

use super::check_format;
use super::list::ListedPackage;
use super::record::{Cell, Step};
use super::run::{Native, Resume, SweepRequest, Swept};
use super::state::{ReleaseOfLine, SweepPlan};
use crate::building::Recipes;
use crate::error::{Result, hinted};
use crate::runtime::TagChoice;

/// The form of the lines. Others are refused, not guessed at.
const FORMAT: u32 = 1;

/// A cell and how it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCell {
    format: u32,
    /// What names it in files.
    pub key: String,
    /// The cell.
    #[serde(flatten)]
    pub cell: Cell,
    steps: Vec<Step>,
    native: bool,
    /// Seconds.
    cell_timeout: u64,
    /// Bytes; none for a share of the machine's that does it.
    cell_memory: Option<u64>,
    /// Seconds.
    test_timeout: u64,
    recipes: bool,
    for_index: bool,
}

/// The cells of a sweep. Archives are named by their paths from a folder, which each machine has for itself.
///
/// # Errors
/// When an archive is elsewhere.
pub fn plan(
    packages: &[ListedPackage],
    lines: &[ReleaseOfLine],
    how: &SweepRequest,
    from: &Path,
) -> Result<Vec<PlannedCell>> {
    let packages = packages.iter().map(|package| as_seen_from(package, from)).collect::<Result<_>>()?;
    let plan = SweepPlan { packages, lines: lines.to_vec(), steps: how.steps.clone() };
    let planned = |cell: Cell| PlannedCell {
        format: FORMAT,
        key: cell.key(),
        cell,
        steps: how.steps.clone(),
        native: how.native == Native::Compared,
        cell_timeout: how.cell_timeout.as_secs(),
        cell_memory: how.cell_memory,
        test_timeout: how.test_timeout.as_secs(),
        recipes: how.recipes == Recipes::Applied,
        for_index: how.tag == TagChoice::Index,
    };
    Ok(plan.cells().into_iter().map(planned).collect())
}

fn as_seen_from(package: &ListedPackage, folder: &Path) -> Result<ListedPackage> {
    let Some(path) = &package.archive else { return Ok(package.clone()) };
    let relative = path.strip_prefix(folder).map_err(|_| {
        hinted(
            anyhow!(
                "`{}` is not below `{}`: other machines may have it elsewhere",
                path.display(),
                folder.display()
            ),
            "plan in a folder above the sdists, and do the cells in a folder that holds the same",
        )
    })?;
    Ok(ListedPackage { archive: Some(relative.to_owned()), ..package.clone() })
}

/// What a sweep of these cells is of.
pub fn plan_of(cells: &[PlannedCell]) -> SweepPlan {
    let mut plan = SweepPlan::default();
    for planned in cells {
        let Cell { package, line, pyodide } = planned.cell.clone();
        let lines = vec![ReleaseOfLine { line, pyodide }];
        plan.join(&SweepPlan { packages: vec![package], lines, steps: planned.steps.clone() });
    }
    plan
}

/// Reads cells, one a line; empty lines mean nothing.
///
/// # Errors
/// When there is none, or a line is something else.
pub fn read(text: &str) -> Result<Vec<PlannedCell>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let cells = lines
        .map(|(at, line)| read_line(line).with_context(|| format!("line {} is not a cell", at + 1)))
        .collect::<Result<Vec<_>>>()?;
    if cells.is_empty() {
        return Err(hinted(
            anyhow!("there is no cell in it"),
            "`cargo pyodide sweep plan LIST --cells` prints them",
        ));
    }
    Ok(cells)
}

fn read_line(line: &str) -> Result<PlannedCell> {
    let value: serde_json::Value = serde_json::from_str(line)?;
    check_format("it", &value, FORMAT, "plan the cells with the version that does them")?;
    Ok(serde_json::from_value(value)?)
}

impl PlannedCell {
    /// A sweep of this cell alone. A cell that is done already is not done again.
    pub fn request(&self, out: &Path) -> SweepRequest {
        SweepRequest {
            packages: Swept::Packages(vec![self.cell.package.clone()]),
            steps: self.steps.clone(),
            jobs: Some(1),
            resume: Resume::Finished,
            out: out.to_owned(),
            native: if self.native { Native::Compared } else { Native::Skipped },
            cell_timeout: Duration::from_secs(self.cell_timeout),
            cell_memory: self.cell_memory,
            test_timeout: Duration::from_secs(self.test_timeout),
            shard: None,
            timings: None,
            packages_dir: None,
            recipes: if self.recipes { Recipes::Applied } else { Recipes::Ignored },
            tag: if self.for_index { TagChoice::Index } else { TagChoice::Line },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> SweepRequest {
        let cell = r#"{"format":1,"key":"","package":{"name":"a","version":"1.0"},"line":"314","pyodide":"314.0.7",
            "steps":["build","test"],"native":true,"cell_timeout":5,"cell_memory":7,"test_timeout":9,"recipes":false,
            "for_index":true}"#;
        read(&cell.replace('\n', " ")).unwrap()[0].request(Path::new("out"))
    }

    fn lines() -> Vec<ReleaseOfLine> {
        ["0.29 0.29.5", "314 314.0.7"]
            .map(|text| {
                let (line, pyodide) = text.split_once(' ').unwrap();
                ReleaseOfLine { line: line.to_owned(), pyodide: pyodide.to_owned() }
            })
            .to_vec()
    }

    #[test]
    fn cells_are_what_they_were_after_a_journey() {
        let packages: Vec<ListedPackage> = ["a==1.0", "b"].map(|text| text.parse().unwrap()).to_vec();
        let cells = plan(&packages, &lines(), &request(), Path::new("/")).unwrap();
        let text: Vec<String> = cells.iter().map(|cell| serde_json::to_string(cell).unwrap()).collect();
        insta::assert_snapshot!(text[0], @r#"{"format":1,"key":"a-1.0@0.29","package":{"name":"a","version":"1.0"},"line":"0.29","pyodide":"0.29.5","steps":["build","test"],"native":true,"cell_timeout":5,"cell_memory":7,"test_timeout":9,"recipes":false,"for_index":true}"#);
        assert_eq!(read(&text.join("\n")).unwrap(), cells);
        assert_eq!(
            cells.iter().map(|cell| cell.key.as_str()).collect::<Vec<_>>(),
            ["a-1.0@0.29", "a-1.0@314", "b@0.29", "b@314"]
        );
        let whole = plan_of(&cells);
        assert_eq!((whole.packages, whole.lines), (packages, lines()));
    }

    #[test]
    fn how_a_cell_is_done_travels_with_it() {
        let request = request();
        assert_eq!(
            (request.native, request.recipes, request.tag),
            (Native::Compared, Recipes::Ignored, TagChoice::Index)
        );
        assert_eq!(
            (request.cell_timeout, request.test_timeout),
            (Duration::from_secs(5), Duration::from_secs(9))
        );
        assert_eq!((request.cell_memory, request.resume, request.jobs), (Some(7), Resume::Finished, Some(1)));
    }

    #[test]
    fn what_is_no_cell_is_refused_by_its_line() {
        let check = |text: &str| format!("{:#}", read(text).unwrap_err());
        assert_eq!(check("\n"), "there is no cell in it");
        insta::assert_snapshot!(check("\nx"), @"line 2 is not a cell: expected value at line 1 column 1");
        insta::assert_snapshot!(check("{\"format\":2}"), @"line 1 is not a cell: it has format 2, but this version reads format 1");
        insta::assert_snapshot!(check("{\"format\":1}"), @"line 1 is not a cell: missing field `key`");
    }

    #[test]
    fn archives_are_named_by_their_paths_from_a_folder() {
        let here = std::path::absolute("here").unwrap();
        let package = ListedPackage { archive: Some(here.join("sdists/a.tar.gz")), ..("a".parse().unwrap()) };
        let planned = |from: &Path| plan(std::slice::from_ref(&package), &lines(), &request(), from);
        let cells = planned(&here).unwrap();
        assert_eq!(cells[0].cell.package.archive.as_deref(), Some(Path::new("sdists/a.tar.gz")));
        assert!(planned(&here.join("sdists/b")).unwrap_err().to_string().contains("may have it elsewhere"));
    }
}
