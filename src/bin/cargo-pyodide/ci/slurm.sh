#!/bin/sh
# Written by `cargo pyodide ci slurm`: sweeps a list as an array of jobs, one a cell, in a folder that all nodes share.
#
#   cargo-pyodide sweep plan @PATH@ --cells --pyodide @RELEASES_SHELL@ @FOR_INDEX@> cells.jsonl
#   sbatch --wait --array="1-$(wc -l < cells.jsonl)" sweep.sbatch
#   cargo-pyodide sweep merge cells/* --cells cells.jsonl --out sweep
#
#SBATCH --job-name=pyodide-sweep
#SBATCH --output=cells-%a.log
#SBATCH --requeue
set -u

mkdir -p cells
# A cell whose machine could not do it is tried again. What else came of a cell is in its record.
sed -n "${SLURM_ARRAY_TASK_ID}p" cells.jsonl | cargo-pyodide sweep cell - --out "cells/$SLURM_ARRAY_TASK_ID" && exit 0
if [ "${SLURM_RESTART_COUNT:-0}" -lt 2 ]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit 2
