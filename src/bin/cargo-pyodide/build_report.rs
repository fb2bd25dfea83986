//! What `build` prints at its end: errors, and a table for several releases.

use std::collections::{BTreeMap, BTreeSet};

use cargo_pyodide::building::pack::kilobytes;
use cargo_pyodide::building::{Built, GatedName, Outcome, overlay_lines};
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
            (Ok(Outcome::Built(built)), Some(ImportCheck::LacksNames(missing))) => {
                status = status.max(EXIT_FAILED);
                terminal.failure(&lacks_names(built, missing, build.runtime));
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

/// What is said of modules that lack names, with the `cfg`s that leave them out as far as the sources tell.
fn lacks_names(built: &Built, missing: &BTreeMap<String, Vec<String>>, runtime: &Runtime) -> String {
    let mut lines = Vec::new();
    for (module, names) in missing {
        let files = built.wheel.taken_names().iter().filter(|taken| names.contains(&taken.name));
        let files: BTreeSet<&str> = files.map(|taken| taken.file.as_str()).collect();
        let files: Vec<&str> = files.into_iter().collect();
        lines.push(format!("    `{}` imports `{}` from `{module}`", files.join("`, `"), names.join("`, `")));
    }
    let is_missing = |gated: &&GatedName| missing.values().flatten().any(|name| *name == gated.name);
    let gated: Vec<&GatedName> = built.gated.iter().filter(is_missing).collect();
    lines.extend(gated.iter().map(|gated| format!("    {gated}")));
    let remedies = overlay_lines(&gated);
    let remedy = if remedies.is_empty() {
        "an overlay turns the cargo feature on that brings them, or patches the import away".to_owned()
    } else {
        format!("an overlay compiles them with `{}`, or patches the import away", remedies.join("` and `"))
    };
    format!(
        "error: the Python files of `{}` import names that its modules do not have in Pyodide {}:\n{}\n\
         hint: {remedy}; the wheel is kept",
        built.wheel.filename(),
        runtime.version,
        lines.join("\n")
    )
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
