//! The wire form of the relay: one frame, one message.
//!
//! ```text
//!  open    'O' version workspace:16 limit:8
//!  reset   'R' reason in UTF-8
//!  flow    one of D E T A G, received:8 limit:8 at:8, then bytes when it is D
//! ```
//!
//! Numbers are big-endian. The end of a direction counts as one byte after the last, so that it
//! can be acknowledged like any other.

use bytes::{BufMut as _, Bytes};
use nexus_events::id::WorkspaceId;
use uuid::Uuid;

/// What is spoken here.
pub(super) const VERSION: u8 = 1;
/// Bytes before the data of a flow frame.
const HEAD: usize = 1 + 3 * 8;
/// Bytes of data in a frame at most: a worker's turn at the connection, and far below what a
/// server takes.
pub(super) const DATA: usize = 64 << 10;
/// The longest reason, in bytes.
const REASON: usize = 512;

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    /// The gateway asks for a stream, and gives credit for the answer.
    Open { workspace: WorkspaceId, limit: u64 },
    /// The stream is over for both, and why.
    Reset { reason: String },
    /// Everything else.
    Flow(Flow),
    /// A version that is not spoken here.
    Foreign,
}

/// How both directions stand, and perhaps bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) word: Word,
    /// How far the sender of this frame has received without a hole.
    pub(super) received: u64,
    /// How far it may be sent to.
    pub(super) limit: u64,
    /// How far it has sent itself, not counting this frame.
    pub(super) at: u64,
    /// [`Word::Data`]'s.
    pub(super) bytes: Bytes,
}

/// What a flow frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Bytes, the first of them number `at`.
    Data,
    /// No byte follows the one before `at`.
    End,
    /// Only tells how things stand.
    Tell,
    /// The same, and asks the peer to tell.
    Ask,
    /// The same, and what follows `received` was lost.
    Again,
}

impl Word {
    const fn letter(self) -> u8 {
        match self {
            Self::Data => b'D',
            Self::End => b'E',
            Self::Tell => b'T',
            Self::Ask => b'A',
            Self::Again => b'G',
        }
    }

    const fn of(letter: u8) -> Option<Self> {
        match letter {
            b'D' => Some(Self::Data),
            b'E' => Some(Self::End),
            b'T' => Some(Self::Tell),
            b'A' => Some(Self::Ask),
            b'G' => Some(Self::Again),
            _ => None,
        }
    }
}

impl Frame {
    pub(super) fn encode(&self) -> Bytes {
        let mut out = Vec::new();
        match self {
            Self::Open { workspace, limit } => {
                out.extend_from_slice(&[b'O', VERSION]);
                out.extend_from_slice(workspace.uuid().as_bytes());
                out.put_u64(*limit);
            }
            Self::Reset { reason } => {
                out.push(b'R');
                out.extend_from_slice(cut(reason).as_bytes());
            }
            Self::Flow(flow) => return flow.encode(&flow.bytes, &[]),
            Self::Foreign => {}
        }
        out.into()
    }

    /// `None` for what is no frame at all.
    pub(super) fn decode(payload: &Bytes) -> Option<Self> {
        let (letter, rest) = payload.split_first()?;
        match letter {
            b'O' => Self::open(rest),
            b'R' => Some(Self::Reset {
                reason: cut(&String::from_utf8_lossy(rest)).to_owned(),
            }),
            _ => {
                let word = Word::of(*letter)?;
                Some(Self::Flow(Flow {
                    word,
                    received: number(rest, 0)?,
                    limit: number(rest, 1)?,
                    at: number(rest, 2)?,
                    bytes: payload.slice(HEAD..),
                }))
            }
        }
    }

    fn open(rest: &[u8]) -> Option<Self> {
        let (version, rest) = rest.split_first()?;
        if *version != VERSION {
            return Some(Self::Foreign);
        }
        let (workspace, limit) = rest.split_at_checked(16)?;
        Some(Self::Open {
            workspace: WorkspaceId::from_uuid(Uuid::from_slice(workspace).ok()?),
            limit: number(limit, 0)?,
        })
    }
}

impl Flow {
    /// The frame with `first` and `second` as its data, copied once.
    pub(super) fn encode(&self, first: &[u8], second: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(HEAD + first.len() + second.len());
        out.push(self.word.letter());
        out.put_u64(self.received);
        out.put_u64(self.limit);
        out.put_u64(self.at);
        out.extend_from_slice(first);
        out.extend_from_slice(second);
        out.into()
    }
}

fn number(bytes: &[u8], index: usize) -> Option<u64> {
    let eight = bytes.get(8 * index..8 * index + 8)?;
    Some(u64::from_be_bytes(eight.try_into().ok()?))
}

fn cut(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON)]
}

/// Reads any bytes; what is a frame is written and read as the same one again.
#[cfg(feature = "testing")]
pub(crate) fn read_and_write(bytes: &[u8]) {
    let Some(frame) = Frame::decode(&Bytes::copy_from_slice(bytes)) else {
        return;
    };
    if let Frame::Reset { reason } = &frame {
        assert!(reason.len() <= REASON, "a reason is cut");
    }
    let again = Frame::decode(&frame.encode());
    // What is not spoken here is not written either.
    let expected = (frame != Frame::Foreign).then_some(frame);
    assert_eq!(again, expected);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_they_were_written() {
        let flow = |word, bytes: &'static [u8]| {
            Frame::Flow(Flow {
                word,
                received: 1,
                limit: u64::MAX,
                at: 1 << 40,
                bytes: Bytes::from_static(bytes),
            })
        };
        let workspace = WorkspaceId::from_uuid(Uuid::now_v7());
        for frame in [
            Frame::Open {
                workspace,
                limit: 7,
            },
            Frame::Reset {
                reason: "it does not run".into(),
            },
            flow(Word::Data, b"bytes"),
            flow(Word::End, b""),
            flow(Word::Tell, b""),
            flow(Word::Ask, b""),
            flow(Word::Again, b""),
        ] {
            assert_eq!(Frame::decode(&frame.encode()), Some(frame));
        }
    }

    #[test]
    fn what_is_no_frame_is_none_and_a_newer_one_is_foreign() {
        for bytes in [&b""[..], b"X", b"D1234567", b"O", b"O\x01short"] {
            assert_eq!(Frame::decode(&Bytes::copy_from_slice(bytes)), None);
        }
        let newer = Bytes::from_static(b"O\x02anything");
        assert_eq!(Frame::decode(&newer), Some(Frame::Foreign));
    }

    #[test]
    fn a_reason_is_cut_between_letters() {
        let reason = "ä".repeat(REASON);
        let Some(Frame::Reset { reason }) = Frame::decode(&Frame::Reset { reason }.encode()) else {
            panic!("a reset is a reset");
        };
        assert_eq!(reason.len(), REASON);
    }
}
