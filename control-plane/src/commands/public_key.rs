//! A public SSH key in one line, checked before it goes anywhere near `authorized_keys`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

/// The kinds of keys let in.
const KINDS: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// A public key, without the comment and without options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicKey {
    /// `<kind> <base64>`.
    pub(super) line: String,
    /// `SHA256:…`, as ssh-keygen prints it.
    pub(super) fingerprint: String,
}

/// Not a public SSH key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one line as in id_ed25519.pub: the kind, a space, and the key in base64")]
pub(super) struct InvalidPublicKey;

impl std::str::FromStr for PublicKey {
    type Err = InvalidPublicKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.len() > 8192 || text.chars().any(char::is_control) {
            return Err(InvalidPublicKey);
        }
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let (Some(kind), Some(encoded)) = (words.next(), words.next()) else {
            return Err(InvalidPublicKey);
        };
        let blob = STANDARD.decode(encoded).map_err(|_| InvalidPublicKey)?;
        if !KINDS.contains(&kind) || inner_kind(&blob) != Some(kind.as_bytes()) {
            return Err(InvalidPublicKey);
        }
        let digest = STANDARD_NO_PAD.encode(Sha256::digest(&blob));
        Ok(Self {
            line: format!("{kind} {encoded}"),
            fingerprint: format!("SHA256:{digest}"),
        })
    }
}

/// The kind the key itself says it is (RFC 4253, section 6.6), when more than the kind follows.
fn inner_kind(blob: &[u8]) -> Option<&[u8]> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    (rest.len() > length).then(|| &rest[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    #[test]
    fn a_key_loses_its_comment_and_gains_its_fingerprint() {
        let key: PublicKey = format!("  {KEY}  someone@laptop\n").parse().unwrap();
        assert_eq!(key.line, KEY);
        assert!(key.fingerprint.starts_with("SHA256:") && !key.fingerprint.ends_with('='));
    }

    #[test]
    fn options_newlines_and_foreign_kinds_are_refused() {
        for text in [
            "".to_owned(),
            "ssh-ed25519".into(),
            format!("command=\"sh\" {KEY}"),
            format!("{KEY}\nssh-ed25519 AAAA"),
            KEY.replace("ssh-ed25519", "ssh-rsa"),
            "ssh-ed25519 !!!".into(),
            "ssh-dss AAAAB3NzaC1kc3MAAA".into(),
        ] {
            assert!(text.parse::<PublicKey>().is_err(), "{text}");
        }
    }
}
