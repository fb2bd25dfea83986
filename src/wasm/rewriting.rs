//! Writes a module again, with changes.

use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode};
use wasmparser::Parser;

use super::module::WasmError;

/// What writing a part of a module comes to.
pub(super) type Rewritten = Result<(), reencode::Error<Infallible>>;

/// A copy of the module with these changes. Every index is written as short as it can be.
///
/// # Errors
/// When the bytes are not a whole module.
pub(super) fn rewrite(
    bytes: &[u8],
    changes: &mut impl Reencode<Error = Infallible>,
) -> Result<Vec<u8>, WasmError> {
    let mut written = wasm_encoder::Module::new();
    changes.parse_core_module(&mut written, Parser::new(0), bytes).map_err(|error| match error {
        reencode::Error::ParseError(error) => error.into(),
        _ => WasmError::Inconsistent("a type or a constant that cannot be written"),
    })?;
    Ok(written.finish())
}
