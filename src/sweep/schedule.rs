//! Which cell is done next. Pure.
//!
//! Packages of one line share compiled crates, and lines of one package share its tree: cells that run at once should
//! have neither in common, or they would wait for each other.

use super::record::Cell;

/// Takes the cell that should be done next, beside those that run. None if all that are left would wait for one that runs
/// on the same package.
pub(crate) fn next(waiting: &mut Vec<Cell>, running: &[Cell]) -> Option<Cell> {
    let clashes = |cell: &Cell| {
        let same_package = running.iter().any(|other| other.package == cell.package);
        let same_line = running.iter().any(|other| other.line == cell.line);
        (same_package, same_line)
    };
    // A shared line only shares a target folder, on which cargo waits; a shared package locks its source.
    let at = waiting
        .iter()
        .position(|cell| clashes(cell) == (false, false))
        .or_else(|| waiting.iter().position(|cell| !clashes(cell).0))?;
    Some(waiting.remove(at))
}

/// Seconds that are left, by what cells took so far; none without experience.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(crate) fn remaining(taken: &[f64], left: usize, jobs: usize) -> Option<f64> {
    let mean = taken.iter().sum::<f64>() / taken.len() as f64;
    (!taken.is_empty()).then_some(mean * left as f64 / jobs.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> Cell {
        let (package, line) = text.split_once('@').unwrap();
        Cell { package: package.parse().unwrap(), line: line.to_owned(), pyodide: format!("{line}.0") }
    }

    fn check(waiting: &str, running: &str) -> String {
        let cells = |text: &str| text.split_whitespace().map(cell).collect::<Vec<_>>();
        let mut waiting = cells(waiting);
        next(&mut waiting, &cells(running)).map_or("none".to_owned(), |cell| cell.key())
    }

    #[test]
    fn cells_that_share_nothing_come_first() {
        assert_eq!(check("a@1 a@2 b@1 b@2", ""), "a@1");
        assert_eq!(check("a@2 b@1 b@2", "a@1"), "b@2");
        assert_eq!(check("a@2 b@1", "a@1"), "b@1");
        assert_eq!(check("a@2 a@3", "a@1"), "none");
        assert_eq!(check("", "a@1"), "none");
    }

    #[test]
    fn the_rest_is_estimated_by_the_mean() {
        assert_eq!(remaining(&[10.0, 30.0], 4, 2), Some(40.0));
        assert_eq!(remaining(&[], 4, 2), None);
    }
}
