//! How long and how much is waited for, read and tried when a server is asked.

use std::time::Duration;

/// The limits of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the next bytes come.
    pub idle: Duration,
    /// Until a page is there, with all tries.
    pub page_time: Duration,
    /// Until a file is there, with all tries.
    pub file_time: Duration,
    /// The bytes of a page, decompressed. The largest of real indexes have 30 MB.
    pub page_size: u64,
    /// The bytes of a file, decompressed.
    pub file_size: u64,
    /// How often it is tried.
    pub tries: u32,
    /// The pause after the first try; it doubles.
    pub pause: Duration,
    /// The longest pause that a server may ask for.
    pub longest_pause: Duration,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            idle: Duration::from_mins(1),
            page_time: Duration::from_mins(3),
            file_time: Duration::from_hours(1),
            page_size: 128 << 20,
            file_size: 2 << 30,
            tries: 3,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_mins(1),
        }
    }
}
