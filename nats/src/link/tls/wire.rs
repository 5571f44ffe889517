//! The wire forms: asking for a ticket and the answer, over NATS; showing it and the answer, over
//! TLS.
//!
//! ```text
//!  ask      version, workspace:16              the stream is the last token of the reply's subject
//!  answer   1 secret:32, or 0 reason
//!  claim    "NXT1" workspace:16 stream:16 secret:32
//!  answer   1, or 0 reason
//! ```

use bytes::Bytes;
use nexus_events::id::WorkspaceId;
use uuid::Uuid;

use super::ticket::{Claim, SECRET, Secret};
use crate::link::relay::address::StreamId;

/// What is spoken here.
const VERSION: u8 = 1;
/// What a claim begins with; the digit is the version.
const MAGIC: [u8; 4] = *b"NXT1";
/// Bytes of a claim.
pub(super) const CLAIM: usize = 4 + 16 + 16 + SECRET;
/// The first byte of a good answer.
pub(super) const GRANTED: u8 = 1;
/// The first byte of the others; the reason follows.
pub(super) const REFUSED: u8 = 0;
/// The longest reason that is read.
pub(super) const REASON: u64 = 512;

pub(super) fn ask(workspace: WorkspaceId) -> Bytes {
    [&[VERSION][..], workspace.uuid().as_bytes()]
        .concat()
        .into()
}

/// The workspace asked for; `None` for what is not spoken here.
pub(super) fn asked(payload: &[u8]) -> Option<WorkspaceId> {
    let workspace = payload.strip_prefix(&[VERSION])?;
    Some(WorkspaceId::from_uuid(Uuid::from_slice(workspace).ok()?))
}

pub(super) fn answer(given: Result<Secret, &str>) -> Bytes {
    match given {
        Ok(secret) => [&[GRANTED][..], &secret.0].concat().into(),
        Err(reason) => [&[REFUSED][..], reason.as_bytes()].concat().into(),
    }
}

/// What was answered.
pub(super) fn answered(payload: &[u8]) -> Result<Secret, String> {
    match payload.split_first() {
        Some((&GRANTED, secret)) => match <[u8; SECRET]>::try_from(secret) {
            Ok(secret) => Ok(Secret(secret)),
            Err(_) => Err("the answer cannot be read".into()),
        },
        Some((_, reason)) => Err(String::from_utf8_lossy(reason).into_owned()),
        None => Err("the answer is empty".into()),
    }
}

impl Claim {
    pub(super) fn encode(&self) -> [u8; CLAIM] {
        let mut bytes = [0; CLAIM];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..20].copy_from_slice(self.workspace.uuid().as_bytes());
        bytes[20..36].copy_from_slice(self.stream.uuid().as_bytes());
        bytes[36..].copy_from_slice(&self.secret.0);
        bytes
    }

    pub(super) fn decode(bytes: &[u8; CLAIM]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (workspace, rest) = rest.split_at(16);
        let (stream, secret) = rest.split_at(16);
        Some(Self {
            workspace: WorkspaceId::from_uuid(Uuid::from_slice(workspace).ok()?),
            stream: StreamId::from_uuid(Uuid::from_slice(stream).ok()?),
            secret: Secret(secret.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_read_as_it_was_written() {
        let workspace = WorkspaceId::derived("a workspace");
        assert_eq!(asked(&ask(workspace)), Some(workspace));
        let secret = Secret([7; SECRET]);
        assert_eq!(answered(&answer(Ok(secret.clone()))), Ok(secret.clone()));
        assert_eq!(answered(&answer(Err("no"))), Err("no".into()));
        let claim = Claim {
            workspace,
            stream: StreamId::draw(),
            secret,
        };
        assert_eq!(Claim::decode(&claim.encode()), Some(claim));
    }

    #[test]
    fn what_is_not_spoken_here_is_nothing() {
        assert_eq!(asked(b""), None);
        assert_eq!(asked(&[VERSION + 1; 17]), None);
        assert_eq!(asked(&[VERSION; 16]), None);
        assert!(answered(b"").is_err());
        assert!(answered(&[GRANTED; SECRET]).is_err());
        assert_eq!(Claim::decode(&[0; CLAIM]), None);
    }
}
