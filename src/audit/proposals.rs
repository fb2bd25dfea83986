//! Which proposals of WebAssembly a module uses, held against the browsers of its line's time.

use super::catalogue::Code;
use super::examined::Examined;
use super::finding::Findings;
use crate::abi::proposals::shipped;
use crate::runtime::Runtime;

/// Checks one module, by its instructions: the section that names features may have been stripped.
pub(super) fn check(this: &Examined<'_>, runtime: &Runtime, findings: &mut Findings) {
    for (proposal, instruction) in &this.code.proposals {
        let shipped = shipped().get(*proposal).map(String::as_str);
        let name = proposal.replace('_', "-");
        let version = &runtime.version;
        match (shipped, &runtime.facts.released) {
            // Each line so far throws in the old encoding, and its oldest engines know no other.
            (Some(_), _) if *proposal == "exceptions" => {
                let message = format!(
                    "it uses exceptions in their new encoding (`{instruction}`), Pyodide {version} those in the old one: engines of its time do not compile it"
                );
                findings.add(Code::UNKNOWN_TO_ENGINES, name, message);
            }
            (None, _) => {
                let message = format!(
                    "it uses {name} (`{instruction}`), which no browser knows: no engine compiles it"
                );
                findings.add(Code::UNKNOWN_TO_ENGINES, name, message);
            }
            (Some("never"), _) => {
                let message = format!(
                    "it uses {name} (`{instruction}`), which not every browser knows: it does not compile in those"
                );
                findings.add(Code::BEYOND_BROWSERS, name, message);
            }
            (Some(since), Some(released)) if since > released.as_str() => {
                let message = format!(
                    "it uses {name} (`{instruction}`), which every browser has since {since} only; Pyodide {} is of {released}",
                    runtime.line()
                );
                findings.add(Code::BEYOND_BROWSERS, name, message);
            }
            _ => {}
        }
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
