//! What `build` prints at its end: errors, and a table for several releases.

use cargo_pyodide::building::Outcome;
use cargo_pyodide::building::pack::kilobytes;
use cargo_pyodide::error::{EXIT_COULD_NOT, EXIT_FAILED, Result, render};
use cargo_pyodide::run::import::ImportCheck;
use cargo_pyodide::runtime::Runtime;

use crate::terminal::Terminal;

/// What came of one package and release.
pub(crate) struct Build<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) outcome: Result<Outcome>,
    /// Whether its modules load; none if that was not to be tried, or there is no wheel.
    pub(crate) import: Option<ImportCheck>,
    pub(crate) seconds: f64,
}

/// Shows the errors and, for several builds, the table. Returns the exit status: the worst of all.
pub(crate) fn conclude(terminal: &Terminal, builds: &[Build<'_>]) -> u8 {
    let mut status = 0;
    for build in builds {
        match (&build.outcome, &build.import) {
            (Ok(Outcome::Built(built)), Some(ImportCheck::Failed(why))) => {
                status = status.max(EXIT_FAILED);
                let (name, version) = (built.wheel.filename(), &build.runtime.version);
                terminal.failure(&format!(
                    "error: a module of `{name}` does not load in Pyodide {version}:\n{why}\n\
                     hint: the wheel is kept; `--no-import` does not try it"
                ));
            }
            (Ok(Outcome::Built(_)), _) => {}
            (Ok(Outcome::Refused(refused)), _) => {
                status = status.max(EXIT_FAILED);
                terminal.failure(&render(&refused.clone().into_error()));
            }
            (Err(error), _) => {
                status = EXIT_COULD_NOT;
                terminal.failure(&render(error));
            }
        }
    }
    if builds.len() > 1 {
        let head = ["line", "wheel", "size", "seconds", "audit", "import"].map(str::to_owned);
        terminal.table_aside(&std::iter::once(head).chain(builds.iter().map(row)).collect::<Vec<_>>());
    }
    status
}

fn row(build: &Build<'_>) -> [String; 6] {
    let line = build.runtime.line().to_string();
    let seconds = format!("{:.1}", build.seconds);
    let dash = || "-".to_owned();
    match &build.outcome {
        Ok(Outcome::Built(built)) => {
            let size = format!("{:.0} kB", kilobytes(built.summary.size));
            let import = build.import.as_ref().map_or_else(dash, ToString::to_string);
            let import = import.chars().take(80).collect();
            [line, built.wheel.filename().to_string(), size, seconds, "clean".to_owned(), import]
        }
        Ok(Outcome::Refused(_)) => [line, dash(), dash(), seconds, "failed".to_owned(), dash()],
        Err(_) => [line, "not built".to_owned(), dash(), seconds, dash(), dash()],
    }
}
