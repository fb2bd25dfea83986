//! Builds Python packages with a Rust core for [Pyodide](https://pyodide.org), with a plain stable Rust.
//!
//! ARCHITECTURE.md tells the life of a build. Each folder is one step of it; data goes forward only.

pub mod abi;
pub mod audit;
pub mod build;
pub mod cache;
pub mod causes;
pub mod ci;
pub mod cli;
pub mod dependencies;
pub mod digest;
pub mod driver;
pub mod env;
pub mod error;
pub mod overlay;
pub mod process;
pub mod project;
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
