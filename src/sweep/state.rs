//! A sweep on disk: what was asked for, and one file a finished cell. Every file appears whole or not at all.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};

use super::check_format;
use super::list::ListedPackage;
use super::record::{Cell, Record, Step};
use crate::error::{Result, hinted};
use crate::files::write_whole;
use crate::runtime::Runtime;

/// The form of the files here. Others are refused, not guessed at.
const FORMAT: u32 = 1;
/// The file that tells what a sweep is of.
const PLAN: &str = "sweep.json";

/// What a sweep is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepPlan {
    /// The packages.
    pub packages: Vec<ListedPackage>,
    /// The lines and the releases that stand for them.
    pub lines: Vec<ReleaseOfLine>,
    /// What is done in each cell.
    pub steps: Vec<Step>,
}

/// A line and its release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReleaseOfLine {
    /// The line: `0.29`.
    pub line: String,
    /// The release: `0.29.5`.
    pub pyodide: String,
}

impl ReleaseOfLine {
    /// A release and its line.
    pub fn of(runtime: &Runtime) -> Self {
        Self { line: runtime.line().to_string(), pyodide: runtime.version.to_string() }
    }
}

impl SweepPlan {
    /// The cells: for each package its lines.
    pub fn cells(&self) -> Vec<Cell> {
        let cell = |package: &ListedPackage, line: &ReleaseOfLine| Cell {
            package: package.clone(),
            line: line.line.clone(),
            pyodide: line.pyodide.clone(),
        };
        self.packages
            .iter()
            .flat_map(|package| self.lines.iter().map(move |line| cell(package, line)))
            .collect()
    }

    /// Adds what another plan has more.
    pub fn join(&mut self, other: &SweepPlan) {
        for package in &other.packages {
            if !self.packages.contains(package) {
                self.packages.push(package.clone());
            }
        }
        for line in &other.lines {
            match self.lines.iter_mut().find(|known| known.line == line.line) {
                // New cells are of the release that the line has by now.
                Some(known) if is_older(&known.pyodide, &line.pyodide) => {
                    known.pyodide.clone_from(&line.pyodide);
                }
                Some(_) => {}
                None => self.lines.push(line.clone()),
            }
        }
        self.steps.extend(
            other.steps.iter().filter(|step| !self.steps.contains(step)).copied().collect::<Vec<_>>(),
        );
        self.steps.sort_unstable();
    }
}

fn is_older(one: &str, other: &str) -> bool {
    let versions = (semver::Version::parse(one), semver::Version::parse(other));
    matches!(versions, (Ok(one), Ok(other)) if one < other)
}

#[derive(Serialize, Deserialize)]
struct PlanFile {
    format: u32,
    #[serde(flatten)]
    plan: SweepPlan,
}

/// The folder of a sweep.
#[derive(Debug, Clone)]
pub struct State {
    folder: PathBuf,
    /// Keeps other sweeps out while this one goes on.
    _lock: Option<Arc<File>>,
}

impl State {
    /// A new sweep in a folder that has none.
    ///
    /// # Errors
    /// When there is one already, or the folder cannot be written.
    pub fn create(folder: &Path, plan: &SweepPlan) -> Result<Self> {
        let state = Self::at(folder)?;
        if state.plan_file().is_file() {
            return Err(hinted(
                anyhow!("`{}` already holds a sweep", folder.display()),
                "continue it with `--resume`, or name another folder with `--out`",
            ));
        }
        state.write_plan(plan)?;
        Ok(state)
    }

    /// Continues an older sweep, joined with this plan; or starts a new one.
    ///
    /// # Errors
    /// When its files are of another version, or cannot be read or written.
    pub fn resume(folder: &Path, plan: &SweepPlan) -> Result<(Self, SweepPlan)> {
        let state = Self::at(folder)?;
        let mut joined = if state.plan_file().is_file() { state.plan()? } else { plan.clone() };
        // The plan only grows: cells of an earlier run stay in the report, though they are not asked for now.
        joined.join(plan);
        state.write_plan(&joined)?;
        Ok((state, joined))
    }

    /// A sweep to read.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(folder: &Path) -> Result<Self> {
        let state = Self { folder: std::path::absolute(folder)?, _lock: None };
        if !state.plan_file().is_file() {
            return Err(hinted(
                anyhow!("`{}` is not the folder of a sweep: it has no `sweep.json`", folder.display()),
                "name the folder that `sweep --out` wrote",
            ));
        }
        Ok(state)
    }

    fn at(folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        for name in ["cells", "logs", "tests", "native", "wheels"] {
            fs_err::create_dir_all(folder.join(name))?;
        }
        let lock = fs_err::File::create(folder.join("sweep.lock"))?.into_parts().0;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder, _lock: Some(Arc::new(lock)) }),
            Err(TryLockError::WouldBlock) => Err(hinted(
                anyhow!("another sweep works in `{}`", folder.display()),
                "wait for it, or name another folder with `--out`",
            )),
            // A file system without locks.
            Err(TryLockError::Error(_)) => Ok(Self { folder, _lock: None }),
        }
    }

    fn plan_file(&self) -> PathBuf {
        self.folder.join(PLAN)
    }

    fn write_plan(&self, plan: &SweepPlan) -> Result<()> {
        let file = PlanFile { format: FORMAT, plan: plan.clone() };
        write_whole(&self.plan_file(), &serde_json::to_vec_pretty(&file)?)
    }

    /// What the sweep is of.
    ///
    /// # Errors
    /// When the file cannot be read, or is of another version of the tool.
    pub fn plan(&self) -> Result<SweepPlan> {
        let path = self.plan_file();
        let value: serde_json::Value = read(&path)?;
        let advice = "name another folder with `--out`, or use the version that made it";
        check_format(&format!("`{}`", path.display()), &value, FORMAT, advice)?;
        let file: PlanFile =
            serde_json::from_value(value).with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(file.plan)
    }

    /// A path below the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where the results of a package's tests on this machine are kept, for all lines.
    pub fn native(&self, package: &ListedPackage) -> PathBuf {
        self.path(&format!("native/{}.json", package.key()))
    }

    /// Where the wheels for a line go.
    pub fn wheels(&self, line: &str) -> PathBuf {
        self.folder.join("wheels").join(line)
    }

    /// Whether a folder is that of a sweep.
    pub fn is_at(folder: &Path) -> bool {
        folder.join(PLAN).is_file()
    }

    /// Where a cell's record goes.
    pub fn record_path(&self, cell: &Cell) -> PathBuf {
        self.folder.join("cells").join(format!("{}.json", cell.key()))
    }

    /// Keeps a finished cell.
    ///
    /// # Errors
    /// When it cannot be written: then an older record stays.
    pub fn keep(&self, record: &Record) -> Result<()> {
        write_whole(&self.record_path(&record.cell), &serde_json::to_vec_pretty(record)?)
    }

    /// The record of a cell, if it is finished.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn record(&self, cell: &Cell) -> Result<Option<Record>> {
        let path = self.record_path(cell);
        if path.is_file() { read(&path).map(Some) } else { Ok(None) }
    }

    /// Those of some cells that are not finished.
    pub fn missing(&self, mut cells: Vec<Cell>) -> Vec<Cell> {
        cells.retain(|cell| !self.record_path(cell).is_file());
        cells
    }

    /// All finished cells of the plan, by their keys.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn records(&self, plan: &SweepPlan) -> Result<BTreeMap<String, Record>> {
        let mut records = BTreeMap::new();
        for cell in plan.cells() {
            if let Some(record) = self.record(&cell)? {
                records.insert(cell.key(), record);
            }
        }
        Ok(records)
    }
}

/// Reads a file of JSON.
///
/// # Errors
/// When it is not there or not what it should be.
pub fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs_err::read(path)?;
    serde_json::from_slice(&bytes).with_context(|| format!("cannot read `{}`", path.display()))
}
