//! "Did you mean": the known word that is nearest to one that was typed.

/// How alike two words must be: below that the suggestion is a guess.
const ALIKE: f64 = 0.75;

/// The known word that is most like the one that was typed; none if no word is like it.
pub fn find_nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|word| (strsim::jaro_winkler(word, typed), word));
    let (likeness, word) = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (likeness > ALIKE).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_like_nothing_has_no_nearest() {
        let check = |typed: &str| find_nearest(typed, ["features", "profile", "patch"]);
        assert_eq!(check("feature"), Some("features"));
        assert_eq!(check("patches"), Some("patch"));
        assert_eq!(check("zzz"), None);
        assert_eq!(find_nearest("a", []), None);
    }
}
