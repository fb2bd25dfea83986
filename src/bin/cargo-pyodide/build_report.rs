//! What `build` says at its end: errors, and a table for several releases.

use cargo_pyodide::building::Outcome;
use cargo_pyodide::building::pack::kilobytes;
use cargo_pyodide::context::Context;
use cargo_pyodide::error::{EXIT_COULD_NOT, EXIT_FAILED, Result, render};
use cargo_pyodide::run::import;
use cargo_pyodide::runtime::Runtime;

use crate::terminal::Terminal;

/// What came of one package and release.
pub(crate) struct Build<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) outcome: Result<Outcome>,
    pub(crate) seconds: f64,
}

/// Shows the errors and, for several builds, the table. Returns the exit status: the worst of all.
pub(crate) fn conclude(context: &Context, terminal: &Terminal, builds: &[Build<'_>]) -> u8 {
    let mut status = 0;
    for build in builds {
        match &build.outcome {
            Ok(Outcome::Built(_)) => {}
            Ok(Outcome::Refused(refused)) => {
                status = status.max(EXIT_FAILED);
                terminal.failure(&render(&refused.clone().into_error()));
            }
            Err(error) => {
                status = EXIT_COULD_NOT;
                terminal.failure(&render(error));
            }
        }
    }
    if builds.len() > 1 {
        let head = ["line", "wheel", "size", "seconds", "audit", "import"].map(str::to_owned);
        let rows = builds.iter().map(|build| row(context, build));
        terminal.table_aside(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    }
    status
}

fn row(context: &Context, build: &Build<'_>) -> [String; 6] {
    let line = build.runtime.line().to_string();
    let seconds = format!("{:.1}", build.seconds);
    let dash = || "-".to_owned();
    match &build.outcome {
        Ok(Outcome::Built(built)) => {
            let loaded =
                import::load_modules(context, build.runtime, built.wheel.path(), &built.wheel.modules());
            let size = format!("{:.0} kB", kilobytes(built.summary.size));
            let import =
                loaded.map_or_else(|error| format!("not tried: {error}"), |printed| printed.in_short());
            [line, built.wheel.filename().to_string(), size, seconds, "clean".to_owned(), import]
        }
        Ok(Outcome::Refused(_)) => [line, dash(), dash(), seconds, "failed".to_owned(), dash()],
        Err(_) => [line, "not built".to_owned(), dash(), seconds, dash(), dash()],
    }
}
