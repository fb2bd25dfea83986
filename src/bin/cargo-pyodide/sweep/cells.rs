//! `sweep cell`: one cell of a plan, on whichever machine.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use cargo_pyodide::error::{Result, hinted};
use cargo_pyodide::files::write_whole;
use cargo_pyodide::releases::request::runtimes;
use cargo_pyodide::sweep::planned;
use cargo_pyodide::sweep::run::{self, SweepRequest};
use cargo_pyodide::sweep::state::State;
use clap::Args;

use super::MachineOptions;
use crate::commands::Session;
use crate::sweep_board::Board;

#[derive(Debug, Args)]
pub(super) struct CellArguments {
    /// A file with the line of the cell; `-` for the standard input
    request: PathBuf,
    /// The folder of this cell, of the form that `sweep` writes, with `record.json` when it is done
    #[arg(short, long, visible_alias = "out-dir", value_name = "FOLDER", default_value = "sweep")]
    out: PathBuf,
    #[command(flatten)]
    machine: MachineOptions,
}

/// Does one planned cell. Whatever comes of it, its record is written: an error says that the machine could not do it.
pub(super) fn run(session: &Session, arguments: &CellArguments) -> Result<u8> {
    let terminal = arguments.machine.verbosity.terminal();
    let context = session.context(&terminal, arguments.machine.network.network());
    let planned = planned::read(&read_request(&arguments.request)?)
        .with_context(|| format!("cannot read `{}`", arguments.request.display()))?;
    let [planned] = &planned[..] else {
        let error = anyhow!("`{}` holds {} cells", arguments.request.display(), planned.len());
        return Err(hinted(error, "give one line of what `sweep plan --cells` printed"));
    };
    let cell = &planned.cell;
    if State::is_at(&arguments.out) {
        let there = State::open(&arguments.out)?.plan()?.cells();
        if let Some(other) = there.iter().find(|there| there.key() != planned.key) {
            let error = anyhow!("`{}` is of another cell: {other}", arguments.out.display());
            return Err(hinted(error, "each cell has a folder of its own: name another one with `--out`"));
        }
    }
    let runtimes = runtimes(&context, &[cell.pyodide.parse().map_err(anyhow::Error::msg)?])?;
    let request = SweepRequest {
        packages_dir: arguments.machine.packages_dir.clone(),
        ..planned.request(&arguments.out)
    };
    let board = Board::new(&terminal, &runtimes, &arguments.out);
    let state = run::run(&context, &request, &runtimes, &board)?;
    drop(board);
    let record = state.record(cell)?.context("the cell left no record")?;
    write_whole(&state.path("record.json"), &serde_json::to_vec_pretty(&record)?)?;
    Ok(0)
}

fn read_request(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        return std::io::read_to_string(std::io::stdin()).context("cannot read the standard input");
    }
    Ok(fs_err::read_to_string(path)?)
}
