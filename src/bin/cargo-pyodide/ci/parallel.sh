#!/bin/sh
# Written by `cargo pyodide ci parallel`: sweeps a list with GNU parallel, here or on several hosts.
#
#   JOBS=2 sh sweep.sh
#   PARALLEL='--sshloginfile hosts.txt --return cells/{#} --cleanup' sh sweep.sh
#
# The second line is for hosts that have cargo-pyodide and what it needs. JOBS is how many cells a host does at once,
# 1 unless it is given. A second start does only the cells that are not done.
set -eu

[ -f cells.jsonl ] ||
    cargo-pyodide sweep plan @PATH@ --cells --pyodide @RELEASES_SHELL@ @FOR_INDEX@> cells.jsonl
# A cell whose machine could not do it is tried again. What else came of a cell is in its record.
parallel --jobs "${JOBS:-1}" --retries 3 --joblog parallel.log --resume-failed \
    "printf '%s\n' {} | cargo-pyodide sweep cell - --out cells/{#}" :::: cells.jsonl || true
cargo-pyodide sweep merge cells/* --cells cells.jsonl --out sweep
