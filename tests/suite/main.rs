//! The integration tests, in one binary: the command line with its errors, real builds of fixture packages, and real
//! runs in Pyodide on Node.
//!
//! They share one cache in `target/test-cache`, so that a second run is quick. A missing tool skips a test, with the
//! reason printed, and fails it when `CI` is set.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::too_many_lines,
    reason = "a test ends at the first surprise, sets its own environments, and says why it skips"
)]

mod audits;
mod benchmarks;
mod block_cache;
mod builds;
mod causes;
mod cffi;
mod classes;
mod commands;
mod dependencies;
mod distribution;
mod docs;
mod engines;
mod exceptions;
mod finishing;
mod harness;
mod hostile;
mod imports;
mod index;
mod kills;
mod layers;
mod library;
mod lines;
mod mutants;
mod native;
mod network;
mod notebooks;
mod npm;
mod overlays;
mod pipelines;
mod published;
mod release_network;
mod relocations;
mod robustness;
mod runs;
mod schemas;
mod secrets;
mod shell;
mod site;
mod sources;
mod sweep;
mod testing;
