//! Medians, spreads and ratios of measured values. Pure.
//!
//! Medians and not means: a shared machine makes some values much longer and none shorter. The spread is the median absolute
//! deviation, as pyperf prints it.

use serde::Serialize;

/// The middle of values, and how far they lie from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The median, in seconds.
    pub median: f64,
    /// The median absolute deviation, in seconds.
    pub deviation: f64,
}

impl Spread {
    /// Of these values; none if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let middle = median(values)?;
        let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
        Some(Self { median: middle, deviation: median(&distances)? })
    }
}

/// How many times as fast one thing is as another, over the rounds in which both were measured one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    /// The median over the rounds: above 1 the first is faster.
    pub median: f64,
    /// That of the worst round for the first.
    pub lowest: f64,
    /// That of its best round.
    pub highest: f64,
}

impl Ratio {
    /// How fast `own` is beside `other`: one list of values a round each. None if there is no round with values of both.
    // By rounds and not over all values: what else the machine does changes slowly, and is the same for both in a round.
    pub fn of(own: &[Vec<f64>], other: &[Vec<f64>]) -> Option<Self> {
        let rounds = own.iter().zip(other);
        let mut ratios: Vec<f64> =
            rounds.filter_map(|(own, other)| Some(median(other)? / median(own)?)).collect();
        ratios.sort_by(f64::total_cmp);
        Some(Self { median: median(&ratios)?, lowest: *ratios.first()?, highest: *ratios.last()? })
    }

    /// Whether every round says the same: faster, or slower.
    pub fn is_clear(&self) -> bool {
        self.lowest > 1.0 || self.highest < 1.0
    }
}

/// The middle value, or the mean of the two in the middle.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => sorted.get(middle).copied(),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_long_value_changes_no_median() {
        assert_eq!(Spread::of(&[3.0, 1.0, 900.0]), Some(Spread { median: 3.0, deviation: 2.0 }));
        assert_eq!(Spread::of(&[4.0, 2.0]), Some(Spread { median: 3.0, deviation: 1.0 }));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn ratios_are_those_of_rounds() {
        // The machine is twice as slow in the second round: each round still says the same.
        let own = [vec![1.0, 1.0, 9.0], vec![2.0], vec![1.0]];
        let other = [vec![2.0], vec![4.0, 4.0], vec![1.5]];
        let ratio = Ratio::of(&own, &other).unwrap();
        assert_eq!(ratio, Ratio { median: 2.0, lowest: 1.5, highest: 2.0 });
        assert!(ratio.is_clear());
        assert!(!Ratio { lowest: 0.9, ..ratio }.is_clear());
        assert!(Ratio { median: 0.8, lowest: 0.7, highest: 0.9 }.is_clear());
        assert_eq!(Ratio::of(&own, &[]), None);
    }
}
