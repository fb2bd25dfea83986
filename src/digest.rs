//! Digests: SHA-256 as a type, and the keys of cache entries.

use std::fmt::{self, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A SHA-256. As text it is 64 hexadecimal digits, read in either case and written in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256Digest([u8; 32]);

/// Why a text is not a SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a SHA-256: expected 64 hexadecimal digits")]
pub struct NotASha256(String);

impl Sha256Digest {
    /// The SHA-256 of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The end of a calculation that took the bytes piece by piece.
    pub fn finish(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }
}

impl FromStr for Sha256Digest {
    type Err = NotASha256;

    fn from_str(text: &str) -> Result<Self, NotASha256> {
        let refused = || NotASha256(text.chars().take(80).collect());
        let digits: Option<Vec<u8>> =
            text.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
        let digits = digits.filter(|digits| digits.len() == 64).ok_or_else(refused)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Sha256Digest {
    type Error = NotASha256;

    fn try_from(text: String) -> Result<Self, NotASha256> {
        text.parse()
    }
}

impl From<Sha256Digest> for String {
    fn from(digest: Sha256Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A short key for a cache entry, made of everything that the entry depends on.
pub fn key(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hex(&hasher.finalize()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_64_hexadecimal_digits() {
        let check = |text: &str| match text.parse::<Sha256Digest>() {
            Ok(digest) => digest.to_string(),
            Err(error) => error.to_string(),
        };
        let empty = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
        assert_eq!(check(empty), empty.to_lowercase());
        assert_eq!(Sha256Digest::of(b"").to_string(), empty.to_lowercase());
        let refused = ["", "/home/me", "../../x", &"0".repeat(63), &"0".repeat(65), &"é".repeat(32)];
        for text in refused {
            assert!(check(text).contains("is not a SHA-256"), "{text}");
        }
        let json: Sha256Digest = serde_json::from_str(&format!("\"{empty}\"")).unwrap();
        assert_eq!(serde_json::to_string(&json).unwrap(), format!("\"{}\"", empty.to_lowercase()));
        assert!(serde_json::from_str::<Sha256Digest>("\"/etc\"").is_err());
    }

    #[test]
    fn keys_tell_apart_where_one_part_ends() {
        let keys =
            [&["ab", "c"][..], &["a", "bc"], &["abc"], &["ab", "c", ""], &["", "ab", "c"], &["c", "ab"]]
                .map(key);
        let different: std::collections::BTreeSet<&String> = keys.iter().collect();
        assert_eq!(different.len(), keys.len(), "{keys:?}");
        assert!(keys.iter().all(|key| key.len() == 16), "{keys:?}");
        assert_eq!(key(&["ab", "c"]), keys[0]);
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        assert_eq!(
            Sha256Digest::of(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(hex(&[0, 0x0a, 0xff]), "000aff");
    }
}
