//! Puts things that have much in common close together.
//!
//! This is recursive graph bisection: <https://arxiv.org/abs/1602.08820>. A group is cut into halves; members change sides, two
//! at a time, as long as that makes the features of each half fewer and more frequent; then each half is cut. Everything is
//! counted in whole numbers: the order must be the same on every machine.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// So often at most members of a group change sides. Nearly all groups settle sooner.
const ROUNDS: usize = 20;
/// The bits after the binary point of a cost.
const PRECISION: u32 = 16;

/// What is put in order.
#[derive(Debug)]
pub(super) struct Member {
    /// Where it was.
    pub(super) index: u32,
    /// What it has, as numbers from 0 on, each once.
    pub(super) features: Vec<usize>,
}

/// Orders members whose features are smaller than `features`.
pub(super) fn arrange(members: &mut [Member], features: usize) {
    let costs = costs(members.len());
    cut(members, features, &costs);
}

fn cut(group: &mut [Member], features: usize, costs: &[i64]) {
    if group.len() <= 2 {
        return;
    }
    let features = renumber(group, features);
    let middle = group.len() / 2;
    let mut halves = Halves::new(group, middle, features);
    for _ in 0..ROUNDS {
        if !halves.exchange(group, costs) {
            break;
        }
    }
    halves.separate(group);
    let (left, right) = group.split_at_mut(middle);
    cut(left, features, costs);
    cut(right, features, costs);
}

/// Drops the features that one member alone has, or all: they say nothing of sides. Returns how many are left.
fn renumber(group: &mut [Member], features: usize) -> usize {
    let mut counts = vec![0; features];
    for feature in group.iter().flat_map(|member| &member.features) {
        counts[*feature] += 1;
    }
    let mut left = 0;
    let numbers: Vec<Option<usize>> = counts
        .into_iter()
        .map(|count| {
            (1 < count && count < group.len()).then(|| {
                left += 1;
                left - 1
            })
        })
        .collect();
    for member in group {
        member.features = member.features.iter().filter_map(|feature| numbers[*feature]).collect();
    }
    left
}

/// A group in two halves.
struct Halves {
    /// Whether a member is on the right, by its place in the group.
    is_right: Vec<bool>,
    /// How many members have a feature on the left and on the right.
    counts: Vec<[usize; 2]>,
}

impl Halves {
    fn new(group: &[Member], middle: usize, features: usize) -> Self {
        let is_right: Vec<bool> = (0..group.len()).map(|place| place >= middle).collect();
        let mut counts = vec![[0; 2]; features];
        for (member, is_right) in group.iter().zip(&is_right) {
            for feature in &member.features {
                counts[*feature][usize::from(*is_right)] += 1;
            }
        }
        Self { is_right, counts }
    }

    /// Exchanges members of the two sides, each once at most, as long as a pair saves something; false if none does.
    fn exchange(&mut self, group: &[Member], costs: &[i64]) -> bool {
        let mut sides = [BinaryHeap::new(), BinaryHeap::new()];
        for (place, member) in group.iter().enumerate() {
            let gain = self.gain(member, place, costs);
            sides[usize::from(self.is_right[place])].push((gain, Reverse(place)));
        }
        let [mut left, mut right] = sides;
        let mut has_changed = false;
        while let Some((gain, one)) = self.take_best(&mut left, group, costs) {
            // Only then the other: the best of both sides are often alike, and worth nothing together.
            self.change(&group[one], one);
            match self.take_best(&mut right, group, costs) {
                Some((other_gain, other)) if gain + other_gain > 0 => self.change(&group[other], other),
                _ => {
                    self.change(&group[one], one);
                    break;
                }
            }
            has_changed = true;
        }
        has_changed
    }

    /// Takes the member that saves most. What was known of them before others changed sides is a guess.
    fn take_best(
        &self,
        side: &mut BinaryHeap<(i64, Reverse<usize>)>,
        group: &[Member],
        costs: &[i64],
    ) -> Option<(i64, usize)> {
        loop {
            let (_, Reverse(place)) = side.pop()?;
            let gain = self.gain(&group[place], place, costs);
            if side.peek().is_none_or(|(next, _)| gain >= *next) {
                return Some((gain, place));
            }
            side.push((gain, Reverse(place)));
        }
    }

    /// What is saved when a member changes sides.
    fn gain(&self, member: &Member, place: usize, costs: &[i64]) -> i64 {
        let side = usize::from(self.is_right[place]);
        let gain = |feature: &usize| {
            let counts = self.counts[*feature];
            let (from, to) = (counts[side], counts[1 - side]);
            costs[from - 1] + costs[to + 1] - costs[from] - costs[to]
        };
        member.features.iter().map(gain).sum()
    }

    fn change(&mut self, member: &Member, place: usize) {
        let side = usize::from(self.is_right[place]);
        for feature in &member.features {
            self.counts[*feature][side] -= 1;
            self.counts[*feature][1 - side] += 1;
        }
        self.is_right[place] = side == 0;
    }

    /// Puts the left half first; within a half, members stay in their order.
    fn separate(self, group: &mut [Member]) {
        let taken = group
            .iter_mut()
            .map(|member| Member { features: std::mem::take(&mut member.features), ..*member });
        let mut taken: Vec<(bool, Member)> = self.is_right.into_iter().zip(taken).collect();
        taken.sort_by_key(|(is_right, _)| *is_right);
        for (place, (_, member)) in group.iter_mut().zip(taken) {
            *place = member;
        }
    }
}

/// How much it is worth that so many members of a half have a feature, from none to `most`: n log₂(n + 1).
fn costs(most: usize) -> Vec<i64> {
    (0_i64..).take(most + 1).map(|count| count * log2(count.unsigned_abs() + 1)).collect()
}

/// The binary logarithm of a positive number, with [`PRECISION`] bits after the point, in whole numbers alone.
fn log2(number: u64) -> i64 {
    let whole = number.ilog2();
    // Between 1 and 2, with 31 bits after the point.
    let mut rest = if whole > 31 { number >> (whole - 31) } else { number << (31 - whole) };
    let mut bits = i64::from(whole);
    for _ in 0..PRECISION {
        rest = (rest * rest) >> 31;
        bits <<= 1;
        if rest >> 32 == 1 {
            rest >>= 1;
            bits |= 1;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(features: &[&[usize]]) -> Vec<u32> {
        let members = features.iter().zip(0..);
        let mut members: Vec<Member> =
            members.map(|(features, index)| Member { index, features: features.to_vec() }).collect();
        arrange(&mut members, 100);
        members.iter().map(|member| member.index).collect()
    }

    #[test]
    fn members_with_the_same_features_stand_together() {
        let (a, b): (&[usize], &[usize]) = (&[1, 2, 3, 99], &[4, 5, 6, 99]);
        assert_eq!(arranged(&[a, b, a, b, b, a, b, a]), [1, 3, 4, 6, 0, 2, 5, 7]);
        // Four kinds in turn.
        let kinds: Vec<Vec<usize>> = (0..64).map(|index| vec![index % 4 * 2, index % 4 * 2 + 1]).collect();
        let kinds: Vec<&[usize]> = kinds.iter().map(Vec::as_slice).collect();
        let order = arranged(&kinds);
        let changes = order.windows(2).filter(|pair| pair[0] % 4 != pair[1] % 4).count();
        assert_eq!(changes, 3, "{order:?}");
    }

    #[test]
    fn members_without_anything_in_common_keep_their_order() {
        assert_eq!(arranged(&[&[], &[], &[], &[], &[]]), [0, 1, 2, 3, 4]);
        assert_eq!(arranged(&[&[1], &[2], &[3], &[4]]), [0, 1, 2, 3]);
        assert_eq!(arranged(&[&[7], &[7], &[7]]), [0, 1, 2]);
        assert_eq!(arranged(&[]), [0; 0]);
    }

    #[test]
    fn logarithms_are_exact_to_their_precision() {
        let one = 1 << PRECISION;
        assert_eq!([1, 2, 65_536].map(log2), [0, one, 16 * one]);
        // 1.58496… and 17.60965…
        assert_eq!([3, 200_001].map(log2), [103_872, 1_154_065]);
        assert_eq!(log2(u64::MAX) >> PRECISION, 63);
    }
}
