//! How large a module is after each step that changes it.

use serde::Serialize;

/// The size of a module after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StepSize {
    /// `link`, `optimize`, `relocation-table`.
    pub step: &'static str,
    /// Bytes, without what is stripped.
    pub raw: u64,
}

impl StepSize {
    /// After a step.
    pub(super) fn after(step: &'static str, module: &[u8]) -> Self {
        Self { step, raw: module.len() as u64 }
    }
}
