//! Builds Python packages with a Rust core for [Pyodide](https://pyodide.org), with a plain stable Rust.
//!
//! ARCHITECTURE.md describes the life of a build. Each folder is one step of it; data goes forward only. The command line is a
//! thin program on top of this library: `building::build` builds, `audit::audit` audits, `testing` tests, `bench` measures, `sweep`
//! does it all for many packages.

pub mod abi;
pub mod audit;
pub mod backend;
pub mod bench;
pub mod building;
pub mod cache;
pub mod causes;
pub mod context;
pub mod dependencies;
pub mod digest;
pub mod document;
pub mod driver;
pub mod env;
pub mod error;
pub mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod host_python;
pub mod index;
mod loopback;
pub mod nearest;
pub mod overlay;
mod plain_name;
mod plan;
pub mod process;
pub mod project;
pub mod redacted;
pub mod releases;
pub mod run;
pub mod runtime;
pub mod site;
pub mod source;
pub mod sweep;
pub mod testing;
pub mod toolchain;
pub mod ui;
pub mod wasm;
pub mod wheel;
