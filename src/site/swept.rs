//! What a site shows of a sweep: a matrix for its front page, the logs, and the sweep's own report.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::document::{Matrix, MatrixCell, MatrixRow, SitePackage};
use super::place::Staged;
use super::wheel::percent_encode;
use crate::abi::Line;
use crate::error::Result;
use crate::sweep::report::{self, CellReport, Report};
use crate::sweep::state::State;
use crate::sweep::verdict::Status;

/// The address of the sweep's report.
const REPORT: &str = "report.html";

/// The wheels that a sweep built, each file name once.
///
/// # Errors
/// When the sweep cannot be read.
pub fn swept_wheels(sweep: &State) -> Result<Vec<PathBuf>> {
    let mut names = BTreeSet::new();
    let mut found = Vec::new();
    for cell in Report::of(sweep)?.cells {
        let Some(wheel) = cell.wheel else { continue };
        let path = sweep.wheels(&cell.line).join(&wheel.file);
        // Lines may share a tag: the wheel of the first serves them all.
        if path.is_file() && names.insert(wheel.file) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Writes logs and report into the site, and gives the matrix for its page.
pub(super) fn write(
    staged: &Staged,
    sweep: &State,
    packages: &[SitePackage],
    wheels: &BTreeSet<&String>,
) -> Result<Matrix> {
    let mut report = Report::of(sweep)?;
    for cell in &mut report.cells {
        let Some(log) = cell.log.take().filter(|log| sweep.path(log).is_file()) else { continue };
        // Hosts tell browsers to show a text, and to save a file whose ending they do not know.
        let address = format!("{log}.txt");
        staged.copy(&sweep.path(&log), &address)?;
        cell.log = Some(address);
    }
    staged.write(REPORT, report::page(&report)?.as_bytes())?;
    let rows = report.rows().into_iter().map(|(package, cells)| {
        let name = package.split("==").next().unwrap_or(package);
        let cells =
            cells.into_iter().map(|(line, cell)| (line.to_owned(), matrix_cell(cell, packages, wheels)));
        MatrixRow { package: package.to_owned(), name: name.to_owned(), cells: cells.collect() }
    });
    let rows = rows.collect();
    let lines = report.lines.iter().map(|line| line.line.clone()).collect();
    Ok(Matrix { lines, rows, report: Some(REPORT.to_owned()) })
}

fn matrix_cell(cell: &CellReport, packages: &[SitePackage], wheels: &BTreeSet<&String>) -> MatrixCell {
    let wheel = cell.wheel.as_ref().map(|wheel| &wheel.file).filter(|file| wheels.contains(file));
    // The site may have a newer release of the line than the one that the cell was done for.
    let release_with = |file: &String| {
        let mut releases = packages.iter().flat_map(|package| &package.releases);
        let is_of_line = |version: &str| {
            semver::Version::parse(version).is_ok_and(|version| Line::of(&version).to_string() == cell.line)
        };
        let found = releases.find(|(version, known)| known.wheel == *file && is_of_line(version));
        found.map(|(version, _)| version.clone())
    };
    MatrixCell {
        status: match cell.status {
            Status::Ok => "ok",
            Status::Failed => "failed",
            Status::Waiting => "waiting",
        }
        .to_owned(),
        words: cell.words(),
        release: wheel.and_then(release_with),
        wheel: wheel.map(|file| format!("wheels/{}", percent_encode(file))),
        log: cell.log.as_ref().map(|log| log.split('/').map(percent_encode).collect::<Vec<_>>().join("/")),
    }
}
