//! Whether a module that promises the stable ABI keeps to it.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::catalogue::Code;
use super::examined::{Examined, Subject};
use super::finding::Findings;
use crate::abi::PythonVersion;
use crate::wheel::extension;

/// Checks one module if its wheel, or its own name, says `abi3`.
pub(super) fn check(this: &Examined<'_>, subject: Subject<'_>, findings: &mut Findings) {
    let Some(oldest) = find_promise(this.path, subject) else { return };
    // Only CPython's own names are promised: the rest is the release's, checked elsewhere.
    let is_python = |name: &str| name.starts_with("Py") || name.starts_with("_Py");
    let mut beyond: Vec<String> = Vec::new();
    for (_, name, _) in this.module.imports.iter().filter(|(_, name, _)| is_python(name)) {
        let told = match added().get(name.as_str()) {
            None => format!("`{name}` (not in it)"),
            Some(added) if *added > oldest => format!("`{name}` (since {added})"),
            Some(_) => continue,
        };
        if !beyond.contains(&told) {
            beyond.push(told);
        }
    }
    if beyond.is_empty() {
        return;
    }
    let message = format!(
        "it promises the stable ABI of Python {oldest} and uses more: {}; other Pythons that the tag names may not have it",
        beyond.join(", ")
    );
    findings.add(Code::NOT_STABLE, beyond[0].split('`').nth(1).map(str::to_owned), message);
}

/// The Python whose stable ABI is promised.
fn find_promise(path: &str, subject: Subject<'_>) -> Option<PythonVersion> {
    let newest = PythonVersion { major: 3, minor: u32::MAX };
    match subject {
        Subject::Wheel(wheel) if wheel.filename.is_abi3() => {
            let minors =
                wheel.filename.python.split('.').filter_map(|tag| tag.strip_prefix("cp3")?.parse().ok());
            Some(minors.min().map_or(newest, |minor| PythonVersion { major: 3, minor }))
        }
        // Without a tag all that the name says is that it keeps to some stable ABI.
        Subject::Wheel(_) => None,
        Subject::Module(..) => {
            extension::parse(path).filter(extension::ExtensionName::is_abi3).map(|_| newest)
        }
    }
}

/// Name → the Python that added it to the stable ABI.
fn added() -> &'static HashMap<&'static str, PythonVersion> {
    static ADDED: LazyLock<HashMap<&'static str, PythonVersion>> = LazyLock::new(|| {
        let rows = include_str!("../../facts/stable-abi.tsv").lines().filter(|line| !line.starts_with('#'));
        rows.filter_map(|row| {
            let (name, version) = row.split_once('\t')?;
            Some((name, version.parse().ok()?))
        })
        .collect()
    });
    &ADDED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        assert_eq!(added()["PyLong_FromLong"].to_string(), "3.2");
        assert_eq!(added()["PyObject_Vectorcall"].to_string(), "3.12");
        assert!(!added().contains_key("PyUnicode_AsUTF8String_"));
        assert!(added().len() > 900);
    }
}
