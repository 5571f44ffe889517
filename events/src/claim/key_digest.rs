//! An SSH key as its claim names it: the digest of its fingerprint, in hexadecimal.
//!
//! The fingerprint itself (`SHA256:` and base64) has letters of both cases, `+` and `/`, which no
//! subject of the bus has.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};

const PREFIX: &str = "SHA256:";

/// The SHA-256 of a public key, as its fingerprint has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// Of a public key as it goes over the wire.
    pub fn of_public_key(blob: &[u8]) -> Self {
        Self(Sha256::digest(blob).into())
    }

    /// Of a fingerprint as `ssh-keygen` prints it; `None` for any other text.
    pub fn of_fingerprint(fingerprint: &str) -> Option<Self> {
        let encoded = fingerprint.strip_prefix(PREFIX)?;
        let digest = STANDARD_NO_PAD.decode(encoded).ok()?;
        digest.try_into().ok().map(Self)
    }

    /// The fingerprint it is of.
    pub fn fingerprint(&self) -> String {
        format!("{PREFIX}{}", STANDARD_NO_PAD.encode(self.0))
    }

    /// One that stands for a word that stands for a key.
    pub(crate) fn of_word(word: &str) -> Self {
        Self::of_public_key(word.as_bytes())
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not 64 hexadecimal digits in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hexadecimal digits")]
pub struct InvalidKeyDigest;

impl FromStr for KeyDigest {
    type Err = InvalidKeyDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut digest = [0; 32];
        if pairs.len() != digest.len() || !rest.is_empty() {
            return Err(InvalidKeyDigest);
        }
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(digest))
    }
}

/// Lower case only: a claim has one spelling.
const fn digit(text: u8) -> Result<u8, InvalidKeyDigest> {
    match text {
        b'0'..=b'9' => Ok(text - b'0'),
        b'a'..=b'f' => Ok(text - b'a' + 10),
        _ => Err(InvalidKeyDigest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINGERPRINT: &str = "SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    #[test]
    fn a_fingerprint_is_had_back_from_its_digest() {
        let digest = KeyDigest::of_fingerprint(FINGERPRINT).unwrap();
        let text = digest.to_string();
        assert!(text.starts_with("000102") && text.len() == 64, "{text}");
        let read: KeyDigest = text.parse().unwrap();
        assert_eq!(read.fingerprint(), FINGERPRINT);
    }

    #[test]
    fn whatever_is_no_fingerprint_has_no_digest() {
        for text in ["", "SHA256:", "MD5:00", "SHA256:AAEC", &FINGERPRINT[7..]] {
            assert_eq!(KeyDigest::of_fingerprint(text), None, "{text}");
        }
    }

    #[test]
    fn a_digest_has_one_spelling() {
        let text = KeyDigest::of_word("key-1").to_string();
        for other in [
            text.to_uppercase(),
            text[1..].to_owned(),
            format!("{text}0"),
        ] {
            assert_eq!(other.parse::<KeyDigest>(), Err(InvalidKeyDigest));
        }
    }
}
