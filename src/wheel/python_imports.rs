//! The names that a wheel's Python files take from its extension modules as soon as the package is imported. Pure.
//!
//! Only statements at the top level of a file count, `from MODULE import NAMES` and `import MODULE`: what stands in an `if`
//! or a function may never run, and what fails in a `try` may be caught, unless nothing but `ModuleNotFoundError` is. Only
//! files count that the top-level packages reach in this way.
//! <https://docs.python.org/3/reference/simple_stmts.html#the-import-statement>

use std::collections::{BTreeMap, BTreeSet};

use super::contents::WheelContents;

/// A name that is taken from an extension module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TakenName {
    /// The path of the module in the wheel.
    pub module: String,
    /// The name.
    pub name: String,
    /// The path of the Python file that takes it.
    pub file: String,
}

/// The names that are taken from the extension modules of a wheel.
pub(crate) fn taken_names(wheel: &WheelContents) -> Vec<TakenName> {
    let dotted = |path: &str| path.split('.').next().unwrap_or_default().replace('/', ".");
    let modules: BTreeMap<String, &String> =
        wheel.files.keys().filter(|path| path.ends_with(".so")).map(|path| (dotted(path), path)).collect();
    if modules.is_empty() {
        return Vec::new();
    }
    let files: BTreeMap<String, &String> = wheel
        .files
        .keys()
        .filter(|path| path.ends_with(".py"))
        .map(|path| (dotted(path).trim_end_matches(".__init__").to_owned(), path))
        .collect();
    let mut taken = BTreeSet::new();
    let mut waiting: Vec<&String> =
        files.iter().filter(|(name, _)| !name.contains('.')).map(|(_, path)| *path).collect();
    let mut read = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        if !read.insert(path) {
            continue;
        }
        for import in imports(&String::from_utf8_lossy(&wheel.files[path])) {
            let Some(from) = import.resolve(path) else { continue };
            if let Some(module) = modules.get(&from) {
                let of = |name: &String| TakenName {
                    module: (*module).clone(),
                    name: name.clone(),
                    file: path.clone(),
                };
                taken.extend(import.names.iter().map(of));
            }
            // A name may be a module of its own, and what is above a module is imported before it.
            let below = import.names.iter().map(|name| format!("{from}.{name}"));
            let above = from.match_indices('.').map(|(at, _)| from[..at].to_owned());
            let reached = below.chain(above).chain([from.clone()]);
            waiting.extend(reached.filter_map(|name| files.get(&name).copied()));
        }
    }
    taken.into_iter().collect()
}

/// An import of a module, or of names from it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// How many dots stand before the module.
    pub(crate) level: usize,
    pub(crate) module: String,
    /// None for `import MODULE` and `from MODULE import *`.
    pub(crate) names: Vec<String>,
}

impl Import {
    /// The imports of one statement; none if it is another.
    pub(crate) fn of_statement(statement: &str) -> Vec<Self> {
        if let Some(rest) = statement.strip_prefix("from ")
            && let Some((from, names)) = rest.split_once(" import")
        {
            let from = from.trim();
            let module = from.trim_start_matches('.');
            let names = names.trim().trim_start_matches('(').trim_end_matches(')');
            let names = names.split(',').filter_map(|name| name.split_whitespace().next());
            return vec![Self {
                level: from.len() - module.len(),
                module: module.to_owned(),
                names: names.filter(|name| *name != "*").map(str::to_owned).collect(),
            }];
        }
        let modules = statement.strip_prefix("import ").into_iter().flat_map(|rest| rest.split(','));
        let modules = modules.filter_map(|name| name.split_whitespace().next());
        modules.map(|module| Self { level: 0, module: module.to_owned(), names: Vec::new() }).collect()
    }

    /// The full name of the module, as a file of this path sees it.
    fn resolve(&self, path: &str) -> Option<String> {
        if self.level == 0 {
            return Some(self.module.clone());
        }
        let folders: Vec<&str> = path.split('/').collect();
        // One dot is the folder of the file.
        let package = folders.get(..folders.len().checked_sub(self.level)?)?;
        let parts = package.iter().copied().chain((!self.module.is_empty()).then_some(&*self.module));
        Some(parts.collect::<Vec<_>>().join("."))
    }
}

/// The imports of a Python source.
fn imports(source: &str) -> Vec<Import> {
    let lines = top_level_statements(source);
    // What follows a semicolon belongs to the same block: to the top level if the line begins with a plain statement.
    let is_import = |line: &&String| line.starts_with("from ") || line.starts_with("import ");
    let statements = lines.iter().filter(is_import).flat_map(|line| line.split(';')).map(str::trim_start);
    statements.flat_map(Import::of_statement).collect()
}

/// The statements of a source that run as it is imported, and whose failure ends that.
fn top_level_statements(source: &str) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines = logical_lines(source);
    let mut statements = Vec::new();
    let mut rest = &lines[..];
    while let Some((line, after)) = rest.split_first() {
        rest = after;
        if line.trim_end() == "try:" {
            let body = after.iter().take_while(|line| indent(line) > 0).count();
            let (body, handlers) = after.split_at(body);
            if lets_missing_names_through(handlers) {
                let first = body.first().map_or(0, |line| indent(line));
                let own = body.iter().filter(|line| indent(line) == first);
                statements.extend(own.map(|line| line.trim_start().to_owned()));
            }
            rest = handlers;
        } else if indent(line) == 0 {
            statements.push(line.clone());
        }
    }
    statements
}

/// Whether the handlers that follow a `try`'s body catch no `ImportError`, which is what Python raises for a missing name.
fn lets_missing_names_through(handlers: &[String]) -> bool {
    let is_handler = |line: &&String| {
        line.starts_with(char::is_whitespace)
            || ["except", "else", "finally"].iter().any(|word| line.starts_with(word))
    };
    let mut heads = handlers
        .iter()
        .take_while(is_handler)
        .filter_map(|line| line.strip_prefix("except")?.split(':').next());
    heads.all(|head| {
        let caught = head.split(" as ").next().unwrap_or(head);
        let mut names = caught.split([' ', '(', ')', ',']).filter(|name| !name.is_empty()).peekable();
        names.peek().is_some() && names.all(|name| name == "ModuleNotFoundError")
    })
}

/// The statements of a source, each on one line with its indent, without comments and with empty strings.
fn logical_lines(source: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut depth) = (String::new(), 0_usize);
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let mut length = next.len_utf8();
        match next {
            '#' => length = rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => {
                length = string_length(rest, next);
                line.push_str("\"\"");
            }
            '\\' if rest[1..].starts_with(['\n', '\r']) => {
                length = rest.find('\n').map_or(rest.len(), |end| end + 1);
                line.push(' ');
            }
            '\n' if depth == 0 => lines.push(std::mem::take(&mut line)),
            '\n' | '\r' => line.push(' '),
            _ => {
                depth = match next {
                    '(' | '[' | '{' => depth + 1,
                    ')' | ']' | '}' => depth.saturating_sub(1),
                    _ => depth,
                };
                line.push(next);
            }
        }
        rest = &rest[length..];
    }
    lines.push(line);
    lines.retain(|line| !line.trim().is_empty());
    lines
}

/// How long the string is that a text begins with, quotes included.
fn string_length(text: &str, quote: char) -> usize {
    let triple = quote.to_string().repeat(3);
    let end = if text.starts_with(&triple) { triple } else { quote.to_string() };
    let mut at = end.len();
    while let Some(next) = text[at..].chars().next() {
        if text[at..].starts_with(&end) {
            return at + end.len();
        }
        // A string in single quotes ends with its line, whatever is missing.
        if next == '\n' && end.len() == 1 {
            return at;
        }
        at += next.len_utf8();
        if next == '\\' {
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)]) -> String {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        let wheel = WheelContents {
            filename: "a-1-py3-none-any.whl".parse().unwrap(),
            files: files.collect(),
            executable: Vec::new(),
        };
        let taken = taken_names(&wheel);
        let lines: Vec<String> =
            taken.iter().map(|taken| format!("{}: {} by {}", taken.module, taken.name, taken.file)).collect();
        lines.join("\n")
    }

    #[test]
    fn names_are_read_in_every_way_of_writing_them() {
        let source = "\"\"\"About.\n\nfrom ._x import in_a_string\n\"\"\"\n# from ._x import in_a_comment\n\
                      from ._x import (  # why\n    A,\n    B as b,\n)\nfrom a._x import C, \\\n    D\nfrom ._x import *\n\
                      import os; from ._x import E\nTEXT = 'it\\'s # no comment'\nfrom ._x import F\n\
                      try:\n    from ._x import G\nexcept ImportError:\n    pass\nif x: from ._x import H\n\
                      def f():\n    from ._x import I\n";
        insta::assert_snapshot!(check(&[("a/__init__.py", source), ("a/_x.abi3.so", "")]), @"
        a/_x.abi3.so: A by a/__init__.py
        a/_x.abi3.so: B by a/__init__.py
        a/_x.abi3.so: C by a/__init__.py
        a/_x.abi3.so: D by a/__init__.py
        a/_x.abi3.so: E by a/__init__.py
        a/_x.abi3.so: F by a/__init__.py
        ");
    }

    #[test]
    fn what_a_try_lets_through_counts() {
        let check = |handlers: &str| {
            let source = format!(
                "try:\n    from ._x import (\n        A,\n    )\n    if x:\n        from ._x import B\n{handlers}"
            );
            check(&[("a/__init__.py", &source), ("a/_x.abi3.so", "")])
        };
        let counts = "a/_x.abi3.so: A by a/__init__.py";
        assert_eq!(check("except ModuleNotFoundError as exc:\n    raise\n"), counts);
        assert_eq!(
            check("except (ModuleNotFoundError,):\n    pass\nelse:\n    pass\nimport os\nexcept_ = 1\n"),
            counts
        );
        assert_eq!(check("finally:\n    pass\n"), counts);
        for caught in ["", " ImportError", " (ModuleNotFoundError, ImportError)", " Exception as e", " ANY"] {
            assert_eq!(check(&format!("except{caught}:\n    pass\n")), "", "{caught}");
        }
        let two = "except ModuleNotFoundError:\n    raise\nexcept Exception:\n    pass\n";
        assert_eq!(check(two), "");
    }

    #[test]
    fn files_count_that_the_package_reaches() {
        let so = ("a/_x.cpython-314-wasm32-emscripten.so", "");
        let files = [
            ("a/__init__.py", "from .b import thing\nimport a.c.d\nfrom . import e\n"),
            ("a/b.py", "from a._x import B\n"),
            ("a/c/__init__.py", "from .._x import C\n"),
            ("a/c/d.py", "from .. import _x\nfrom ..._x import too_high\nfrom .._x import D\n"),
            ("a/e.py", "from ._x import E\n"),
            ("a/unused.py", "from ._x import U\n"),
            so,
        ];
        insta::assert_snapshot!(check(&files), @"
        a/_x.cpython-314-wasm32-emscripten.so: B by a/b.py
        a/_x.cpython-314-wasm32-emscripten.so: C by a/c/__init__.py
        a/_x.cpython-314-wasm32-emscripten.so: D by a/c/d.py
        a/_x.cpython-314-wasm32-emscripten.so: E by a/e.py
        ");
        assert_eq!(check(&files[..6]), "", "no extension module");
    }
}
