//! Budgets: how large a wheel and its modules may be.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;

use super::size::{self, Sizes};
use crate::error::Result;

/// What of a file is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// The wheel, or the file of a single module.
    Wheel,
    /// Each module as it is.
    Raw,
    /// Each module after gzip.
    Gzip,
    /// Each module after brotli.
    Brotli,
}

/// How many bytes something may have: `900kB`, `brotli:300kB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    measure: Measure,
    most: u64,
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (measure, size) = match text.split_once(':') {
            None => (Measure::Wheel, text),
            Some(("wheel", size)) => (Measure::Wheel, size),
            Some(("raw", size)) => (Measure::Raw, size),
            Some(("gzip", size)) => (Measure::Gzip, size),
            Some(("brotli", size)) => (Measure::Brotli, size),
            Some((other, _)) => {
                return Err(format!(
                    "`{other}` is not measured: expected `wheel`, `raw`, `gzip` or `brotli`"
                ));
            }
        };
        let most = parse_size(size).ok_or_else(|| {
            format!(
                "`{size}` is not a size: expected a number of bytes, or one with `kB`, `KiB`, `MB` or `MiB`"
            )
        })?;
        Ok(Self { measure, most })
    }
}

/// Bytes in a text such as `900kB`, `1.5 MB` or `65536`.
fn parse_size(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "kib" => 1 << 10,
        "m" | "mb" => 1_000_000,
        "mib" => 1 << 20,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    // More digits than a unit has bytes say nothing.
    if part.is_empty() || part.len() > 6 {
        return None;
    }
    let parts = part.parse::<u64>().ok()? * unit / 10_u64.pow(u32::try_from(part.len()).ok()?);
    whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(parts)
}

/// Something that is larger than its budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excess {
    /// The file, or the module in it.
    pub file: String,
    /// What was measured.
    pub measure: Measure,
    /// Bytes that it has.
    pub bytes: u64,
    /// Bytes that it may have.
    pub budget: u64,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, measure, bytes, budget } = self;
        let how = match measure {
            Measure::Wheel => "",
            Measure::Raw => " before compression",
            Measure::Gzip => " with gzip",
            Measure::Brotli => " with brotli",
        };
        write!(f, "`{file}` has {bytes} bytes{how}, {} more than its budget of {budget}", bytes - budget)
    }
}

/// Measures a wheel or a module and lists what is larger than its budget.
///
/// # Errors
/// When the file cannot be read or is neither.
pub fn check(path: &Path, budgets: &[Budget]) -> Result<Vec<Excess>> {
    // Compressing the modules takes seconds, and the size of the file tells nothing of them.
    let is_of_modules = budgets.iter().any(|budget| budget.measure != Measure::Wheel);
    let modules = if is_of_modules { size::of_file(path)? } else { Vec::new() };
    check_sizes(path, &modules, budgets)
}

/// The same for a file whose modules were measured.
///
/// # Errors
/// When the file is not there.
pub fn check_sizes(path: &Path, modules: &[Sizes], budgets: &[Budget]) -> Result<Vec<Excess>> {
    let file_size = fs_err::metadata(path)?.len();
    let mut exceeded = Vec::new();
    for Budget { measure, most } in budgets {
        let measured: Vec<(String, u64)> = match measure {
            Measure::Wheel => vec![(path.display().to_string(), file_size)],
            _ => modules.iter().map(|sizes| (sizes.file.clone(), measure.of(sizes))).collect(),
        };
        let above = measured.into_iter().filter(|(_, bytes)| bytes > most);
        exceeded.extend(above.map(|(file, bytes)| Excess { file, measure: *measure, bytes, budget: *most }));
    }
    Ok(exceeded)
}

impl Measure {
    fn of(self, sizes: &Sizes) -> u64 {
        match self {
            Self::Wheel | Self::Raw => sizes.raw,
            Self::Gzip => sizes.gzip,
            Self::Brotli => sizes.brotli,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read() {
        let check = |text: &str| match text.parse::<Budget>() {
            Ok(Budget { measure, most }) => format!("{measure:?} {most}"),
            Err(error) => error,
        };
        assert_eq!(check("900kB"), "Wheel 900000");
        assert_eq!(check("wheel:65536"), "Wheel 65536");
        assert_eq!(check("raw:1.5 MB"), "Raw 1500000");
        assert_eq!(check("gzip:64KiB"), "Gzip 65536");
        assert_eq!(check("brotli:0.5MiB"), "Brotli 524288");
        assert_eq!(check("zstd:1"), "`zstd` is not measured: expected `wheel`, `raw`, `gzip` or `brotli`");
        for wrong in ["", "kB", "-5", "1.kB", "9GB", "1.2.3", "99999999999999999MB", "1.0000000MB"] {
            assert!(check(wrong).contains("is not a size"), "{wrong}: {}", check(wrong));
        }
    }
}
