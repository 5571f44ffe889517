//! What an OpenSSH certificate says (PROTOCOL.certkeys): for whom, and until when.
//!
//! Read to know when to renew. Nothing is trusted on the strength of it: the workspace verifies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

const KIND: &str = "ssh-ed25519-cert-v01@openssh.com";

/// A user certificate of an Ed25519 key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    /// The 32 bytes of the key it certifies.
    pub(super) key: Vec<u8>,
    /// Whom it lets in.
    pub(super) principals: Vec<String>,
    valid_after: u64,
    valid_before: u64,
}

impl Certificate {
    /// The certificate in a line as `ssh-keygen` writes it.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let encoded = line.strip_prefix(KIND)?.split_whitespace().next()?;
        let blob = STANDARD.decode(encoded).ok()?;
        let mut rest = blob.as_slice();
        if text(&mut rest)? != KIND.as_bytes() {
            return None;
        }
        let _nonce = text(&mut rest)?;
        let key = text(&mut rest)?.to_vec();
        let _serial = number(&mut rest)?;
        let _kind = rest.split_off(..4)?;
        let _id = text(&mut rest)?;
        let mut packed = text(&mut rest)?;
        let mut principals = Vec::new();
        while !packed.is_empty() {
            principals.push(String::from_utf8(text(&mut packed)?.to_vec()).ok()?);
        }
        Some(Self {
            key,
            principals,
            valid_after: number(&mut rest)?,
            valid_before: number(&mut rest)?,
        })
    }

    /// Whether it will do for a while yet: a quarter of its time, or an hour, is left.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        let Ok(now) = u64::try_from(now.as_second()) else {
            return false;
        };
        let span = self.valid_before.saturating_sub(self.valid_after);
        let left = self.valid_before.saturating_sub(now);
        self.valid_after <= now && left > (span / 4).min(3600)
    }
}

/// The 32 bytes of an Ed25519 public key in a line as `ssh-keygen` writes it.
pub(super) fn plain_key(line: &str) -> Option<Vec<u8>> {
    let encoded = line
        .strip_prefix("ssh-ed25519 ")?
        .split_whitespace()
        .next()?;
    let blob = STANDARD.decode(encoded).ok()?;
    let mut rest = blob.as_slice();
    text(&mut rest)?;
    text(&mut rest).map(<[u8]>::to_vec)
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(rest.split_off(..4)?.try_into().ok()?);
    rest.split_off(..usize::try_from(length).ok()?)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(rest.split_off(..8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn keygen(arguments: &[&str], folder: &std::path::Path) {
        let status = Command::new("ssh-keygen")
            .args(arguments)
            .current_dir(folder)
            .status();
        assert!(status.unwrap().success());
    }

    #[test]
    fn a_certificate_of_openssh_is_read_as_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for name in ["ca", "me"] {
            keygen(&["-q", "-t", "ed25519", "-N", "", "-f", name], path);
        }
        let sign = [
            "-q", "-s", "ca", "-I", "id", "-n", "one,two", "-V", "-1m:+8h", "me.pub",
        ];
        keygen(&sign, path);
        let line = std::fs::read_to_string(path.join("me-cert.pub")).unwrap();
        let certificate = Certificate::parse(&line).unwrap();
        let public = std::fs::read_to_string(path.join("me.pub")).unwrap();
        assert_eq!(plain_key(&public), Some(certificate.key.clone()));
        assert_eq!(certificate.principals, ["one", "two"]);
        let now = Timestamp::now();
        assert!(certificate.is_fresh(now));
        assert!(!certificate.is_fresh(now + jiff::SignedDuration::from_mins(7 * 60 + 30)));
        assert!(!certificate.is_fresh(now - jiff::SignedDuration::from_mins(10)));
        for cut in 0..line.trim_end().len() - 8 {
            // Whatever is cut off, nothing panics.
            let _ = Certificate::parse(&line[..cut]);
        }
    }
}
