//! The proposals of WebAssembly: since when browsers and Node have them, and what Binaryen calls them; the limits of engines.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// What `facts/wasm-proposals.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    proposals: BTreeMap<String, String>,
    compiler: BTreeMap<String, String>,
    node: BTreeMap<String, u32>,
    limits: BTreeMap<String, EngineLimit>,
    optimizer: Optimizer,
}

/// How much of something a module may have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EngineLimit {
    /// So much every engine takes.
    pub(crate) most: u64,
    /// So much the engines of today take.
    pub(crate) newest: u64,
    /// What is counted.
    pub(crate) words: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Optimizer {
    may_introduce: Vec<String>,
    features: BTreeMap<String, Vec<String>>,
}

static FILE: LazyLock<File> = LazyLock::new(|| {
    toml::from_str(include_str!("../../facts/wasm-proposals.toml"))
        .expect("facts/wasm-proposals.toml is valid")
});

/// Proposal → the month since which all browsers have it, or `never`.
pub(crate) fn shipped() -> &'static BTreeMap<String, String> {
    &FILE.proposals
}

/// The first major version of Node that has a proposal.
pub(crate) fn node_with(proposal: &str) -> Option<u32> {
    FILE.node.get(proposal).copied()
}

/// The limit of what is called so in the facts.
pub(crate) fn limit(name: &str) -> Option<&'static EngineLimit> {
    FILE.limits.get(name)
}

/// The proposals that an optimiser may bring into a module of a line that was first released in this month. None stands for
/// a line that is newer than the facts.
pub(crate) fn introducible(released: Option<&str>) -> impl Iterator<Item = &'static str> {
    let is_shipped = move |proposal: &&String| {
        let since = FILE.proposals.get(*proposal).map(String::as_str).filter(|since| *since != "never");
        since.is_some_and(|since| released.is_none_or(|released| since <= released))
    };
    FILE.optimizer.may_introduce.iter().filter(is_shipped).map(String::as_str)
}

/// The features of the target with which Rust is compiled for a line that was first released in this month.
pub(crate) fn target_features(released: Option<&str>) -> Vec<&'static str> {
    let is_there = |since: &String| released.is_none_or(|released| since.as_str() <= released);
    FILE.compiler.iter().filter(|(_, since)| is_there(since)).map(|(name, _)| name.as_str()).collect()
}

/// What Binaryen calls a proposal: some are two features there.
pub(crate) fn binaryen_features(proposal: &str) -> Option<&'static [String]> {
    FILE.optimizer.features.get(proposal).map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        assert_eq!(shipped()["simd"], "2023-03");
        let named = |released| introducible(released).collect::<Vec<_>>().join(" ");
        let all =
            "mutable_globals sign_extension saturating_float_to_int multi_value bulk_memory reference_types";
        assert_eq!(named(Some("2022-08")), all);
        assert_eq!(named(None), all);
        assert_eq!(named(Some("2020-05")), "mutable_globals sign_extension");
        assert_eq!(target_features(Some("2023-09")), Vec::<&str>::new());
        assert_eq!([target_features(Some("2024-01")), target_features(None)], [["simd128"], ["simd128"]]);
        assert!(FILE.optimizer.may_introduce.iter().all(|proposal| binaryen_features(proposal).is_some()));
        assert!(FILE.optimizer.features.keys().all(|proposal| shipped().contains_key(proposal)));
        assert_eq!(binaryen_features("bulk_memory").unwrap(), ["bulk-memory", "bulk-memory-opt"]);
        assert_eq!(binaryen_features("threads"), None);
        // Each is known of both kinds of engines.
        assert!(FILE.node.keys().eq(shipped().keys()));
        assert!(FILE.limits.values().all(|limit| limit.most <= limit.newest));
    }
}
