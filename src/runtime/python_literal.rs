//! A Python dictionary of strings and integers, as CPython writes it to `_sysconfigdata….py`.
//!
//! CPython's `sysconfig` writes `build_time_vars = {…}` with `pprint`. Pyodide from 0.26 on writes the file again on one
//! line: paths below the folder of its own build become f-strings with `{PYODIDE_ROOT}`, whose default stands in a line
//! above, `PYODIDE_ROOT = os.environ.get("PYODIDE_ROOT", "…")`. The default counts here: the variable is not set in a
//! running release. No other Python is run or understood; what follows the dictionary sets folders, and is not read.

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};

use crate::error::Result;

/// A value that Python was configured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigValue {
    /// An integer. What `pyconfig.h` leaves undefined is a 0.
    Number(i64),
    /// A string.
    Text(String),
}

/// Reads the dictionary that a file's text assigns to a name.
///
/// # Errors
/// When there is none, or it holds something other than strings and integers. The error names the byte of the text.
pub(super) fn read_dictionary(text: &str, name: &str) -> Result<BTreeMap<String, ConfigValue>> {
    let mut reader = Reader { text, at: 0, defaults: BTreeMap::new() };
    for line in text.split_inclusive('\n') {
        let words = line.strip_prefix(name).map(str::trim_start);
        if words.is_some_and(|rest| rest.starts_with('=') && !rest.starts_with("==")) {
            reader.at += name.len();
            reader.expect('=')?;
            return reader.dictionary();
        }
        let next = reader.at + line.len();
        reader.take_default(line)?;
        reader.at = next;
    }
    bail!("no line assigns to `{name}`")
}

/// A place in a text.
struct Reader<'a> {
    text: &'a str,
    /// In bytes.
    at: usize,
    /// The names that f-strings may use.
    defaults: BTreeMap<&'a str, String>,
}

impl<'a> Reader<'a> {
    /// Takes `NAME = os.environ.get("NAME", "default")`. Other lines above the dictionary do not concern its values.
    fn take_default(&mut self, line: &'a str) -> Result<()> {
        const CALL: &str = " = os.environ.get(";
        let Some((name, _)) = line.split_once(CALL).filter(|(name, _)| is_name(name)) else {
            return Ok(());
        };
        self.at += name.len() + CALL.len();
        self.string()?;
        self.expect(',')?;
        let default = self.string()?;
        self.expect(')')?;
        self.defaults.insert(name, default);
        Ok(())
    }

    fn dictionary(&mut self) -> Result<BTreeMap<String, ConfigValue>> {
        let mut values = BTreeMap::new();
        self.expect('{')?;
        while !self.take('}') {
            let key = self.string()?;
            self.expect(':')?;
            let value = self.value()?;
            // The last of two equal keys counts, as in Python.
            values.insert(key, value);
            if !self.take(',') {
                self.expect('}')?;
                break;
            }
        }
        // Something on the same line would go on with the expression: `{…} | other`.
        let rest = self.rest().lines().next().unwrap_or_default().trim_start();
        if !rest.is_empty() && !rest.starts_with('#') {
            return Err(self.unexpected("the end of the line"));
        }
        Ok(values)
    }

    fn value(&mut self) -> Result<ConfigValue> {
        match self.peek() {
            Some('-' | '0'..='9') => Ok(ConfigValue::Number(self.number()?)),
            Some('"' | '\'' | 'f' | 'F') => Ok(ConfigValue::Text(self.string()?)),
            _ => Err(self.unexpected("a string or an integer")),
        }
    }

    fn number(&mut self) -> Result<i64> {
        let rest = self.rest();
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        let after = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
        let number = &rest[..rest.len() - digits.len() + after];
        // `1.5`, `0x1` and `1_000` are Python, but no integers as CPython writes them.
        let goes_on = digits[after..].starts_with(|letter: char| letter == '.' || is_of_name(letter));
        match number.parse() {
            Ok(value) if !goes_on => {
                self.at += number.len();
                Ok(value)
            }
            _ => Err(self.unexpected("an integer of 64 bits")),
        }
    }

    /// Adjacent literals are one string, as in Python.
    fn string(&mut self) -> Result<String> {
        let mut value = String::new();
        self.literal(&mut value)?;
        while matches!(self.peek(), Some('"' | '\'' | 'f' | 'F')) {
            self.literal(&mut value)?;
        }
        Ok(value)
    }

    fn literal(&mut self, value: &mut String) -> Result<()> {
        self.peek();
        let start = self.at;
        let has_names = self.rest().starts_with(['f', 'F']);
        self.at += usize::from(has_names);
        let Some(quote @ ('"' | '\'')) = self.rest().chars().next() else {
            self.at = start;
            return Err(self.unexpected("a string"));
        };
        self.at += 1;
        if self.rest().starts_with([quote; 2].iter().collect::<String>().as_str()) {
            self.at = start;
            return Err(self.unexpected("a string without triple quotes"));
        }
        loop {
            let Some(letter) = self.rest().chars().next().filter(|letter| *letter != '\n') else {
                bail!("the string that starts at byte {start} does not end on its line");
            };
            match letter {
                _ if letter == quote => {
                    self.at += 1;
                    return Ok(());
                }
                '\\' => self.escape(value)?,
                '{' | '}' if has_names => self.replacement(value)?,
                _ => {
                    value.push(letter);
                    self.at += letter.len_utf8();
                }
            }
        }
    }

    /// `{NAME}` of an f-string, or a doubled brace, which means one.
    fn replacement(&mut self, value: &mut String) -> Result<()> {
        let rest = self.rest();
        for brace in ["{{", "}}"] {
            if rest.starts_with(brace) {
                value.push_str(&brace[1..]);
                self.at += brace.len();
                return Ok(());
            }
        }
        let name = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(name, _)| name);
        let name =
            name.filter(|name| is_name(name)).ok_or_else(|| self.unexpected("a name between braces"))?;
        let default = self.defaults.get(name);
        let default = default.ok_or_else(|| {
            anyhow!("`{name}` at byte {} has no default in a line above the dictionary", self.at + 1)
        })?;
        value.push_str(default);
        self.at += name.len() + 2;
        Ok(())
    }

    /// An escape sequence of a string that is not raw: the table in the reference, "String and Bytes literals".
    /// `\N{…}` and what Python warns about are refused.
    fn escape(&mut self, value: &mut String) -> Result<()> {
        let after = &self.rest()[1..];
        let Some(kind) = after.chars().next() else {
            return Err(self.unexpected("an escape sequence"));
        };
        let coded = |digits: usize, radix: u32, from: usize| {
            let code = after.get(from..from + digits)?;
            // `from_str_radix` would take a sign, too.
            let code = code.chars().all(|digit| digit.is_digit(radix)).then_some(code)?;
            let letter = char::from_u32(u32::from_str_radix(code, radix).ok()?)?;
            Some((letter, from + digits))
        };
        let octal = after.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        let found = match kind {
            '\n' => {
                self.at += 2;
                return Ok(());
            }
            '\\' | '\'' | '"' => Some((kind, 1)),
            'a' => Some(('\x07', 1)),
            'b' => Some(('\x08', 1)),
            'f' => Some(('\x0c', 1)),
            'n' => Some(('\n', 1)),
            'r' => Some(('\r', 1)),
            't' => Some(('\t', 1)),
            'v' => Some(('\x0b', 1)),
            'x' => coded(2, 16, 1),
            'u' => coded(4, 16, 1),
            'U' => coded(8, 16, 1),
            '0'..='7' => coded(octal, 8, 0),
            _ => None,
        };
        let (letter, length) = found.ok_or_else(|| self.unexpected("an escape sequence"))?;
        value.push(letter);
        self.at += 1 + length;
        Ok(())
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The next character that is neither white space nor part of a comment. Goes there.
    fn peek(&mut self) -> Option<char> {
        loop {
            let rest = self.rest();
            let token = rest.trim_start();
            self.at += rest.len() - token.len();
            if !token.starts_with('#') {
                return token.chars().next();
            }
            self.at += token.find('\n').unwrap_or(token.len());
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        if is_there {
            self.at += wanted.len_utf8();
        }
        is_there
    }

    fn expect(&mut self, wanted: char) -> Result<()> {
        if self.take(wanted) { Ok(()) } else { Err(self.unexpected(&format!("`{wanted}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> anyhow::Error {
        let at = self.at;
        match self.rest().chars().next() {
            Some('\n') => anyhow!("expected {wanted} at byte {at}, where the line ends"),
            Some(found) => anyhow!("expected {wanted} at byte {at}, found `{found}`"),
            None => anyhow!("expected {wanted} at byte {at}, where the text ends"),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|letter: char| letter.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(is_of_name)
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        match read_dictionary(text, "build_time_vars") {
            Ok(values) => values
                .into_iter()
                .map(|(name, value)| match value {
                    ConfigValue::Number(number) => format!("{name}: {number}"),
                    ConfigValue::Text(text) => format!("{name}: {text:?}"),
                })
                .collect::<Vec<_>>()
                .join("\n"),
            Err(error) => format!("{error:#}"),
        }
    }

    /// The value of one literal.
    fn check_value(literal: &str) -> String {
        check(&format!("build_time_vars = {{'A': {literal}}}"))
    }

    #[test]
    fn reads_what_cpython_writes() {
        let text = "# system configuration\nbuild_time_vars = {'ABIFLAGS': '',\n 'ALIGNOF_LONG': 4,\n\
                    \x20'CFLAGS': '-O2 '  # optimised\n           \"-g0 'x'\"\n           '',\n \"MIN\": -1,}\n";
        insta::assert_snapshot!(check(text), @r#"
        ABIFLAGS: ""
        ALIGNOF_LONG: 4
        CFLAGS: "-O2 -g0 'x'"
        MIN: -1
        "#);
        insta::assert_snapshot!(check("build_time_vars={}"), @"");
        insta::assert_snapshot!(check("build_time_vars = {'A': 1, 'A': 2} # end"), @"A: 2");
    }

    #[test]
    fn reads_what_pyodide_writes() {
        let text = r#"import os
PYODIDE_ROOT = os.environ.get("PYODIDE_ROOT", "/src")
build_time_vars = {'AR': f'{PYODIDE_ROOT}/emar', 'RUN': f"{{a}} '{PYODIDE_ROOT}'" ' {b}', 'prefix': '{PYODIDE_ROOT}'}
import os
if os.environ.get("PYODIDE", None) == "1":
    build_time_vars["platbase"] = build_time_vars["prefix"]
"#;
        insta::assert_snapshot!(check(text), @r#"
        AR: "/src/emar"
        RUN: "{a} '/src' {b}"
        prefix: "{PYODIDE_ROOT}"
        "#);
    }

    #[test]
    fn reads_escape_sequences() {
        insta::assert_snapshot!(check_value(r#"'\\ \' \" \n\r\t\a\b\f\v'"#), @r#"A: "\\ ' \" \n\r\t\u{7}\u{8}\u{c}\u{b}""#);
        insta::assert_snapshot!(check_value(r"'\x41\101\0z\u00e9\U0001f40d é'"), @r#"A: "AA\0zé🐍 é""#);
        insta::assert_snapshot!(check_value("'a\\\nb'"), @r#"A: "ab""#);
        insta::assert_snapshot!(check_value(r"'\x4'"), @r"expected an escape sequence at byte 25, found `\`");
        insta::assert_snapshot!(check_value(r"'\q'"), @r"expected an escape sequence at byte 25, found `\`");
        insta::assert_snapshot!(check_value(r"'\x+1'"), @r"expected an escape sequence at byte 25, found `\`");
        insta::assert_snapshot!(check_value(r"'\ud800'"), @r"expected an escape sequence at byte 25, found `\`");
    }

    #[test]
    fn refuses_other_values() {
        insta::assert_snapshot!(check_value("None"), @"expected a string or an integer at byte 24, found `N`");
        insta::assert_snapshot!(check_value("[1]"), @"expected a string or an integer at byte 24, found `[`");
        insta::assert_snapshot!(check_value("r'a'"), @"expected a string or an integer at byte 24, found `r`");
        insta::assert_snapshot!(check_value("1.5"), @"expected an integer of 64 bits at byte 24, found `1`");
        insta::assert_snapshot!(check_value("0x1f"), @"expected an integer of 64 bits at byte 24, found `0`");
        insta::assert_snapshot!(check_value("- 1"), @"expected an integer of 64 bits at byte 24, found `-`");
        insta::assert_snapshot!(check_value("9223372036854775808"), @"expected an integer of 64 bits at byte 24, found `9`");
        insta::assert_snapshot!(check_value("1 + 1"), @"expected `}` at byte 26, found `+`");
        insta::assert_snapshot!(check_value("'a' % 'b'"), @"expected `}` at byte 28, found `%`");
        insta::assert_snapshot!(check_value("'''a'''"), @r"expected a string without triple quotes at byte 24, found `'`");
        insta::assert_snapshot!(check_value("f'{HOME}'"), @"`HOME` at byte 27 has no default in a line above the dictionary");
        insta::assert_snapshot!(check_value("f'{1 + 1}'"), @"expected a name between braces at byte 26, found `{`");
    }

    #[test]
    fn refuses_other_files() {
        insta::assert_snapshot!(check("build_time_variables = {}"), @"no line assigns to `build_time_vars`");
        insta::assert_snapshot!(check("build_time_vars = dict()"), @"expected `{` at byte 18, found `d`");
        insta::assert_snapshot!(check("build_time_vars = {1: 2}"), @"expected a string at byte 19, found `1`");
        insta::assert_snapshot!(check("build_time_vars = {'A'"), @"expected `:` at byte 22, where the text ends");
        insta::assert_snapshot!(check("build_time_vars = {'A': 'b\n'}"), @"the string that starts at byte 24 does not end on its line");
        insta::assert_snapshot!(check("build_time_vars = {} | other"), @r"expected the end of the line at byte 20, found ` `");
        insta::assert_snapshot!(check("é = 1\nbuild_time_vars = {,}"), @"expected a string at byte 26, found `,`");
    }
}
