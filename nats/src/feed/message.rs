//! A message of a stream, with what its reply subject tells of it.

use async_nats::{HeaderMap, Message, Subject};
use bytes::Bytes;

/// A message as a consumer delivers it.
#[derive(Debug)]
pub(crate) struct FeedMessage {
    /// Its position in the stream.
    pub(crate) sequence: u64,
    /// Its position among what this consumer delivered.
    pub(crate) consumer_sequence: u64,
    /// When it was stored, in nanoseconds since 1970.
    pub(crate) nanoseconds: i128,
    /// How many the consumer had to deliver after it.
    pub(crate) pending: u64,
    /// What it was published to.
    pub(crate) subject: Subject,
    /// Its headers.
    pub(crate) headers: Option<HeaderMap>,
    /// What it carries.
    pub(crate) payload: Bytes,
}

impl FeedMessage {
    /// `None` when the message was not delivered by a consumer.
    pub(crate) fn read(message: Message) -> Option<Self> {
        let [sequence, consumer_sequence, time, pending] = numbers(message.reply.as_deref()?)?;
        Some(Self {
            sequence,
            consumer_sequence,
            nanoseconds: i128::from(time),
            pending,
            subject: message.subject,
            headers: message.headers,
            payload: message.payload,
        })
    }
}

/// Stream sequence, consumer sequence, time and pending count of
/// `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<numbers>[.<token>]` (ADR-15).
fn numbers(reply: &str) -> Option<[u64; 4]> {
    let tokens = reply.strip_prefix("$JS.ACK.")?;
    let skip = if tokens.split('.').count() == 7 { 3 } else { 5 };
    let mut rest = tokens.split('.').skip(skip);
    let mut next = || rest.next()?.parse().ok();
    Some([next()?, next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn both_shapes_of_the_reply_are_read() {
        let short = "$JS.ACK.NEXUS_EVENTS.c.1.42.7.1700000000000000000.3";
        assert_eq!(numbers(short), Some([42, 7, 1_700_000_000_000_000_000, 3]));
        let long = "$JS.ACK._.hash.NEXUS_EVENTS.c.1.42.7.1700000000000000000.3.token";
        assert_eq!(numbers(long), Some([42, 7, 1_700_000_000_000_000_000, 3]));
        assert_eq!(numbers("$JS.ACK.NEXUS_EVENTS.c.1"), None);
        assert_eq!(numbers("_INBOX.x"), None);
    }
}
