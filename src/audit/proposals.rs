//! Checks what a module asks of engines, proposals of WebAssembly and sizes, against those of its line's time.

use super::catalogue::Code;
use super::examined::Examined;
use super::finding::Findings;
use crate::abi::exceptions::Encoding;
use crate::abi::proposals::{limit, node_with, shipped};
use crate::runtime::Runtime;
use crate::wasm::module::Own;

/// Checks one module, by its instructions: the section that names features may have been stripped.
pub(super) fn check(this: &Examined<'_>, runtime: &Runtime, findings: &mut Findings) {
    check_encoding(this, runtime, findings);
    check_limits(this, findings);
    for (proposal, instruction) in &this.code.proposals {
        let shipped = shipped().get(*proposal).map(String::as_str);
        let name = proposal.replace('_', "-");
        // An instruction, or words for what is no instruction.
        let instruction =
            if instruction.contains(' ') { instruction.clone() } else { format!("`{instruction}`") };
        match (shipped, &runtime.facts.released) {
            // Right in a release that has them, and else said already.
            (Some(_), _) if *proposal == "exceptions" => {}
            (None, _) => {
                let message =
                    format!("it uses {name} ({instruction}), which no browser knows: no engine compiles it");
                findings.add(Code::UNKNOWN_TO_ENGINES, name, message);
            }
            (Some("never"), _) => {
                let message = format!(
                    "it uses {name} ({instruction}), which not every browser knows: it does not compile in those"
                );
                findings.add(Code::BEYOND_BROWSERS, name, message);
            }
            (Some(since), Some(released)) if since > released.as_str() => {
                let message = format!(
                    "it uses {name} ({instruction}), which every browser has since {since} only; Pyodide {} is of {released}",
                    runtime.line()
                );
                findings.add(Code::BEYOND_BROWSERS, name, message);
            }
            _ if node_with(proposal).is_some_and(|node| node > runtime.facts.node) => {
                let message = format!(
                    "it uses {name} ({instruction}), which Node has since {}; Pyodide {} runs on Node {} already",
                    node_with(proposal).unwrap_or_default(),
                    runtime.line(),
                    runtime.facts.node
                );
                findings.add(Code::BEYOND_BROWSERS, name, message);
            }
            _ => {}
        }
    }
}

/// Holds how much there is of something against what engines take.
fn check_limits(this: &Examined<'_>, findings: &mut Findings) {
    let tables = this.module.own.iter().filter_map(|own| match own {
        Own::Table(limits) => Some(limits.minimum),
        Own::Memory(_) => None,
    });
    let counts = [
        ("exports", this.module.exports.len() as u64),
        ("imports", this.module.imports.len() as u64),
        ("branch_targets", this.code.branch_targets.into()),
        ("table_entries", tables.max().unwrap_or_default()),
    ];
    for (name, count) in counts {
        let Some(limit) = limit(name).filter(|limit| count > limit.most) else { continue };
        let (code, who) = if count > limit.newest {
            (Code::UNKNOWN_TO_ENGINES, "engines take")
        } else {
            (Code::BEYOND_BROWSERS, "older engines, Node 20 among them, take")
        };
        let message = format!("it has {count} {}: {who} no more than {}", limit.words, limit.most);
        findings.add(code, name.replace('_', "-"), message);
    }
}

/// Holds the encoding in which a module catches exceptions against the release's own.
fn check_encoding(this: &Examined<'_>, runtime: &Runtime, findings: &mut Findings) {
    let (legacy, exnref) =
        (this.code.encodings.get(&Encoding::Legacy), this.code.encodings.get(&Encoding::Exnref));
    let own = runtime.exceptions.row();
    let release = format!("Pyodide {}", runtime.version);
    match (legacy, exnref) {
        (Some(legacy), Some(exnref)) => {
            let message = format!(
                "it catches exceptions in both encodings, the old (`{legacy}`) and the new (`{exnref}`): engines do not compile a module that mixes them"
            );
            findings.add(Code::UNKNOWN_TO_ENGINES, "exceptions".to_owned(), message);
        }
        (None, Some(exnref)) if own.encoding != Some(Encoding::Exnref) => {
            let message = format!(
                "it catches exceptions in their new encoding (`{exnref}`), and those of {release} go through {}: engines of its time do not compile it",
                own.in_words
            );
            findings.add(Code::UNKNOWN_TO_ENGINES, "exceptions".to_owned(), message);
        }
        (Some(legacy), None) if own.encoding == Some(Encoding::Exnref) => {
            let message = format!(
                "it catches exceptions in their old encoding (`{legacy}`), and those of {release} go through {}: the module does not match the release's ABI, and engines may drop the old encoding",
                own.in_words
            );
            findings.add(Code::EXCEPTION_MODEL, "legacy-exceptions".to_owned(), message);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    /// Tables of relocations are copied and cleared with it, and nobody asks whether a line has it.
    #[test]
    fn every_line_has_bulk_memory() {
        let since = &super::shipped()["bulk_memory"];
        for (line, facts) in crate::abi::line_facts() {
            assert!(facts.released.is_some_and(|released| released > *since), "{line}");
        }
    }
}
