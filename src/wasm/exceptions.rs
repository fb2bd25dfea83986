//! Which encoding of exceptions a module's code is in.
//!
//! `code` decodes every instruction and so sees both. Here it is found within milliseconds for a main module of 10 MB, whose
//! full decoding takes 80: only functions are decoded that hold the bytes with which compilers begin to catch.

use std::collections::BTreeSet;

use memchr::memmem::Finder;
use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload};

use crate::abi::exceptions::Encoding;

/// The encoding that an instruction belongs to. `throw` is in both.
pub(super) fn encoding_of(operator: &Operator<'_>) -> Option<Encoding> {
    match operator {
        Operator::Try { .. }
        | Operator::Catch { .. }
        | Operator::CatchAll
        | Operator::Rethrow { .. }
        | Operator::Delegate { .. } => Some(Encoding::Legacy),
        Operator::TryTable { .. } | Operator::ThrowRef => Some(Encoding::Exnref),
        _ => None,
    }
}

/// The opcode of `try` or `try_table`, then the type of a block without a result, which is how compilers write nearly all.
const STARTS: [(Encoding, [u8; 2]); 2] = [(Encoding::Legacy, [0x06, 0x40]), (Encoding::Exnref, [0x1f, 0x40])];

/// The encodings in which a module catches exceptions: none if it catches none.
///
/// Beside one encoding, an instruction of the other is found if its block has no result.
///
/// # Errors
/// When the bytes are not a whole module.
pub(crate) fn find_encodings(bytes: &[u8]) -> Result<BTreeSet<Encoding>, BinaryReaderError> {
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CodeSectionEntry(body) = payload? {
            bodies.push(body);
        }
    }
    let mut found = BTreeSet::new();
    for (encoding, start) in STARTS {
        let finder = Finder::new(&start);
        for body in &bodies {
            if finder.find(body.as_bytes()).is_some() && has(body, encoding)? {
                found.insert(encoding);
                break;
            }
        }
    }
    if found.is_empty() {
        for body in &bodies {
            for encoding in [Encoding::Legacy, Encoding::Exnref] {
                if has(body, encoding)? {
                    found.insert(encoding);
                }
            }
        }
    }
    Ok(found)
}

fn has(body: &FunctionBody<'_>, encoding: Encoding) -> Result<bool, BinaryReaderError> {
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        if encoding_of(&operators.read()?) == Some(encoding) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_found_and_not_guessed() {
        let check = |body: &str| {
            let text = format!("(module (memory 1) (tag $t) (func (local i64) {body}))");
            format!("{:?}", find_encodings(&wat::parse_str(text).unwrap()).unwrap())
        };
        assert_eq!(check("try (throw $t) catch_all end"), "{Legacy}");
        assert_eq!(check("block try_table (catch_all 0) (throw $t) end end"), "{Exnref}");
        assert_eq!(check("try catch_all end block try_table (catch_all 0) end end"), "{Legacy, Exnref}");
        // With a result: no function holds the bytes that are looked for.
        assert_eq!(check("try (result i32) (i32.const 1) catch_all (i32.const 2) end drop"), "{Legacy}");
        assert_eq!(check("block try_table (result i32) (i32.const 1) end drop end"), "{Exnref}");
        // A throw alone is of either, and bytes that look like an instruction may be a number.
        assert_eq!(check("throw $t"), "{}");
        assert_eq!(
            check("(drop (i32.const -8058)) (drop (i32.const 8198)) (drop (f32.const nan:0x1f4006))"),
            "{}"
        );
        assert!(find_encodings(b"\0asm\x01\0\0\0\x0a\x05\x01").is_err());
    }
}
