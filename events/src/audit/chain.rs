//! Hash chains over the log: one over the stream, one over each aggregate, one over the refusals.
//!
//! ```text
//! digest(n) = SHA-256(sequence ‖ length ‖ subject ‖ length ‖ payload)
//! stream(n) = SHA-256(stream(n - 1) ‖ digest(n))            over all messages
//! aggregate = SHA-256(the aggregate's link before ‖ digest)  over those of one subject
//! ```
//!
//! A link says what everything before it was. Whoever changes a byte of a message has to change
//! every link after it, and then the last one is not the one that others wrote down. The time a
//! server stored a message is not part of it: a restored log has the same chain.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Record;
use crate::refusal::Refused;

/// A link: 32 bytes.
pub type Link = [u8; 32];

/// What stands before the first link.
const NOTHING: Link = [0; 32];

/// The links up to a message, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// Of the stream.
    pub stream: String,
    /// Of the message's aggregate.
    pub aggregate: String,
}

/// The chains so far.
#[derive(Debug, Clone)]
pub struct Chain {
    stream: Link,
    refusals: Link,
    aggregates: HashMap<String, Link>,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            stream: NOTHING,
            refusals: NOTHING,
            aggregates: HashMap::new(),
        }
    }
}

impl Chain {
    /// Adds the links up to `record` to it.
    pub fn seal(&mut self, record: &mut Record) {
        let digest = digest(record);
        self.stream = link(self.stream, digest);
        let before = self.of(&record.subject);
        let aggregate = link(before, digest);
        self.aggregates.insert(record.subject.clone(), aggregate);
        record.hashes = Some(Hashes {
            stream: hex(self.stream),
            aggregate: hex(aggregate),
        });
    }

    /// Adds the link up to `refused` to it.
    pub fn seal_refused(&mut self, refused: &mut Refused) {
        self.refusals = link(self.refusals, refused_digest(refused));
        refused.hash = Some(hex(self.refusals));
    }

    /// The last link of the stream, in hexadecimal.
    pub fn head(&self) -> String {
        hex(self.stream)
    }

    fn of(&self, subject: &str) -> Link {
        self.aggregates.get(subject).copied().unwrap_or(NOTHING)
    }
}

/// Checks the links that stand in a file.
///
/// A link that does not fit is told once: checking goes on from the link as it should be and from
/// the one that stands there, so that one changed byte is one complaint.
#[derive(Debug, Default)]
pub struct Check {
    computed: Chain,
    claimed: Chain,
}

impl Check {
    /// Whether the links of `record` fit, both of them.
    pub fn take(&mut self, record: &Record) -> bool {
        let digest = digest(record);
        let Some(hashes) = &record.hashes else {
            return false;
        };
        let fits = |before: [Link; 2], told: &str| {
            before
                .iter()
                .any(|before| hex(link(*before, digest)) == told)
        };
        let stream = [self.computed.stream, self.claimed.stream];
        let aggregate = [&self.computed, &self.claimed].map(|chain| chain.of(&record.subject));
        let fit = fits(stream, &hashes.stream) && fits(aggregate, &hashes.aggregate);
        self.computed.stream = link(best(stream, digest, &hashes.stream), digest);
        let next = link(best(aggregate, digest, &hashes.aggregate), digest);
        let subject = record.subject.clone();
        self.computed.aggregates.insert(subject.clone(), next);
        if let Some(told) = unhex(&hashes.stream) {
            self.claimed.stream = told;
        }
        if let Some(told) = unhex(&hashes.aggregate) {
            self.claimed.aggregates.insert(subject, told);
        }
        fit
    }

    /// Whether the link of `refused` fits.
    pub fn take_refused(&mut self, refused: &Refused) -> bool {
        let digest = refused_digest(refused);
        let told = refused.hash.as_deref().unwrap_or_default();
        let before = [self.computed.refusals, self.claimed.refusals];
        let fits = before
            .iter()
            .any(|before| hex(link(*before, digest)) == told);
        self.computed.refusals = link(best(before, digest, told), digest);
        if let Some(told) = unhex(told) {
            self.claimed.refusals = told;
        }
        fits
    }

    /// Whether `head` is the last link.
    pub fn ends_with(&self, head: &str) -> bool {
        [self.computed.stream, self.claimed.stream]
            .iter()
            .any(|link| hex(*link) == head)
    }
}

/// The link before that the one told follows from, where one does.
fn best(before: [Link; 2], digest: Link, told: &str) -> Link {
    let fitting = before
        .iter()
        .find(|before| hex(link(**before, digest)) == told);
    *fitting.unwrap_or(&before[0])
}

/// What a message is, in 32 bytes.
pub fn digest(record: &Record) -> Link {
    let mut hash = Sha256::new();
    hash.update(record.sequence.to_be_bytes());
    for part in [record.subject.as_bytes(), record.payload()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn refused_digest(refused: &Refused) -> Link {
    let bare = Refused {
        hash: None,
        ..refused.clone()
    };
    // Plain data with one spelling: fields in the order of the type.
    let text = serde_json::to_vec(&bare).unwrap_or_default();
    Sha256::digest(text).into()
}

fn link(before: Link, digest: Link) -> Link {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(digest);
    hash.finalize().into()
}

/// A link in hexadecimal.
pub fn hex(link: Link) -> String {
    use std::fmt::Write as _;
    link.iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // A string takes all that is written to it.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn unhex(text: &str) -> Option<Link> {
    let mut link = NOTHING;
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in link.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(link)
}
