//! `clean`: empties the cache, by kind and by age.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use cargo_pyodide::cache::{KeptEntry, Kind};
use cargo_pyodide::context::Network;
use cargo_pyodide::error::Result;
use clap::Args;

use crate::commands::Session;
use crate::options::VerbosityOptions;

const AFTER_HELP: &str = "\
Examples:
  cargo pyodide clean                      empties the whole cache
  cargo pyodide clean builds               only trees and intermediate files of builds
  cargo pyodide clean --older-than 30d     only what was not used for 30 days

What another command uses meanwhile stays. The variable CARGO_PYODIDE_CACHE_LIMIT keeps the cache below a size.

Exit codes:
  0  done
  2  something could not be removed";

/// Empty the cache
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CleanArguments {
    /// What to remove [default: everything]
    #[arg(value_parser = Kind::ALL.map(Kind::name), value_name = "KIND")]
    kinds: Vec<String>,
    /// Remove only what was not used for so long: `30d`, `12h`
    #[arg(long, value_name = "TIME")]
    older_than: Option<Age>,
    #[command(flatten)]
    verbosity: VerbosityOptions,
}

/// A time in days or hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Age(Duration);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is no time: expected days or hours, such as `30d` or `12h`");
        let (digits, hours) = match text.char_indices().last() {
            Some((at, 'd')) => (&text[..at], 24),
            Some((at, 'h')) => (&text[..at], 1),
            _ => return Err(refused()),
        };
        let count: u64 = digits.parse().map_err(|_| refused())?;
        let seconds = count.checked_mul(hours * 3600).ok_or_else(refused)?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

/// Runs the command.
pub(crate) fn run(session: &Session, arguments: &CleanArguments) -> Result<u8> {
    let context = session.context(&arguments.verbosity.terminal(), Network::Forbidden);
    let chosen =
        |kind: &Kind| arguments.kinds.is_empty() || arguments.kinds.iter().any(|name| name == kind.name());
    // Before all that can be said of a time stands nothing.
    let before = arguments.older_than.map(|Age(age)| SystemTime::now().checked_sub(age));
    let is_old = |entry: &KeptEntry| match before {
        None => true,
        Some(before) => before.is_some_and(|before| entry.used < before),
    };
    for kind in Kind::ALL.into_iter().filter(chosen) {
        let entries: Vec<KeptEntry> = context.cache.entries(kind).into_iter().filter(is_old).collect();
        let removal = context.cache.remove(&entries)?;
        context.ui.phase("Removed", format!("{} ({} MB)", kind.name(), removal.bytes / 1_000_000));
        if removal.busy > 0 {
            context.ui.warn(format!("{} of {} stay: another command uses them", removal.busy, kind.name()));
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_days_or_hours() {
        let hours = |text: &str| text.parse::<Age>().map(|Age(age)| age.as_secs() / 3600);
        assert_eq!(hours("30d"), Ok(720));
        assert_eq!(hours("12h"), Ok(12));
        for text in ["", "d", "30", "-1d", "1.5d", "30w", "9999999999999999999d", "999999999999999999d"] {
            assert!(hours(text).is_err(), "{text}");
        }
    }
}
