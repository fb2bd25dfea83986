//! How much an archive may unpack to.
//!
//! An honest sdist stays far below each limit; a hostile one of a few megabytes must neither fill the disk nor take the
//! machine's memory or time.

use std::io::{ErrorKind, Read};
use std::path::Path;

use super::refused::Refused;
use crate::env::Environment;
use crate::error::Result;

/// The variable that sets how many bytes an archive may unpack to.
pub(super) const VARIABLE: &str = "CARGO_PYODIDE_MAX_UNPACKED_SIZE";

/// What an archive may unpack to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnpackLimits {
    /// The bytes of all entries.
    pub size: u64,
    /// How many times the archive's own size that may be. Deflate makes at most 1032 out of 1; sources are made 3 to 10
    /// times smaller.
    pub ratio: u64,
    /// The bytes from which on the ratio counts: a small archive may hold a big file of zeros.
    pub ratio_from: u64,
    /// The number of entries.
    pub entries: u64,
    /// The number of folders around a file.
    pub depth: usize,
    /// The bytes of a path.
    pub name: usize,
    /// The bytes of a header that extends another: a long name, or records of PAX.
    pub header: u64,
}

impl Default for UnpackLimits {
    fn default() -> Self {
        Self {
            size: 2 << 30,
            ratio: 200,
            ratio_from: 128 << 20,
            entries: 200_000,
            depth: 64,
            name: 1024,
            header: 1 << 20,
        }
    }
}

impl UnpackLimits {
    /// The limits, as the user's environment raises them.
    ///
    /// # Errors
    /// When the variable does not hold a size.
    pub(crate) fn of(environment: &Environment) -> Result<Self> {
        let Some(size) = environment.size(VARIABLE)? else { return Ok(Self::default()) };
        // Who names a size means it, however small the archive is; many bytes may be many files.
        let entries = Self::default().entries.max(size >> 12);
        Ok(Self { size, entries, ratio_from: size, ..Self::default() })
    }

    /// The bytes that an archive of this size may unpack to.
    fn most(&self, packed: u64) -> u64 {
        self.size.min(self.ratio_from.max(packed.saturating_mul(self.ratio)))
    }

    /// A reader of what an archive of this size unpacks to, which fails beyond the limit.
    pub(crate) fn bound<R: Read>(&self, reader: R, packed: u64) -> Bounded<R> {
        let most = self.most(packed);
        Bounded { reader, most, left: most }
    }
}

/// Counts the entries of an archive and looks at their paths.
#[derive(Debug)]
pub(super) struct Count {
    limits: UnpackLimits,
    entries: u64,
}

impl Count {
    pub(super) fn new(limits: UnpackLimits) -> Self {
        Self { limits, entries: 0 }
    }

    /// Takes one more entry, whatever it is.
    pub(super) fn take(&mut self) -> Result<(), Refused> {
        self.entries += 1;
        if self.entries > self.limits.entries { Err(Refused::Entries(self.limits.entries)) } else { Ok(()) }
    }

    /// Looks at the path of an entry.
    pub(super) fn check_path(&self, path: &Path) -> Result<(), Refused> {
        let shown = || path.to_string_lossy().chars().take(60).collect();
        if path.as_os_str().len() > self.limits.name {
            return Err(Refused::LongName { name: shown(), most: self.limits.name });
        }
        if path.components().count() > self.limits.depth {
            return Err(Refused::Deep { name: shown(), most: self.limits.depth });
        }
        Ok(())
    }
}

/// A reader that fails beyond so many bytes.
#[derive(Debug)]
pub(crate) struct Bounded<R> {
    reader: R,
    most: u64,
    left: u64,
}

impl<R> Bounded<R> {
    /// The same limit, as far as it is not used up, for another reader.
    pub(super) fn over<S>(self, reader: S) -> Bounded<S> {
        Bounded { reader, most: self.most, left: self.left }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| std::io::Error::new(ErrorKind::FileTooLarge, Refused::Size(self.most)))?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_raises_the_size() {
        let check = |text: &str| UnpackLimits::of(&Environment::from_iter([(VARIABLE, text)]));
        assert_eq!(check("").unwrap(), UnpackLimits::default());
        assert_eq!(check("8G").unwrap().most(1), 8 << 30);
        assert_eq!(check("8G").unwrap().entries, 2 << 20);
        assert_eq!(check("12m").unwrap().size, 12 << 20);
        assert_eq!(check("77").unwrap().size, 77);
        for wrong in ["big", "-1", "8T", "99999999999G", "G"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        assert_eq!(UnpackLimits::default().most(1), 128 << 20);
        assert_eq!(UnpackLimits::default().most(1 << 20), 200 << 20);
        assert_eq!(UnpackLimits::default().most(1 << 30), 2 << 30);
    }
}
