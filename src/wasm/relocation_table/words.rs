//! The words that a function stores.

use std::collections::BTreeMap;

use super::encoding::Word;
use super::evaluate::Effect;

/// The words that the function stores, by address; none if it does anything else, or stores outside of its memory, or
/// stores words that overlap. The last of several to one address counts.
pub(super) fn words(effects: Vec<Effect>, memory_base: u32, memory_size: u32) -> Option<Vec<Word>> {
    let mut words = BTreeMap::new();
    for effect in effects {
        let Effect::Store(store) = effect else { return None };
        let address = store.address.constant;
        let is_inside = address.checked_add(4).is_some_and(|end| end <= memory_size);
        if store.address.global != Some(memory_base) || !is_inside {
            return None;
        }
        words.insert(address, store.value);
    }
    let addresses: Vec<u32> = words.keys().copied().collect();
    let do_not_overlap = addresses.windows(2).all(|pair| pair[1] - pair[0] >= 4);
    do_not_overlap.then(|| words.into_iter().map(|(address, value)| Word { address, value }).collect())
}
