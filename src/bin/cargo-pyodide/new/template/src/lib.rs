//! The Python module `template_name`.

use pyo3::prelude::*;

/// Sums that do not wrap.
#[pymodule]
mod template_name {
    use pyo3::exceptions::PyOverflowError;
    use pyo3::prelude::*;

    /// Adds numbers. Raises OverflowError if the sum needs more than 64 bits.
    // Not `usize`: it has 64 bits on most machines and 32 bits in Pyodide.
    #[pyfunction]
    fn add(numbers: Vec<u64>) -> PyResult<u64> {
        let sum = numbers.into_iter().try_fold(0u64, u64::checked_add);
        sum.ok_or_else(|| PyOverflowError::new_err("the sum needs more than 64 bits"))
    }
}
