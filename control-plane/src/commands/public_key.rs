//! A public SSH key in one line, checked before it goes anywhere near `authorized_keys`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nexus_events::claim::KeyDigest;
use nexus_init_protocol::RSA_BITS;
use russh::keys::ssh_key::public::RsaPublicKey;

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
    /// The same, as its claim names it.
    pub(super) digest: KeyDigest,
}

/// Not a public SSH key that lets anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidPublicKey {
    /// It is something else.
    #[error("expected one line as in id_ed25519.pub: the kind, a space, and the key in base64")]
    Form,
    /// Its signatures prove too little, or cost too much to check.
    #[error(
        "an RSA key of {0} bits lets nobody in, it takes {least} to {most}: make another with \
         `ssh-keygen -t ed25519`",
        least = RSA_BITS.start(),
        most = RSA_BITS.end()
    )]
    RsaBits(u32),
}

impl std::str::FromStr for PublicKey {
    type Err = InvalidPublicKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.len() > 8192 || text.chars().any(char::is_control) {
            return Err(InvalidPublicKey::Form);
        }
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let (Some(kind), Some(encoded)) = (words.next(), words.next()) else {
            return Err(InvalidPublicKey::Form);
        };
        let blob = STANDARD
            .decode(encoded)
            .map_err(|_| InvalidPublicKey::Form)?;
        if !KINDS.contains(&kind) || inner_kind(&blob) != Some(kind.as_bytes()) {
            return Err(InvalidPublicKey::Form);
        }
        let line = format!("{kind} {encoded}");
        let key = russh::keys::PublicKey::from_openssh(&line);
        let key = key.map_err(|_| InvalidPublicKey::Form)?;
        match key.key_data().rsa().map(RsaPublicKey::key_size) {
            Some(bits) if !RSA_BITS.contains(&bits) => return Err(InvalidPublicKey::RsaBits(bits)),
            Some(_) | None => {}
        }
        let digest = KeyDigest::of_public_key(&blob);
        Ok(Self {
            line,
            fingerprint: digest.fingerprint(),
            digest,
        })
    }
}

/// The kind the key itself says it is (RFC 4253, section 6.6), when more than the kind follows.
fn inner_kind(blob: &[u8]) -> Option<&[u8]> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    (rest.len() > length).then(|| &rest[..length])
}

/// Reads any text; what is a key is one line, read as the same key again.
#[cfg(feature = "testing")]
pub(crate) fn read_public_key(text: &str) {
    let Ok(key) = text.parse::<PublicKey>() else {
        return;
    };
    assert!(
        KINDS.iter().any(|kind| key.line.starts_with(kind)),
        "{key:?}"
    );
    assert!(!key.line.contains(char::is_control), "{key:?}");
    assert_eq!(key.line.split(' ').count(), 2, "{key:?}");
    assert_eq!(key.line.parse(), Ok(key));
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
            assert_eq!(
                text.parse::<PublicKey>(),
                Err(InvalidPublicKey::Form),
                "{text}"
            );
        }
    }

    #[test]
    fn a_short_rsa_key_is_refused_with_the_command_that_makes_a_better_one() {
        const SHORT: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7vbqajDw4o6gJy8UtmIbkcpnkO3Kwc4qsEnSZp/TR+fQi62F79RHWmwKOtFmwteURgLbj7D/WGuNLGOfa/2vse3G2eHnHl5CB8ruRX9fBl/KgwCVr2JaEuUm66bBQeP5XeBotdR4cvX38uPYivCDdPjJ1QWPdspTBKcxeFbccDw==";
        let refused = SHORT.parse::<PublicKey>().unwrap_err();
        assert_eq!(refused, InvalidPublicKey::RsaBits(1024));
        let said = refused.to_string();
        assert!(
            said.contains("1024 bits") && said.contains("ssh-keygen -t ed25519"),
            "{said}"
        );
    }
}
