//! Whether extension modules hold the names that the Python files beside them import.

use std::collections::BTreeMap;

use memchr::memmem;

use super::catalogue::Code;
use super::finding::{Finding, Findings, list};
use crate::wheel::WheelContents;
use crate::wheel::python_imports::taken_names;

/// Looks for each name in the bytes of its module: what a module registers stands there as text.
pub(super) fn check(wheel: &WheelContents) -> Vec<Finding> {
    let mut missing: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for taken in taken_names(wheel) {
        let holds = |bytes: &Vec<u8>| memmem::find(bytes, taken.name.as_bytes()).is_some();
        if !wheel.files.get(&taken.module).is_some_and(holds) {
            missing.entry((taken.file, taken.module)).or_default().push(taken.name);
        }
    }
    let of = |((file, module), names): ((String, String), Vec<String>)| {
        let mut findings = Findings::of(&file);
        let message = format!("it imports {} from `{module}`, which holds no such name", list(&names));
        findings.add(Code::MISSING_NAMES, names.join(" "), message);
        findings.into_list()
    };
    missing.into_iter().flat_map(of).collect()
}
