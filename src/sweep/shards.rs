//! Parts of a sweep for several machines, of about the same length. Pure: the same list and times give the same parts.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::anyhow;
use serde::Serialize;

use super::list::ListedPackage;
use super::report::Report;
use crate::error::Result;

/// A part of a sweep: its packages, and how long they may take.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DealtShard {
    /// Its number, from 1.
    pub shard: usize,
    /// How many seconds it may take.
    pub seconds: f64,
    /// Its packages, in the order of the list.
    #[serde(serialize_with = "names")]
    pub packages: Vec<ListedPackage>,
}

fn names<S: serde::Serializer>(packages: &[ListedPackage], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(packages.iter().map(ToString::to_string))
}

/// Seconds for a package of which nothing is known, if nothing is known of any.
const UNKNOWN: f64 = 60.0;

/// Deals packages out: the longest first, each to the part that is shortest so far. All lines of a package stay together,
/// since they share what is compiled for the host. `times` are seconds by package; the mean stands for those without.
#[expect(clippy::cast_precision_loss, reason = "a mean")]
pub fn deal(packages: &[ListedPackage], times: &BTreeMap<String, f64>, count: usize) -> Vec<DealtShard> {
    let mean = times.values().sum::<f64>() / times.len() as f64;
    let usual = if times.is_empty() { UNKNOWN } else { mean };
    let seconds = |package: &ListedPackage| times.get(&package.to_string()).copied().unwrap_or(usual);
    // The longest first: short packages at the end fill what the long ones left uneven.
    let mut order: Vec<usize> = (0..packages.len()).collect();
    order.sort_by(|one, other| {
        seconds(&packages[*other]).total_cmp(&seconds(&packages[*one])).then(one.cmp(other))
    });
    let mut shards: Vec<(f64, Vec<usize>)> = vec![(0.0, Vec::new()); count.max(1)];
    for at in order {
        let shortest = shards.iter_mut().min_by(|one, other| one.0.total_cmp(&other.0));
        if let Some((sum, dealt)) = shortest {
            *sum += seconds(&packages[at]);
            dealt.push(at);
        }
    }
    let numbered = shards.into_iter().enumerate();
    numbered
        .map(|(number, (seconds, mut dealt))| {
            // In the list's order again, so that the part reads like the list.
            dealt.sort_unstable();
            let packages = dealt.into_iter().map(|at| packages[at].clone()).collect();
            DealtShard { shard: number + 1, seconds, packages }
        })
        .collect()
}

/// The seconds that packages took in a sweep that was done before.
///
/// # Errors
/// When its report cannot be read.
pub fn seconds_of(sweep: Option<&Path>) -> Result<BTreeMap<String, f64>> {
    let mut times = BTreeMap::new();
    if let Some(path) = sweep {
        for cell in Report::read(path)?.cells {
            *times.entry(cell.package).or_default() += cell.seconds;
        }
    }
    times.retain(|_, seconds| *seconds > 0.0);
    Ok(times)
}

/// Which part of how many: `2/4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1 on.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl std::str::FromStr for Shard {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || anyhow!("`{text}` is not `K/N`, part K of N");
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let shard = Self { number: number.parse()?, of: of.parse()? };
        if (1..=shard.of).contains(&shard.number) { Ok(shard) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(packages: &str, times: &[(&str, f64)], count: usize) -> String {
        let packages: Vec<ListedPackage> =
            packages.split_whitespace().map(|text| text.parse().unwrap()).collect();
        let times = times.iter().map(|(name, time)| ((*name).to_owned(), *time)).collect();
        let shards = deal(&packages, &times, count);
        let words = shards.iter().map(|shard| {
            let names: Vec<String> = shard.packages.iter().map(ToString::to_string).collect();
            format!("{} ({})", names.join(" "), shard.seconds)
        });
        words.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn shards_are_counted_from_one() {
        assert_eq!("2/4".parse::<Shard>().unwrap(), Shard { number: 2, of: 4 });
        for wrong in ["0/4", "5/4", "2", "a/b", "1/0"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn parts_are_about_as_long() {
        assert_eq!(check("a b c d", &[], 2), "a c (120); b d (120)");
        assert_eq!(check("a==1 b c d", &[("a==1", 300.0), ("b", 100.0)], 2), "a==1 b (400); c d (400)");
        assert_eq!(check("a b", &[], 3), "a (60); b (60);  (0)");
    }

    #[test]
    fn a_long_list_is_dealt_at_once() {
        let names: Vec<String> = (0..10_000).map(|number| format!("package-{number}==1.0")).collect();
        let shards =
            deal(&names.iter().map(|name| name.parse().unwrap()).collect::<Vec<_>>(), &BTreeMap::new(), 7);
        let sizes: Vec<usize> = shards.iter().map(|shard| shard.packages.len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 10_000);
        assert!(sizes.iter().all(|size| (1428..=1429).contains(size)));
    }
}
